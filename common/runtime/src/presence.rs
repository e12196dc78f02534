//! Who works here: an entry a worker that lives only as long as the worker renews it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::Context;
use model::{StageKind, TaskId};
use nats::buckets;
use nats::kv::Bucket;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tracing::debug;

/// How long a worker that says nothing is still listed.
const LIFE: Duration = Duration::from_secs(30);
/// How often a worker says that it is there.
const RENEWAL: Duration = Duration::from_secs(10);

/// A worker as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Its stage.
    pub stage: StageKind,
    /// Its name.
    pub worker: String,
    /// The machine.
    pub host: String,
    /// The version of the program.
    pub version: String,
    /// How many tasks it takes at once.
    pub concurrency: usize,
    /// Since when.
    #[serde(with = "time::serde::rfc3339")]
    pub since: OffsetDateTime,
    /// What it works on.
    pub in_hand: Vec<TaskId>,
}

/// The tasks that a process has in hand.
#[derive(Debug, Clone, Default)]
pub(crate) struct InHand(Arc<Mutex<BTreeSet<TaskId>>>);

/// Keeps a task listed until it is dropped.
pub(crate) struct Held {
    task: TaskId,
    in_hand: InHand,
}

impl InHand {
    /// `None` when this process works on the task already.
    pub(crate) fn take(&self, task: TaskId) -> Option<Held> {
        self.lock().insert(task).then(|| Held {
            task,
            in_hand: self.clone(),
        })
    }

    fn tasks(&self) -> Vec<TaskId> {
        self.lock().iter().copied().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<TaskId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.in_hand.lock().remove(&self.task);
    }
}

/// Lists a worker until dropped. Failing to is no reason to stop working.
pub(crate) async fn keep(jetstream: Context, mut presence: Presence, in_hand: InHand) {
    let bucket = Bucket::new(jetstream, buckets::WORKERS);
    let key = key(&presence);
    let mut ticks = tokio::time::interval(RENEWAL);
    loop {
        ticks.tick().await;
        presence.in_hand = in_hand.tasks();
        // Texts and numbers: always JSON.
        let value = serde_json::to_vec(&presence).unwrap_or_default();
        if let Err(error) = bucket.put_for(&key, value.into(), LIFE).await {
            debug!(
                error = &error as &dyn std::error::Error,
                "presence could not be told"
            );
        }
    }
}

fn key(presence: &Presence) -> String {
    format!("{}.{}", presence.stage, presence.worker)
}
