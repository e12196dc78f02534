import { Refusal } from './refusal.js';
import type {
  Accepted, AspectRatio, Cancelled, DeliveryLog, Download, ForkRequest, Forked, FrameRate, Health, JobList, JobStatus, JobView, Lettering, Quality, Quote,
  QuoteRequest, Resolution, Style, VersionList, WebhookSecret,
} from './schema.js';
import { type JobEvent, type StreamOptions, stream } from './stream.js';

export interface Options {
  /** Where the gateway is, such as `https://video.example.org`. */
  baseUrl: string;
  /** A bearer token, or how to get one; it is asked for before every request. */
  token: string | (() => string | Promise<string>);
  /** Another `fetch` than the platform's. */
  fetch?: typeof fetch;
}

export interface RequestOptions {
  signal?: AbortSignal;
}

export interface ForkOptions extends RequestOptions {
  /** Sent again with the same change it gives the same pass. */
  idempotencyKey?: string;
}

export interface UploadOptions extends RequestOptions {
  title?: string;
  resolution?: Resolution;
  aspectRatio?: AspectRatio;
  /** Further shapes in which the film is made from the same plan. */
  outputs?: AspectRatio[];
  fps?: FrameRate;
  quality?: Quality;
  /** A named look; colours of the sentence still lead. */
  style?: Style;
  lettering?: Lettering;
  seed?: number | bigint;
  /** What the job may cost at most, in dollars. */
  maxCost?: number;
  /** The tempo as you hear it: half or double of what is heard, or beats a minute. */
  tempo?: 'half' | 'double' | number;
  /** Seconds by which beats fall later than they are heard. */
  beatOffset?: number;
  /** Beats by which bars open later than they are heard. */
  downbeatShift?: number;
  beatsPerBar?: number;
  /** The words as LRC, SRT or plain lines; or `transcribe`, to have them heard by a provider. */
  lyrics?: string | Blob;
  webhookUrl?: string;
  /** The name of the file, where the song is no `File`. */
  filename?: string;
  /** Sent again with the same song and sentence it gives the same job. */
  idempotencyKey?: string;
  /** Such as `15m`: cancels the job if it has not ended by then. */
  cancelAfter?: string;
}

/** Options of an upload, and the fields of the form that they are sent in. */
const FIELDS = [
  ['title', 'title'],
  ['resolution', 'resolution'],
  ['aspectRatio', 'aspect_ratio'],
  ['outputs', 'outputs'],
  ['fps', 'fps'],
  ['quality', 'quality'],
  ['style', 'style'],
  ['lettering', 'lettering'],
  ['seed', 'seed'],
  ['maxCost', 'max_cost'],
  ['tempo', 'tempo'],
  ['beatOffset', 'beat_offset'],
  ['downbeatShift', 'downbeat_shift'],
  ['beatsPerBar', 'beats_per_bar'],
  ['webhookUrl', 'webhook_url'],
] as const satisfies ReadonlyArray<readonly [keyof UploadOptions, string]>;

export interface ListOptions extends RequestOptions {
  status?: JobStatus;
  /** Jobs a page, 1–50. */
  limit?: number;
  /** The `next_cursor` of the page before. */
  cursor?: string;
}

