// A job's events as they happen: Server-Sent Events over fetch, since EventSource cannot carry an
// Authorization header. Resumes after a break by the id of the last event, so nothing is lost.

import { Problem, isAbort, openStream } from './api.js';

/**
 * @typedef {{ type: string, id: string | null, data: any }} StreamEvent
 * @typedef {{ event: string, data: string, id: string | null, retry: number | null }} Frame
 */

/** The server says something at least every 15 seconds; after three times that the line is dead. */
const SILENCE = 45_000;
/** Said about the stream itself; a `reset` is followed by the whole state. */
const ABOUT_THE_STREAM = new Set(['heartbeat', 'reset', 'closing']);
const FIRST_DELAY = 1_000;
const LONGEST_DELAY = 30_000;

/**
 * Yields a job's events until its last, reconnecting as often as needed. Throws a `Problem` where
 * trying again would not help.
 * @param {string} job
 * @param {{ after: string | null, signal: AbortSignal, onConnection: (connected: boolean) => void }} options
 * @returns {AsyncGenerator<StreamEvent, void>}
 */
export async function* streamJob(job, { after, signal, onConnection }) {
  let lastId = after;
  let delay = FIRST_DELAY;
  let failures = 0;
  while (!signal.aborted) {
    let wait = null;
    try {
      for await (const frame of connect(job, lastId, signal, () => onConnection(true))) {
        failures = 0;
        delay = frame.retry ?? delay;
        lastId = frame.id ?? lastId;
        if (frame.data === '' || ABOUT_THE_STREAM.has(frame.event)) continue;
        yield { type: frame.event, id: frame.id, data: JSON.parse(frame.data) };
        if (frame.event === 'completed' || frame.event === 'error') return;
      }
    } catch (error) {
      if (error === ENDED || signal.aborted) return;
      if (error instanceof Problem && !mayHeal(error)) throw error;
      wait = error instanceof Problem && error.retryAfter !== null ? error.retryAfter * 1000 : null;
    }
    onConnection(false);
    await pause(wait ?? backOff(delay, failures), signal);
    failures += 1;
  }
}

/**
 * Calls until there is an answer; throws where trying again would not help.
 * @template Answer
 * @param {() => Promise<Answer>} call
 * @param {{ signal: AbortSignal, onConnection: (connected: boolean) => void }} options
 * @returns {Promise<Answer>}
 */
export async function patiently(call, { signal, onConnection }) {
  for (let failures = 0; ; failures += 1) {
    try {
      const answer = await call();
      onConnection(true);
      return answer;
    } catch (error) {
      if (signal.aborted || !(error instanceof Problem) || !mayHeal(error)) throw error;
      onConnection(false);
      await pause(error.retryAfter === null ? backOff(FIRST_DELAY, failures) : error.retryAfter * 1000, signal);
    }
  }
}

/** Thrown by `connect` when the server has nothing more to say (204). */
const ENDED = new Error('the stream has ended');

/**
 * One connection, until it breaks.
 * @param {string} job
 * @param {string | null} lastId
 * @param {AbortSignal} signal
 * @param {() => void} onOpen
 */
async function* connect(job, lastId, signal, onOpen) {
  const dead = new AbortController();
  let watchdog = setTimeout(() => dead.abort(), SILENCE);
  try {
    const response = await openStream(job, lastId, AbortSignal.any([signal, dead.signal]));
    if (response.status === 204 || !response.body) throw ENDED;
    onOpen();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const parser = new FrameParser();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      clearTimeout(watchdog);
      watchdog = setTimeout(() => dead.abort(), SILENCE);
      yield* parser.push(value);
    }
  } catch (error) {
    if (!isAbort(error) || signal.aborted) throw error;
  } finally {
    clearTimeout(watchdog);
    dead.abort();
  }
}

/** Cuts text as it arrives into frames, by the rules of the HTML standard. */
export class FrameParser {
  #rest = '';
  /** @type {string[]} */ #data = [];
  #event = '';
  /** @type {string | null} */ #id = null;
  /** @type {number | null} */ #retry = null;

  /** @param {string} text @returns {Generator<Frame>} */
  *push(text) {
    this.#rest += text;
    // A lone CR at the end may be the first half of CRLF: it waits for the next piece.
    const lines = this.#rest.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line !== '') this.#field(line);
      else if (this.#data.length > 0 || this.#id !== null || this.#retry !== null) yield this.#frame();
    }
  }

  /** @param {string} line */
  #field(line) {
    const colon = line.indexOf(':');
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') this.#data.push(value);
    else if (name === 'event') this.#event = value;
    else if (name === 'id' && !value.includes('\0')) this.#id = value;
    else if (name === 'retry' && /^\d+$/.test(value)) this.#retry = Number(value);
  }

  /** @returns {Frame} */
  #frame() {
    const frame = { event: this.#event || 'message', data: this.#data.join('\n'), id: this.#id, retry: this.#retry };
    this.#data = [];
    this.#event = '';
    this.#id = null;
    this.#retry = null;
    return frame;
  }
}

/** @param {Problem} problem */
function mayHeal({ status }) {
  return status === 0 || status === 429 || status >= 500;
}

/**
 * Doubles with every failure; half of it is chance, so that many pages do not come back at once.
 * @param {number} first
 * @param {number} failures
 */
function backOff(first, failures) {
  const longest = Math.min(first * 2 ** failures, LONGEST_DELAY);
  return longest / 2 + (Math.random() * longest) / 2;
}

/**
 * Waits; ends early when the network comes back or `signal` aborts.
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const waiting = new AbortController();
    const end = () => { clearTimeout(timer); waiting.abort(); resolve(); };
    const timer = setTimeout(end, milliseconds);
    addEventListener('online', end, { signal: waiting.signal });
    signal.addEventListener('abort', end, { signal: waiting.signal });
  });
}
