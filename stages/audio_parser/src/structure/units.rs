//! A song in beats, or in half seconds where there are none, and what each sounds like.

use crate::chroma;
use crate::features::{Features, SLOW_STEP, TIMBRE_BANDS};
use crate::level::FRAME_RATE;

/// Pitch classes and timbre of one unit.
pub(super) const DIMENSIONS: usize = 12 + TIMBRE_BANDS;
/// A unit where there are no beats, in seconds.
const EVEN_UNIT: f64 = 0.5;
/// Fewer beats than four bars of four are no grid for parts.
const FEWEST_BEATS: usize = 16;

/// What one unit sounds like.
pub(super) type Vector = [f32; DIMENSIONS];

/// The song in beats (or half seconds), and what each sounds like.
pub(super) struct Units {
    /// Begin of each unit, from 0; one more for the end of the song.
    pub(super) times: Vec<f64>,
    /// Whether a part may begin there.
    pub(super) opens: Vec<bool>,
    /// Beats between two openings, usually.
    pub(super) bar: f64,
    /// Sums up to each unit of pitch classes and log band energies, each set with mean 0 and a mean square
    /// of 1 in all.
    sums: Vec<[f64; DIMENSIONS]>,
}

impl Units {
    /// Of a song of `duration` seconds with these `beats` (seconds, and whether they open a bar).
    pub(super) fn new(features: &Features, beats: &[(f64, bool)], duration: f64) -> Self {
        let inside = |time: f64| time > 0.05 && time < duration - 0.05;
        let (mut times, mut opens) = (vec![0.0], vec![true]);
        if beats.len() >= FEWEST_BEATS {
            for (time, opening) in beats.iter().filter(|(time, _)| inside(*time)) {
                times.push(*time);
                opens.push(*opening);
            }
        } else {
            let count = (duration / EVEN_UNIT) as usize;
            let even = (1..count).map(|unit| unit as f64 * EVEN_UNIT);
            times.extend(even.filter(|time| inside(*time)));
            opens.resize(times.len(), true);
        }
        times.push(duration);
        let openings = opens.iter().filter(|opens| **opens).count();
        let bar = if beats.len() >= FEWEST_BEATS {
            opens.len() as f64 / openings as f64
        } else {
            4.0
        };
        Self::of_vectors(times, opens, bar, vectors(features))
    }

    /// From what is known of each unit; `make` gives the vectors of units that begin at its argument.
    pub(super) fn of_vectors(
        times: Vec<f64>,
        opens: Vec<bool>,
        bar: f64,
        make: impl Fn(&[f64]) -> Vec<Vector>,
    ) -> Self {
        let vectors = standardised(make(&times));
        let mut sum = [0.0; DIMENSIONS];
        let mut sums = vec![sum];
        for vector in &vectors {
            for (total, value) in sum.iter_mut().zip(vector) {
                *total += f64::from(*value);
            }
            sums.push(sum);
        }
        Self {
            times,
            opens,
            bar,
            sums,
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.times.len() - 1
    }

    /// Mean of the units `from..to`; zeros of none.
    pub(super) fn mean(&self, from: usize, to: usize) -> Vector {
        let mut mean = [0.0; DIMENSIONS];
        let count = to.saturating_sub(from).max(1) as f64;
        for (dimension, value) in mean.iter_mut().enumerate() {
            *value = ((self.sums[to][dimension] - self.sums[from][dimension]) / count) as f32;
        }
        mean
    }
}

/// Pitch classes (norm 1) and log band energies of the units between given times.
fn vectors(features: &Features) -> impl Fn(&[f64]) -> Vec<Vector> {
    let slow = |time: f64| (time * f64::from(FRAME_RATE)) as usize / SLOW_STEP;
    move |times| {
        let units = times.windows(2).map(|pair| {
            let to = slow(pair[1]).min(features.pitch.len());
            let from = slow(pair[0]).min(to.saturating_sub(1));
            let pitch = chroma::mean(&features.pitch[from..to]);
            let norm = pitch.iter().map(|value| value * value).sum::<f32>().sqrt();
            let mut vector = [0.0; DIMENSIONS];
            for (value, pitch) in vector.iter_mut().zip(pitch) {
                *value = if norm > 0.0 { pitch / norm } else { 0.0 };
            }
            for frame in &features.timbre[from..to] {
                for (value, band) in vector[12..].iter_mut().zip(frame) {
                    *value += band / (to - from) as f32;
                }
            }
            vector
        });
        units.collect()
    }
}

/// Mean 0 in every dimension; pitch and timbre each with a mean square of 1 in all.
fn standardised(mut vectors: Vec<Vector>) -> Vec<Vector> {
    let count = vectors.len().max(1) as f32;
    let mut means = [0.0_f32; DIMENSIONS];
    for vector in &vectors {
        for (mean, value) in means.iter_mut().zip(vector) {
            *mean += value / count;
        }
    }
    for vector in &mut vectors {
        for (value, mean) in vector.iter_mut().zip(means) {
            *value -= mean;
        }
    }
    for range in [0..12, 12..DIMENSIONS] {
        let squares = vectors.iter().map(|vector| {
            vector[range.clone()]
                .iter()
                .map(|value| value * value)
                .sum::<f32>()
        });
        let power = squares.sum::<f32>() / count;
        let scale = if power > 1e-9 {
            1.0 / power.sqrt()
        } else {
            0.0
        };
        for vector in &mut vectors {
            for value in &mut vector[range.clone()] {
                *value *= scale;
            }
        }
    }
    vectors
}
