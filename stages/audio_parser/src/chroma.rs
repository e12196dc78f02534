//! Pitch classes.

use std::f32::consts::TAU;

/// How strong each pitch class is, from C; not normalised.
pub type Chroma = [f32; 12];

/// Folds spectra into pitch classes.
pub struct ChromaFolder {
    bin_hz: f32,
    first: usize,
    last: usize,
}

impl ChromaFolder {
    /// For windows of `size` samples at `rate` Hz, taking the peaks from `low` to `high` Hz.
    pub fn new(rate: u32, size: usize, (low, high): (f32, f32)) -> Self {
        let bin_hz = rate as f32 / size as f32;
        Self {
            bin_hz,
            first: ((low / bin_hz) as usize).max(2),
            last: ((high / bin_hz) as usize).min(size / 2 - 2),
        }
    }

    /// The pitch classes of `magnitudes`: each spectral peak counts by its log strength, at the
    /// frequency of a parabola through it, in A440, weighted by how near it is to its semitone.
    ///
    /// E. Gómez, "Tonal Description of Music Audio Signals", doctoral thesis, UPF 2006, §3.2–3.4, without
    /// harmonics.
    pub fn fold(&self, magnitudes: &[f32], gain: f32) -> Chroma {
        let mut chroma = [0.0; 12];
        for bin in self.first..=self.last {
            let (left, peak, right) = (magnitudes[bin - 1], magnitudes[bin], magnitudes[bin + 1]);
            if peak <= left || peak < right {
                continue;
            }
            let curve = left - 2.0 * peak + right;
            let shift = if curve < 0.0 {
                0.5 * (left - right) / curve
            } else {
                0.0
            };
            let hz = (bin as f32 + shift) * self.bin_hz;
            let pitch = 69.0 + 12.0 * (hz / 440.0).log2();
            let off = pitch - pitch.round();
            let class = (pitch.round() as i32).rem_euclid(12) as usize;
            chroma[class] += (1.0 + gain * peak).ln() * (0.5 + 0.5 * (TAU * off).cos());
        }
        chroma
    }
}

/// 1 minus the cosine between two chromas: 0 the same, 1 nothing in common. 0 where one is empty.
pub fn distance(a: &Chroma, b: &Chroma) -> f32 {
    let dot = |x: &Chroma, y: &Chroma| x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>();
    let norm = (dot(a, a) * dot(b, b)).sqrt();
    if norm > 0.0 {
        (1.0 - dot(a, b) / norm).clamp(0.0, 1.0)
    } else {
        0.0
    }
}

/// The mean of `chromas`.
pub fn mean(chromas: &[Chroma]) -> Chroma {
    let mut mean = [0.0; 12];
    for chroma in chromas {
        for (sum, value) in mean.iter_mut().zip(chroma) {
            *sum += value / chromas.len() as f32;
        }
    }
    mean
}
