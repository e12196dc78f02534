//! The pipeline in one file: what each stage takes, what it gives, and who takes that.
//!
//! Messages are small: documents lie in the object store and travel as [`Stored`]. Each hand-over
//! carries what the later stages need as well, so that a stage reads its one message and nothing else.
//!
//! ```text
//! Song → audio_parser → Heard → scene_planner → Planned → reference_generator → Referenced
//!      → prompt_generator → Instructed ═ one ClipTask a clip ═► video_generator → Clip
//!      ═ the last clip in ═► ToCompose → composer → Film
//! ```

use serde::{Deserialize, Serialize};

use crate::analysis::AudioAnalysis;
use crate::clip::{Clip, ClipInstruction, ClipPrompts, Clips};
use crate::film::Film;
use crate::music::Envelopes;
use crate::plan::ScenePlan;
use crate::reference::ReferenceImages;
use crate::{ArtifactRef, ClipIndex, Seconds, Stored};

/// The song as intake left it: canonical audio, the only clock of the job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Song {
    /// WAV, 16-bit PCM, 44.1 or 48 kHz, mono or stereo.
    pub audio: ArtifactRef,
    /// Samples a second.
    pub sample_rate: u32,
    /// 1 or 2.
    pub channels: u16,
    /// Samples a channel: the length of the song, exactly.
    pub samples: u64,
}

impl Song {
    /// Its length.
    pub fn duration(&self) -> Seconds {
        Seconds::of_samples(self.samples, self.sample_rate)
    }
}

/// What `audio_parser` gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Heard {
    /// What it heard.
    pub analysis: Stored<AudioAnalysis>,
}

/// What `scene_planner` gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// From before.
    pub analysis: Stored<AudioAnalysis>,
    /// The director's plan.
    pub plan: Stored<ScenePlan>,
}

/// What `reference_generator` gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Referenced {
    /// From before.
    pub analysis: Stored<AudioAnalysis>,
    /// From before.
    pub plan: Stored<ScenePlan>,
    /// The stills.
    pub references: Stored<ReferenceImages>,
}

/// What `prompt_generator` gives. The runtime makes one [`ClipTask`] of each instruction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Instructed {
    /// From before.
    pub analysis: Stored<AudioAnalysis>,
    /// From before, for the renderer.
    pub envelopes: Stored<Envelopes>,
    /// The instructions.
    pub prompts: Stored<ClipPrompts>,
    /// How many there are.
    pub clips: u32,
    /// Of a pass that changes a film: what it takes over from that film.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
}

impl Instructed {
    /// The clips that are made in this pass for a film in so many shapes, ascending by [`Self::slot`].
    pub fn made(&self, shapes: u32) -> Vec<ClipIndex> {
        let of_one = match &self.base {
            Some(base) => base.anew.clone(),
            None => (0..self.clips).map(ClipIndex).collect(),
        };
        let all = (0..shapes).flat_map(|shape| of_one.iter().map(move |clip| (shape, *clip)));
        all.map(|(shape, clip)| self.slot(shape, clip)).collect()
    }

    /// The place of a clip among those of all shapes: first all of the first shape, then all of the next.
    pub const fn slot(&self, shape: u32, clip: ClipIndex) -> ClipIndex {
        ClipIndex(shape.saturating_mul(self.clips).saturating_add(clip.0))
    }
}

/// What a pass takes over from an earlier one: all clips but some, in every shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Base {
    /// The clips of the film that is changed, in all shapes, by [`Instructed::slot`].
    pub clips: Stored<Clips>,
    /// Those that are made anew, ascending.
    pub anew: Vec<ClipIndex>,
}

/// What `video_generator` takes: one clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClipTask {
    /// What to make.
    pub instruction: ClipInstruction,
    /// In which of the job's shapes, counted from its own.
    #[serde(default)]
    pub shape: u32,
    /// The film that it is a part of.
    pub film: Instructed,
}

/// What `video_generator` gives: its clip, and the film that it is a part of. The runtime joins them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClipMade {
    /// The clip.
    pub clip: Clip,
    /// The film that it is a part of.
    pub film: Instructed,
}

/// What `composer` takes, once the last clip is in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToCompose {
    /// The film in instructions.
    pub film: Instructed,
    /// The clips.
    pub clips: Stored<Clips>,
}

/// Where an output goes. Each output type knows.
#[derive(Debug, Clone, PartialEq)]
pub enum HandOver {
    /// One message to the stage after, with this JSON as its input.
    Next(serde_json::Value),
    /// One [`ClipTask`] for each instruction.
    FanOut(Instructed),
    /// One of several results; whoever sees the set complete publishes [`ToCompose`].
    Join(ClipMade),
    /// The end of the job.
    Finish(Film),
}

/// What a stage may give.
pub trait Output: Serialize {
    /// Where it goes.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    fn hand_over(&self) -> Result<HandOver, serde_json::Error>;
}

macro_rules! handed_to_the_next_stage {
    ($($output:ty),+) => {$(
        impl Output for $output {
            fn hand_over(&self) -> Result<HandOver, serde_json::Error> {
                serde_json::to_value(self).map(HandOver::Next)
            }
        }
    )+};
}

handed_to_the_next_stage!(Heard, Planned, Referenced);

impl Output for Instructed {
    fn hand_over(&self) -> Result<HandOver, serde_json::Error> {
        Ok(HandOver::FanOut(self.clone()))
    }
}

impl Output for ClipMade {
    fn hand_over(&self) -> Result<HandOver, serde_json::Error> {
        Ok(HandOver::Join(self.clone()))
    }
}

impl Output for Film {
    fn hand_over(&self) -> Result<HandOver, serde_json::Error> {
        Ok(HandOver::Finish(self.clone()))
    }
}
