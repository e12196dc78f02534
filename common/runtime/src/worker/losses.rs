//! Workers that were lost, and whether the task that they had in hand is to blame.
//!
//! A task that kills every worker must be stopped soon. A machine on which everything dies (a rolling
//! fault, a preempted node, somebody with `kill -9`) loses workers just as often, and then a song must not
//! pay for it. What tells the two apart: a task that kills is lost together with its own workers only.

use std::time::Duration;

use async_nats::jetstream::Context;
use model::StageKind;
use nats::buckets;
use nats::kv::{Bucket, KvError};
use tracing::debug;

use super::claim::Claim;

/// How long a lost worker is remembered.
const REMEMBERED: Duration = Duration::from_mins(2);
/// What the keys of lost workers begin with: no stage has this name.
const LOST: &str = "lost";

/// Why a worker was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// Nothing speaks against the task.
    Task,
    /// Workers die that never had it.
    House,
}

/// Notes that the worker of `claim` is lost, and says why it may be. Where that cannot be told, the task is
/// to blame: it must not go on for ever.
pub(super) async fn note(jetstream: &Context, stage: StageKind, claim: &Claim) -> Blame {
    let bucket = Bucket::new(jetstream.clone(), buckets::WORKERS);
    match noted(&bucket, stage, claim).await {
        Ok(others) if others > 0 => Blame::House,
        Ok(_) => Blame::Task,
        Err(error) => {
            debug!(
                error = &error as &dyn std::error::Error,
                "who else was lost cannot be told"
            );
            Blame::Task
        }
    }
}

/// How many workers were lost of late that never had the task.
async fn noted(bucket: &Bucket, stage: StageKind, claim: &Claim) -> Result<usize, KvError> {
    let key = format!("{LOST}.{stage}.{}", claim.worker);
    bucket
        .put_for(&key, bytes::Bytes::new(), REMEMBERED)
        .await?;
    let lost = bucket.keys(&format!("{LOST}.>")).await?;
    let own = |key: &String| {
        let worker = key.rsplit('.').next().unwrap_or_default();
        worker == claim.worker || claim.lost.iter().any(|lost| lost == worker)
    };
    Ok(lost.iter().filter(|key| !own(key)).count())
}
