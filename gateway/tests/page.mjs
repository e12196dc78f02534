// The page, end to end, in a real Chromium: a song goes in by the form, and a film comes out that plays.
//
//   node gateway/tests/page.mjs <base url> <token> <song> <screenshot.png>
//
// Needs playwright-core and hls.js in the node_modules of the current directory, a Chromium on the PATH or
// named by CHROMIUM, and an ffmpeg on the PATH or named by FFMPEG_BIN. Ends with 0 only if the film played, downloads, and the page
// broke none of its own rules.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';

const require = createRequire(join(process.cwd(), 'here.js'));
const { chromium } = require('playwright-core');

const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const PROMPT = 'Blue mountain ridges at dawn, mist in the valleys, the first light turning the peaks to gold.';
const FILM_WITHIN = 10 * 60_000;

const [base, token, song, screenshot] = process.argv.slice(2);
if (!base || !token || !song || !screenshot) {
  console.error('usage: node page.mjs <base url> <token> <song> <screenshot.png>');
  process.exit(2);
}

const browser = await chromium.launch({ executablePath: browserPath(), args: FLAGS });
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  const complaints = listen(page);
  await page.goto(`${base}#token=${token}`);
  await upload(page);
  await page.waitForSelector('.player video[src]', { timeout: FILM_WITHIN });
  const film = await play(page);
  assert.deepEqual([film.width, film.height], [480, 600], 'the shape that was asked for');
  const words = await readsAlong(page);
  const others = await otherFilms(page);
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByText('Download the film').click()]);
  assert.equal(await download.failure(), null, 'the download failed');
  await survivesReload(page);
  await page.screenshot({ path: screenshot, fullPage: true });
  const live = await watchesWhileItIsMade(page);
  assert.deepEqual(complaints, []);
  console.log(JSON.stringify({ job: page.url(), ...film, words, others, download: download.suggestedFilename(), live }));
} finally {
  await browser.close();
}

/** Collects what goes wrong in the page: exceptions, and whatever the content security policy stops. */
function listen(page) {
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (line) => {
    if (line.type() === 'error') complaints.push(line.text());
  });
  return complaints;
}

