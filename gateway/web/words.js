// Plain words for what the server says in names and numbers.

/** What each stage does: while it waits or works, and once it is done. @type {Record<string, [string, string]>} */
const STAGES = {
  audio_parser: ['Listen to the song', 'Listening to the song'],
  scene_planner: ['Plan the film', 'Planning the film'],
  reference_generator: ['Sketch the places', 'Sketching the places'],
  prompt_generator: ['Write every shot', 'Writing every shot'],
  video_generator: ['Make the clips', 'Making the clips'],
  composer: ['Cut the film', 'Cutting the film'],
};

/** @param {string} name */
export const stage = (name) => STAGES[name]?.[0] ?? name;

/** @param {string} name */
export const stageNow = (name) => STAGES[name]?.[1] ?? name;

/** @type {Record<string, string>} */
const JOB_STATUS = {
  loading: 'Loading', queued: 'Waiting to start', processing: 'In the making', completed: 'Ready',
  failed: 'Failed', cancelled: 'Cancelled',
};

/** @param {string} name */
export const jobStatus = (name) => JOB_STATUS[name] ?? name;

/** @type {Record<string, string>} */
const STAGE_STATUS = {
  pending: 'waiting', processing: 'working', completed: 'done', failed: 'failed', skipped: 'not needed',
};

/** @param {string} name */
export const stageStatus = (name) => STAGE_STATUS[name] ?? name;

/** What to do about an error. @type {Record<string, string>} */
const ADVICE = {
  VALIDATION_ERROR: 'Change what is named above and send it again.',
  BUDGET_EXCEEDED: 'Choose a lower resolution or a shorter song, or ask whoever runs this server to raise the limit.',
  RATE_LIMIT_EXCEEDED: 'You have started as many films as one hour allows. Come back a little later; what you typed is kept.',
  RATE_LIMIT_SERVICE_UNAVAILABLE: 'Wait a minute and send it again.',
  UNREACHABLE: 'Check that Beatreel is still running (the terminal with “beatreel up”) and try again.',
  TIMEOUT: 'Try again; if it happens twice, choose a shorter song or a lower resolution.',
  AUDIO_ANALYSIS_ERROR: 'The song could not be understood. Export it once more as MP3, WAV or FLAC and try that file.',
  JOB_CANCELLED: 'Nothing was kept. Start again whenever you like.',
};

/**
 * @param {{ code: string | null, retryable?: boolean, status?: number, retryAfter?: number | null }} failure
 */
export function advice({ code, retryable, status, retryAfter }) {
  const wait = retryAfter ? ` Try again in ${span(retryAfter)}.` : '';
  const known = ADVICE[code ?? ''];
  if (known) return known + wait;
  if (status === 413) return 'Choose a smaller file: 10 MB at most. An MP3 of the same song is usually far smaller than a WAV.';
  if (status === 415) return 'Choose an MP3, WAV or FLAC file.';
  if (retryable || status === 503) return `The same song may well work on another try.${wait}`;
  return `Try again; if it fails the same way, show the code to whoever runs this server.${wait}`;
}

/** Minutes and seconds, as on a player. @param {number} seconds */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 60) % 60, whole % 60].map((part) => String(part).padStart(2, '0'));
  const hours = Math.floor(whole / 3600);
  return hours > 0 ? `${hours}:${parts.join(':')}` : parts.join(':').replace(/^0/, '');
}

/** A length of time in words, coarser the longer it is. @param {number} seconds */
export function span(seconds) {
  if (seconds < 10) return plural(Math.max(1, Math.round(seconds)), 'second');
  if (seconds < 55) return plural(Math.ceil(seconds / 5) * 5, 'second');
  if (seconds < 5400) return plural(Math.max(1, Math.round(seconds / 60)), 'minute');
  return plural(Math.round(seconds / 3600), 'hour');
}

/** How long a stage took. @param {number} seconds */
export const took = (seconds) => seconds < 10 ? `${seconds.toFixed(1)} s` : clock(seconds);

/** Dollars; the smallest sums with more digits. @param {number} amount */
export function money(amount) {
  return `$${amount > 0 && amount < 0.1 ? amount.toFixed(4) : amount.toFixed(2)}`;
}

/** @param {number} count @param {string} word */
export const plural = (count, word) => `${count} ${word}${count === 1 ? '' : 's'}`;

/** A size in bytes as people say it. @param {number} bytes */
export function size(bytes) {
  return bytes < 100_000 ? `${Math.ceil(bytes / 1024)} kB` : `${(bytes / 1_048_576).toFixed(1)} MB`;
}

/** A past moment, relative while it is near. @param {string} moment */
export function ago(moment) {
  const then = new Date(moment);
  const seconds = (Date.now() - then.getTime()) / 1000;
  if (seconds < 60) return 'just now';
  if (seconds < 86_400) return `${span(seconds)} ago`;
  return then.toLocaleDateString(undefined, { day: 'numeric', month: 'long', year: 'numeric' });
}

/** What a film is called. @param {{ title?: string | null }} job */
export const title = (job) => job.title || 'Untitled film';

/** @param {string} word */
export const capital = (word) => word.charAt(0).toUpperCase() + word.slice(1);
