// The form for a new film. Checks here mirror the server's, so that a mistake is told before the
// upload; the server's own word is shown where it refuses.

import { isAbort, upload } from './api.js';
import { fill, h, say, setAttribute } from './dom.js';
import { filmOptions, LONGEST_TITLE } from './film-options.js';
import { songField } from './song.js';
import * as words from './words.js';

const SHORTEST = 50;
const LONGEST = 500;
const DRAFT = 'beatreel.draft';

const EXAMPLES = [
  'A slow flight over blue mountain ridges at dawn, mist in the valleys, the first light turning the peaks to gold.',
  'A neon city at night in the rain, magenta and cyan reflections on the wet street, faster and brighter with every chorus.',
  'Drifting through a deep violet nebula, stars lighting up on the beat, calm at first and then wide and glowing.',
  'Northern lights over a still lake in winter, green and silver, quiet and endless, with the shore dark and far away.',
];

/** @param {AbortSignal} signal */
export function uploadForm(signal) {
  const song = songField(signal);
  const prompt = promptField();
  const options = filmOptions();
  const outcome = h('div', { class: 'outcome', role: 'alert' });
  const sending = sendingPart();
  const button = h('button', { class: 'primary' }, 'Make the film');

  const send = async () => {
    const attempt = new AbortController();
    sending.start(() => attempt.abort());
    button.disabled = true;
    try {
      const form = new FormData();
      form.append('audio_file', /** @type {File} */ (song.file()));
      form.append('user_prompt', prompt.text());
      options.addTo(form, nameOf(song.file()));
      const job = await upload(form, sending.update, AbortSignal.any([signal, attempt.signal]));
      sessionStorage.removeItem(DRAFT);
      location.hash = `#/jobs/${job.job_id}`;
    } catch (error) {
      if (signal.aborted) return;
      if (!isAbort(error)) fill(outcome, refused(/** @type {import('./api.js').Problem} */ (error)));
    } finally {
      sending.stop();
      button.disabled = false;
    }
  };
  const submit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    fill(outcome);
    const wrong = [song, prompt].filter((field) => !field.check());
    if (wrong[0]) wrong[0].focus();
    else void send();
  };
  return h('form', { class: 'upload', noValidate: true, onsubmit: submit },
    song.element, prompt.element, options.element, outcome,
    h('div', { class: 'actions' }, button, sending.element));
}

function promptField() {
  const count = h('span', { id: 'prompt-count', class: 'count' });
  const error = h('p', { id: 'prompt-error', class: 'field-error', role: 'alert' });
  const area = h('textarea', {
    id: 'prompt', name: 'user_prompt', rows: 4, required: true, value: sessionStorage.getItem(DRAFT) ?? '',
    'aria-describedby': 'prompt-hint prompt-count prompt-error',
  });
  const text = () => area.value.trim().replace(/\s+/g, ' ');
  const length = () => [...text()].length;
  const tell = () => {
    const now = length();
    sessionStorage.setItem(DRAFT, area.value);
    say(count, now < SHORTEST ? `${now} of at least ${SHORTEST} characters` : `${now} of at most ${LONGEST} characters`);
    setAttribute(count, 'data-state', now > LONGEST ? 'over' : now < SHORTEST ? 'under' : 'good');
    if (isGood()) complain('');
  };
  const isGood = () => length() >= SHORTEST && length() <= LONGEST;
  const complain = (/** @type {string} */ problem) => {
    say(error, problem);
    setAttribute(area, 'aria-invalid', problem !== '');
  };
  const check = () => {
    if (length() < SHORTEST) complain(`Say a little more: ${words.plural(SHORTEST - length(), 'more character')} at least.`);
    else if (length() > LONGEST) complain(`Say it shorter: ${words.plural(length() - LONGEST, 'character')} too many.`);
    else complain('');
    return isGood();
  };
  let next = Math.floor(Math.random() * EXAMPLES.length);
  const suggest = () => {
    area.value = EXAMPLES[next % EXAMPLES.length] ?? '';
    next += 1;
    area.dispatchEvent(new Event('input', { bubbles: true }));
    area.focus();
  };
  area.addEventListener('input', tell);
  tell();
  const element = h('div', { class: 'field' },
    h('div', { class: 'field-head' },
      h('label', { htmlFor: 'prompt' }, 'Your sentence'),
      h('button', { type: 'button', class: 'link', onclick: suggest }, 'Show me an example')),
    h('p', { id: 'prompt-hint', class: 'hint' }, 'Places, colours, light, mood; what should change with the music.'),
    area, h('div', { class: 'field-foot' }, error, count));
  return { element, text, check, focus: () => area.focus() };
}

function sendingPart() {
  const text = h('span', { id: 'sending-text' });
  const bar = h('progress', { max: 1, 'aria-labelledby': 'sending-text' });
  const stop = h('button', { type: 'button', class: 'quiet' }, 'Stop');
  const element = h('div', { class: 'sending', hidden: true }, text, bar, stop);
  /** @param {number} fraction */
  const update = (fraction) => {
    // All bytes are out; the server now decodes the song, which tells no percentage.
    if (fraction < 1) bar.value = fraction;
    else bar.removeAttribute('value');
    say(text, fraction < 1 ? `Sending, ${Math.floor(fraction * 100)} %` : 'Checking the song …');
  };
  return {
    element,
    update,
    /** @param {() => void} onStop */
    start(onStop) {
      stop.onclick = onStop;
      update(0);
      element.hidden = false;
    },
    stop() { element.hidden = true; },
  };
}

/** The name of the song, from the name of its file. @param {File | null} file */
function nameOf(file) {
  const name = (file?.name ?? '').replace(/\.\w+$/, '').replaceAll('_', ' ').trim();
  return [...name].slice(0, LONGEST_TITLE).join('');
}

/** @param {import('./api.js').Problem} problem */
function refused(problem) {
  const more = problem.fields.map((field) => field.detail).filter((detail) => detail && detail !== problem.message);
  return h('div', { class: 'problem' },
    h('p', { class: 'problem-text' }, problem.message),
    more.length > 0 && h('ul', {}, ...more.map((detail) => h('li', {}, detail))),
    h('p', {}, words.advice(problem)),
    h('p', { class: 'code' }, [problem.code, problem.requestId && `request ${problem.requestId}`].filter(Boolean).join(' · ')));
}
