/** One event of `text/event-stream`, as the HTML standard defines them. */
export interface Frame {
  event: string;
  data: string;
  id: string | null;
  /** Milliseconds to wait before a reconnect, where the stream says so. */
  retry: number | null;
}

/** The frames of a body, as they come. A frame that is cut off is dropped, as the standard says. */
export async function* frames(body: ReadableStream<Uint8Array>): AsyncGenerator<Frame, void, undefined> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let unread = '';
  let frame = empty();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      unread += decoder.decode(value, { stream: true });
      // A lone CR at the end may be the first half of a CRLF.
      const lines = unread.split(/\r\n|\n|\r(?!$)/);
      unread = lines.pop() ?? '';
      for (const line of lines) {
        if (line !== '') {
          take(frame, line);
        } else {
          if (frame.event !== '' || frame.data !== '' || frame.retry !== null) yield finished(frame);
          frame = empty();
        }
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

const empty = (): Frame => ({ event: '', data: '', id: null, retry: null });

const finished = (frame: Frame): Frame => ({
  ...frame,
  event: frame.event || 'message',
  data: frame.data.replace(/\n$/, ''),
});

function take(frame: Frame, line: string): void {
  const colon = line.indexOf(':');
  if (colon === 0) return;
  const name = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
  if (name === 'event') frame.event = value;
  if (name === 'data') frame.data += `${value}\n`;
  if (name === 'id' && !value.includes('\0')) frame.id = value;
  if (name === 'retry' && /^\d+$/.test(value)) frame.retry = Number(value);
}
