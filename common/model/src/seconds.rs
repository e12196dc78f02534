//! Time within a song.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A time or a length in seconds; 0 is the first sample of the canonical audio.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub f64);

impl Seconds {
    /// The length of `frames` sample frames at `sample_rate` Hz.
    pub fn of_samples(frames: u64, sample_rate: u32) -> Self {
        Self(frames as f64 / f64::from(sample_rate.max(1)))
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s", self.0)
    }
}
