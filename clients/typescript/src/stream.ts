import { type Frame, frames } from './frames.js';
import { Refusal } from './refusal.js';

/** An event of a job. The first one of a stream is the whole state of the job. */
export interface JobEvent {
  /** `progress`, `stage_update`, `message`, `cost_update`, `completed`, `error`, … */
  type: string;
  /** What a later stream resumes behind. */
  id: string | null;
  data: Record<string, unknown>;
}

export interface StreamOptions {
  /** Resume behind this event. */
  after?: string;
  /** Ends the stream. */
  signal?: AbortSignal;
  /** Told whenever the line is made or lost. */
  onConnection?: (connected: boolean) => void;
}

/** Opens a stream behind the event with that id. */
export type Open = (lastId: string | null, signal: AbortSignal) => Promise<Response>;

/** The gateway says something every 15 seconds; after three times that the line is dead. */
const SILENCE = 45_000;
const FIRST_DELAY = 1_000;
const LONGEST_DELAY = 30_000;

/** A job's events until its last, over as many connections as it takes, without a gap or a repeat. */
export async function* stream(open: Open, options: StreamOptions): AsyncGenerator<JobEvent, void, undefined> {
  const { signal, onConnection } = options;
  let lastId = options.after ?? null;
  let delay = FIRST_DELAY;
  for (let failures = 0; !signal?.aborted; failures += 1) {
    let wait: number | null = null;
    try {
      for await (const frame of connection(open, lastId, signal, onConnection)) {
        failures = 0;
        delay = frame.retry ?? delay;
        lastId = frame.id ?? lastId;
        if (frame.data === '' || frame.event === 'heartbeat') continue;
        yield { type: frame.event, id: frame.id, data: JSON.parse(frame.data) as Record<string, unknown> };
        if (frame.event === 'completed' || frame.event === 'error') return;
      }
    } catch (error) {
      if (error === ENDED || signal?.aborted) return;
      if (error instanceof Refusal && !error.retryable) throw error;
      wait = error instanceof Refusal && error.retryAfter !== null ? error.retryAfter * 1000 : null;
    }
    onConnection?.(false);
    const backOff = Math.min(delay * 2 ** failures, LONGEST_DELAY);
    await pause(wait ?? backOff * (0.5 + Math.random() / 2), signal);
  }
}

/** The job has ended and its last event was seen. */
const ENDED = new Error('the job has ended');

async function* connection(
  open: Open,
  lastId: string | null,
  signal: AbortSignal | undefined,
  onConnection: ((connected: boolean) => void) | undefined,
): AsyncGenerator<Frame, void, undefined> {
  const silence = new AbortController();
  const stop = () => silence.abort();
  signal?.addEventListener('abort', stop, { once: true });
  let timer = setTimeout(stop, SILENCE);
  try {
    const answer = await open(lastId, silence.signal);
    if (answer.status === 204) throw ENDED;
    if (!answer.ok) throw await Refusal.of(answer);
    if (!answer.body) throw new Error('the stream has no body');
    onConnection?.(true);
    const heard = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        clearTimeout(timer);
        timer = setTimeout(stop, SILENCE);
        controller.enqueue(chunk);
      },
    });
    yield* frames(answer.body.pipeThrough(heard));
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
    stop();
  }
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
