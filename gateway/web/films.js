// The user's films, newest first; kept fresh while one is in the making.

import { listJobs, isAbort } from './api.js';
import { every, h, say, setAttribute } from './dom.js';
import { isEnd } from './job-state.js';
import * as words from './words.js';

const PAGE = 10;
const FRESHEN_EVERY = 5_000;

/** @param {AbortSignal} signal */
export function filmList(signal) {
  const list = h('ul', { class: 'films', role: 'list' });
  const note = h('p', { class: 'quiet-text', role: 'status' }, 'Loading …');
  const more = h('button', { type: 'button', class: 'quiet', hidden: true }, 'Show older films');
  /** @type {Map<string, ReturnType<typeof row>>} */
  const rows = new Map();
  let shown = PAGE;
  let isLive = false;

  const load = async () => {
    try {
      const { jobs, total } = await gather(shown, signal);
      // Rows are kept and moved only where needed, so that focus stays where it is.
      jobs.forEach((job, index) => {
        const known = rows.get(job.job_id) ?? row(job.job_id);
        rows.set(job.job_id, known);
        known.update(job);
        if (list.children[index] !== known.element) list.insertBefore(known.element, list.children[index] ?? null);
      });
      more.hidden = jobs.length >= total;
      isLive = jobs.some((job) => !isEnd(job.status));
      say(note, total === 0 ? 'None yet. The first one will appear here.' : '');
    } catch (error) {
      if (isAbort(error) || signal.aborted) return;
      say(note, `Your films cannot be shown: ${/** @type {Error} */ (error).message}`);
      isLive = true;
    }
  };

  more.addEventListener('click', () => {
    shown += PAGE;
    void load();
  });
  every(FRESHEN_EVERY, signal, () => {
    if (isLive && !document.hidden) void load();
  });
  void load();
  return h('section', { class: 'earlier', 'aria-labelledby': 'earlier' },
    h('h2', { id: 'earlier' }, 'Your films'), note, list, more);
}

/** @param {number} count @param {AbortSignal} signal */
async function gather(count, signal) {
  const jobs = [];
  let total = 0;
  for (let offset = 0; offset < count; offset += PAGE) {
    const page = await listJobs(PAGE, offset, signal);
    jobs.push(...page.jobs);
    total = page.total;
    if (jobs.length >= total) break;
  }
  return { jobs, total };
}

/** @param {string} id */
function row(id) {
  const title = h('span', { class: 'film-title' });
  const prompt = h('span', { class: 'film-prompt' });
  const status = h('span', { class: 'status' });
  const when = h('span', { class: 'film-when' });
  const bar = h('progress', { max: 100, 'aria-label': 'Progress' });
  const element = h('li', {},
    h('a', { href: `#/jobs/${id}`, class: 'film' }, title, prompt,
      h('span', { class: 'film-foot' }, status, when)), bar);
  /** @param {import('./api.js').Job} job */
  const update = (job) => {
    const isRunning = job.status === 'processing';
    say(title, words.title(job));
    say(prompt, job.user_prompt ?? '');
    say(status, isRunning ? `${words.jobStatus(job.status)}, ${job.progress} %` : words.jobStatus(job.status));
    setAttribute(status, 'data-status', job.status);
    say(when, words.ago(job.created_at));
    bar.hidden = !isRunning;
    bar.value = job.progress;
  };
  return { element, update };
}
