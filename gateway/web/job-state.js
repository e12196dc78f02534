// What the page knows of a job, and how each event changes it. Pure: a new view for every change, so
// that what is equal is known not to have changed.

import * as words from './words.js';

/**
 * @typedef {{ status: string, duration: number | null, startedAt: string | null, error: string | null }} Stage
 * @typedef {{ status: 'waiting' | 'running' | 'retry' | 'done', error: string | null }} Clip
 * @typedef {{ label: string, kind: string, start: number, end: number, energy: number }} Section
 * @typedef {{ bpm: number, duration: number, beats: number, beatsPerBar: number, sections: Section[], mood: {primary: string} }} Heard
 * @typedef {{ summary: string, palette: Record<string, string>, places: string[] }} Plan
 * @typedef {{ text: string, code: string | null, retryable: boolean, stage: string | null }} Failure
 * @typedef {{ at: string, stage: string, text: string }} Line
 */

/**
 * @typedef {object} JobView
 * @property {string} id
 * @property {string} status `loading` until the server has said
 * @property {string | null} stage
 * @property {number} progress
 * @property {{ seconds: number, since: number } | null} remaining
 * @property {number} cost
 * @property {string | null} title
 * @property {string} prompt
 * @property {string | null} createdAt
 * @property {string | null} endedAt
 * @property {string | null} videoUrl
 * @property {string | null} posterUrl
 * @property {Failure | null} failure
 * @property {Record<string, Stage>} stages
 * @property {Heard | null} heard
 * @property {Plan | null} plan
 * @property {{ done: number, total: number } | null} stills
 * @property {Clip[]} clips
 * @property {number} clipsDone
 * @property {Line[]} log
 * @property {number} run the pass of the job: one more each time that its film is changed
 * @property {number} seen the highest event folded
 */

export const STAGES = Object.freeze([
  'audio_parser', 'scene_planner', 'reference_generator', 'prompt_generator', 'video_generator', 'composer',
]);

/** What says how far a pass is: of an earlier one it is no news. */
const OF_ITS_PASS = new Set([
  'progress', 'stage_update', 'video_generation_start', 'video_generation_retry', 'video_generation_complete',
  'completed', 'error',
]);
const LONGEST_LOG = 300;
const CANCELLED = 'JOB_CANCELLED';
/** @type {Stage} */
const PENDING = Object.freeze({ status: 'pending', duration: null, startedAt: null, error: null });

/** @param {string} status */
export const isEnd = (status) => status === 'completed' || status === 'failed' || status === 'cancelled';

/** @param {string} id @returns {JobView} */
export function begin(id) {
  return {
    id, status: 'loading', stage: null, progress: 0, remaining: null, cost: 0, title: null, prompt: '',
    createdAt: null, endedAt: null, videoUrl: null, posterUrl: null, failure: null,
    stages: Object.fromEntries(STAGES.map((name) => [name, PENDING])),
    heard: null, plan: null, stills: null, clips: [], clipsDone: 0, log: [], run: 1, seen: 0,
  };
}

/**
 * Takes in the whole state: the answer of `GET /jobs/{id}`, or the first event of a stream.
 * @param {JobView} known
 * @param {import('./api.js').Job} job
 * @returns {JobView}
 */
export function foldState(known, job) {
  const run = job.run ?? known.run;
  const view = run > known.run ? { ...known, ...nextRun(known, run, []) } : known;
  const status = isEnd(view.status) ? view.status : job.status;
  const stages = Object.fromEntries(STAGES.map((name) => [name, stageOf(job.stages?.[name], view.stages[name])]));
  const failed = status === 'failed' || status === 'cancelled';
  const clips = sized(view.clips, job.clips?.total ?? 0);
  return {
    ...view,
    status,
    stages,
    stage: job.current_stage ?? view.stage,
    progress: status === 'completed' ? 100 : Math.max(view.progress, job.progress ?? 0),
    remaining: isEnd(status) ? null : remaining(job.estimated_remaining, view.remaining),
    cost: job.total_cost ?? view.cost,
    title: job.title ?? view.title,
    prompt: job.user_prompt ?? view.prompt,
    createdAt: job.created_at ?? view.createdAt,
    endedAt: isEnd(status) ? job.completed_at ?? view.endedAt : null,
    videoUrl: job.video_url ?? view.videoUrl,
    posterUrl: job.poster_url ?? view.posterUrl,
    failure: failed && job.error_message
      ? { retryable: false, stage: job.current_stage ?? null, ...view.failure, text: job.error_message, code: job.error_code ?? null }
      : view.failure,
    clips: status === 'completed' ? clips.map(done) : clips,
    clipsDone: Math.max(view.clipsDone, job.clips?.completed ?? 0),
  };
}

/**
 * Takes in one event. One that was folded before changes nothing.
 * @param {JobView} view
 * @param {import('./events.js').StreamEvent} event
 * @returns {JobView}
 */
export function foldEvent(view, { type, id, data }) {
  if (data.stages && data.created_at) return foldState(view, data);
  const sequence = Number(id ?? 0);
  if (sequence !== 0 && sequence <= view.seen) return view;
  const isPast = data.run < view.run && OF_ITS_PASS.has(type);
  const fold = isPast ? undefined : FOLDS[type];
  const seen = Math.max(view.seen, sequence);
  return fold ? { ...view, ...fold(view, data), seen } : { ...view, seen };
}

