// The parts of the page that need no browser: node --test gateway/tests/

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { find, withoutToken } from '../web/auth.js';
import { FrameParser } from '../web/events.js';
import { chosen, otherShapes } from '../web/film-options.js';
import { readPlaylist } from '../web/job-live.js';
import { begin, foldEvent, foldState } from '../web/job-state.js';
import { clock, span } from '../web/words.js';

const STREAM = 'retry: 2000\n: hello\n\nid: 7\nevent: message\ndata: {"text":\ndata: "ä"}\n\nevent: heartbeat\r\ndata: {}\r\n\r\n';

test('a stream cut anywhere is read the same', () => {
  const whole = [...new FrameParser().push(STREAM)];
  assert.deepEqual(whole, [
    { event: 'message', data: '', id: null, retry: 2000 },
    { event: 'message', data: '{"text":\n"ä"}', id: '7', retry: null },
    { event: 'heartbeat', data: '{}', id: null, retry: null },
  ]);
  for (let cut = 1; cut < STREAM.length; cut += 1) {
    const parser = new FrameParser();
    assert.deepEqual([...parser.push(STREAM.slice(0, cut)), ...parser.push(STREAM.slice(cut))], whole, `cut at ${cut}`);
  }
});

const event = (id, type, data) => ({ id: String(id), type, data: { timestamp: '2026-11-23T16:00:00Z', ...data } });
const progress = (id, percent) => event(id, 'progress', { stage: 'video_generator', progress: percent, total_cost: 0 });
const ready = (id, clip, completed) => event(id, 'video_generation_complete', { clip_index: clip, completed_clips: completed, total_clips: 3 });
const after = (...events) => events.reduce(foldEvent, begin('job'));

test('an event told twice counts once', () => {
  const line = event(4, 'message', { stage: 'composer', text: 'Joining' });
  assert.equal(after(line, line).log.length, 1);
});

test('progress never goes back', () => {
  assert.equal(after(progress(1, 50), progress(2, 40)).progress, 50);
});

test('clips fill in whatever order they come', () => {
  const view = after(ready(1, 2, 1), ready(2, 0, 2), event(3, 'video_generation_start', { clip_index: 2, total_clips: 3 }));
  assert.deepEqual(view.clips.map((clip) => clip.status), ['done', 'waiting', 'done']);
  assert.equal(view.clipsDone, 2);
});

test('nothing follows the end', () => {
  const cancelled = event(1, 'error', { error: 'cancelled', code: 'JOB_CANCELLED', retryable: false });
  const completed = event(2, 'completed', { clips: 3, total_cost: 0 });
  const view = after(cancelled, completed, progress(3, 60));
  assert.equal(view.status, 'cancelled');
  assert.equal(foldState(view, { job_id: 'job', status: 'processing', progress: 60, created_at: '' }).status, 'cancelled');
});

test('a film that is changed goes on with the clips that are made anew', () => {
  const completed = event(4, 'completed', { clips: 3, total_cost: 0, run: 1 });
  const begun = event(5, 'run_started', { run: 2, clips: [1] });
  const view = after(ready(1, 0, 1), ready(2, 1, 2), ready(3, 2, 3), completed, begun);
  assert.deepEqual([view.status, view.run, view.clipsDone], ['processing', 2, 2]);
  assert.deepEqual(view.clips.map((clip) => clip.status), ['done', 'waiting', 'done']);
  // A page that is opened now hears the end of the first pass only after the state of the second.
  const state = { job_id: 'job', run: 2, status: 'processing', progress: 83, created_at: '' };
  assert.equal(foldEvent(foldState(begin('job'), state), completed).status, 'processing');
});

test('the whole state does not hide events that are replayed after it', () => {
  const state = event(9, 'progress', { job_id: 'job', status: 'processing', progress: 45, created_at: '2026-11-23T16:00:00Z', stages: {} });
  assert.equal(after(state, event(3, 'message', { stage: 'composer', text: 'early' })).log.length, 1);
});

test('a token is found bare and in an address, and nowhere else', () => {
  assert.equal(find(' aa.bb.cc\n'), 'aa.bb.cc');
  assert.equal(find('http://localhost:8000/#token=aa.bb.cc'), 'aa.bb.cc');
  assert.equal(find('#/jobs/1'), null);
  assert.equal(find('aa.bb'), null);
});

test('an address without its token still names its view', () => {
  assert.equal(withoutToken('#token=aa.bb.cc'), '#/');
  assert.equal(withoutToken('#/jobs/1?token=aa.bb.cc'), '#/jobs/1');
});

test('times are said as people say them', () => {
  assert.deepEqual([0, 61, 3725].map(clock), ['0:00', '1:01', '1:02:05']);
  assert.deepEqual([1, 41, 90, 7200].map(span), ['1 second', '45 seconds', '2 minutes', '2 hours']);
});

test('only what was changed is asked for', () => {
  assert.deepEqual(
    chosen([['fps', '30', '30'], ['aspect_ratio', '9:16', '16:9'], ['title', '', ''], ['style', 'noir', '']]),
    [['aspect_ratio', '9:16'], ['style', 'noir']],
  );
});

test('a playlist tells what can be played, and whether that is all', () => {
  const begun = '#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n#EXTINF:2.000000,\n0.m4s\n#EXTINF:1.500000,\n1.m4s\n';
  const segments = [{ name: '0.m4s', seconds: 2 }, { name: '1.m4s', seconds: 1.5 }];
  assert.deepEqual(readPlaylist(begun), { segments, isWhole: false });
  assert.deepEqual(readPlaylist(`${begun}#EXT-X-ENDLIST\n`), { segments, isWhole: true });
  assert.deepEqual(readPlaylist(''), { segments: [], isWhole: false });
});

test("a film's own shape is none of its other shapes", () => {
  assert.equal(otherShapes(['16:9', '9:16', '1:1'], '9:16'), '16:9,1:1');
  assert.equal(otherShapes([], '16:9'), '');
});
