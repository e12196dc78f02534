// The director's plan: the film in words, its colours and its places.

import { fill, h, whenChanged } from './dom.js';
import { capital } from './words.js';

/** @typedef {import('./job-state.js').JobView} JobView */

const ANCHORS = ['deep', 'shade', 'tone', 'light', 'accent'];

export function planPart() {
  const body = h('div');
  const element = h('section', { 'aria-labelledby': 'plan', hidden: true }, h('h2', { id: 'plan' }, 'The plan'), body);
  const update = whenChanged((/** @type {JobView} */ view) => view.plan, (plan) => {
    element.hidden = plan === null;
    if (!plan) return;
    fill(body,
      h('p', {}, plan.summary),
      h('ul', { class: 'palette', role: 'list', 'aria-label': 'Colours' }, ...ANCHORS.map((name) => swatch(name, plan.palette[name] ?? ''))),
      plan.places.length > 0 && h('h3', {}, 'Places'),
      plan.places.length > 0 && h('ul', { class: 'places' }, ...plan.places.map((place) => h('li', {}, capital(place)))));
  });
  return { element, update };
}

/** @param {string} name @param {string} colour */
function swatch(name, colour) {
  const patch = h('span', { class: 'swatch' });
  patch.style.backgroundColor = colour;
  return h('li', {}, patch, h('span', { class: 'swatch-name' }, name), h('span', { class: 'swatch-code' }, colour));
}
