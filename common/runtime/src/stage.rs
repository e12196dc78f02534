//! What a stage is, and how it says that it failed.

use std::error::Error;
use std::future::Future;

use model::StageKind;
use model::handoff::Output;
use serde::de::DeserializeOwned;

use crate::StageContext;

/// One step of the pipeline: a document in, a document out.
///
/// The runtime does the rest (pull, renew, cancel, retry, publish, acknowledge, park). An implementation
/// must bear running twice on one input, since a worker can die between finishing and acknowledging; and
/// it must bear being dropped at any `await`.
pub trait Stage: Send + Sync + 'static {
    /// Names the consumer, the subjects and the events.
    const KIND: StageKind;
    /// What the stage before gave.
    type Input: DeserializeOwned + Send + 'static;
    /// What the stage after takes.
    type Output: Output + DeserializeOwned + Send + 'static;

    /// Turns `input` into the output.
    fn run(
        &self,
        input: Self::Input,
        cx: &StageContext,
    ) -> impl Future<Output = Result<Self::Output, StageError>> + Send;
}

/// The reason of a failure, with its own reasons behind it.
pub type Source = Box<dyn Error + Send + Sync>;

/// The code of a failure that has no better one.
pub const MODULE_FAILURE: &str = "MODULE_FAILURE";

/// The code of a job whose task ended every worker that took it.
pub const STAGE_CRASHED: &str = "STAGE_CRASHED";
/// The code of a failure whose program was killed by somebody else: the kernel, an operator. That says nothing
/// about the task, so that it costs no attempt, up to twelve times.
pub const PROGRAM_KILLED: &str = "PROGRAM_KILLED";
/// The code of a job of which a task took too long in every attempt.
pub const STAGE_TIMEOUT: &str = "STAGE_TIMEOUT";

/// Why a stage gave no output, sorted by what the runtime has to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The world may be better later.
    #[error("{doing}")]
    Retry {
        /// Completes "failed while …".
        doing: &'static str,
        /// Why.
        source: Source,
        /// Why, for programs.
        code: &'static str,
    },
    /// It can never work with this input.
    #[error("{doing}")]
    Fatal {
        /// Completes "failed while …".
        doing: &'static str,
        /// Why.
        source: Source,
        /// Why, for programs.
        code: &'static str,
    },
    /// The user asked to stop.
    #[error("cancelled")]
    Cancelled,
}

impl StageError {
    /// The world may be better later.
    pub fn retry(doing: &'static str, source: impl Into<Source>) -> Self {
        Self::Retry {
            doing,
            source: source.into(),
            code: MODULE_FAILURE,
        }
    }

    /// It can never work with this input.
    pub fn fatal(doing: &'static str, source: impl Into<Source>) -> Self {
        Self::Fatal {
            doing,
            source: source.into(),
            code: MODULE_FAILURE,
        }
    }

    /// The same failure with a code of its own, such as `AUDIO_ANALYSIS_ERROR`.
    #[must_use]
    pub fn coded(self, code: &'static str) -> Self {
        match self {
            Self::Retry { doing, source, .. } => Self::Retry {
                doing,
                source,
                code,
            },
            Self::Fatal { doing, source, .. } => Self::Fatal {
                doing,
                source,
                code,
            },
            Self::Cancelled => Self::Cancelled,
        }
    }

    /// A failure to try again, of a program that `was_killed` by somebody else or that failed by itself.
    pub fn of_program(doing: &'static str, source: impl Into<Source>, was_killed: bool) -> Self {
        let error = Self::retry(doing, source);
        if was_killed {
            error.coded(PROGRAM_KILLED)
        } else {
            error
        }
    }

    /// The code that the job's error will carry if this ends it.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Retry { code, .. } | Self::Fatal { code, .. } => code,
            Self::Cancelled => model::event::JOB_CANCELLED,
        }
    }
}

/// Sorts a failure where it happens, where the reason is still known.
pub trait StageResultExt<T> {
    /// The world may be better later. `doing` completes "failed while …".
    fn or_retry(self, doing: &'static str) -> Result<T, StageError>;
    /// It can never work with this input. `doing` completes "failed while …".
    fn or_fatal(self, doing: &'static str) -> Result<T, StageError>;
}

impl<T, E: Into<Source>> StageResultExt<T> for Result<T, E> {
    fn or_retry(self, doing: &'static str) -> Result<T, StageError> {
        self.map_err(|source| StageError::retry(doing, source))
    }

    fn or_fatal(self, doing: &'static str) -> Result<T, StageError> {
        self.map_err(|source| StageError::fatal(doing, source))
    }
}

/// What each error of the chain says, outermost first.
pub fn causes(error: &(dyn Error + 'static)) -> Vec<String> {
    let mut causes = vec![error.to_string()];
    let mut next = error.source();
    while let Some(error) = next {
        causes.push(error.to_string());
        next = error.source();
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_keeps_its_sort_and_its_chain_when_it_gets_a_code() {
        let failure: Result<(), _> =
            Err(std::io::Error::other("503")).or_fatal("calling the model");
        let failure = failure.unwrap_err().coded("AUDIO_ANALYSIS_ERROR");
        assert!(matches!(failure, StageError::Fatal { .. }));
        assert_eq!(failure.code(), "AUDIO_ANALYSIS_ERROR");
        assert_eq!(causes(&failure), ["calling the model", "503"]);
    }
}
