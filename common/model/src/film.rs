//! What `composer` made: the film and what was measured of it.

use serde::{Deserialize, Serialize};

use crate::{ArtifactRef, Seconds, Stored};

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
}

/// Measurements of a film, read from the finished file, not from the plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
