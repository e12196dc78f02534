//! The six steps of the pipeline, in order.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::IdError;

/// One of the six steps. Its name is used in subjects, rows, events, metrics and on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageKind {
    /// Module 3: hears the song.
    AudioParser,
    /// Module 4: directs the film.
    ScenePlanner,
    /// Module 5: draws a still for each look.
    ReferenceGenerator,
    /// Module 6: writes an instruction for every clip.
    PromptGenerator,
    /// Module 7: makes one clip a task.
    VideoGenerator,
    /// Module 8: makes the film.
    Composer,
}

impl StageKind {
    /// All stages, in the order in which a job passes them.
    pub const ALL: [Self; 6] = [
        Self::AudioParser,
        Self::ScenePlanner,
        Self::ReferenceGenerator,
        Self::PromptGenerator,
        Self::VideoGenerator,
        Self::Composer,
    ];

    /// The name as it is written everywhere: `audio_parser`, …
    pub const fn name(self) -> &'static str {
        match self {
            Self::AudioParser => "audio_parser",
            Self::ScenePlanner => "scene_planner",
            Self::ReferenceGenerator => "reference_generator",
            Self::PromptGenerator => "prompt_generator",
            Self::VideoGenerator => "video_generator",
            Self::Composer => "composer",
        }
    }

    /// The stage that takes what this one gives, if it is not the last.
    pub const fn next(self) -> Option<Self> {
        match self {
            Self::AudioParser => Some(Self::ScenePlanner),
            Self::ScenePlanner => Some(Self::ReferenceGenerator),
            Self::ReferenceGenerator => Some(Self::PromptGenerator),
            Self::PromptGenerator => Some(Self::VideoGenerator),
            Self::VideoGenerator => Some(Self::Composer),
            Self::Composer => None,
        }
    }

    /// The job's progress in percent when this stage begins and when it has ended.
    pub const fn progress(self) -> (u8, u8) {
        match self {
            Self::AudioParser => (0, 10),
            Self::ScenePlanner => (10, 20),
            Self::ReferenceGenerator => (20, 30),
            Self::PromptGenerator => (30, 40),
            Self::VideoGenerator => (40, 85),
            Self::Composer => (85, 100),
        }
    }

    /// The job's progress in percent with `fraction` (0–1, clamped) of this stage done.
    pub fn progress_at(self, fraction: f64) -> u8 {
        let (from, to) = self.progress();
        let span = f64::from(to - from);
        from + (span * fraction.clamp(0.0, 1.0)).floor() as u8
    }
}

impl fmt::Display for StageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for StageKind {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| IdError::new("stage", text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stages_follow_each_other_and_their_progress_tiles_a_hundred() {
        for pair in StageKind::ALL.windows(2) {
            assert_eq!(pair[0].next(), Some(pair[1]));
            assert_eq!(pair[0].progress().1, pair[1].progress().0);
        }
        assert_eq!(StageKind::Composer.next(), None);
        assert_eq!(StageKind::Composer.progress_at(1.0), 100);
        assert_eq!(StageKind::VideoGenerator.progress_at(f64::NAN), 40);
    }

    #[test]
    fn a_stage_is_written_as_it_is_read() {
        for kind in StageKind::ALL {
            assert_eq!(kind.name().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.name());
        }
    }
}
