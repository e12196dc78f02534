//! What a work message holds: an input, and the job it belongs to.

use serde::{Deserialize, Serialize};

use crate::format::{FrameSize, VideoFormat};
use crate::handoff::Song;
use crate::{JobId, JobOptions, RunNumber, Usd, UserId, UserPrompt};

/// The version of the work messages that this build writes and reads.
///
/// Readers ignore fields they do not know; a message of a newer version is given back, not dropped.
pub const VERSION: u32 = 1;

/// A message of work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope<I> {
    /// See [`VERSION`].
    pub v: u32,
    /// The job it belongs to.
    pub job: JobBrief,
    /// What the stage takes.
    pub input: I,
}

impl<I> Envelope<I> {
    /// An envelope of this build's version.
    pub const fn new(job: JobBrief, input: I) -> Self {
        Self {
            v: VERSION,
            job,
            input,
        }
    }

    /// The same job with another input.
    pub fn with<J>(&self, input: J) -> Envelope<J> {
        Envelope {
            v: self.v,
            job: self.job.clone(),
            input,
        }
    }
}

impl JobBrief {
    /// The shapes of its films, the job's own first.
    pub fn formats(&self) -> Vec<VideoFormat> {
        let other = |size: &FrameSize| VideoFormat {
            size: *size,
            rate: self.format.rate,
        };
        let others = self.options.outputs.iter().map(other);
        std::iter::once(self.format).chain(others).collect()
    }
}

/// What every stage may know of the job it works for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobBrief {
    /// The job.
    pub id: JobId,
    /// Its owner.
    pub user: UserId,
    /// The pass.
    pub run: RunNumber,
    /// What the user asked for.
    pub prompt: UserPrompt,
    /// What the user called it, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The song.
    pub song: Song,
    /// The shape of the film.
    pub format: VideoFormat,
    /// What else they asked for.
    #[serde(default, skip_serializing_if = "JobOptions::is_default")]
    pub options: JobOptions,
    /// Everything random in the film comes from this number.
    pub seed: u64,
    /// What the job may cost at most.
    pub budget: Usd,
}