/** @type {Record<string, (view: JobView, data: any) => Partial<JobView>>} */
const FOLDS = {
  progress: (view, data) => isEnd(view.status) ? {} : {
    status: 'processing',
    stage: data.stage,
    progress: Math.max(view.progress, data.progress),
    remaining: remaining(data.estimated_remaining, view.remaining),
    cost: Math.max(view.cost, data.total_cost ?? 0),
  },
  stage_update: (view, data) => ({
    status: view.status === 'queued' && data.status === 'processing' ? 'processing' : view.status,
    stage: data.status === 'processing' ? data.stage : view.stage,
    stages: { ...view.stages, [data.stage]: updated(view.stages[data.stage], data) },
    log: stageLine(view, data),
  }),
  message: (view, data) => ({ log: logged(view, data, data.text) }),
  cost_update: (view, data) => ({ cost: Math.max(view.cost, data.total) }),
  audio_parser_results: (view, data) => ({
    heard: {
      bpm: data.bpm, duration: data.duration, beats: data.beat_count, beatsPerBar: data.beats_per_bar,
      sections: data.song_structure, mood: data.mood,
    },
    clips: sized(view.clips, data.clip_boundaries_count),
  }),
  scene_planner_results: (_, data) => ({
    plan: { summary: data.video_summary, palette: data.palette, places: data.places },
  }),
  reference_generation_complete: (_, data) => ({ stills: { done: data.completed_images, total: data.total_images } }),
  prompt_generator_results: (view, data) => ({ clips: sized(view.clips, data.total_clips) }),
  video_generation_start: (view, data) => ({ clips: clipBecomes(view, data, { status: 'running', error: null }) }),
  video_generation_retry: (view, data) => ({
    clips: clipBecomes(view, data, { status: 'retry', error: data.error }),
    log: logged(view, { ...data, stage: 'video_generator' },
      `Clip ${data.clip_index + 1} is tried again in ${Math.ceil(data.delay_seconds)} s: ${data.error}`),
  }),
  video_generation_complete: (view, data) => ({
    clips: clipBecomes(view, data, { status: 'done', error: null }),
    clipsDone: Math.max(view.clipsDone, data.completed_clips),
    log: logged(view, { ...data, stage: 'video_generator' },
      `Clip ${data.clip_index + 1} is ready, ${data.completed_clips} of ${data.total_clips}`),
  }),
  run_started: (view, data) => data.run >= view.run ? nextRun(view, data.run, data.clips) : {},
  completed: (view, data) => isEnd(view.status) ? {} : {
    status: 'completed', progress: 100, remaining: null, cost: data.total_cost, endedAt: data.timestamp,
    videoUrl: data.video_url ?? view.videoUrl, posterUrl: data.poster_url ?? view.posterUrl,
    clips: view.clips.map(done), clipsDone: data.clips,
  },
  error: (view, data) => isEnd(view.status) ? {} : {
    status: data.code === CANCELLED ? 'cancelled' : 'failed', remaining: null, endedAt: data.timestamp,
    failure: { text: data.error, code: data.code, retryable: data.retryable, stage: data.stage ?? null },
    clips: view.clips.map((clip) => clip.status === 'done' ? clip : WAITING),
  },
};

/**
 * A job that had ended goes on: some of its clips are made anew, and the film with them.
 * @param {JobView} view
 * @param {number} run
 * @param {number[]} anew
 * @returns {Partial<JobView>}
 */
function nextRun(view, run, anew) {
  const clips = view.clips.map((clip, index) => anew.includes(index) ? WAITING : done(clip));
  return {
    run, status: 'processing', stage: 'video_generator', progress: 0, remaining: null, endedAt: null, failure: null,
    stages: { ...view.stages, video_generator: PENDING, composer: PENDING },
    clips, clipsDone: clips.length - anew.length,
  };
}

/** @param {any} told @param {Stage | undefined} before @returns {Stage} */
function stageOf(told, before = PENDING) {
  if (!told) return before;
  return {
    status: told.status, duration: told.duration ?? null, startedAt: told.started_at ?? null, error: told.error ?? null,
  };
}

/** @param {Stage | undefined} before @param {any} data @returns {Stage} */
function updated(before, data) {
  const began = data.status === 'processing' && before?.status !== 'processing';
  return {
    status: data.status,
    duration: data.duration ?? null,
    startedAt: began ? data.timestamp : before?.startedAt ?? null,
    error: data.error ?? null,
  };
}

/** @param {number | null | undefined} seconds @param {JobView['remaining']} before */
function remaining(seconds, before) {
  return typeof seconds === 'number' ? { seconds, since: Date.now() } : before;
}

/** @param {JobView} view @param {any} data @param {string} text @returns {Line[]} */
function logged(view, data, text) {
  const line = { at: data.timestamp, stage: data.stage, text };
  return [...view.log, line].slice(-LONGEST_LOG);
}

/** A stage's begin, once, and whatever went wrong. @param {JobView} view @param {any} data @returns {Line[]} */
function stageLine(view, data) {
  if (data.error) return logged(view, data, data.error);
  const begins = data.status === 'processing' && view.stages[data.stage]?.status !== 'processing';
  return begins ? logged(view, data, words.stageNow(data.stage)) : view.log;
}

/** @param {Clip[]} clips @param {number} total @returns {Clip[]} */
function sized(clips, total) {
  if (total <= clips.length) return clips;
  const added = Array.from({ length: total - clips.length }, () => WAITING);
  return [...clips, ...added];
}

/** @type {Clip} */
const WAITING = Object.freeze({ status: 'waiting', error: null });

/** @param {JobView} view @param {any} data @param {Clip} next @returns {Clip[]} */
function clipBecomes(view, data, next) {
  return sized(view.clips, data.total_clips ?? data.clip_index + 1).map((clip, index) =>
    index === data.clip_index && clip.status !== 'done' ? next : clip);
}

/** @param {Clip} clip @returns {Clip} */
const done = (clip) => ({ ...clip, status: 'done', error: null });
