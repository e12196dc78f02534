//! What a task gave, kept in the object store beside the job's artifacts.
//!
//! The claim says it too, but the claim lies in the broker. When the broker's store is lost, every live
//! job begins at its first task again; each task that finds here what it gave before only hands that
//! over, so nothing is made or paid a second time. The same holds for a worker that dies between its work
//! and its claim.

use bytes::Bytes;
use model::{ArtifactKey, TaskId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tracing::warn;

use super::Worker;
use crate::{ArtifactError, Stage};

/// What a task gave, and how long it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) output: Value,
    pub(super) seconds: f64,
    /// CPU time of it, where that is known.
    #[serde(default)]
    pub(super) cpu: Option<f64>,
}

/// Keeps what `task` gave. The first to do so counts: what was handed over before stays true.
///
/// A failure costs no more than the work, should the claim be lost as well.
pub(super) async fn keep<S: Stage>(worker: &Worker<S>, task: &TaskId, kept: &Kept) {
    let written = async {
        let key = key(task).map_err(|error| error.to_string())?;
        let json = serde_json::to_vec(kept).map_err(|error| error.to_string())?;
        let created = worker.artifacts.create(&key, Bytes::from(json)).await;
        created.map_err(|error| error.to_string())
    };
    if let Err(error) = written.await {
        warn!(error, "the output could not be kept; only the claim has it");
    }
}

/// What `task` gave before, if it did.
pub(super) async fn before<S: Stage>(worker: &Worker<S>, task: &TaskId) -> Option<Kept> {
    let key = key(task).ok()?;
    let bytes = match worker.artifacts.read(&key).await {
        Ok(bytes) => bytes,
        Err(ArtifactError::NotFound { .. }) => return None,
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            warn!(
                error,
                "whether the work is done already cannot be told; doing it"
            );
            return None;
        }
    };
    match serde_json::from_slice(&bytes) {
        Ok(kept) => Some(kept),
        Err(error) => {
            warn!(%error, "what was kept of the work cannot be read; doing it again");
            None
        }
    }
}

/// `jobs/<job>/run-<run>/done/<stage>[-<clip>].json`.
pub(crate) fn key(task: &TaskId) -> Result<ArtifactKey, model::artifact::ArtifactKeyError> {
    let clip = task.clip.map(|clip| format!("-{clip}"));
    let clip = clip.unwrap_or_default();
    let name = format!("run-{}/done/{}{clip}.json", task.run, task.stage);
    ArtifactKey::of_job(task.job, &name)
}
