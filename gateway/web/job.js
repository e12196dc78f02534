// One film: from the first event to the player.

import { Problem, getJob, isAbort } from './api.js';
import { every, fill, h, say, setAttribute, whenChanged } from './dom.js';
import { patiently, streamJob } from './events.js';
import { begin, foldEvent, foldState, isEnd } from './job-state.js';
import { heardPart } from './job-heard.js';
import { livePart } from './job-live.js';
import { logPart } from './job-log.js';
import { playerPart } from './job-player.js';
import { planPart } from './job-plan.js';
import { endedPart, progressPart } from './job-progress.js';
import { clipsPart, stagesPart } from './job-stages.js';
import * as words from './words.js';

/** @typedef {import('./job-state.js').JobView} JobView */

/** Events come in bursts (a reload replays them all); the page is drawn once a burst. */
const DRAW_EVERY = 60;

/**
 * @param {import('./app.js').Place} place
 * @param {string} id
 */
export function jobView({ root, signal }, id) {
  let view = begin(id);
  const parts = layout(root, id, signal);
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let drawing;
  const draw = () => {
    drawing = undefined;
    if (!signal.aborted) parts.update(view);
  };
  /** @param {(view: JobView) => JobView} change */
  const become = (change) => {
    view = change(view);
    drawing ??= setTimeout(draw, DRAW_EVERY);
  };
  every(1000, signal, () => parts.tick(view));
  follow(id, signal, become, parts.connection).catch((error) => {
    if (!isAbort(error) && !signal.aborted) parts.fail(error);
  });
}

/**
 * Keeps the view true until the end of the job's last pass.
 * @param {string} id
 * @param {AbortSignal} signal
 * @param {(change: (view: JobView) => JobView) => void} become
 * @param {(isConnected: boolean) => void} onConnection
 */
async function follow(id, signal, become, onConnection) {
  const options = { signal, onConnection };
  // From the very first event, so that a reload shows all that a page kept open would.
  let after = '0';
  for (let begun = false; ; begun = true) {
    const job = await patiently(() => getJob(id, signal), options);
    become((view) => foldState(view, job));
    // The end of a pass is not the end of the job, where its film was changed afterwards.
    if (begun && isEnd(job.status)) return;
    for await (const event of streamJob(id, { after, ...options })) {
      after = event.id ?? after;
      become((view) => foldEvent(view, event));
    }
  }
}

/**
 * @param {HTMLElement} root
 * @param {string} id
 * @param {AbortSignal} signal
 */
function layout(root, id, signal) {
  const status = h('span', { class: 'status' });
  const title = h('h1', { tabIndex: -1 }, 'Loading …');
  const prompt = h('p', { class: 'prompt' });
  const connection = h('p', { class: 'connection', role: 'status' });
  const top = h('div', { class: 'job-top' });
  const player = playerPart(id, signal);
  const progress = progressPart(id, signal);
  const live = livePart(id, signal);
  const ended = endedPart();
  const heard = heardPart(player.seek);
  const [stages, clips, log, plan] = [stagesPart(), clipsPart(), logPart(), planPart()];
  player.onTime(heard.playhead);

  const waiting = h('div', {}, progress.element, live.element);
  const work = h('div', {}, stages.element, clips.element, log.element);
  const content = h('div', {}, heard.element, plan.element);
  const columns = h('div', { class: 'columns' }, work, content);
  const element = h('article', { class: 'job' },
    h('header', {}, h('p', {}, status), title, prompt, connection), top, columns);
  root.append(element);

  const showTop = whenChanged((/** @type {JobView} */ view) => view.status, (now) => {
    if (now === 'loading') return;
    // The button that had the focus may go with its part; then the heading is the place to be.
    const hadFocus = top.contains(document.activeElement);
    fill(top, now === 'completed' ? player.element : isEnd(now) ? ended.element : waiting);
    // What matters comes first: the work while it lasts, then the timeline to jump in the film by.
    if (now === 'completed') columns.prepend(content);
    if (isEnd(now) && hadFocus && document.activeElement === document.body) title.focus();
    setAttribute(status, 'data-status', now);
    say(status, words.jobStatus(now));
  });
  return {
    /** @param {JobView} view */
    update(view) {
      if (view.status === 'loading') return;
      say(title, words.title(view));
      say(prompt, view.prompt);
      for (const part of [player, progress, live, ended, stages, clips, log, heard, plan]) part.update(view);
      showTop(view);
      document.title = `${headline(view)} – Beatreel`;
    },
    /** @param {JobView} view */
    tick(view) { if (!isEnd(view.status)) progress.tick(view); },
    /** @param {boolean} isConnected */
    connection(isConnected) { say(connection, isConnected ? '' : 'The line to Beatreel broke; connecting again …'); },
    /** @param {unknown} error */
    fail(error) {
      const problem = error instanceof Problem ? error : new Problem(0, { detail: String(error) });
      if (problem.status === 401) return;
      say(connection, '');
      fill(element, h('header', {}, failure(problem)));
      element.querySelector('h1')?.focus();
    },
  };
}

/** @param {JobView} view */
function headline(view) {
  const name = words.title(view);
  return view.status === 'processing' ? `${view.progress} % ${name}` : `${words.jobStatus(view.status)}: ${name}`;
}

/** @param {Problem} problem */
function failure(problem) {
  const isMissing = problem.status === 404 || problem.status === 400;
  return h('div', { class: 'narrow' },
    h('h1', { tabIndex: -1 }, isMissing ? 'No such film' : 'This film cannot be shown'),
    h('p', { class: 'lead' }, isMissing ? 'There is no film of yours at this address.' : problem.message),
    !isMissing && h('p', {}, words.advice(problem)),
    !isMissing && h('p', { class: 'code' }, [problem.code, problem.requestId && `request ${problem.requestId}`].filter(Boolean).join(' · ')),
    h('p', {}, h('a', { href: '#/' }, 'To your films')));
}
