//! How loud a song is, and where it is silent.

use serde::{Deserialize, Serialize};

use crate::Seconds;

/// Loudness by EBU R128, of the canonical audio in its own channels. The default is that of silence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Loudness {
    /// Integrated loudness in LUFS, gated; `None` of a song that never gets over the gate of −70 LUFS.
    pub integrated: Option<f64>,
    /// Loudness range in LU, ≥ 0; 0 of a song shorter than three seconds.
    pub range: f64,
    /// True peak in dBFS over all channels, between samples as well; `None` of digital silence.
    pub true_peak: Option<f64>,
}

/// A stretch in which nothing sounds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Silence {
    /// Where it begins.
    pub start: Seconds,
    /// Where it ends.
    pub end: Seconds,
    /// Where in the song it lies.
    pub place: SilencePlace,
}

/// Where in a song a silence lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SilencePlace {
    /// From the begin of the song.
    Head,
    /// Between two sounds.
    Inside,
    /// Up to the end of the song.
    Tail,
    /// All of it.
    Whole,
}
