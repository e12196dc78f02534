//! Jobs that stand still because a message is gone: lost with WORK, or with a part of it, as after a
//! restore from an older backup.
//!
//! The first task can be written again from the job's row; write-once makes that harmless where it is
//! there. A later one cannot: what it says is known to the worker that handed it over. But a worker that
//! gets a finished task once more does nothing but hand over again, so the last message before the gap is
//! said again, and the gap closes by itself.

use std::sync::Arc;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::header::NATS_MESSAGE_ID;
use async_nats::jetstream::Context;
use async_nats::jetstream::message::StreamMessage;
use model::job::StageStatus;
use model::{ClipIndex, StageKind, TaskId};
use nats::kv::KvError;
use nats::publish::{self, PublishError, Published};
use nats::subject;
use runtime::ledger::LedgerError;
use runtime::{Cancellations, Ledgers, faults};
use time::OffsetDateTime;
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::error::causes;
use crate::job::Job;
use crate::relay::{cancelled_end, first_task};
use crate::store::{OutboxEntry, Store, StoreError};

/// How often it looks: a few questions to the broker for each job that waits or is silent.
const PERIOD: Duration = Duration::from_secs(5);
/// How long a job must have been silent. Longer than a dead worker's message takes to come again.
const SILENCE: Duration = Duration::from_secs(15);
/// How long a message that was said again is given before it is said once more.
const REST: Duration = Duration::from_mins(10);
/// What the ids of messages that were said again begin with.
const AGAIN: &str = "again.";

/// Why it could not look; it looks again.
#[derive(Debug, thiserror::Error)]
enum ReconcileError {
    #[error("publishing what is missing")]
    Publish(#[from] PublishError),
    #[error("reading the jobs that have not ended")]
    Store(#[from] StoreError),
    #[error("reading the cancellation flags")]
    Flags(#[from] KvError),
    #[error("closing the ledger of a cancelled job")]
    Ledger(#[from] LedgerError),
    #[error("writing a message")]
    Json(#[from] serde_json::Error),
}

/// Publishes what live jobs miss.
pub(crate) struct Reconciler {
    pub(crate) jetstream: Context,
    pub(crate) store: Store,
    pub(crate) cancellations: Cancellations,
    pub(crate) ledgers: Ledgers,
    /// Raised when the broker has lost its store: every live job misses its next message then.
    pub(crate) lost: Arc<Notify>,
}

impl Reconciler {
    /// Looks at once, and then until stopped.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut period = tokio::time::interval(PERIOD);
        period.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut silence = SILENCE;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.lost.notified() => silence = Duration::ZERO,
                _ = period.tick() => {}
            }
            let reconciled = tokio::select! {
                () = stop.cancelled() => return,
                reconciled = self.reconcile(silence) => reconciled,
            };
            match reconciled {
                Ok(()) => silence = SILENCE,
                Err(error) => tracing::warn!(
                    causes = causes(&error),
                    "silent jobs could not be looked at"
                ),
            }
        }
    }

    async fn reconcile(&self, silence: Duration) -> Result<(), ReconcileError> {
        for job in self
            .store
            .silent_jobs(OffsetDateTime::now_utc() - silence)
            .await?
        {
            // A job whose flag is raised gets its end: workers drop its work without a word.
            if self.cancellations.is_raised(job.brief.id).await? {
                let closed = self.ledgers.close(job.brief.id, job.brief.budget);
                self.write_once(cancelled_end(&job, &closed.await?)?)
                    .await?;
            } else {
                self.mend(&job).await?;
            }
        }
        Ok(())
    }

    async fn mend(&self, job: &Job) -> Result<(), ReconcileError> {
        let next = next_stage(job);
        if next == StageKind::AudioParser {
            return self.write_once(first_task(job)?).await;
        }
        if self.has_all(job, next).await? {
            return Ok(());
        }
        let before = StageKind::ALL.into_iter().rev();
        for stage in before.skip_while(|stage| *stage >= next) {
            if let Some(message) = self.message(task(job, stage)).await? {
                return self.say_again(message).await;
            }
        }
        self.write_once(first_task(job)?).await
    }

    /// Whether every message that `stage` was to get is there.
    async fn has_all(&self, job: &Job, stage: StageKind) -> Result<bool, ReconcileError> {
        if stage != StageKind::VideoGenerator {
            return Ok(self.message(task(job, stage)).await?.is_some());
        }
        for clip in 0..job.state.clips_total.unwrap_or(1) {
            let task = TaskId::of_clip(job.brief.id, job.brief.run, ClipIndex(clip));
            if self.message(task).await?.is_none() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn message(&self, task: TaskId) -> Result<Option<StreamMessage>, PublishError> {
        publish::last(&self.jetstream, &subject::work(&task)).await
    }

    async fn say_again(&self, message: StreamMessage) -> Result<(), ReconcileError> {
        let id = message.headers.get(NATS_MESSAGE_ID);
        let was_repeated = id.is_some_and(|id| id.as_str().starts_with(AGAIN));
        if was_repeated && OffsetDateTime::now_utc() - message.time < REST {
            return Ok(());
        }
        // One id for all gateways that see the same gap.
        let id = format!("{AGAIN}{}", message.sequence);
        let subject = message.subject.to_string();
        tracing::warn!(
            subject,
            "the message after this one is gone; saying it again"
        );
        publish::append(&self.jetstream, subject, message.payload, &id).await?;
        faults::pass("gateway", "mended");
        Ok(())
    }

    async fn write_once(&self, entry: OutboxEntry) -> Result<(), ReconcileError> {
        let OutboxEntry { subject, payload } = entry;
        let once = publish::write_once(
            &self.jetstream,
            subject.clone(),
            payload.into(),
            HeaderMap::new(),
        );
        if let Published::Stored { .. } = once.await? {
            tracing::warn!(
                subject,
                "a message of a silent job was gone; it is there again"
            );
            faults::pass("gateway", "mended");
        }
        Ok(())
    }
}

/// The stage whose work is to come or under way.
fn next_stage(job: &Job) -> StageKind {
    let reached = job.state.current_stage.unwrap_or(StageKind::AudioParser);
    let over = job
        .state
        .stages
        .get(&reached)
        .is_some_and(|stage| stage.status == StageStatus::Completed);
    if over {
        reached.next().unwrap_or(reached)
    } else {
        reached
    }
}

/// The task of a stage; of the clips, the first.
fn task(job: &Job, stage: StageKind) -> TaskId {
    if stage == StageKind::VideoGenerator {
        TaskId::of_clip(job.brief.id, job.brief.run, ClipIndex(0))
    } else {
        TaskId::of_stage(stage, job.brief.id, job.brief.run)
    }
}
