// What may be asked for beside song and sentence: a panel that is closed at first. What is left alone is
// not sent, so that the server's own defaults hold.

import { h } from './dom.js';

export const LONGEST_TITLE = 200;

/** Each: field of the form, label, and its choices; the first is the default. @type {Array<[string, string, Array<[string, string]>]>} */
const CHOICES = [
  ['aspect_ratio', 'Shape', [
    ['16:9', '16:9, wide'], ['9:16', '9:16, a phone held upright'], ['1:1', '1:1, square'],
    ['4:5', '4:5, a portrait'], ['21:9', '21:9, cinema'],
  ]],
  ['resolution', 'Size', [
    ['1080p', '1080p, full HD'], ['480p', '480p, a quick look'], ['720p', '720p'], ['2160p', '2160p, slow to make'],
  ]],
  ['fps', 'Frames a second', [
    ['30', '30'], ['24', '24, as in cinemas'], ['25', '25'], ['50', '50'], ['60', '60, smooth'],
    ['23.976', '23.976'], ['29.97', '29.97'], ['59.94', '59.94'],
  ]],
  ['quality', 'Quality', [
    ['standard', 'Standard'], ['draft', 'Draft: half the size, much faster'], ['high', 'High, a larger file'],
  ]],
  ['style', 'Look', [
    ['', 'That of your sentence'], ['neon', 'Neon'], ['noir', 'Noir'], ['pastel', 'Pastel'],
    ['golden_hour', 'Golden hour'], ['vintage', 'Vintage'], ['frost', 'Frost'],
  ]],
  ['lettering', 'Words on the picture', [
    ['all', 'Title and lyrics'], ['title', 'Only the title'], ['lyrics', 'Only the lyrics'], ['none', 'None'],
  ]],
  ['tempo', 'Tempo', [
    ['', 'As heard'], ['half', 'Half as fast as heard'], ['double', 'Twice as fast as heard'],
  ]],
];

/** Each: field of the form, label, hint, and whether it is digits only. @type {Array<[string, string, string, boolean]>} */
const TEXTS = [
  ['title', 'Title (optional)', 'Shown at the begin of the film. The name of the file, if left empty; that is not shown.', false],
  ['seed', 'Seed (optional)', 'A whole number. The same song, sentence and seed give the same film.', true],
];

const LONGEST_LYRICS = 64 * 1024;

/** The shape that films have if nothing else is said. */
const USUAL_SHAPE = '16:9';

/** The panel, and what it adds to a form. */
export function filmOptions() {
  const lyrics = lyricsField();
  const texts = TEXTS.map(([name, label, hint, digits]) => textField(name, label, hint, digits));
  const choices = CHOICES.map(([name, label, options]) => choiceField(name, label, options));
  const also = alsoField(choices);
  const element = h('details', { class: 'options' },
    h('summary', {}, 'More: shape, size, look …'),
    h('div', { class: 'option-grid' }, ...[...texts, ...choices].map((field) => field.element)),
    also.element, lyrics.element);
  /** @param {FormData} form @param {string} name what the film is called if the user does not say */
  const addTo = (form, name) => {
    const given = chosen([...texts, ...choices].map((field) => [field.name, field.value(), field.usual]));
    for (const [field, value] of given) form.append(field, value);
    const others = also.value();
    if (others) form.append('outputs', others);
    lyrics.addTo(form);
    // The name of a file is no title that one wants to read on the picture.
    if (name && !form.has('title')) {
      form.append('title', name);
      if (!form.has('lettering')) form.append('lettering', 'lyrics');
    }
  };
  return { element, addTo };
}

/** The fields that say something else than is usual. @param {Array<[string, string, string]>} fields name, value, the usual value */
export const chosen = (fields) => fields.filter(([, value, usual]) => value !== usual).map(([name, value]) => [name, value]);

