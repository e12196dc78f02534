//! Jobs as they were last read: for half a minute, and never longer than they stay as they are.
//!
//! The projector is the only writer of where a job stands, and it puts what it has changed here before
//! anybody is told of the change. A row that was read while the projector wrote is not kept. Places in the
//! queue are dropped when any job begins or ends, and after a second: another gateway may have seen it first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use model::{JobId, UserId};

use super::Queue;
use crate::job::Job;

/// How long a job is kept (the seed's).
const LIFE: Duration = Duration::from_secs(30);
/// How long a place in the queue is kept.
const QUEUE_LIFE: Duration = Duration::from_secs(1);
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
    queues: HashMap<JobId, (Instant, Queue)>,
    /// Rises when the queue moves.
    moves: u64,
}

impl Kept {
    fn insert(&mut self, job: &Arc<Job>) {
        if self.jobs.len() >= MOST {
            self.jobs.retain(|_, (since, _)| since.elapsed() < LIFE);
        }
        if self.jobs.len() < MOST {
            let entry = (Instant::now(), Arc::clone(job));
            self.jobs.insert(job.brief.id, entry);
        }
    }
}

impl Cache {
    /// The job, for its owner: to anyone else it is not here, as if there were none. An answer that came
    /// faster for a job that is someone else's would tell that it exists.
    pub(super) fn get(&self, user: UserId, id: JobId) -> Option<Arc<Job>> {
        let kept = self.lock();
        let (since, job) = kept.jobs.get(&id)?;
        let counts = since.elapsed() < LIFE && job.brief.user == user;
        counts.then(|| Arc::clone(job))
    }

    /// To be asked for before a row is read.
    pub(super) fn generation(&self) -> u64 {
        self.lock().generation
    }

    /// Keeps what was read since `generation`, if nothing has changed meanwhile.
    pub(super) fn keep(&self, generation: u64, job: &Arc<Job>) {
        let mut kept = self.lock();
        if kept.generation == generation {
            kept.insert(job);
        }
    }

    /// The job, whoever owns it: for the projector.
    pub(super) fn any(&self, id: JobId) -> Option<Arc<Job>> {
        let kept = self.lock();
        let (since, job) = kept.jobs.get(&id)?;
        (since.elapsed() < LIFE).then(|| Arc::clone(job))
    }

    /// Keeps jobs that have changed as they are now.
    pub(super) fn replace(&self, changed: impl IntoIterator<Item = Arc<Job>>) {
        let mut kept = self.lock();
        kept.generation += 1;
        for job in changed {
            kept.jobs.remove(&job.brief.id);
            kept.insert(&job);
        }
    }

    /// A waiting job's place.
    pub(super) fn queue(&self, id: JobId) -> Option<Queue> {
        let kept = self.lock();
        let (since, queue) = kept.queues.get(&id)?;
        (since.elapsed() < QUEUE_LIFE).then_some(*queue)
    }

    /// To be asked for before a place is counted.
    pub(super) fn moves(&self) -> u64 {
        self.lock().moves
    }

    /// Keeps a place that was counted since `moves`, if nothing has moved meanwhile.
    pub(super) fn keep_queue(&self, moves: u64, id: JobId, queue: Queue) {
        let mut kept = self.lock();
        if kept.moves != moves {
            return;
        }
        if kept.queues.len() >= MOST {
            kept.queues
                .retain(|_, (since, _)| since.elapsed() < QUEUE_LIFE);
        }
        if kept.queues.len() < MOST {
            kept.queues.insert(id, (Instant::now(), queue));
        }
    }

    /// Forgets all places.
    pub(super) fn drop_queue(&self) {
        let mut kept = self.lock();
        kept.moves += 1;
        kept.queues.clear();
    }

    pub(super) fn clear(&self) {
        self.drop_queue();
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
        let (owner, id) = (job.brief.user, job.brief.id);
        let before = cache.generation();
        cache.keep(before, &job);
        assert!(cache.get(owner, id).is_some());
        let mut changed = Job::clone(&job);
        changed.state.progress = 50;
        cache.replace([Arc::new(changed)]);
        let progress = || cache.get(owner, id).map(|job| job.state.progress);
        assert_eq!(progress(), Some(50));
        cache.keep(before, &job);
        assert_eq!(progress(), Some(50));
        cache.clear();
        cache.keep(before, &job);
        assert_eq!(progress(), None);
        cache.keep(cache.generation(), &job);
        assert_eq!(progress(), Some(0));
    }

    #[test]
    fn a_strangers_question_takes_the_same_way_as_one_for_a_job_that_is_not_there() {
        let cache = Cache::default();
        let job = Arc::new(job_of(user()));
        cache.keep(cache.generation(), &job);
        assert!(cache.get(user(), job.brief.id).is_none());
        assert!(cache.get(job.brief.user, job.brief.id).is_some());
    }

    #[test]
    fn a_place_is_kept_until_the_queue_moves() {
        let cache = Cache::default();
        let id = job_of(user()).brief.id;
        let queue = Queue {
            position: 3,
            estimated_wait: None,
        };
        let before = cache.moves();
        cache.keep_queue(before, id, queue);
        assert_eq!(cache.queue(id), Some(queue));
        cache.drop_queue();
        assert_eq!(cache.queue(id), None);
        cache.keep_queue(before, id, queue);
        assert_eq!(cache.queue(id), None);
    }
}
