// Asks for a token, and says how to get one.

import * as auth from './auth.js';
import { h, say, setAttribute } from './dom.js';

/**
 * @param {import('./app.js').Place} place
 * @param {string | null} complaint
 * @param {() => void} onToken
 */
export function tokenView({ root }, complaint, onToken) {
  document.title = 'Token needed – Beatreel';
  const error = h('p', { id: 'token-error', class: 'field-error', role: 'alert' });
  const field = h('input', {
    id: 'token', name: 'token', type: 'text', autocomplete: 'off', spellcheck: false, required: true,
    'aria-describedby': 'token-error', placeholder: 'eyJ…',
  });
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const found = auth.find(field.value);
    const problem = !found ? 'This is no token: a token is three parts with dots between them.'
      : auth.read(found).expired ? 'This token has run out. Make a fresh one.' : null;
    setAttribute(field, 'aria-invalid', problem !== null);
    say(error, problem ?? '');
    if (!found || problem) return field.focus();
    auth.keep(found);
    onToken();
  };
  root.append(h('div', { class: 'narrow' },
    h('h1', { tabIndex: -1 }, 'First, a token'),
    complaint && h('p', { class: 'notice', role: 'alert' }, complaint),
    h('p', { class: 'lead' }, 'Beatreel tells its users apart by a token. There is no account and nothing to sign up for.'),
    h('ol', { class: 'steps' },
      h('li', {}, 'Where Beatreel runs, type this in a terminal:', copyable('beatreel token')),
      h('li', {}, 'Paste what it prints here. (The address that ', h('code', {}, 'beatreel up'),
        ' prints has a token in it already.)')),
    h('form', { noValidate: true, onsubmit: submit },
      h('label', { htmlFor: 'token' }, 'Token'), field, error,
      h('button', { class: 'primary' }, 'Continue'))));
}

/** @param {string} command */
function copyable(command) {
  const copy = async () => {
    await navigator.clipboard.writeText(command);
    say(button, 'Copied');
  };
  const button = h('button', { type: 'button', class: 'quiet', onclick: copy }, 'Copy');
  return h('div', { class: 'command' }, h('code', {}, command), navigator.clipboard && button);
}
