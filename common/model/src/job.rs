//! What state a job and its stages can be in, and which state may follow which.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::IdError;

/// Where a job stands. The last three absorb: nothing follows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStatus {
    /// Accepted; no worker has begun.
    Queued,
    /// Some stage has begun.
    Processing,
    /// The film is there.
    Completed,
    /// It cannot be made; the job's error says why.
    Failed,
    /// The user asked to stop.
    Cancelled,
}

impl JobStatus {
    /// All statuses, in the order of a life.
    pub const ALL: [Self; 5] = [
        Self::Queued,
        Self::Processing,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The name as written in rows and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// True once nothing more will happen.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// The status after `next` was asked for: `next` itself where it may follow, otherwise unchanged.
    /// Terminal states absorb, and processing never goes back to queued.
    #[must_use]
    pub const fn then(self, next: Self) -> Self {
        match (self, next) {
            (Self::Completed | Self::Failed | Self::Cancelled, _)
            | (Self::Processing, Self::Queued) => self,
            _ => next,
        }
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for JobStatus {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL
            .into_iter()
            .find(|status| status.name() == text)
            .ok_or_else(|| IdError::new("job status", text))
    }
}

/// Where one stage of a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageStatus {
    /// Not begun.
    Pending,
    /// A worker has it.
    Processing,
    /// Handed over.
    Completed,
    /// Given up.
    Failed,
    /// Not needed for this job.
    Skipped,
}

impl StageStatus {
    /// The name as written in rows and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_states_absorb() {
        for end in JobStatus::ALL
            .into_iter()
            .filter(|status| status.is_terminal())
        {
            for next in JobStatus::ALL {
                assert_eq!(end.then(next), end);
            }
        }
        assert_eq!(
            JobStatus::Processing.then(JobStatus::Queued),
            JobStatus::Processing
        );
        assert_eq!(
            JobStatus::Queued.then(JobStatus::Cancelled),
            JobStatus::Cancelled
        );
    }
}
