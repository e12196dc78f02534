//! What the network sees of a song: log magnitudes in bands, rises of six wide bands, pitch classes.

use crate::features::{FLUX_BANDS, Features, SLOW_STEP};
use crate::network::FRAMES_A_STEP;

/// Bands of the spectrum.
pub const BANDS: usize = 64;
/// Values a frame of 10 ms.
const A_FRAME: usize = BANDS + FLUX_BANDS;
/// Pitch classes of everything and of the bass.
const CLASSES: usize = 24;
/// Values a step of the network.
pub const A_STEP: usize = FRAMES_A_STEP * A_FRAME + CLASSES;
/// The middle of the lowest and the highest band, and where the scale bends from linear to logarithmic.
const LOW_HZ: f32 = 40.0;
const HIGH_HZ: f32 = 16_000.0;
const BEND_HZ: f32 = 250.0;

/// Triangles over the bins of a spectrum, at the same frequencies whatever the sample rate: narrow in the
/// bass, some eleven an octave above.
pub struct Bands {
    filters: Vec<(usize, Vec<f32>)>,
}

impl Bands {
    /// For spectra of windows of `size` samples at `rate` Hz.
    pub fn new(rate: u32, size: usize) -> Self {
        let bin_hz = rate as f32 / size as f32;
        let scale = |hz: f32| (1.0 + hz / BEND_HZ).log2();
        let step = (scale(HIGH_HZ) - scale(LOW_HZ)) / (BANDS - 1) as f32;
        let hz = |band: f32| BEND_HZ * ((scale(LOW_HZ) + band * step).exp2() - 1.0);
        let filters = (0..BANDS).map(|band| {
            let band = band as f32;
            let centre = hz(band);
            // No narrower than a bin to either side, or a band could fall between two.
            let left = (hz(band - 1.0)).min(centre - 1.1 * bin_hz);
            let right = (hz(band + 1.0)).max(centre + 1.1 * bin_hz);
            let first = (left / bin_hz).ceil().max(0.0) as usize;
            let last = ((right / bin_hz).floor() as usize).min(size / 2);
            let weight = |bin: usize| {
                let at = bin as f32 * bin_hz;
                let part = if at < centre {
                    (at - left) / (centre - left)
                } else {
                    (right - at) / (right - centre)
                };
                part.max(0.0)
            };
            let mut weights: Vec<f32> = (first..=last).map(weight).collect();
            let sum = weights.iter().sum::<f32>().max(1e-9);
            for weight in &mut weights {
                *weight /= sum;
            }
            (first, weights)
        });
        Self {
            filters: filters.collect(),
        }
    }

    /// Appends `ln(1 + gain · magnitude)` of each band.
    pub fn append(&self, magnitudes: &[f32], gain: f32, to: &mut Vec<f32>) {
        to.extend(self.filters.iter().map(|(first, weights)| {
            let bins = magnitudes[*first..].iter().zip(weights);
            let mean: f32 = bins.map(|(bin, weight)| bin * weight).sum();
            (1.0 + gain * mean).ln()
        }));
    }
}

/// All steps of a song, [`A_STEP`] values each: two frames, then the pitch classes around them. The last
/// frame stands twice where the number of frames is odd.
pub fn of(features: &Features) -> Vec<f32> {
    let steps = features.frames.div_ceil(FRAMES_A_STEP);
    let mut values = Vec::with_capacity(steps * A_STEP);
    for step in 0..steps {
        for part in 0..FRAMES_A_STEP {
            let frame = (step * FRAMES_A_STEP + part).min(features.frames - 1);
            values.extend_from_slice(&features.spectrum[frame * BANDS..][..BANDS]);
            values.extend(features.flux.iter().map(|curve| curve[frame]));
        }
        let slow = step * FRAMES_A_STEP / SLOW_STEP;
        values.extend_from_slice(&features.chroma[slow]);
        values.extend_from_slice(&features.bass[slow]);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands_lie_at_the_same_frequencies_at_both_rates() {
        // A flat spectrum is flat in every band at any rate: weights sum to one.
        for rate in [44_100, 48_000] {
            let mut values = Vec::new();
            Bands::new(rate, 2_048).append(&[0.5; 1_025], 2.0, &mut values);
            assert_eq!(values.len(), BANDS);
            assert!(
                values
                    .iter()
                    .all(|value| (value - 2.0_f32.ln()).abs() < 1e-4)
            );
        }
    }
}
