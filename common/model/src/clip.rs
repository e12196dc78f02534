//! A clip: what it is asked to be (by `prompt_generator`), and what it became (by `video_generator`).

use serde::{Deserialize, Serialize};

use crate::lettering::Lettering;
use crate::look::SceneParameters;
use crate::plan::TransitionKind;
use crate::timeline::Span;
use crate::{ArtifactRef, ClipIndex, Seconds};

/// The instructions of a whole film, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClipPrompts {
    /// One a clip; their slots tile the film, and so do their files.
    pub clips: Vec<ClipInstruction>,
    /// Frames of the whole film: the sum over the clips.
    pub frames: u64,
}

/// What one clip is asked to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClipInstruction {
    /// Its place in the film.
    pub index: ClipIndex,
    /// Where it begins in the song.
    pub start: Seconds,
    /// Where it ends.
    pub end: Seconds,
    /// The film's frame that it begins with: `round(start · fps)`.
    pub first_frame: u64,
    /// How many frames its slot has, at least 1: exactly up to the next clip's first.
    pub frames: u32,
    /// How it meets the clips beside it.
    #[serde(default)]
    pub joints: Joints,
    /// The instruction for a video model.
    pub prompt: String,
    /// What a video model should keep out.
    pub negative_prompt: String,
    /// Beats within the clip, relative to its begin.
    pub beats: Vec<Seconds>,
    /// The picture for the built-in renderer.
    pub scene: SceneParameters,
    /// The still of its place.
    pub reference: Option<ArtifactRef>,
    /// What is written over it, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lettering: Option<Lettering>,
}

/// How a clip meets the clips beside it; see [`crate::timeline`]. The default: cuts at both ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Joints {
    /// Frames of it that are seen before its slot begins.
    pub before: u32,
    /// Frames of it that are seen after its slot ends.
    pub after: u32,
    /// Frames at the end of its slot that the next clip's file holds.
    pub yields: u32,
    /// The transition that its file begins with; `None` where it begins with a cut.
    pub lead_in: Option<LeadIn>,
}

/// A transition, as the file of the clip after it holds it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LeadIn {
    /// Never a cut.
    pub kind: TransitionKind,
    /// The picture of the clip before, and the frames in which that clip is seen. The transition ends
    /// with them.
    pub scene: SceneParameters,
    /// See above.
    pub seen: Span,
}

impl ClipInstruction {
    /// The frames in which it is seen at all.
    pub const fn seen(&self) -> Span {
        Span {
            first: self.first_frame.saturating_sub(self.joints.before as u64),
            count: self
                .joints
                .before
                .saturating_add(self.frames)
                .saturating_add(self.joints.after),
        }
    }

    /// The frames that its file holds.
    pub const fn file(&self) -> Span {
        Span {
            first: self.first_frame.saturating_sub(self.joints.before as u64),
            count: self
                .joints
                .before
                .saturating_add(self.frames)
                .saturating_sub(self.joints.yields),
        }
    }

    /// How many frames at the begin of its file show the transition into it.
    pub fn lead_in_frames(&self) -> u32 {
        let end = self.joints.lead_in.map_or(0, |lead_in| lead_in.seen.end());
        u32::try_from(end.saturating_sub(self.file().first)).unwrap_or(u32::MAX)
    }
}

/// What one clip became.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clip {
    /// Its place in the film.
    pub index: ClipIndex,
    /// An MP4 in the house format, video only.
    pub video: ArtifactRef,
    /// How many frames it has, counted in the file: those of [`ClipInstruction::file`].
    pub frames: u32,
    /// Who made it.
    pub source: ClipSource,
    /// Wall time it took, in seconds.
    pub elapsed: Seconds,
    /// CPU time it took, ffmpeg's included, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Seconds>,
}

/// Who made a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClipSource {
    /// The built-in renderer.
    Builtin,
}

/// All clips of a film, in order: what the join hands to the composer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clips {
    /// One an instruction.
    pub clips: Vec<Clip>,
}
