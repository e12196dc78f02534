// Chooses the view by the address: `#/` is the form with one's films, `#/jobs/<id>` one film.

import * as auth from './auth.js';
import { fill, h } from './dom.js';
import { homeView } from './home.js';
import { jobView } from './job.js';
import { tokenView } from './token.js';

/** @typedef {{ root: HTMLElement, signal: AbortSignal }} Place where a view lives, and until when */

const main = /** @type {HTMLElement} */ (document.getElementById('main'));
const footer = /** @type {HTMLElement} */ (document.getElementById('footer'));
let current = new AbortController();
let isFirst = true;

/** @param {string | null} [complaint] why a token is asked for, where there is a reason */
function show(complaint = null) {
  auth.takeFromAddress();
  current.abort();
  current = new AbortController();
  const place = { root: main, signal: current.signal };
  const token = auth.token();
  fill(main);
  showFooter(token);
  if (!token || complaint || auth.read(token).expired) {
    tokenView(place, complaint ?? (token ? 'Your token has run out.' : null), () => show());
  } else {
    const job = /^#\/jobs\/([\w-]+)$/.exec(location.hash)?.[1];
    if (job) jobView(place, job);
    else homeView(place);
  }
  settleFocus();
}

/** After a change of view the reader's place is its heading; on the first load it is the page's top. */
function settleFocus() {
  scrollTo(0, 0);
  if (!isFirst) main.querySelector('h1')?.focus();
  isFirst = false;
}

/** @param {string | null} token */
function showFooter(token) {
  const user = token ? auth.read(token).user : null;
  const leave = () => { auth.forget(); show(); };
  fill(footer,
    h('p', {}, 'Films are made on the machine that runs Beatreel.'),
    token && h('p', {}, user && `You are ${user}. `,
      h('button', { type: 'button', class: 'link', onclick: leave }, 'Use another token')));
}

addEventListener('hashchange', () => show());
addEventListener('beatreel:refused', () => show('The server does not accept this token (any more).'));
show();
