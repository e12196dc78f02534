//! The parts of a song: where one ends, which sound alike, and what each seems to be.

use crate::chroma;
use crate::features::{Features, SLOW_STEP, TIMBRE_BANDS};
use crate::level::FRAME_RATE;
use crate::order;

mod kinds;
mod labels;

/// Pitch classes and timbre of one unit.
const DIMENSIONS: usize = 12 + TIMBRE_BANDS;
/// Half-widths in beats over which before and after are compared: two, four and eight bars of four.
const WIDTHS: [usize; 3] = [8, 16, 32];
/// A unit where there are no beats, in seconds.
const EVEN_UNIT: f64 = 0.5;
/// No part is shorter than this, in seconds.
const SHORTEST: f64 = 6.0;
/// A boundary must be this much newer than the usual instant.
const THRESHOLD: f32 = 0.75;

/// A part of the song, in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// `A`, `B`, … in order of first appearance.
    pub label: String,
    /// What it seems to be.
    pub kind: model::analysis::SectionKind,
    /// Where it begins and ends.
    pub span: (f64, f64),
    /// 0–1, relative to the song.
    pub energy: f32,
    /// 0–1.
    pub confidence: f32,
}

/// Parts that tile `[0, duration]`. `beats` are in seconds, with whether they open a bar; `energy` is
/// one value a frame of 10 ms. A song shorter than two parts is one part.
///
/// Novelty is the distance between what lies before and behind an instant (J. Foote, "Automatic Audio
/// Segmentation Using a Measure of Audio Novelty", ICME 2000, §3, with a box for the Gaussian, which
/// makes it a difference of means); boundaries are the best set under a prior of lengths.
pub fn parts(
    features: &Features,
    beats: &[(f64, bool)],
    energy: &[f32],
    duration: f64,
) -> Vec<Part> {
    let units = Units::new(features, beats, duration);
    let novelty = novelty(&units);
    let bounds = boundaries(&units, &novelty, duration);
    let spans: Vec<(f64, f64)> = bounds
        .windows(2)
        .map(|pair| (units.times[pair[0]], units.times[pair[1]]))
        .collect();
    let labels = labels::of(&units, &bounds);
    let energies: Vec<f32> = spans
        .iter()
        .map(|span| mean_energy(energy, *span))
        .collect();
    let kinds = kinds::of(&labels, &energies, &spans, duration);
    let parts = spans.iter().enumerate().map(|(at, span)| Part {
        label: labels::name(labels[at]),
        kind: kinds[at],
        span: *span,
        energy: energies[at],
        confidence: if at == 0 {
            1.0
        } else {
            let new = novelty[bounds[at]].max(0.0);
            new / (new + 1.5)
        },
    });
    parts.collect()
}

/// The song in beats (or half seconds), and what each sounds like.
struct Units {
    /// Begin of each unit, from 0; one more for the end of the song.
    times: Vec<f64>,
    /// Whether a part may begin there.
    opens: Vec<bool>,
    /// Beats between two openings, usually.
    bar: f64,
    /// Sums of features up to each unit.
    sums: Vec<[f64; DIMENSIONS]>,
}

