//! Jobs as they were last read: for half a minute, and never longer than they stay as they are.
//!
//! The projector is the only writer of where a job stands, and it drops what it has changed before
//! anybody is told of the change. A row that was read while the projector wrote is not kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use model::JobId;

use crate::job::Job;

/// How long a job is kept (the seed's).
const LIFE: Duration = Duration::from_secs(30);
/// How many jobs are kept: some 3 KB each.
const MOST: usize = 10_000;

/// See above. Clones are one.
#[derive(Clone, Default)]
pub(super) struct Cache(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    jobs: HashMap<JobId, (Instant, Arc<Job>)>,
    /// Rises with every change.
    generation: u64,
}

impl Cache {
    pub(super) fn get(&self, id: JobId) -> Option<Arc<Job>> {
        let kept = self.lock();
        let (since, job) = kept.jobs.get(&id)?;
        (since.elapsed() < LIFE).then(|| Arc::clone(job))
    }

    /// To be asked for before a row is read.
    pub(super) fn generation(&self) -> u64 {
        self.lock().generation
    }

    /// Keeps what was read since `generation`, if nothing has changed meanwhile.
    pub(super) fn keep(&self, generation: u64, job: &Arc<Job>) {
        let mut kept = self.lock();
        if kept.generation != generation {
            return;
        }
        if kept.jobs.len() >= MOST {
            kept.jobs.retain(|_, (since, _)| since.elapsed() < LIFE);
        }
        if kept.jobs.len() < MOST {
            let entry = (Instant::now(), Arc::clone(job));
            kept.jobs.insert(job.brief.id, entry);
        }
    }

    /// Forgets jobs that have changed.
    pub(super) fn drop_jobs(&self, changed: impl IntoIterator<Item = JobId>) {
        let mut kept = self.lock();
        kept.generation += 1;
        for id in changed {
            kept.jobs.remove(&id);
        }
    }

    pub(super) fn clear(&self) {
        let mut kept = self.lock();
        kept.generation += 1;
        kept.jobs.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::contract::{job_of, user};
    use super::*;

    #[test]
    fn what_was_read_before_a_change_is_not_kept_after_it() {
        let cache = Cache::default();
        let job = Arc::new(job_of(user()));
        let id = job.brief.id;
        let before = cache.generation();
        cache.keep(before, &job);
        assert!(cache.get(id).is_some());
        cache.drop_jobs([id]);
        assert!(cache.get(id).is_none());
        cache.keep(before, &job);
        assert!(cache.get(id).is_none());
        cache.keep(cache.generation(), &job);
        assert!(cache.get(id).is_some());
    }
}
