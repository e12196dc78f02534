// A clip made anew, and the films that come of it to choose from.

import { Problem, forkJob, isAbort, listVersions, selectVersion } from './api.js';
import { fill, h, say, whenChanged } from './dom.js';
import * as words from './words.js';

/** @typedef {import('./job-state.js').JobView} JobView */

/** @param {string} id @param {AbortSignal} signal */
export function againPart(id, signal) {
  const clip = h('input', { type: 'number', id: 'again-clip', min: '1', step: '1', required: true, inputMode: 'numeric' });
  const make = h('button', { type: 'submit', class: 'quiet' }, 'Make it anew');
  const error = h('p', { class: 'field-error', role: 'alert' });
  const form = h('form', {}, h('label', { htmlFor: 'again-clip' }, 'Clip'), clip, make);
  const list = h('ul', { class: 'versions', role: 'list' });
  const element = h('details', { class: 'again' },
    h('summary', {}, 'Change a clip'),
    h('p', { class: 'hint' }, 'Only this clip and the film are made again. The film as it is stays, and you can come back to it.'),
    form, error, list);

  /** The page begins anew with what the server knows then. @param {() => Promise<unknown>} change */
  const doing = async (change) => {
    say(error, '');
    make.disabled = true;
    try {
      await change();
      location.reload();
    } catch (problem) {
      make.disabled = false;
      if (!isAbort(problem)) say(error, explained(problem));
    }
  };
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void doing(() => forkJob(id, clip.valueAsNumber - 1, signal));
  });
  const show = async () => {
    try {
      const { versions } = await listVersions(id, signal);
      const films = versions.filter((version) => version.video_url);
      fill(list, ...(films.length > 1 ? films.map(row) : []));
    } catch (problem) {
      if (!isAbort(problem)) say(error, explained(problem));
    }
  };
  /** @param {import('./api.js').Version} version */
  const row = (version) => {
    const name = version.clips ? `Version ${version.run}: clip ${version.clips.map((at) => at + 1).join(' and ')} anew` : `Version ${version.run}`;
    const choose = h('button', { type: 'button', class: 'quiet' }, 'Show');
    choose.addEventListener('click', () => void doing(() => selectVersion(id, version.run, signal)));
    return h('li', {}, name, ' ', version.selected ? h('strong', {}, 'is shown') : choose);
  };
  element.addEventListener('toggle', () => { if (element.open) void show(); });
  const update = whenChanged((/** @type {JobView} */ view) => view.clips.length, (count) => {
    clip.max = String(Math.max(count, 1));
  });
  return { element, update };
}

/** @param {unknown} problem */
function explained(problem) {
  return problem instanceof Problem ? `${problem.message} ${words.advice(problem)}` : String(problem);
}
