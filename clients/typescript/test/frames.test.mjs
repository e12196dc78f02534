// The frames of a stream, cut wherever the network likes.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { frames } from '../dist/frames.js';

const TEXT = ': hello\nretry: 2000\n\nid: 7\nevent: progress\ndata: {"a":1}\r\n\r\ndata: two\ndata: lines\n\ndata: cut off';

async function read(chunks) {
  const body = new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
  const found = [];
  for await (const frame of frames(body)) found.push(frame);
  return found;
}

const EXPECTED = [
  { event: 'message', data: '', id: null, retry: 2000 },
  { event: 'progress', data: '{"a":1}', id: '7', retry: null },
  { event: 'message', data: 'two\nlines', id: null, retry: null },
];

test('frames are the same wherever the bytes are cut', async () => {
  const bytes = new TextEncoder().encode(TEXT);
  for (let at = 0; at <= bytes.length; at += 1) {
    assert.deepEqual(await read([bytes.slice(0, at), bytes.slice(at)]), EXPECTED, `cut at ${at}`);
  }
});
