//! A clip: what it is asked to be (by `prompt_generator`), and what it became (by `video_generator`).

use serde::{Deserialize, Serialize};

use crate::look::SceneParameters;
use crate::{ArtifactRef, ClipIndex, Seconds};

/// The instructions of a whole film, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClipPrompts {
    /// One a clip; their frames tile the film.
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
    /// How many frames it has, at least 1: exactly up to the next clip's first.
    pub frames: u32,
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
}

/// What one clip became.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clip {
    /// Its place in the film.
    pub index: ClipIndex,
    /// An MP4 in the house format, video only.
    pub video: ArtifactRef,
    /// How many frames it has, counted in the file.
    pub frames: u32,
    /// Who made it.
    pub source: ClipSource,
    /// Wall time it took, in seconds.
    pub elapsed: Seconds,
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
