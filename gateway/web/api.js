// The REST interface, as functions. Every refusal becomes a `Problem`.

import * as auth from './auth.js';

const ROOT = '/api/v1';
const DEADLINE = 30_000;
const UPLOAD_DEADLINE = 180_000;

/**
 * @typedef {object} Job
 * @property {string} job_id
 * @property {string} status
 * @property {string | null} [current_stage]
 * @property {number} progress
 * @property {number | null} [estimated_remaining]
 * @property {number} [total_cost]
 * @property {string | null} [video_url]
 * @property {string | null} [poster_url]
 * @property {string | null} [playlist_url]
 * @property {{outputs: Array<{kind: string, clip: number | null, url: string}>} | null} [film]
 * @property {number} [run]
 * @property {number | null} [version]
 * @property {string | null} [error_message]
 * @property {string | null} [error_code]
 * @property {string | null} [title]
 * @property {string} [user_prompt]
 * @property {string} created_at
 * @property {string | null} [completed_at]
 * @property {number | null} [duration]
 * @property {Record<string, {status: string, duration?: number | null, started_at?: string | null, error?: string | null}>} [stages]
 * @property {{completed: number, total: number} | null} [clips]
 */

/** A refusal: RFC 9457 problem details, or the lack of any answer. */
export class Problem extends Error {
  /**
   * @param {number} status 0 where there was no answer
   * @param {Record<string, any>} [body]
   * @param {number | null} [retryAfter] seconds
   */
  constructor(status, body = {}, retryAfter = null) {
    super(sentence(body.detail ?? body.error ?? body.title ?? `The server answered ${status}.`));
    this.status = status;
    /** @type {string | null} */
    this.code = body.code ?? null;
    /** @type {string | null} */
    this.requestId = body.request_id ?? null;
    /** @type {Array<{pointer?: string, detail?: string}>} */
    this.fields = Array.isArray(body.errors) ? body.errors : [];
    this.retryAfter = retryAfter;
  }
}

/** @param {number} limit @param {number} offset @param {AbortSignal} signal
 *  @returns {Promise<{jobs: Job[], total: number}>} */
export const listJobs = (limit, offset, signal) => json(`/jobs?limit=${limit}&offset=${offset}`, { signal });

/** @param {string} id @param {AbortSignal} signal @returns {Promise<Job>} */
export const getJob = (id, signal) => json(`/jobs/${encodeURIComponent(id)}`, { signal });

/** @param {string} id @param {AbortSignal} signal @returns {Promise<{status: string, message: string}>} */
export const cancelJob = (id, signal) => json(`/jobs/${encodeURIComponent(id)}/cancel`, { signal, method: 'POST' });

/** @param {string} id @param {AbortSignal} signal @returns {Promise<{download_url: string, filename: string}>} */
export const getDownload = (id, signal) => json(`/jobs/${encodeURIComponent(id)}/download`, { signal });

/** Has one clip of a finished film made anew. @param {string} id @param {number} clip from 0 @param {AbortSignal} signal
 *  @returns {Promise<{run: number, clips: number[]}>} */
export const forkJob = (id, clip, signal) => json(`/jobs/${encodeURIComponent(id)}/fork`, {
  signal, method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ from: 'video_generator', clip }),
});

/** @typedef {{run: number, status: string, selected: boolean, base: number | null, clips: number[] | null, video_url: string | null}} Version */

/** @param {string} id @param {AbortSignal} signal @returns {Promise<{versions: Version[]}>} */
export const listVersions = (id, signal) => json(`/jobs/${encodeURIComponent(id)}/versions`, { signal });

/** @param {string} id @param {number} run @param {AbortSignal} signal @returns {Promise<{versions: Version[]}>} */
export const selectVersion = (id, run, signal) =>
  json(`/jobs/${encodeURIComponent(id)}/versions/${run}/select`, { signal, method: 'POST' });

/** Opens a job's event stream. @param {string} id @param {string | null} lastEventId @param {AbortSignal} signal */
export function openStream(id, lastEventId, signal) {
  const headers = { Accept: 'text/event-stream', ...(lastEventId === null ? {} : { 'Last-Event-ID': lastEventId }) };
  return request(`/jobs/${encodeURIComponent(id)}/stream`, { headers, signal });
}

/**
 * Sends a song. XMLHttpRequest, since fetch cannot tell how far an upload is.
 * @param {FormData} form
 * @param {(fraction: number) => void} onProgress
 * @param {AbortSignal} signal
 * @returns {Promise<Job>}
 */
export function upload(form, onProgress, signal) {
  const { promise, resolve, reject } = Promise.withResolvers();
  const call = new XMLHttpRequest();
  call.open('POST', `${ROOT}/upload-audio`);
  call.timeout = UPLOAD_DEADLINE;
  call.setRequestHeader('Authorization', `Bearer ${auth.token()}`);
  call.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total);
  call.onload = () => {
    const body = parsed(call.responseText);
    if (call.status >= 200 && call.status < 300) resolve(body);
    else reject(refusal(call.status, body, call.getResponseHeader('Retry-After')));
  };
  call.onerror = () => reject(unreachable());
  call.ontimeout = () => reject(new Problem(0, { code: 'TIMEOUT', detail: 'The upload took too long and was stopped.' }));
  call.onabort = () => reject(new DOMException('The upload was stopped.', 'AbortError'));
  signal.addEventListener('abort', () => call.abort(), { once: true });
  call.send(form);
  return promise;
}

/**
 * A link of the server as this page may use it. The server names itself by its public address; opened
 * under another of its names (localhost, 127.0.0.1), the page must stay with that one.
 * @param {string} link
 */
export function local(link) {
  const url = new URL(link, location.href);
  return url.pathname.startsWith(ROOT) ? url.pathname + url.search : url.href;
}

/** @param {unknown} error */
export const isAbort = (error) => error instanceof DOMException && error.name === 'AbortError';

/**
 * @param {string} path
 * @param {{ method?: string, headers?: Record<string, string>, body?: string, signal: AbortSignal }} options
 */
async function json(path, { signal, ...options }) {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(DEADLINE)]);
  const response = await request(path, { ...options, signal: limited });
  return response.json();
}

/**
 * @param {string} path
 * @param {{ method?: string, headers?: Record<string, string>, body?: string, signal: AbortSignal }} options
 */
async function request(path, { headers = {}, ...options }) {
  let response;
  try {
    response = await fetch(ROOT + path, {
      ...options,
      cache: 'no-store',
      headers: { Authorization: `Bearer ${auth.token()}`, ...headers },
    });
  } catch (error) {
    if (isAbort(error)) throw error;
    throw unreachable();
  }
  if (response.ok) return response;
  throw refusal(response.status, parsed(await response.text()), response.headers.get('Retry-After'));
}

/** @param {number} status @param {Record<string, any>} body @param {string | null} retryAfter */
function refusal(status, body, retryAfter) {
  if (status === 401) dispatchEvent(new CustomEvent('beatreel:refused'));
  const seconds = Number.parseInt(retryAfter ?? '', 10);
  return new Problem(status, body, Number.isNaN(seconds) ? null : seconds);
}

function unreachable() {
  return new Problem(0, { code: 'UNREACHABLE', detail: 'Beatreel does not answer.' });
}

/** The server writes its reasons as parts of a sentence. @param {string} text */
function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?)]$/.test(text) ? '' : '.');
}

/** @param {string} text @returns {any} */
function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}
