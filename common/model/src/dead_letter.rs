//! A task that was given up, with its reason.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::TaskId;

/// What is parked when a task cannot be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The task.
    pub task: TaskId,
    /// The machine-readable cause, in upper case: `MODULE_FAILURE`, `AUDIO_ANALYSIS_ERROR`, …
    pub code: String,
    /// The chain of errors, outermost first, each saying only its own layer.
    pub causes: Vec<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// The worker that gave it up.
    pub worker: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub parked_at: OffsetDateTime,
    /// The work message, as it was.
    pub message: serde_json::Value,
}
