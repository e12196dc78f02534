// What was heard in the song: figures, and its parts as a timeline whose bars are as high as the part
// is loud. Once there is a film, a part is a button that jumps to it.

import { fill, h, setAttribute, whenChanged } from './dom.js';
import * as words from './words.js';

/** @typedef {import('./job-state.js').JobView} JobView */

/** @param {(seconds: number) => void} seek */
export function heardPart(seek) {
  const facts = h('dl', { class: 'facts' });
  const bars = h('div', { class: 'timeline' });
  const head = h('div', { class: 'playhead', hidden: true });
  const table = h('tbody');
  let duration = 0;
  const element = h('section', { 'aria-labelledby': 'heard', hidden: true },
    h('h2', { id: 'heard' }, 'What was heard'), facts,
    h('div', { class: 'timeline-box' }, bars, head),
    h('details', {}, h('summary', {}, 'The parts as a table'),
      h('div', { class: 'scroll' }, h('table', {},
        h('thead', {}, h('tr', {}, ...['Part', 'From', 'To', 'Energy'].map((name) => h('th', { scope: 'col' }, name)))),
        table))));

  const showFacts = whenChanged((/** @type {JobView} */ view) => view.heard, (heard) => {
    element.hidden = heard === null;
    if (!heard) return;
    duration = heard.duration;
    fill(facts,
      fact('Tempo', heard.bpm > 0 ? `${Math.round(heard.bpm * 10) / 10} bpm` : 'free'),
      heard.bpm > 0 && fact('Metre', `${heard.beatsPerBar} beats a bar`),
      fact('Length', words.clock(heard.duration)),
      fact('Mood', words.capital(heard.mood.primary)));
    fill(table, ...heard.sections.map((section) => h('tr', {},
      h('th', { scope: 'row' }, named(section)),
      ...[words.clock(section.start), words.clock(section.end), `${Math.round(section.energy * 100)} %`].map((text) => h('td', {}, text)))));
  });
  const showBars = whenChanged((/** @type {JobView} */ view) => view.heard && `${view.status === 'completed'}`, (_, view) => {
    if (!view.heard) return;
    const isFilm = view.status === 'completed';
    fill(bars, ...view.heard.sections.map((section) => bar(section, isFilm ? seek : null)));
    setAttribute(bars, 'role', isFilm ? 'group' : null);
    setAttribute(bars, 'aria-label', isFilm ? 'Jump to a part of the film' : null);
    setAttribute(bars, 'aria-hidden', !isFilm);
  });
  return {
    element,
    /** @param {JobView} view */
    update(view) {
      showFacts(view);
      showBars(view);
    },
    /** @param {number} seconds */
    playhead(seconds) {
      head.hidden = duration === 0;
      head.style.insetInlineStart = `${Math.min(100, (seconds / duration) * 100)}%`;
    },
  };
}

/** @param {import('./job-state.js').Section} section @param {((seconds: number) => void) | null} seek */
function bar(section, seek) {
  const content = [
    h('span', { class: 'bar-space' }, h('span', { class: 'bar' })),
    h('span', { class: 'bar-name' }, section.label), ' ',
    h('span', { class: 'bar-kind' }, words.capital(section.kind)),
  ];
  const settings = {
    class: 'section', 'data-kind': section.kind,
    title: `${named(section)}, ${words.clock(section.start)} to ${words.clock(section.end)}`,
  };
  const element = seek
    ? h('button', { ...settings, type: 'button', 'aria-label': `${named(section)}, from ${words.clock(section.start)}`, onclick: () => seek(section.start) }, ...content)
    : h('div', settings, ...content);
  element.style.flexGrow = String(Math.max(section.end - section.start, 0.1));
  element.style.setProperty('--energy', String(Math.max(0.06, Math.min(1, section.energy))));
  return element;
}

/** @param {import('./job-state.js').Section} section */
const named = (section) => `${section.label} ${words.capital(section.kind)}`;

/** @param {string} name @param {string} value */
const fact = (name, value) => h('div', {}, h('dt', {}, name), h('dd', {}, value));
