//! The song as pictures hear it: envelopes at a fixed rate, each from 0 to 1.

use serde::{Deserialize, Serialize};

use crate::Seconds;

/// Curves over the song, one value for each picture of the film (every `1 / rate_hz` seconds from time 0),
/// as bytes: 0 is silence or rest, 255 the song's own loudest (its 98th percentile), so that quiet and loud masters move alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelopes {
    /// Values a second: the frame rate of the film that the song was heard for.
    pub rate_hz: f64,
    /// Loudness, smoothed over about a second: how much is going on.
    pub energy: Vec<u8>,
    /// Below 150 Hz.
    pub bass: Vec<u8>,
    /// 150 Hz to 2 kHz.
    pub mid: Vec<u8>,
    /// Above 2 kHz.
    pub treble: Vec<u8>,
    /// What is struck: drums, and the attacks of everything else.
    #[serde(default)]
    pub percussive: Vec<u8>,
    /// What sounds on: voices, strings, pads.
    #[serde(default)]
    pub harmonic: Vec<u8>,
    /// 255 on a beat, decaying to 0 over about 300 ms.
    pub beat: Vec<u8>,
    /// The same for downbeats only.
    pub downbeat: Vec<u8>,
}

/// The curves at one instant, each 0–1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MusicAt {
    /// See [`Envelopes::energy`].
    pub energy: f32,
    /// See [`Envelopes::bass`].
    pub bass: f32,
    /// See [`Envelopes::mid`].
    pub mid: f32,
    /// See [`Envelopes::treble`].
    pub treble: f32,
    /// See [`Envelopes::percussive`].
    pub percussive: f32,
    /// See [`Envelopes::harmonic`].
    pub harmonic: f32,
    /// See [`Envelopes::beat`].
    pub beat: f32,
    /// See [`Envelopes::downbeat`].
    pub downbeat: f32,
}

impl Envelopes {
    /// The curves at `time`, interpolated between values and held at both ends; all 0 where a curve
    /// is empty.
    pub fn at(&self, time: Seconds) -> MusicAt {
        let position = (time.0 * self.rate_hz).max(0.0);
        let value = |curve: &[u8]| interpolated(curve, position);
        MusicAt {
            energy: value(&self.energy),
            bass: value(&self.bass),
            mid: value(&self.mid),
            treble: value(&self.treble),
            percussive: value(&self.percussive),
            harmonic: value(&self.harmonic),
            beat: value(&self.beat),
            downbeat: value(&self.downbeat),
        }
    }
}

fn interpolated(curve: &[u8], position: f64) -> f32 {
    let Some(last) = curve.len().checked_sub(1) else {
        return 0.0;
    };
    let before = (position as usize).min(last);
    let value = |index: usize| {
        curve
            .get(index.min(last))
            .map_or(0.0, |byte| f32::from(*byte) / 255.0)
    };
    let fraction = (position - before as f64).clamp(0.0, 1.0) as f32;
    value(before) + (value(before + 1) - value(before)) * fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_interpolated_and_held_at_the_ends() {
        let envelopes = Envelopes {
            rate_hz: 10.0,
            energy: vec![0, 255],
            bass: vec![],
            mid: vec![255],
            treble: vec![],
            percussive: vec![],
            harmonic: vec![],
            beat: vec![],
            downbeat: vec![],
        };
        assert_eq!(envelopes.at(Seconds(-1.0)).energy, 0.0);
        assert!((envelopes.at(Seconds(0.05)).energy - 0.5).abs() < 1e-6);
        assert_eq!(envelopes.at(Seconds(99.0)).energy, 1.0);
        assert_eq!(envelopes.at(Seconds(99.0)).bass, 0.0);
        assert_eq!(envelopes.at(Seconds(0.3)).mid, 1.0);
    }
}
