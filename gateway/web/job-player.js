// The film: to watch and to keep.

import { Problem, getDownload, getJob, isAbort, local } from './api.js';
import { h, say, setAttribute, whenChanged } from './dom.js';
import { againPart } from './job-again.js';
import * as words from './words.js';

/** @typedef {import('./job-state.js').JobView} JobView */

/** @param {string} id @param {AbortSignal} signal */
export function playerPart(id, signal) {
  const video = h('video', { controls: true, playsInline: true, preload: 'metadata', class: 'film-video', 'aria-label': 'The film' });
  const error = h('p', { class: 'field-error', role: 'alert' });
  const facts = h('p', { class: 'quiet-text' });
  const again = againPart(id, signal);
  const save = h('button', { type: 'button', class: 'primary' }, 'Download the film');
  const element = h('section', { class: 'player', 'aria-label': 'Your film' }, video,
    h('div', { class: 'player-foot' }, save, h('a', { class: 'button quiet', href: '#/' }, 'Make another'), facts), error, again.element);

  save.addEventListener('click', async () => {
    say(error, '');
    try {
      const { download_url: link, filename } = await getDownload(id, signal);
      h('a', { href: local(link), download: filename }).click();
    } catch (problem) {
      if (!isAbort(problem)) say(error, explained(problem));
    }
  });
  video.addEventListener('error', () => void renew(video, id, signal, (text) => say(error, text)));
  let shown = 0;
  /** Once a pass: every answer of the server has another link to the same film. @param {JobView} view */
  const show = (view) => {
    if (shown === view.run || !view.videoUrl) return;
    shown = view.run;
    if (view.posterUrl) video.poster = local(view.posterUrl);
    video.src = local(view.videoUrl);
    void addCaptions(video, id, signal);
  };
  const tell = whenChanged((/** @type {JobView} */ view) => view.endedAt, (endedAt, view) => {
    if (!endedAt || !view.createdAt) return;
    const seconds = (Date.parse(endedAt) - Date.parse(view.createdAt)) / 1000;
    say(facts, `Made in ${words.span(seconds)} for ${words.money(view.cost)}.`);
  });
  /** @param {JobView} view */
  const update = (view) => {
    if (view.status !== 'completed') return;
    setAttribute(video, 'aria-label', `The film: ${words.title(view)}`);
    show(view);
    tell(view);
    again.update(view);
  };
  return {
    element,
    update,
    /** Jumps to a moment, if there is a film to jump in. @param {number} seconds */
    seek(seconds) {
      if (video.readyState === 0) return;
      video.currentTime = seconds;
      video.play().catch((problem) => { if (!isAbort(problem)) say(error, explained(problem)); });
    },
    /** @param {(seconds: number) => void} listener */
    onTime(listener) { video.addEventListener('timeupdate', () => listener(video.currentTime)); },
  };
}

/**
 * The words of the song, where they are known: off until they are asked for.
 * @param {HTMLVideoElement} video
 * @param {string} id
 * @param {AbortSignal} signal
 */
async function addCaptions(video, id, signal) {
  try {
    const { film } = await getJob(id, signal);
    const words = film?.outputs.find(({ kind }) => kind === 'captions_vtt');
    video.replaceChildren(...(words ? [h('track', { kind: 'captions', label: 'Words', src: local(words.url) })] : []));
  } catch {
    // A film can be watched without its words.
  }
}

/**
 * A link runs out after an hour; a film left open longer gets a fresh one and goes on where it was.
 * @param {HTMLVideoElement} video
 * @param {string} id
 * @param {AbortSignal} signal
 * @param {(text: string) => void} complain
 */
async function renew(video, id, signal, complain) {
  const stale = video.src;
  try {
    const { video_url: link } = await getJob(id, signal);
    const fresh = link ? new URL(local(link), location.href).href : stale;
    if (fresh === stale) return complain('The film cannot be played here. It can still be downloaded.');
    const at = video.currentTime;
    video.src = fresh;
    video.currentTime = at;
  } catch (problem) {
    if (!isAbort(problem)) complain(explained(problem));
  }
}

/** @param {unknown} problem */
function explained(problem) {
  return problem instanceof Problem ? `${problem.message} ${words.advice(problem)}` : String(problem);
}
