//! The outbox's way out: what was accepted is published, as often as it takes, in the order written.

use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use model::envelope::Envelope;
use model::event::JOB_CANCELLED;
use model::job::StageStatus;
use model::{Event, EventBody, StageKind, TaskId};
use nats::kv::KvError;
use nats::publish::{self, PublishError, Published};
use runtime::Cancellations;
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::error::causes;
use crate::job::Job;
use crate::store::{OutboxEntry, Store, StoreError};

/// How long to wait after trouble.
const PAUSE: Duration = Duration::from_millis(500);
/// How often live jobs are checked for a first message that was lost with its stream, and for a
/// cancellation that got no further than its flag.
const RECONCILIATION: Duration = Duration::from_mins(1);
/// What the error of a cancelled job says.
pub(crate) const CANCELLED: &str = "Job cancelled by user";

/// Why publishing stopped; it goes on after a pause.
#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error("publishing what was accepted")]
    Publish(#[from] PublishError),
    #[error("reading the outbox")]
    Store(#[from] StoreError),
    #[error("reading the cancellation flags")]
    Flags(#[from] KvError),
    #[error("writing a message")]
    Json(#[from] serde_json::Error),
}

/// What is published for an accepted job: that its first stage is pending, then the first task. Both
/// are the first message on their subject, so both can be written once and tried again for ever.
pub(crate) fn first_messages(job: &Job) -> Result<Vec<OutboxEntry>, serde_json::Error> {
    let pending = Event {
        job_id: job.brief.id,
        run: job.brief.run,
        timestamp: job.created_at,
        body: EventBody::StageUpdate {
            stage: StageKind::AudioParser,
            status: StageStatus::Pending,
            duration: None,
            error: None,
        },
    };
    Ok(vec![
        OutboxEntry {
            subject: nats::subject::event(&pending),
            payload: serde_json::to_string(&pending)?,
        },
        first_task(job)?,
    ])
}

fn first_task(job: &Job) -> Result<OutboxEntry, serde_json::Error> {
    let brief = job.brief.clone();
    let task = TaskId::of_stage(StageKind::AudioParser, brief.id, brief.run);
    let song = brief.song.clone();
    Ok(OutboxEntry {
        subject: nats::subject::work(&task),
        payload: serde_json::to_string(&Envelope::new(brief, song))?,
    })
}

/// The end of a cancelled job. Like every end it is written once, and the first end wins.
pub(crate) fn cancelled_end(job: &Job) -> Result<OutboxEntry, serde_json::Error> {
    let end = Event {
        job_id: job.brief.id,
        run: job.brief.run,
        timestamp: OffsetDateTime::now_utc(),
        body: EventBody::Error {
            error: CANCELLED.to_owned(),
            code: JOB_CANCELLED.to_owned(),
            retryable: false,
            stage: None,
        },
    };
    Ok(OutboxEntry {
        subject: nats::subject::event(&end),
        payload: serde_json::to_string(&end)?,
    })
}

/// Publishes the outbox.
#[derive(Clone)]
pub(crate) struct Relay {
    pub(crate) jetstream: Context,
    pub(crate) store: Store,
    pub(crate) cancellations: Cancellations,
    /// Wakes it when something was accepted.
    pub(crate) wake: Arc<Notify>,
}

impl Relay {
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut reconciliation = tokio::time::interval(RECONCILIATION);
        loop {
            let woken = tokio::select! {
                () = stop.cancelled() => return,
                () = self.wake.notified() => self.publish_all().await,
                _ = reconciliation.tick() => self.reconcile().await,
            };
            if let Err(error) = woken {
                tracing::warn!(causes = causes(&error), "the outbox waits");
                self.wake.notify_one();
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(PAUSE) => {}
                }
            }
        }
    }

    async fn publish_all(&self) -> Result<(), RelayError> {
        loop {
            let entries = self.store.outbox().await?;
            if entries.is_empty() {
                return Ok(());
            }
            for entry in entries {
                self.publish(&entry).await?;
                self.store.published(&entry).await?;
            }
        }
    }

    /// Publishes what lies there since before the start, and the first task of every live job whose
    /// message is gone (a lost or emptied WORK); for all others the server says that it is there. A job
    /// whose flag is raised gets its end instead: workers drop its work without a word.
    async fn reconcile(&self) -> Result<(), RelayError> {
        self.publish_all().await?;
        let settled = OffsetDateTime::now_utc() - RECONCILIATION;
        let before = (settled.unix_timestamp_nanos() / 1_000_000) as i64;
        for job in self.store.live_jobs(before).await? {
            if self.cancellations.is_raised(job.brief.id).await? {
                self.publish(&cancelled_end(&job)?).await?;
            } else {
                self.publish(&first_task(&job)?).await?;
            }
        }
        Ok(())
    }

    async fn publish(&self, entry: &OutboxEntry) -> Result<(), RelayError> {
        let payload = entry.payload.clone().into();
        let subject = entry.subject.clone();
        match publish::write_once(&self.jetstream, subject, payload, HeaderMap::new()).await? {
            Published::Stored { sequence } => {
                tracing::debug!(subject = entry.subject, sequence, "published");
            }
            Published::AlreadyThere { same_payload, .. } => {
                tracing::trace!(subject = entry.subject, same_payload, "already published");
            }
        }
        Ok(())
    }
}
