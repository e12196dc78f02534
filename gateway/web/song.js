// The field for the song: a drop zone that is a plain file field underneath, so the keyboard works too.

import { fill, h, say, setAttribute } from './dom.js';
import * as words from './words.js';

const LARGEST = 10 * 1024 * 1024;

/** @param {AbortSignal} signal */
export function songField(signal) {
  /** @type {File | null} */
  let chosen = null;
  let address = '';
  const error = h('p', { id: 'song-error', class: 'field-error', role: 'alert' });
  const input = h('input', {
    id: 'song', type: 'file', class: 'drop-input', accept: '.mp3,.wav,.flac,audio/mpeg,audio/wav,audio/flac',
    required: true, 'aria-describedby': 'song-hint song-error',
  });
  const prompt = h('span', { class: 'drop-text' }, h('strong', {}, 'Drop a song here'), ' or choose a file');
  const hint = h('span', { class: 'hint', id: 'song-hint' }, 'MP3, WAV or FLAC, 10 MB at most');
  const zone = h('label', { class: 'drop', htmlFor: 'song' }, prompt, hint);
  const preview = h('div', { class: 'preview', hidden: true });

  const complain = (/** @type {string} */ problem) => {
    say(error, problem);
    setAttribute(input, 'aria-invalid', problem !== '');
  };
  const take = async (/** @type {File} */ file) => {
    URL.revokeObjectURL(address);
    chosen = null;
    const problem = await refusal(file);
    complain(problem ?? '');
    preview.hidden = problem !== null;
    setAttribute(zone, 'data-chosen', problem === null);
    fill(prompt, problem ? h('strong', {}, 'Drop another song here') : h('strong', {}, file.name), problem ? ' or choose a file' : '');
    say(hint, problem ? 'MP3, WAV or FLAC, 10 MB at most' : `${words.size(file.size)}. Drop or choose another to change it.`);
    if (problem) return;
    chosen = file;
    address = URL.createObjectURL(file);
    fill(preview, h('audio', { controls: true, preload: 'metadata', src: address, 'aria-label': `Listen to ${file.name}` }));
  };
  const takeFirst = (/** @type {FileList | null | undefined} */ files) => {
    if (files?.[0]) void take(files[0]);
  };
  input.addEventListener('change', () => takeFirst(input.files));
  dropAnywhere(zone, takeFirst, signal);
  signal.addEventListener('abort', () => URL.revokeObjectURL(address), { once: true });

  const check = () => {
    if (!chosen && !error.textContent) complain('Choose a song first.');
    return chosen !== null;
  };
  const element = h('div', { class: 'field' },
    h('span', { class: 'label' }, 'Your song'), input, zone, preview, error);
  return { element, check, file: () => chosen, focus: () => input.focus() };
}

/**
 * A song that misses the zone by an inch is still meant for it, and must not replace the page.
 * @param {HTMLElement} zone
 * @param {(files: FileList | undefined) => void} onDrop
 * @param {AbortSignal} signal
 */
function dropAnywhere(zone, onDrop, signal) {
  const over = (/** @type {boolean} */ isOver) => setAttribute(zone, 'data-over', isOver);
  const hasFiles = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes('Files') ?? false;
  addEventListener('dragover', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    over(true);
  }, { signal });
  addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) over(false);
  }, { signal });
  addEventListener('drop', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    over(false);
    onDrop(event.dataTransfer?.files);
  }, { signal });
}

/** Why a file is no song for us, or null. @param {File} file @returns {Promise<string | null>} */
async function refusal(file) {
  if (file.size === 0) return 'This file is empty.';
  if (file.size > LARGEST) return `This file has ${words.size(file.size)}; 10 MB is the most. An MP3 of the song is usually far smaller.`;
  const head = new Uint8Array(await file.slice(0, 12).arrayBuffer());
  return isSong(head) ? null : 'This is no MP3, WAV or FLAC file.';
}

/** By what the file begins with, as the server does; a name proves nothing. @param {Uint8Array} head */
function isSong(head) {
  const text = String.fromCharCode(...head);
  const isFrame = head[0] === 0xff && ((head[1] ?? 0) & 0xe6) === 0xe2;
  return text.startsWith('ID3') || isFrame || text.startsWith('fLaC') || (text.startsWith('RIFF') && text.slice(8) === 'WAVE');
}
