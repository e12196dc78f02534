//! Where something begins: one curve of onset strength, made of the bands' curves.

use crate::features::{FINE_STEP, FLUX_BANDS, Features};
use crate::level::FRAME_RATE;
use crate::order;

/// A band is as loud as its own 90th percentile within 4 s to either side.
const NORM_RADIUS: usize = 4 * FRAME_RATE as usize;
const NORM_STEP: usize = FRAME_RATE as usize / 2;
/// A band this far below its own loudest parts is not lifted any further.
const NORM_FLOOR: f32 = 0.15;
/// The local mean that is subtracted reaches 0.2 s to either side.
const MEAN_RADIUS: usize = 20;
/// Quieter than −52 dB of the loud parts is silence: the noise of an encoder or of 16 bits is, behind the end
/// of a song, and nobody counts on in it. Of the song's own loudness alone, so that a quiet master is the
/// same song.
const SILENT: f32 = 2.5e-3;

/// A silence of so many frames is a pause.
const PAUSE: usize = 3 * FRAME_RATE as usize / 2;

/// Onset strength.
#[derive(Debug, Clone, Default)]
pub struct Onsets {
    /// One value a frame of 10 ms, 0–1; 0 in silence.
    pub strength: Vec<f32>,
    /// Each band alone, each normalised to about 0–1.
    pub bands: [Vec<f32>; FLUX_BANDS],
    /// False where nothing sounds.
    pub sounding: Vec<bool>,
}

/// Combines the bands of `features`: each is brought to the same loudness, then the mean counts, and
/// the second-strongest as well, because a beat is where bands agree. Smoothed over 3 frames, less the
/// local mean. `loud` is the effective amplitude of the loud parts.
///
/// Ours; band-wise normalisation follows A. Klapuri et al., "Analysis of the Meter of Acoustic Musical
/// Signals", IEEE TASLP 2006, §II-A.
pub fn strength(features: &Features, loud: f32) -> Onsets {
    let sounding = without_pauses(&features.level, loud * SILENT);
    let bands = features
        .flux
        .each_ref()
        .map(|curve| normalised(&without_silence(curve, &sounding)));
    let mixed: Vec<f32> = (0..features.frames)
        .map(|frame| {
            let mut values = bands.each_ref().map(|band| band[frame]);
            values.sort_by(|a, b| b.total_cmp(a));
            values.iter().sum::<f32>() / FLUX_BANDS as f32 + 0.5 * values[1]
        })
        .collect();
    Onsets {
        strength: peaky(&mixed),
        bands,
        sounding,
    }
}

/// False in silences longer than [`PAUSE`] only: those between two clicks are part of the rhythm.
fn without_pauses(level: &[f32], silence: f32) -> Vec<bool> {
    let mut sounding = Vec::with_capacity(level.len());
    for run in level.chunk_by(|a, b| (*a > silence) == (*b > silence)) {
        let sounds = run[0] > silence || run.len() < PAUSE;
        sounding.resize(sounding.len() + run.len(), sounds);
    }
    sounding
}

/// The fine curve (400 values a second), 0–1, for the refinement of beats.
pub fn fine_strength(features: &Features) -> Vec<f32> {
    let radius = NORM_RADIUS * FINE_STEP;
    let local = order::running_percentile(&features.fine_flux, radius, NORM_STEP * FINE_STEP, 0.98);
    let floor = NORM_FLOOR * order::percentile_of_positive(&features.fine_flux, 0.98);
    let scaled = features.fine_flux.iter().zip(&local);
    scaled
        .map(|(value, local)| ratio(*value, local.max(floor)).min(1.0))
        .collect()
}

fn without_silence(curve: &[f32], sounding: &[bool]) -> Vec<f32> {
    let gated = curve.iter().zip(sounding);
    gated
        .map(|(value, sounds)| if *sounds { *value } else { 0.0 })
        .collect()
}

fn normalised(curve: &[f32]) -> Vec<f32> {
    let local = order::running_percentile(curve, NORM_RADIUS, NORM_STEP, 0.95);
    let local = order::moving_mean(&local, NORM_STEP);
    let floor = NORM_FLOOR * order::percentile_of_positive(curve, 0.98);
    let scaled = curve.iter().zip(&local);
    scaled
        .map(|(value, local)| ratio(*value, local.max(floor)).min(1.5))
        .collect()
}

fn peaky(curve: &[f32]) -> Vec<f32> {
    let at = |index: usize| curve.get(index).copied().unwrap_or(0.0);
    let smooth: Vec<f32> = (0..curve.len())
        .map(|index| {
            let before = index.checked_sub(1).map_or(0.0, at);
            0.25 * before + 0.5 * at(index) + 0.25 * at(index + 1)
        })
        .collect();
    let means = order::moving_mean(&smooth, MEAN_RADIUS);
    let sharp: Vec<f32> = smooth
        .iter()
        .zip(&means)
        .map(|(value, mean)| (value - mean).max(0.0))
        .collect();
    let loud =
        order::percentile(&sharp, 0.98).max(0.5 * order::percentile_of_positive(&sharp, 0.95));
    sharp
        .iter()
        .map(|value| ratio(*value, loud).min(1.0))
        .collect()
}

fn ratio(value: f32, to: f32) -> f32 {
    if to > 0.0 { value / to } else { 0.0 }
}

/// Strong onsets in seconds: local maxima above half the strength, at least 100 ms apart.
pub fn strong(onsets: &Onsets) -> Vec<f64> {
    const APART: usize = FRAME_RATE as usize / 10;
    let strength = &onsets.strength;
    (0..strength.len())
        .filter(|at| {
            let near = &strength[at.saturating_sub(APART)..(at + APART + 1).min(strength.len())];
            strength[*at] > 0.5 && near.iter().all(|other| *other <= strength[*at])
        })
        .map(|at| at as f64 / f64::from(FRAME_RATE))
        .collect()
}
