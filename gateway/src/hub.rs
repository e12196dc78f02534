//! Who listens to which job in this process: one reader of EVENTS fans out to all of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

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
    listeners: Arc<Mutex<HashMap<JobId, Vec<Listener>>>>,
}

struct Listener {
    id: u64,
    /// Absent once the listener was cut off; its place is taken until it goes.
    sender: Option<mpsc::Sender<Folded>>,
}

/// A place among a job's listeners, given up on drop.
pub(crate) struct Subscription {
    hub: Hub,
    job: JobId,
    id: u64,
    /// Every event of the job from now on. Ends when the listener fell behind.
    pub(crate) events: mpsc::Receiver<Folded>,
}

impl Hub {
    /// Listens to a job, if it has a place left.
    pub(crate) fn subscribe(&self, job: JobId) -> Result<Subscription, ApiError> {
        let mut listeners = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let of_job = listeners.entry(job).or_default();
        if of_job.len() >= STREAMS_PER_JOB {
            return Err(ApiError::TooManyStreams(STREAMS_PER_JOB));
        }
        let id = of_job
            .iter()
            .map(|listener| listener.id + 1)
            .max()
            .unwrap_or(0);
        let (sender, events) = mpsc::channel(BACKLOG);
        of_job.push(Listener {
            id,
            sender: Some(sender),
        });
        Ok(Subscription {
            hub: self.clone(),
            job,
            id,
            events,
        })
    }

    /// Tells an event to everyone who listens to its job. Whoever is too far behind is cut off.
    pub(crate) fn tell(&self, folded: &Folded) {
        let mut listeners = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let Some(of_job) = listeners.get_mut(&folded.event.job_id) else {
            return;
        };
        for listener in of_job {
            let told = listener
                .sender
                .as_ref()
                .is_some_and(|sender| sender.try_send(folded.clone()).is_ok());
            if !told {
                listener.sender = None;
            }
        }
    }

    fn leave(&self, job: JobId, id: u64) {
        let mut listeners = self
            .listeners
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(of_job) = listeners.get_mut(&job) {
            of_job.retain(|listener| listener.id != id);
            if of_job.is_empty() {
                listeners.remove(&job);
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.leave(self.job, self.id);
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

    fn folded(sequence: u64) -> Folded {
        Folded {
            sequence,
            event: Arc::new(Event {
                job_id: job(),
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
        let mut places: Vec<_> = (0..10).map(|_| hub.subscribe(job()).unwrap()).collect();
        assert!(matches!(
            hub.subscribe(job()),
            Err(ApiError::TooManyStreams(10))
        ));
        places.pop();
        assert!(hub.subscribe(job()).is_ok());
    }

    #[tokio::test]
    async fn a_listener_that_falls_behind_is_cut_off_after_a_part_without_gaps() {
        let hub = Hub::default();
        let mut slow = hub.subscribe(job()).unwrap();
        for sequence in 0..BACKLOG as u64 + 10 {
            hub.tell(&folded(sequence));
        }
        for sequence in 0..BACKLOG as u64 {
            assert_eq!(slow.events.recv().await.unwrap().sequence, sequence);
        }
        assert!(slow.events.recv().await.is_none());
    }
}
