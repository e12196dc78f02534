// How far a film is, what it costs, and the way to stop it; or why it will not come.

import { Problem, cancelJob, isAbort } from './api.js';
import { fill, h, say, setAttribute, whenChanged } from './dom.js';
import { isEnd } from './job-state.js';
import * as words from './words.js';

/** @typedef {import('./job-state.js').JobView} JobView */

/** @param {string} id @param {AbortSignal} signal */
export function progressPart(id, signal) {
  const percent = h('span', { class: 'percent' });
  const doing = h('span', { class: 'doing', id: 'doing' });
  const bar = h('progress', { max: 100, 'aria-labelledby': 'doing' });
  const elapsed = h('dd');
  const left = h('dd');
  const cost = h('dd');
  const cancel = cancelButton(id, signal);
  const element = h('section', { class: 'panel now', 'aria-label': 'Progress' },
    h('p', { class: 'headline' }, percent, doing), bar,
    h('div', { class: 'now-foot' },
      h('dl', { class: 'facts' },
        h('div', {}, h('dt', {}, 'Elapsed'), elapsed),
        h('div', {}, h('dt', {}, 'Left'), left),
        h('div', {}, h('dt', {}, 'Cost'), cost)),
      cancel.element));

  /** @param {JobView} view */
  const tick = (view) => {
    if (view.createdAt) say(elapsed, words.clock((Date.now() - Date.parse(view.createdAt)) / 1000));
    say(left, leftNow(view));
  };
  /** @param {JobView} view */
  const update = (view) => {
    if (isEnd(view.status)) return cancel.close();
    say(percent, `${view.progress} %`);
    say(doing, view.status === 'queued' ? 'Waiting for a free worker' : words.stageNow(view.stage ?? 'audio_parser'));
    if (view.status === 'queued') bar.removeAttribute('value');
    else bar.value = view.progress;
    say(cost, words.money(view.cost));
    tick(view);
  };
  return { element, update, tick };
}

/** As the server says; where it does not, from the pace of the clips so far. @param {JobView} view */
function secondsLeft({ remaining, stages, clips, clipsDone }) {
  if (remaining) return remaining.seconds - (Date.now() - remaining.since) / 1000;
  const began = stages.video_generator?.startedAt;
  if (!began || clipsDone < 2) return null;
  const pace = (Date.now() - Date.parse(began)) / 1000 / clipsDone;
  return pace * (clips.length - clipsDone);
}

/** @param {JobView} view */
function leftNow(view) {
  const seconds = secondsLeft(view);
  if (seconds === null) return 'not known yet';
  return seconds < 3 ? 'a moment' : `about ${words.span(seconds)}`;
}

/** @param {string} id @param {AbortSignal} signal */
function cancelButton(id, signal) {
  const error = h('p', { class: 'field-error', role: 'alert' });
  const stop = h('button', { type: 'button', class: 'danger' }, 'Cancel the film');
  const keep = h('button', { type: 'button', class: 'quiet', autofocus: true, onclick: () => dialog.close() }, 'Keep going');
  const dialog = h('dialog', { class: 'ask', 'aria-labelledby': 'ask-title' },
    h('h2', { id: 'ask-title' }, 'Cancel this film?'),
    h('p', {}, 'What was made so far is thrown away. This cannot be undone.'),
    error, h('div', { class: 'actions' }, keep, stop));
  const open = h('button', { type: 'button', class: 'quiet', onclick: () => open.ariaDisabled === 'true' || dialog.showModal() }, 'Cancel …');
  stop.addEventListener('click', async () => {
    stop.disabled = true;
    say(error, '');
    try {
      await cancelJob(id, signal);
      // The stream tells the rest: the page changes when the job really has ended.
      // Not `disabled`, which would take the focus away from a keyboard's user.
      say(open, 'Cancelling …');
      setAttribute(open, 'aria-disabled', true);
      dialog.close();
    } catch (problem) {
      if (!isAbort(problem)) say(error, /** @type {Problem} */ (problem).message);
    } finally {
      stop.disabled = false;
    }
  });
  signal.addEventListener('abort', () => dialog.close(), { once: true });
  return { element: h('div', {}, open, dialog), close: () => dialog.close() };
}

/** Shown in place of progress once a job has failed or was cancelled. */
export function endedPart() {
  const element = h('section', { class: 'panel', 'aria-label': 'Outcome' });
  const update = whenChanged(
    (/** @type {JobView} */ view) => view.status === 'failed' || view.status === 'cancelled' ? view.failure ?? NO_REASON : null,
    (failure, view) => {
      if (!failure) return;
      const isCancelled = view.status === 'cancelled';
      setAttribute(element, 'data-status', view.status);
      fill(element,
        h('h2', {}, isCancelled ? 'You cancelled this film.' : 'This film could not be made.'),
        !isCancelled && h('p', { class: 'problem-text' }, failure.text),
        h('p', {}, words.advice(isCancelled ? { code: 'JOB_CANCELLED' } : failure)),
        !isCancelled && h('p', { class: 'code' }, [failure.code, failure.stage && words.stage(failure.stage), `film ${view.id}`].filter(Boolean).join(' · ')),
        h('p', {}, h('a', { class: 'button', href: '#/', onclick: () => sessionStorage.setItem('beatreel.draft', view.prompt) }, 'Start again with this sentence')));
    });
  return { element, update };
}

/** @type {import('./job-state.js').Failure} */
const NO_REASON = { text: 'The server gave no reason.', code: null, retryable: false, stage: null };
