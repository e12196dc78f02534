// The film while it is made: what is finished of it, from the first clip on, fed to the browser piece by
// piece as the playlist grows.

import { getJob, isAbort, local } from './api.js';
import { h, say } from './dom.js';
import { isEnd } from './job-state.js';
import * as words from './words.js';

/** @typedef {import('./job-state.js').JobView} JobView */

/** High profile of any level with AAC: what every film of ours is. */
const TYPE = 'video/mp4; codecs="avc1.640033,mp4a.40.2"';
/** How often the playlist is asked for, in milliseconds. */
const EVERY = 1500;
/** Seconds behind the playhead that are kept when the browser's room runs out. */
const KEEP = 5;

/** @param {string} id @param {AbortSignal} signal */
export function livePart(id, signal) {
  const video = h('video', { controls: true, playsInline: true, class: 'film-video', 'aria-label': 'The film so far' });
  const caption = h('figcaption', { class: 'quiet-text' });
  const element = h('figure', { class: 'live', hidden: true }, video, caption);
  const ended = new AbortController();
  const over = AbortSignal.any([signal, ended.signal]);
  let begun = false;
  /** @param {JobView} view */
  const update = (view) => {
    if (isEnd(view.status)) return ended.abort();
    // Before the first clip there is no playlist, however many others are done.
    if (begun || view.clips[0]?.status !== 'done' || !canPlay()) return;
    begun = true;
    play(id, video, over, (seconds) => {
      element.hidden = false;
      say(caption, `${words.clock(seconds)} of the film can be played already.`);
    }).catch((error) => {
      // The film itself comes anyway; without a preview there is nothing to look at meanwhile.
      if (!isAbort(error)) element.hidden = true;
    });
  };
  return { element, update };
}

function canPlay() {
  return typeof MediaSource !== 'undefined' && MediaSource.isTypeSupported(TYPE);
}

/**
 * Feeds `video` until the film is whole.
 * @param {string} id
 * @param {HTMLVideoElement} video
 * @param {AbortSignal} signal
 * @param {(seconds: number) => void} onMore
 */
async function play(id, video, signal, onMore) {
  const source = new MediaSource();
  const address = URL.createObjectURL(source);
  signal.addEventListener('abort', () => URL.revokeObjectURL(address), { once: true });
  video.src = address;
  await happens(source, 'sourceopen', signal);
  const buffer = source.addSourceBuffer(TYPE);
  let [fed, playable] = [0, 0];
  for (;;) {
    // Each answer has a link that is good for an hour; a long job outlives many.
    const { playlist_url: link } = await getJob(id, signal);
    const list = link ? await playlistOf(local(link), signal) : null;
    for (const { name, seconds } of list?.segments.slice(fed) ?? []) {
      if (fed === 0) await feed(buffer, video, await bytesOf(link, 'init.mp4', signal), signal);
      await feed(buffer, video, await bytesOf(link, name, signal), signal);
      fed += 1;
      playable += seconds;
      onMore(playable);
    }
    if (list?.isWhole) return source.endOfStream();
    await pause(EVERY, signal);
  }
}

/**
 * What a playlist names; null where there is none yet.
 * @param {string} link
 * @param {AbortSignal} signal
 */
async function playlistOf(link, signal) {
  const answer = await fetch(link, { signal });
  if (answer.status === 404) return null;
  if (!answer.ok) throw new Error(`the playlist cannot be had (${answer.status})`);
  return readPlaylist(await answer.text());
}

/**
 * The segments of a playlist, and whether it is whole.
 * @param {string} text
 */
export function readPlaylist(text) {
  const lines = text.split('\n');
  const segments = lines.flatMap((line, at) => {
    const seconds = /^#EXTINF:([0-9.]+),/.exec(line)?.[1];
    return seconds ? [{ name: lines[at + 1], seconds: Number(seconds) }] : [];
  });
  return { segments, isWhole: lines.includes('#EXT-X-ENDLIST') };
}

/** @param {string} link @param {string} name @param {AbortSignal} signal */
async function bytesOf(link, name, signal) {
  const answer = await fetch(new URL(name, new URL(local(link), location.href)), { signal });
  if (!answer.ok) throw new Error(`${name} cannot be had (${answer.status})`);
  return answer.arrayBuffer();
}

/**
 * Appends bytes; where the browser has no room left, waits until what was played can go.
 * @param {SourceBuffer} buffer
 * @param {HTMLVideoElement} video
 * @param {ArrayBuffer} bytes
 * @param {AbortSignal} signal
 */
async function feed(buffer, video, bytes, signal) {
  for (;;) {
    try {
      buffer.appendBuffer(bytes);
      return await happens(buffer, 'updateend', signal);
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== 'QuotaExceededError') throw error;
    }
    if (video.currentTime > KEEP) {
      buffer.remove(0, video.currentTime - KEEP);
      await happens(buffer, 'updateend', signal);
    }
    await pause(EVERY, signal);
  }
}

/** @param {EventTarget} target @param {string} event @param {AbortSignal} signal */
function happens(target, event, signal) {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
    target.addEventListener(event, resolve, { once: true });
  });
}

/** @param {number} milliseconds @param {AbortSignal} signal */
function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
  });
}
