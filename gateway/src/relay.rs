//! The outbox's way out: what was accepted is published, as often as it takes, in the order written.

use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use model::envelope::Envelope;
use model::event::JOB_CANCELLED;
use model::job::StageStatus;
use model::{Event, EventBody, StageKind, TaskId};
use nats::publish::{self, PublishError, Published};
use runtime::{Ledger, faults};
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::error::causes;
use crate::job::Job;
use crate::store::{OutboxEntry, Store, StoreError};

/// How often it looks unasked: at once, for what lies there since before the start, and later for what
/// another gateway on the same database did not live to publish.
const LOOK: Duration = Duration::from_mins(1);
/// How long to wait after trouble.
const PAUSE: Duration = Duration::from_millis(500);
/// What the error of a cancelled job says.
pub(crate) const CANCELLED: &str = "Job cancelled by user";

/// Why publishing stopped; it goes on after a pause.
#[derive(Debug, thiserror::Error)]
enum RelayError {
    #[error("publishing what was accepted")]
    Publish(#[from] PublishError),
    #[error("reading the outbox")]
    Store(#[from] StoreError),
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

/// The task that a job begins with.
pub(crate) fn first_task(job: &Job) -> Result<OutboxEntry, serde_json::Error> {
    let brief = job.brief.clone();
    let task = TaskId::of_stage(StageKind::AudioParser, brief.id, brief.run);
    let song = brief.song.clone();
    Ok(OutboxEntry {
        subject: nats::subject::work(&task),
        payload: serde_json::to_string(&Envelope::new(brief, song))?,
    })
}

/// What the error of a job says whose time was up.
const OUT_OF_TIME: &str = "Job cancelled: it had not ended when its Cancel-After was over";

/// Why a job is cancelled at `now`.
pub(crate) fn why_cancelled(job: &Job, now: OffsetDateTime) -> &'static str {
    if job.cancel_at.is_some_and(|limit| limit <= now) {
        OUT_OF_TIME
    } else {
        CANCELLED
    }
}

/// The end of a cancelled job, of which this is the ledger. Like every end it is written once, and the
/// first end wins.
pub(crate) fn cancelled_end(job: &Job, ledger: &Ledger) -> Result<OutboxEntry, serde_json::Error> {
    let now = OffsetDateTime::now_utc();
    let end = Event {
        job_id: job.brief.id,
        run: job.brief.run,
        timestamp: now,
        body: EventBody::Error {
            error: why_cancelled(job, now).to_owned(),
            code: JOB_CANCELLED.to_owned(),
            retryable: false,
            stage: job.state.current_stage,
            total_cost: Some(job.state.total_cost.max(ledger.spent())),
            pending_cost: Some(ledger.reserved()),
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
    /// Wakes it when something was accepted.
    pub(crate) wake: Arc<Notify>,
}

impl Relay {
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut look = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.wake.notified() => {}
                _ = look.tick() => {}
            }
            if let Err(error) = self.publish_all().await {
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
                faults::pass("gateway", "relayed");
                self.store.published(&entry).await?;
            }
        }
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
