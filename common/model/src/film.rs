//! What `composer` made: the film and what was measured of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clip::Clip;
use crate::format::FrameSize;
use crate::handoff::Instructed;
use crate::lyrics::LyricsSource;
use crate::plan::TransitionKind;
use crate::sound::Loudness;
use crate::{ArtifactRef, ClipIndex, Seconds, StageKind, Stored, Usd};

/// The finished film.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Film {
    /// The MP4.
    pub video: ArtifactRef,
    /// A JPEG of one of its frames.
    pub poster: ArtifactRef,
    /// What was measured.
    pub report: Stored<FilmReport>,
    /// Length of its picture: frames over frame rate.
    pub duration: Seconds,
    /// Number of clips.
    pub clips: u32,
    /// The film in the other shapes that were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<ShapedFilm>,
}

/// A film in a shape that is not the job's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShapedFilm {
    /// Its shape.
    pub size: FrameSize,
    /// The MP4.
    pub video: ArtifactRef,
    /// A JPEG of one of its frames.
    pub poster: ArtifactRef,
    /// What was measured, a [`FilmReport`].
    pub report: ArtifactRef,
}

/// The name of the song as AAC among a job's artifacts: encoded once, beside the first clip.
pub const SOUND: &str = "sound.m4a";

/// The name of [`Composed`] among the documents of a pass.
pub const COMPOSED: &str = "composed.json";

/// What a film was joined of, as it is: for players of its clips, and for a later pass that changes some
/// of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Composed {
    /// The film in instructions.
    pub film: Instructed,
    /// Its clips in all shapes, those that the composer drew anew in place of others among them.
    pub clips: Vec<Clip>,
}

/// Measurements of a film, read from the finished file, not from the plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FilmReport {
    /// Length of the picture: frames over frame rate.
    pub duration: Seconds,
    /// Length of the song.
    pub audio_duration: Seconds,
    /// Frames in the file.
    pub frames: u64,
    /// Clips, cuts between them, and where each cut lies.
    pub clips: u32,
    /// The film's frame at which each clip after the first begins.
    pub cut_frames: Vec<u64>,
    /// Distance of the cuts to the nearest beat heard, in milliseconds; null where there are no beats.
    pub cut_to_beat_ms: Option<Percentiles>,
    /// Picture length minus song length, in seconds.
    pub length_error: Seconds,
    /// SHA-256 of the film.
    pub sha256: String,
    /// How clips go over into each other, and how often; cuts among them.
    #[serde(default)]
    pub transitions: BTreeMap<TransitionKind, u32>,
    /// The transitions that are no cuts.
    #[serde(default)]
    pub transition_spans: Vec<TransitionSpan>,
    /// Of the cuts, those at which the decoded picture jumps, at exactly their frame. Cuts between
    /// pictures that are alike are not among them.
    #[serde(default)]
    pub cuts_seen: u32,
    /// How late the decoded sound is at begin, middle and end, in milliseconds; null where the song is
    /// silent.
    #[serde(default)]
    pub audio_lag_ms: [Option<f64>; 3],
    /// Samples that the decoded sound has more than the song. The file says where the song ends, to
    /// the millisecond ([`Self::audio_duration`]); decoders that do not ask play up to a packet of 1024
    /// samples more, of silence.
    #[serde(default)]
    pub audio_surplus_samples: i64,
    /// How loud the song is; it is left as it is.
    #[serde(default)]
    pub loudness: Loudness,
    /// Clips that were brought to the format of the film or, missing or not to be decoded, drawn anew.
    #[serde(default)]
    pub replaced: Vec<ReplacedClip>,
    /// What it cost.
    #[serde(default)]
    pub cost: Usd,
    /// How long it took.
    #[serde(default)]
    pub times: FilmTimes,
    /// The clips that were made in the pass of this film; null where all were. The others, and all before
    /// them, were taken over from an earlier film.
    #[serde(default)]
    pub made: Option<Vec<ClipIndex>>,
    /// SHA-256 of what the film was made of.
    #[serde(default)]
    pub made_of: MadeOf,
    /// The captions in the film; null where nothing is sung, or nobody said what.
    #[serde(default)]
    pub captions: Option<CaptionReport>,
    /// Everything that was made of the film besides it.
    #[serde(default)]
    pub outputs: Vec<OutputFile>,
}

/// The captions of a film.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CaptionReport {
    /// How many there are, as counted in the film's track.
    pub cues: u32,
    /// Where their words and times come from.
    pub source: LyricsSource,
    /// How sure their times are, 0–1.
    pub confidence: f32,
}

/// Where a transition lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransitionSpan {
    /// How.
    pub kind: TransitionKind,
    /// The frame of the cut that it is centred on.
    pub cut: u64,
    /// Its first frame.
    pub first: u64,
    /// Its frames.
    pub frames: u32,
}

/// A clip that the composer mended or drew anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplacedClip {
    /// The clip.
    pub clip: ClipIndex,
    /// What was wrong with it and what was done about it, for people.
    pub why: String,
}

/// How long a film took, in seconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FilmTimes {
    /// Of each stage that had something to do in this pass. Clips count together, however many workers
    /// shared them; CPU time counts the programs that a worker started.
    #[serde(default)]
    pub stages: BTreeMap<StageKind, StageTime>,
    /// Of all clips together, however many workers shared them.
    pub clips_wall: Seconds,
    /// CPU time of those, programs that they started included; null where a worker could not tell.
    pub clips_cpu: Option<Seconds>,
    /// Of the composer's steps, in their order.
    pub composer: Vec<StepTime>,
}

/// How long a stage took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct StageTime {
    /// By the clock.
    pub wall: Seconds,
    /// CPU time, programs that were started included; null where it is not known.
    pub cpu: Option<Seconds>,
}

/// How long a step took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepTime {
    /// What was done.
    pub step: String,
    /// By the clock.
    pub wall: Seconds,
    /// CPU time, programs that were started included; null where it is not known.
    pub cpu: Option<Seconds>,
}

/// SHA-256 of what a film was made of, in hex.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeOf {
    /// The canonical song.
    pub song: String,
    /// The sound as it is in the film.
    pub sound: String,
    /// Each clip.
    pub clips: Vec<String>,
}

/// A file that was made of a film.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputFile {
    /// What it is: `thumbnail`, `storyboard`, `loop`, …
    pub kind: String,
    /// The clip that it shows, where it shows one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<ClipIndex>,
    /// Its bytes.
    pub file: ArtifactRef,
}

/// How something is spread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Half are at most this.
    pub p50: f64,
    /// 95 of a hundred are at most this.
    pub p95: f64,
    /// The greatest.
    pub max: f64,
}
