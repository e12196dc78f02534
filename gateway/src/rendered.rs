//! The JSON of jobs that are asked for again and again while they stay as they are: what most of a poll costs.
//!
//! A body belongs to one reading of a job, as the store's cache keeps it: when that changes, or is half a
//! minute old, there is another reading, and what was rendered of the last one is of no more use.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use model::JobId;

use crate::job::Job;

/// How many bodies are kept: some 2 KB each.
const MOST: usize = 10_000;

/// See above. Clones are one.
#[derive(Clone, Default)]
pub(crate) struct Rendered(Arc<Mutex<Bodies>>);

type Bodies = HashMap<JobId, (Arc<Job>, Bytes)>;

impl Rendered {
    /// What was rendered of this very reading.
    pub(crate) fn of(&self, job: &Arc<Job>) -> Option<Bytes> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (reading, body) = kept.get(&job.brief.id)?;
        Arc::ptr_eq(reading, job).then(|| body.clone())
    }

    /// Keeps what was rendered of a reading that the store keeps as well: any other is not seen again.
    pub(crate) fn keep(&self, job: &Arc<Job>, body: &Bytes) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            // Readings that nobody else holds are those that the store has forgotten.
            kept.retain(|_, (reading, _)| Arc::strong_count(reading) > 1);
        }
        if kept.len() < MOST {
            kept.insert(job.brief.id, (Arc::clone(job), body.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::contract::{job_of, user};

    #[test]
    fn a_body_is_of_one_reading_of_a_job() {
        let rendered = Rendered::default();
        let job = Arc::new(job_of(user()));
        let body = Bytes::from_static(b"{}");
        assert!(rendered.of(&job).is_none());
        rendered.keep(&job, &body);
        assert_eq!(rendered.of(&job), Some(body.clone()));
        let again = Arc::new(Job::clone(&job));
        assert!(rendered.of(&again).is_none());
        rendered.keep(&again, &body);
        assert!(rendered.of(&job).is_none());
    }

    #[test]
    fn readings_that_the_store_has_forgotten_make_room() {
        let rendered = Rendered::default();
        let body = Bytes::from_static(b"{}");
        for _ in 0..MOST {
            rendered.keep(&Arc::new(job_of(user())), &body);
        }
        let job = Arc::new(job_of(user()));
        rendered.keep(&job, &body);
        assert!(rendered.of(&job).is_some());
    }
}
