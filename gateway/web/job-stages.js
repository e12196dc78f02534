// The six steps, and the clips as circles.

import { fill, h, say, setAttribute, whenChanged } from './dom.js';
import { STAGES, isEnd } from './job-state.js';
import * as words from './words.js';

/** @typedef {import('./job-state.js').JobView} JobView */

export function stagesPart() {
  const rows = STAGES.map((name) => {
    const state = h('span', { class: 'stage-state' });
    const element = h('li', {}, h('span', { class: 'stage-name' }, words.stage(name)), state);
    const update = whenChanged((/** @type {JobView} */ view) => stageText(view, name), (text, view) => {
      say(state, text);
      setAttribute(element, 'data-status', settled(view, name));
      setAttribute(element, 'aria-current', settled(view, name) === 'processing' && 'step');
    });
    return { element, update };
  });
  const element = h('section', { 'aria-labelledby': 'stages' },
    h('h2', { id: 'stages' }, 'Steps'),
    h('ol', { class: 'stages', role: 'list' }, ...rows.map((row) => row.element)));
  return {
    element,
    /** @param {JobView} view */
    update(view) { for (const row of rows) row.update(view); },
  };
}

/** A step that was at work when the job ended did not finish. @param {JobView} view @param {string} name */
function settled(view, name) {
  const status = view.stages[name]?.status ?? 'pending';
  if (status !== 'processing' || !isEnd(view.status)) return status;
  return view.status === 'completed' ? 'completed' : view.status;
}

/** @param {JobView} view @param {string} name */
function stageText(view, name) {
  const stage = view.stages[name];
  const status = settled(view, name);
  if (status === 'cancelled') return 'stopped';
  const text = words.stageStatus(status);
  if (status === 'completed') return stage?.duration && stage.duration >= 0.1 ? `${text} in ${words.took(stage.duration)}` : text;
  if (status !== 'processing') return text;
  if (stage?.error) return 'trying again';
  if (name === 'reference_generator' && view.stills) return `${view.stills.done} of ${view.stills.total}`;
  if (name === 'video_generator' && view.clips.length > 0) return `${view.clipsDone} of ${view.clips.length}`;
  return text;
}

const CLIP_STATUS = { waiting: 'waiting', running: 'in the making', retry: 'tried again', done: 'ready' };

export function clipsPart() {
  const count = h('p', { class: 'quiet-text' });
  const circles = h('ol', { class: 'clips', role: 'list' });
  const element = h('section', { 'aria-labelledby': 'clips', hidden: true }, h('h2', { id: 'clips' }, 'Clips'), count, circles);
  const update = whenChanged((/** @type {JobView} */ view) => view.clips, (clips, view) => {
    element.hidden = clips.length === 0;
    if (circles.children.length !== clips.length) fill(circles, ...clips.map(() => h('li', {}, h('span'))));
    clips.forEach((clip, index) => {
      const circle = /** @type {HTMLElement} */ (circles.children[index]);
      if (circle.dataset.status === clip.status) return;
      circle.dataset.status = clip.status;
      const text = `Clip ${index + 1}: ${CLIP_STATUS[clip.status]}`;
      circle.title = clip.error ? `${text} (${clip.error})` : text;
      say(/** @type {HTMLElement} */ (circle.firstChild), text);
    });
    say(count, `${Math.min(view.clipsDone, clips.length)} of ${words.plural(clips.length, 'clip')} ready`);
  });
  return { element, update };
}
