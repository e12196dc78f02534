// A film by the client, on a running gateway: node film.mjs BASE_URL TOKEN SONG.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

import { Beatreel, Refusal } from '../dist/index.js';

const [baseUrl, token, song] = process.argv.slice(2);
const prompt = 'A neon city at night in the rain, slow camera, blue and magenta light';

// Cuts every connection of a stream after its third chunk, so that the client has to resume.
let connections = 0;
const cutting = async (...request) => {
  const answer = await fetch(...request);
  if (!answer.headers.get('content-type')?.startsWith('text/event-stream')) return answer;
  connections += 1;
  let left = 3;
  const cut = new TransformStream({
    transform(chunk, controller) {
      controller.enqueue(chunk);
      left -= 1;
      if (left === 0) controller.error(new Error('cut'));
    },
  });
  return new Response(answer.body.pipeThrough(cut), { status: answer.status, headers: answer.headers });
};

const client = new Beatreel({ baseUrl, token: async () => token, fetch: cutting });
assert.equal((await client.health()).status, 'healthy');
assert.equal((await client.quote(180)).within_limit, true);
assert.equal((await client.quote(180, { resolution: '2160p', fps: '60', max_cost: 5 })).limit, 5);
await assert.rejects(client.job('0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f'), (error) => (
  error instanceof Refusal && error.status === 404 && error.slug === 'job-not-found'
));

const options = { filename: 'song.wav', resolution: '480p', aspectRatio: '1:1', fps: '24', idempotencyKey: crypto.randomUUID() };
const audio = new Blob([await readFile(song)]);
const accepted = await client.upload(audio, prompt, options);
assert.equal((await client.upload(audio, prompt, options)).job_id, accepted.job_id);

const seen = [];
let progress = 0;
for await (const event of client.events(accepted.job_id)) {
  if (event.id !== null) seen.push(Number(event.id));
  if (event.type === 'progress') {
    assert.ok(event.data.progress >= progress, `progress fell from ${progress}`);
    progress = event.data.progress;
  }
  if (event.type === 'completed' || event.type === 'error') assert.equal(event.type, 'completed', JSON.stringify(event));
}
assert.ok(seen.every((id, index) => index === 0 || id > seen[index - 1]), 'an event came twice or out of order');
assert.ok(connections > 1, 'nothing was cut');

const job = await client.finished(accepted.job_id);
assert.equal(job.status, 'completed');
assert.deepEqual([job.options.width, job.options.height, job.options.fps], [480, 480, '24']);
const { download_url: link, filename } = await client.download(job.job_id);
assert.equal(filename, `music_video_${job.job_id}.mp4`);
const head = await fetch(link, { headers: { range: 'bytes=0-15' } });
assert.equal(head.status, 206);
assert.equal(Buffer.from(await head.arrayBuffer()).subarray(4, 8).toString(), 'ftyp');
const found = [];
for await (const one of client.allJobs({ limit: 1 })) found.push(one.job_id);
assert.ok(found.includes(job.job_id));
console.log(`a film by the client, over ${connections} connections: ${seen.length} events`);