impl Units {
    fn new(features: &Features, beats: &[(f64, bool)], duration: f64) -> Self {
        let inside = |time: f64| time > 0.05 && time < duration - 0.05;
        let (mut times, mut opens) = (vec![0.0], vec![true]);
        if beats.len() >= 16 {
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
        let bar = if beats.len() >= 16 {
            opens.len() as f64 / openings as f64
        } else {
            4.0
        };
        let vectors = standardised(vectors(features, &times));
        let mut sums = vec![[0.0; DIMENSIONS]];
        for vector in &vectors {
            let mut sum = sums[sums.len() - 1];
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

    fn count(&self) -> usize {
        self.times.len() - 1
    }

    /// Mean features of the units `from..to`; zeros of none.
    fn mean(&self, from: usize, to: usize) -> [f32; DIMENSIONS] {
        let mut mean = [0.0; DIMENSIONS];
        let count = to.saturating_sub(from).max(1) as f64;
        for (dimension, value) in mean.iter_mut().enumerate() {
            *value = ((self.sums[to][dimension] - self.sums[from][dimension]) / count) as f32;
        }
        mean
    }
}

/// Pitch classes (norm 1) and log band energies of each unit.
fn vectors(features: &Features, times: &[f64]) -> Vec<[f32; DIMENSIONS]> {
    let slow = |time: f64| (time * f64::from(FRAME_RATE)) as usize / SLOW_STEP;
    let units = times.windows(2).map(|pair| {
        let to = slow(pair[1]).min(features.chroma.len());
        let from = slow(pair[0]).min(to.saturating_sub(1));
        let pitch = chroma::mean(&features.chroma[from..to]);
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

/// Mean 0 in every dimension; pitch and timbre each with a mean square of 1 in all.
fn standardised(mut vectors: Vec<[f32; DIMENSIONS]>) -> Vec<[f32; DIMENSIONS]> {
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

/// How new the song is at each unit against before, in spreads above the median.
fn novelty(units: &Units) -> Vec<f32> {
    let count = units.count();
    let mut total = vec![0.0_f32; count + 1];
    for width in WIDTHS.iter().filter(|width| **width * 2 <= count) {
        let curve: Vec<f32> = (0..=count)
            .map(|at| {
                // At the ends half of the width must do.
                let (from, to) = (at.saturating_sub(*width), (at + width).min(count));
                if at - from < width / 2 || to - at < width / 2 {
                    return 0.0;
                }
                let (before, after) = (units.mean(from, at), units.mean(at, to));
                before
                    .iter()
                    .zip(after)
                    .map(|(b, a)| (a - b).powi(2))
                    .sum::<f32>()
                    .sqrt()
            })
            .collect();
        let usual = order::percentile(&curve, 0.5);
        let spread = (order::percentile(&curve, 0.9) - usual).max(1e-6);
        for (sum, value) in total.iter_mut().zip(&curve) {
            *sum += (value - usual) / spread / WIDTHS.len() as f32;
        }
    }
    sharpened(&total)
}

/// Peaks stand out against their neighbourhood of two bars.
fn sharpened(curve: &[f32]) -> Vec<f32> {
    let means = order::moving_mean(curve, 8);
    let peaks = curve
        .iter()
        .zip(means)
        .map(|(value, mean)| 0.6 * value + (value - mean));
    peaks.collect()
}

/// The best set of boundaries, as units, with 0 and the end.
fn boundaries(units: &Units, novelty: &[f32], duration: f64) -> Vec<usize> {
    let count = units.count();
    let places: Vec<usize> = (0..count)
        .filter(|at| units.opens[*at])
        .chain([count])
        .collect();
    let mut best = vec![(f32::NEG_INFINITY, 0_usize); places.len()];
    best[0] = (0.0, 0);
    let shortest = SHORTEST.min(duration);
    for to in 1..places.len() {
        let last = to + 1 == places.len();
        let reward = if last {
            0.0
        } else {
            novelty[places[to]] - THRESHOLD
        };
        for from in 0..to {
            let seconds = units.times[places[to]] - units.times[places[from]];
            if seconds < shortest - 1e-9 {
                continue;
            }
            let bars = (places[to] - places[from]) as f64 / units.bar;
            let score = best[from].0 + reward - length_cost(bars);
            if score > best[to].0 {
                best[to] = (score, from);
            }
        }
    }
    let mut bounds = vec![count];
    let mut at = places.len() - 1;
    while at > 0 {
        at = if best[at].0.is_finite() {
            best[at].1
        } else {
            0
        };
        bounds.push(places[at]);
    }
    bounds.reverse();
    bounds
}

/// Parts have 8 bars, or 16, or 4, or 12; odd lengths are rarer.
fn length_cost(bars: f64) -> f32 {
    let near = |whole: f64| (bars - whole).abs() < 0.35;
    if near(8.0) || near(16.0) {
        0.0
    } else if near(4.0) || near(12.0) || near(24.0) || near(32.0) {
        0.25
    } else if (bars / 2.0 - (bars / 2.0).round()).abs() < 0.2 {
        0.5
    } else {
        0.8
    }
}

fn mean_energy(energy: &[f32], (from, to): (f64, f64)) -> f32 {
    let frame = |time: f64| (time * f64::from(FRAME_RATE)) as usize;
    let part = energy
        .get(frame(from)..frame(to).min(energy.len()))
        .unwrap_or(&[]);
    part.iter().sum::<f32>() / part.len().max(1) as f32
}
