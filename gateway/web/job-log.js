// What the stages say, line by line.

import { h } from './dom.js';
import * as words from './words.js';

/** @typedef {import('./job-state.js').JobView} JobView */

/** A screen reader reads every new line: they come in at most this often, several at a time. */
const SPEAK_EVERY = 1_500;
const KEPT = 200;

export function logPart() {
  const log = h('div', { class: 'log', role: 'log', tabIndex: 0, 'aria-labelledby': 'log' });
  const element = h('section', { 'aria-labelledby': 'log', hidden: true }, h('h2', { id: 'log' }, 'What happens'), log);
  /** @type {import('./job-state.js').Line[]} */
  let lines = [];
  /** @type {import('./job-state.js').Line | undefined} */
  let last;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let waiting;
  const write = () => {
    waiting = undefined;
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 24;
    const fresh = lines.slice(last ? lines.lastIndexOf(last) + 1 : 0);
    last = lines.at(-1);
    log.append(...fresh.map(line));
    while (log.childElementCount > KEPT) log.firstElementChild?.remove();
    if (isAtEnd) log.scrollTop = log.scrollHeight;
  };
  return {
    element,
    /** @param {JobView} view */
    update(view) {
      lines = view.log;
      if (lines.at(-1) === last) return;
      element.hidden = false;
      if (last === undefined) write();
      else waiting ??= setTimeout(write, SPEAK_EVERY);
    },
  };
}

/** @param {import('./job-state.js').Line} line */
function line({ at, stage, text }) {
  const time = new Date(at).toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
  return h('p', {}, h('time', { dateTime: at, title: words.stage(stage) }, time), h('span', {}, text));
}