/** The API of one gateway, for one user. Works in browsers and in Node.js 20 and later. */
export class Beatreel {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = { ...options, baseUrl: options.baseUrl.replace(/\/+$/, '') };
  }

  /** Uploads a song; it is accepted for good once this returns. */
  upload(song: Blob, prompt: string, options: UploadOptions = {}): Promise<Accepted> {
    const form = new FormData();
    if (options.filename === undefined) form.set('audio_file', song);
    else form.set('audio_file', song, options.filename);
    form.set('user_prompt', prompt);
    if (typeof options.lyrics === 'string') form.set('lyrics', options.lyrics);
    else if (options.lyrics !== undefined) form.set('lyrics', options.lyrics, 'lyrics.txt');
    for (const [option, field] of FIELDS) {
      const value = options[option];
      if (value !== undefined) form.set(field, String(value));
    }
    const headers: Record<string, string> = {};
    if (options.idempotencyKey !== undefined) headers['idempotency-key'] = `"${options.idempotencyKey}"`;
    if (options.cancelAfter !== undefined) headers['cancel-after'] = options.cancelAfter;
    return this.#json('POST', '/upload-audio', { body: form, headers, ...only(options) });
  }

  /** What a song of that many seconds will cost, as a film of that kind. */
  quote(duration: number, film: Omit<QuoteRequest, 'duration'> = {}, options: RequestOptions = {}): Promise<Quote> {
    const headers = { 'content-type': 'application/json' };
    return this.#json('POST', '/quotes', { body: JSON.stringify({ duration, ...film }), headers, ...only(options) });
  }

  /** The whole state of a job. */
  job(id: string, options: RequestOptions = {}): Promise<JobView> {
    return this.#json('GET', `/jobs/${encodeURIComponent(id)}`, only(options));
  }

  /** A page of your jobs, newest first. */
  jobs(options: ListOptions = {}): Promise<JobList> {
    const query = new URLSearchParams();
    for (const name of ['status', 'limit', 'cursor'] as const) {
      const value = options[name];
      if (value !== undefined) query.set(name, String(value));
    }
    return this.#json('GET', `/jobs?${query}`, only(options));
  }

  /** All of your jobs, newest first, page by page. */
  async *allJobs(options: Omit<ListOptions, 'cursor'> = {}): AsyncGenerator<JobView, void, undefined> {
    let page = await this.jobs(options);
    for (;;) {
      yield* page.jobs;
      if (!page.next_cursor) return;
      page = await this.jobs({ ...options, cursor: page.next_cursor });
    }
  }

  /** Stops a job. */
  cancel(id: string, options: RequestOptions = {}): Promise<Cancelled> {
    return this.#json('POST', `/jobs/${encodeURIComponent(id)}/cancel`, only(options));
  }

  /** Makes one clip (from 0) of a finished film anew; the job goes on as its next pass. */
  fork(id: string, clip: number, change: Omit<ForkRequest, 'from' | 'clip'> = {}, options: ForkOptions = {}): Promise<Forked> {
    const headers: Record<string, string> = { 'content-type': 'application/json' };
    if (options.idempotencyKey !== undefined) headers['idempotency-key'] = `"${options.idempotencyKey}"`;
    const body = JSON.stringify({ from: 'video_generator', clip, ...change });
    return this.#json('POST', `/jobs/${encodeURIComponent(id)}/fork`, { body, headers, ...only(options) });
  }

  /** The versions of a film, the first first. */
  versions(id: string, options: RequestOptions = {}): Promise<VersionList> {
    return this.#json('GET', `/jobs/${encodeURIComponent(id)}/versions`, only(options));
  }

  /** Shows another version of a film. */
  selectVersion(id: string, run: number, options: RequestOptions = {}): Promise<VersionList> {
    return this.#json('POST', `/jobs/${encodeURIComponent(id)}/versions/${run}/select`, only(options));
  }

  /** A link to the finished film that needs no token, good for an hour. */
  download(id: string, options: RequestOptions = {}): Promise<Download> {
    return this.#json('GET', `/jobs/${encodeURIComponent(id)}/download`, only(options));
  }

  /** A job's events until its last; resumes by itself. */
  events(id: string, options: StreamOptions = {}): AsyncGenerator<JobEvent, void, undefined> {
    const open = (lastId: string | null, signal: AbortSignal) => this.#send(
      'GET',
      `/jobs/${encodeURIComponent(id)}/stream`,
      { headers: lastId === null ? {} : { 'last-event-id': lastId }, signal },
    );
    return stream(open, options);
  }

  /** Waits for the end of a job, and gives the job as it ended. */
  async finished(id: string, options: StreamOptions = {}): Promise<JobView> {
    for await (const event of this.events(id, options)) void event;
    return this.job(id, options.signal ? { signal: options.signal } : {});
  }

  /** What the job's webhook was told, and what it answered. */
  webhookDeliveries(id: string, options: RequestOptions = {}): Promise<DeliveryLog> {
    return this.#json('GET', `/jobs/${encodeURIComponent(id)}/webhooks`, only(options));
  }

  /** What your webhooks are signed with. */
  webhookSecret(options: RequestOptions = {}): Promise<WebhookSecret> {
    return this.#json('GET', '/webhook-secret', only(options));
  }

  /** What is up, and how much there is to do; also where something is down. */
  async health(options: RequestOptions = {}): Promise<Health> {
    const answer = await this.#send('GET', '/health', only(options));
    return (await answer.json()) as Health;
  }

  async #json<T>(method: string, path: string, init: RequestInit): Promise<T> {
    const answer = await this.#send(method, path, init);
    if (!answer.ok) throw await Refusal.of(answer);
    return (await answer.json()) as T;
  }

  async #send(method: string, path: string, init: RequestInit): Promise<Response> {
    const { baseUrl, token, fetch: send = globalThis.fetch } = this.#options;
    const headers = new Headers(init.headers);
    headers.set('authorization', `Bearer ${typeof token === 'string' ? token : await token()}`);
    return send(`${baseUrl}/api/v1${path}`, { ...init, method, headers });
  }
}

/** The signal alone: what else the options hold is no business of `fetch`. */
function only(options: { signal?: AbortSignal }): RequestInit {
  return options.signal ? { signal: options.signal } : {};
}
