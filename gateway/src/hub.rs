//! Who listens to which jobs in this process: one reader of EVENTS fans out to all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::JobId;
use tokio::sync::mpsc;

use crate::error::ApiError;
use crate::store::Folded;

/// How many streams a job may have in one process.
pub(crate) const STREAMS_PER_JOB: usize = 10;
/// How many events a listener may be behind before it is cut off; it resumes from its last id.
const BACKLOG: usize = 512;

/// The listeners, by job.
#[derive(Clone, Default)]
pub(crate) struct Hub {
    places: Arc<Mutex<Places>>,
}

#[derive(Default)]
struct Places {
    /// The lines that listen to each job.
    of_job: HashMap<JobId, Vec<u64>>,
    /// Absent once a listener was cut off; its places are taken until it goes.
    lines: HashMap<u64, Option<mpsc::Sender<Folded>>>,
    last_line: u64,
    told: Option<u64>,
}

/// A place among the listeners of each of some jobs, given up on drop.
pub(crate) struct Subscription {
    hub: Hub,
    jobs: Vec<JobId>,
    line: u64,
    /// The sequence up to which everything had been told when this began; what comes is behind it. None
    /// while the reader has not begun.
    pub(crate) told: Option<u64>,
    /// Every event of the jobs from now on, in the order of the stream. Ends when the listener fell behind.
    pub(crate) events: mpsc::Receiver<Folded>,
}

impl Hub {
    /// Listens to jobs, if all of them have a place left.
    pub(crate) fn subscribe(&self, jobs: &[JobId]) -> Result<Subscription, ApiError> {
        let mut places = self.places();
        let is_full = |job| {
            let taken = places.of_job.get(job).map_or(0, Vec::len);
            taken >= STREAMS_PER_JOB
        };
        if jobs.iter().any(is_full) {
            return Err(ApiError::TooManyStreams(STREAMS_PER_JOB));
        }
        places.last_line += 1;
        let line = places.last_line;
        let (sender, events) = mpsc::channel(BACKLOG);
        places.lines.insert(line, Some(sender));
        for job in jobs {
            places.of_job.entry(*job).or_default().push(line);
        }
        Ok(Subscription {
            hub: self.clone(),
            jobs: jobs.to_owned(),
            line,
            told: places.told,
            events,
        })
    }

    /// The reader begins, or begins again, behind `position`: what lies before is not told any more.
    pub(crate) fn begins_behind(&self, position: u64) {
        self.places().told = Some(position);
    }

    /// Tells an event to everyone who listens to its job. Whoever is too far behind is cut off.
    pub(crate) fn tell(&self, folded: &Folded) {
        let mut places = self.places();
        let Places {
            of_job,
            lines,
            told,
            ..
        } = &mut *places;
        *told = Some(folded.sequence);
        for line in of_job.get(&folded.event.job_id).into_iter().flatten() {
            let Some(sender) = lines.get_mut(line) else {
                continue;
            };
            let heard = sender
                .as_ref()
                .is_some_and(|sender| sender.try_send(folded.clone()).is_ok());
            if !heard {
                *sender = None;
            }
        }
    }

    /// How many streams are open in this process.
    pub(crate) fn streams(&self) -> usize {
        self.places().lines.len()
    }

    fn leave(&self, jobs: &[JobId], line: u64) {
        let mut places = self.places();
        places.lines.remove(&line);
        for job in jobs {
            if let Some(lines) = places.of_job.get_mut(job) {
                lines.retain(|other| *other != line);
                if lines.is_empty() {
                    places.of_job.remove(job);
                }
            }
        }
    }

    fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.leave(&self.jobs, self.line);
    }
}

#[cfg(test)]
mod tests {
    use model::{Event, EventBody, RunNumber, StageKind};
    use time::OffsetDateTime;

    use super::*;

    fn job() -> JobId {
        "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f".parse().unwrap()
    }

    fn other() -> JobId {
        "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e10".parse().unwrap()
    }

    fn folded(job_id: JobId, sequence: u64) -> Folded {
        Folded {
            sequence,
            event: Arc::new(Event {
                job_id,
                run: RunNumber::FIRST,
                timestamp: OffsetDateTime::UNIX_EPOCH,
                body: EventBody::Message {
                    text: "hello".to_owned(),
                    stage: StageKind::Composer,
                },
            }),
        }
    }

    #[test]
    fn the_eleventh_listener_waits_for_a_place() {
        let hub = Hub::default();
        let mut places: Vec<_> = (0..10).map(|_| hub.subscribe(&[job()]).unwrap()).collect();
        for jobs in [vec![job()], vec![other(), job()]] {
            assert!(matches!(
                hub.subscribe(&jobs),
                Err(ApiError::TooManyStreams(10))
            ));
        }
        places.pop();
        assert!(hub.subscribe(&[other(), job()]).is_ok());
        drop(places);
        assert_eq!(hub.streams(), 0);
        assert!(hub.places().of_job.is_empty());
    }

    #[tokio::test]
    async fn a_listener_that_falls_behind_is_cut_off_after_a_part_without_gaps() {
        let hub = Hub::default();
        let mut slow = hub.subscribe(&[other(), job()]).unwrap();
        for sequence in 0..BACKLOG as u64 {
            hub.tell(&folded(job(), sequence));
        }
        hub.tell(&folded(other(), 1000));
        for sequence in 0..BACKLOG as u64 {
            assert_eq!(slow.events.recv().await.unwrap().sequence, sequence);
            // There is room again, but what comes now would be behind a gap.
            hub.tell(&folded(job(), 2000));
        }
        assert!(slow.events.recv().await.is_none());
    }

    #[tokio::test]
    async fn a_listener_knows_what_had_been_told_before_it() {
        let hub = Hub::default();
        assert_eq!(hub.subscribe(&[job()]).unwrap().told, None);
        hub.begins_behind(7);
        assert_eq!(hub.subscribe(&[job()]).unwrap().told, Some(7));
        hub.tell(&folded(other(), 9));
        let mut both = hub.subscribe(&[job(), other()]).unwrap();
        assert_eq!(both.told, Some(9));
        hub.tell(&folded(job(), 10));
        hub.tell(&folded(other(), 11));
        assert_eq!(both.events.recv().await.unwrap().sequence, 10);
        assert_eq!(both.events.recv().await.unwrap().sequence, 11);
    }
}