/** @param {string} name @param {string} label @param {string} hint @param {boolean} digits */
function textField(name, label, hint, digits) {
  const kind = digits ? { inputMode: 'numeric', pattern: '[0-9]*' } : { maxLength: LONGEST_TITLE };
  const input = h('input', { id: name, name, type: 'text', autocomplete: 'off', 'aria-describedby': `${name}-hint`, ...kind });
  const element = h('div', { class: 'field' }, h('label', { htmlFor: name }, label), input,
    h('p', { class: 'hint', id: `${name}-hint` }, hint));
  return { name, usual: '', element, value: () => input.value.trim() };
}

/** @param {string} name @param {string} label @param {Array<[string, string]>} options */
function choiceField(name, label, options) {
  const select = h('select', { id: name, name }, ...options.map(([value, words]) => h('option', { value }, words)));
  const element = h('div', { class: 'field' }, h('label', { htmlFor: name }, label), select);
  return { name, usual: options[0]?.[0] ?? '', element, value: () => select.value };
}

/**
 * The shapes that the film is to have as well: the same plan, cut for each. Its own is not among them.
 * @param {Array<{ name: string, element: HTMLElement, value: () => string }>} choices
 */
function alsoField(choices) {
  const shape = choices.find(({ name }) => name === 'aspect_ratio');
  const ratios = CHOICES.find(([name]) => name === 'aspect_ratio')?.[2].map(([ratio]) => ratio) ?? [];
  const boxes = ratios.map((ratio) => ({ ratio, box: h('input', { type: 'checkbox', id: `also-${ratio.replace(':', '-')}` }) }));
  const own = () => shape?.value() ?? USUAL_SHAPE;
  const look = () => boxes.forEach(({ ratio, box }) => { box.disabled = ratio === own(); });
  shape?.element.addEventListener('change', look);
  look();
  const element = h('fieldset', { class: 'field also' }, h('legend', {}, 'Also as (optional)'),
    ...boxes.map(({ ratio, box }) => h('label', { class: 'hint', htmlFor: box.id }, box, ` ${ratio} `)),
    h('p', { class: 'hint' }, 'Each takes as long to make as the film itself.'));
  return { element, value: () => otherShapes(boxes.filter(({ box }) => box.checked).map(({ ratio }) => ratio), own()) };
}

/** The shapes besides a film's own, as the form has them: empty where there are none. @param {string[]} wanted @param {string} own */
export const otherShapes = (wanted, own) => wanted.filter((ratio) => ratio !== own).join(',');

/** The words: written here, taken from a file, or heard by the server. */
function lyricsField() {
  const area = h('textarea', { id: 'lyrics', name: 'lyrics', rows: 3, maxLength: LONGEST_LYRICS, 'aria-describedby': 'lyrics-hint' });
  const heard = h('input', { id: 'lyrics-heard', type: 'checkbox' });
  const file = h('input', { id: 'lyrics-file', type: 'file', accept: '.lrc,.srt,.txt,text/plain' });
  heard.addEventListener('change', () => {
    area.disabled = heard.checked;
    file.disabled = heard.checked;
  });
  const element = h('div', { class: 'field' },
    h('label', { htmlFor: 'lyrics' }, 'Lyrics (optional)'),
    h('p', { class: 'hint', id: 'lyrics-hint' }, 'Lines as they are sung, LRC or SRT; or a file:'),
    area, h('label', { class: 'hint', htmlFor: 'lyrics-file' }, 'File with lyrics ', file),
    h('label', { class: 'hint', htmlFor: 'lyrics-heard' }, heard, ' Let the server hear them, if it can'));
  /** @param {FormData} form */
  const addTo = (form) => {
    const chosenFile = file.files?.[0];
    if (heard.checked) form.append('lyrics', 'transcribe');
    else if (chosenFile) form.append('lyrics', chosenFile);
    else if (area.value.trim()) form.append('lyrics', area.value);
  };
  return { element, addTo };
}
