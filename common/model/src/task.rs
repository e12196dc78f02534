//! The name of one piece of work: a stage of a run, or one clip of it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ClipIndex, JobId, RunNumber, StageKind};

/// One message of work. Its text form `<stage>.<job>.<run>[.<clip>]` is the tail of the work subject,
/// of the dead-letter subject, and the key of the claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TaskId {
    /// The step.
    pub stage: StageKind,
    /// The job.
    pub job: JobId,
    /// The pass of the job.
    pub run: RunNumber,
    /// The clip, for [`StageKind::VideoGenerator`] only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<ClipIndex>,
}

impl TaskId {
    /// The whole of a stage of a run.
    pub const fn of_stage(stage: StageKind, job: JobId, run: RunNumber) -> Self {
        Self {
            stage,
            job,
            run,
            clip: None,
        }
    }

    /// One clip of a run.
    pub const fn of_clip(job: JobId, run: RunNumber, clip: ClipIndex) -> Self {
        Self {
            stage: StageKind::VideoGenerator,
            job,
            run,
            clip: Some(clip),
        }
    }

    /// Reads the text form. `None` unless every part is exactly as [`fmt::Display`] writes it.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let stage = parts.next()?.parse().ok()?;
        let job = parts.next()?.parse().ok()?;
        let run = parts.next()?.parse().ok()?;
        let clip = match parts.next() {
            Some(part) => Some(part.parse().ok()?),
            None => None,
        };
        let fits = clip.is_some() == (stage == StageKind::VideoGenerator);
        let task = (fits && parts.next().is_none()).then_some(Self {
            stage,
            job,
            run,
            clip,
        });
        // An id may be read in capitals; a subject is another one then.
        task.filter(|task| task.to_string() == text)
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.stage, self.job, self.run)?;
        match self.clip {
            Some(clip) => write!(f, ".{clip}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_read_as_it_is_written_and_nothing_else_is() {
        let job = "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f".parse().unwrap();
        let whole = TaskId::of_stage(StageKind::Composer, job, RunNumber::FIRST);
        let clip = TaskId::of_clip(job, RunNumber(2), ClipIndex(7));
        assert_eq!(TaskId::parse(&whole.to_string()), Some(whole));
        assert_eq!(TaskId::parse(&clip.to_string()), Some(clip));

        for other in [
            "composer",
            &whole.to_string().to_uppercase(),
            &format!("composer.{}.1", job.to_string().to_uppercase()),
            &format!("composer.{job}.1.0"),
            &format!("video_generator.{job}.1"),
            &format!("video_generator.{job}.1.0.0"),
            &format!("mixer.{job}.1"),
        ] {
            assert_eq!(TaskId::parse(other), None, "{other:?}");
        }
    }
}
