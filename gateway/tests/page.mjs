// The page, end to end, in a real Chromium: a song goes in by the form, and a film comes out that plays.
//
//   node gateway/tests/page.mjs <base url> <token> <song> <screenshot.png>
//
// Needs playwright-core in the node_modules of the current directory (npm install playwright-core), and a
// Chromium on the PATH or named by CHROMIUM. Ends with 0 only if the film played, downloads, and the page
// broke none of its own rules.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';

const { chromium } = createRequire(join(process.cwd(), 'here.js'))('playwright-core');

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
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByText('Download the film').click()]);
  assert.equal(await download.failure(), null, 'the download failed');
  await survivesReload(page);
  await page.screenshot({ path: screenshot, fullPage: true });
  assert.deepEqual(complaints, []);
  console.log(JSON.stringify({ job: page.url(), ...film, download: download.suggestedFilename() }));
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
  await page.selectOption('#style', 'golden_hour');
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

/** A reload shows what was shown before: the film, every step done, what was heard. */
async function survivesReload(page) {
  await page.reload();
  await page.waitForSelector('.player video[src]');
  await page.waitForFunction(() => document.querySelectorAll('.stages [data-status="completed"]').length === 6);
  await page.waitForSelector('.timeline .section');
}

function browserPath() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  const places = (process.env.PATH ?? '').split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
  const found = places.find(existsSync);
  if (!found) throw new Error('no Chromium on the PATH; name one by CHROMIUM');
  return found;
}