async function upload(page) {
  await page.waitForSelector('#prompt');
  assert.ok(!page.url().includes('token'), 'the token stays in the address bar');
  await page.setInputFiles('#song', song);
  await page.fill('#prompt', PROMPT);
  await page.click('summary');
  await page.selectOption('#resolution', '480p');
  await page.selectOption('#aspect_ratio', '4:5');
  await page.selectOption('#fps', '25');
  assert.ok(await page.isDisabled('#also-4-5'), 'the own shape is no other one');
  await page.check('#also-1-1');
  await page.selectOption('#style', 'golden_hour');
  await page.fill('#lyrics', '[00:01.00]Over the ridges\n[00:04.00]the morning comes');
  await page.getByRole('button', { name: 'Make the film' }).click();
  await page.waitForURL(/#\/jobs\//, { timeout: 60_000 });
}

/** Plays the film until it has got on by a second. */
async function play(page) {
  await page.waitForFunction(() => document.querySelector('video').readyState >= 2);
  await page.evaluate(() => document.querySelector('video').play());
  await page.waitForFunction(() => document.querySelector('video').currentTime > 1);
  return page.evaluate(() => {
    const video = document.querySelector('video');
    video.pause();
    return { width: video.videoWidth, height: video.videoHeight, seconds: video.duration };
  });
}

/** Switches the captions on: the words of the song are there, at their times. */
async function readsAlong(page) {
  await page.waitForSelector('video track[src]', { state: 'attached' });
  return page.evaluate(async () => {
    const { track } = document.querySelector('video track');
    track.mode = 'showing';
    const loaded = document.querySelector('video track');
    if (loaded.readyState < 2) {
      await new Promise((resolve, reject) => {
        loaded.addEventListener('load', resolve);
        loaded.addEventListener('error', () => reject(new Error('the captions cannot be loaded')));
      });
    }
    return [...track.cues].map((cue) => [cue.startTime, cue.getCueAsHTML().textContent.trim()]);
  }).then((cues) => {
    assert.deepEqual(cues, [[1, 'Over the ridges'], [4, 'the morning comes']]);
    return cues.length;
  });
}

/** The shapes of the other films, which can be fetched like the first. */
async function otherFilms(page) {
  const id = page.url().split('/').pop();
  const headers = { authorization: `Bearer ${token}` };
  const job = await (await fetch(`${base}/api/v1/jobs/${id}`, { headers })).json();
  const others = job.options.outputs;
  assert.equal(others.length, 1, JSON.stringify(job.options));
  return others;
}

/** A reload shows what was shown before: the film, every step done, what was heard. */
async function survivesReload(page) {
  await page.reload();
  await page.waitForSelector('.player video[src]');
  await page.waitForFunction(() => document.querySelectorAll('.stages [data-status="completed"]').length === 6);
  await page.waitForSelector('.timeline .section');
}

/**
 * A film is played by our page, by hls.js and by ffmpeg while it is made, and by hls.js to its end after.
 * It has the most pixels that are offered, so that there is time for it.
 */
async function watchesWhileItIsMade(page) {
  const headers = { authorization: `Bearer ${token}` };
  const form = new FormData();
  form.set('audio_file', new Blob([readFileSync(song)]), 'song.wav');
  form.set('user_prompt', PROMPT);
  form.set('resolution', '1080p');
  const uploaded = await fetch(`${base}/api/v1/upload-audio`, { method: 'POST', headers, body: form });
  assert.equal(uploaded.status, 201);
  const { job_id: id } = await uploaded.json();
  const began = Date.now();
  const job = async () => (await fetch(`${base}/api/v1/jobs/${id}`, { headers })).json();
  await page.goto(`${base}#/jobs/${id}`);

  const other = await browser.newContext({ bypassCSP: true });
  const player = await other.newPage();
  await player.goto(`${base}/docs`);
  await player.addScriptTag({ path: require.resolve('hls.js') });
  let link = null;
  for (let tries = 0; !link && tries < 600; tries += 1) {
    link = (await job()).playlist_url;
    if (link && (await fetch(link)).status !== 200) link = null;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.ok(link, 'nothing of the film could be played within two minutes');
  await player.evaluate((url) => {
    const video = document.body.appendChild(document.createElement('video'));
    video.muted = true;
    const hls = new globalThis.Hls({ enableWorker: false });
    globalThis.failures = [];
    hls.on('hlsError', (_, { fatal, details }) => { if (fatal) globalThis.failures.push(details); });
    hls.loadSource(url);
    hls.attachMedia(video);
    video.play();
  }, link);
  const goesOn = () => document.querySelector('video')?.currentTime > 0.5;
  await player.waitForFunction(goesOn, null, { timeout: 60_000 });
  const firstPlayed = (Date.now() - began) / 1000;
  assert.equal((await job()).status, 'processing', 'hls.js plays while the film is made');
  const decoded = spawnSync(process.env.FFMPEG_BIN ?? 'ffmpeg',
    ['-v', 'error', '-nostdin', '-live_start_index', '0', '-t', '1', '-i', link, '-f', 'null', '-'], { encoding: 'utf8' });
  assert.deepEqual([decoded.error, decoded.status, decoded.stderr], [undefined, 0, ''], 'ffmpeg plays it, too');
  await page.waitForSelector('.live:not([hidden]) video', { timeout: 60_000 });
  await page.evaluate(() => { const video = document.querySelector('.live video'); video.muted = true; return video.play(); });
  await page.waitForFunction(() => document.querySelector('.live video').currentTime > 0.3);
  assert.equal((await job()).status, 'processing', 'the page plays while the film is made');

  await page.waitForSelector('.player video[src]', { timeout: FILM_WITHIN });
  await player.waitForFunction(() => {
    const video = document.querySelector('video');
    return Number.isFinite(video.duration) && video.duration > 11.9 && video.buffered.end(video.buffered.length - 1) > 11.9;
  }, null, { timeout: 60_000 });
  assert.deepEqual(await player.evaluate(() => globalThis.failures), []);
  await other.close();
  return { firstPlayed, all: (Date.now() - began) / 1000 };
}

function browserPath() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  const places = (process.env.PATH ?? '').split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
  const found = places.find(existsSync);
  if (!found) throw new Error('no Chromium on the PATH; name one by CHROMIUM');
  return found;
}
