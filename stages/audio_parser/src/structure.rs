//! The parts of a song: where one ends, which sound alike, and what each seems to be.
//!
//! `units` cuts the song into beats, `novelty` and `repetition` say where it turns into something
//! new, `boundaries` chooses the best set of boundaries, `labels` says which parts are alike, and
//! `kinds` what each may be.

use model::Seconds;
use model::analysis::{NoveltyPeak, SectionKind};

use crate::features::Features;
use crate::level::FRAME_RATE;
use units::Units;

mod boundaries;
mod kinds;
mod labels;
mod novelty;
mod repetition;
mod units;

/// How much a change of what is repeated counts beside a change of sound.
const REPETITION: f32 = 0.5;
/// Half of this novelty, in spreads above the median, makes a boundary as likely as not.
const EVEN_CHANCE: f32 = 1.5;

/// A part of the song, in seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// `A`, `B`, … in order of first appearance.
    pub label: String,
    /// What it seems to be.
    pub kind: SectionKind,
    /// Where it begins and ends.
    pub span: (f64, f64),
    /// 0–1, relative to the song.
    pub energy: f32,
    /// How sure its begin is, 0–1.
    pub confidence: f32,
    /// How sure its kind is, 0–1.
    pub kind_confidence: f32,
}

/// What was found out about the form of a song.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// Tiles `[0, duration]`.
    pub parts: Vec<Part>,
    /// Where it turns into something new, ascending.
    pub novelty: Vec<NoveltyPeak>,
}

/// The form of a song. `beats` are in seconds, with whether they open a bar; `energy` is one value a
/// frame of 10 ms. Boundaries lie on downbeats where there are any, else on half seconds. A song shorter
/// than two parts is one part.
pub fn form(features: &Features, beats: &[(f64, bool)], energy: &[f32], duration: f64) -> Form {
    let units = Units::new(features, beats, duration);
    let mut new = novelty::of_sound(&units);
    // Where nothing ever changes, everything repeats, and the ends alone would look new.
    if new.iter().any(|value| value.abs() > 1e-6) {
        for (sum, value) in new.iter_mut().zip(repetition::novelty(&units)) {
            *sum += REPETITION * value;
        }
    }
    let new = novelty::sharpened(&new);
    let bounds = boundaries::best(&units, &new, duration);
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
        kind: kinds[at].0,
        span: *span,
        energy: energies[at],
        confidence: boundary_confidence(at, new[bounds[at]]),
        kind_confidence: kinds[at].1,
    });
    Form {
        parts: parts.collect(),
        novelty: peaks(&units, &new),
    }
}

fn boundary_confidence(at: usize, novelty: f32) -> f32 {
    let new = novelty.max(0.0);
    if at == 0 {
        1.0
    } else {
        new / (new + EVEN_CHANCE)
    }
}

/// Where a part could begin and the song is newer than at the openings to either side.
fn peaks(units: &Units, new: &[f32]) -> Vec<NoveltyPeak> {
    let places: Vec<usize> = (1..units.count()).filter(|at| units.opens[*at]).collect();
    let value = |place: Option<&usize>| place.map_or(0.0, |at| new[*at]);
    let most = places.iter().map(|at| new[*at]).fold(0.0_f32, f32::max);
    let peak = |(order, at): (usize, &usize)| {
        let before = value(order.checked_sub(1).and_then(|order| places.get(order)));
        let after = value(places.get(order + 1));
        let strength = new[*at] / most.max(f32::MIN_POSITIVE);
        (new[*at] > before.max(0.0) && new[*at] >= after).then_some(NoveltyPeak {
            time: Seconds(units.times[*at]),
            strength: strength.min(1.0),
        })
    };
    places.iter().enumerate().filter_map(peak).collect()
}

fn mean_energy(energy: &[f32], (from, to): (f64, f64)) -> f32 {
    let frame = |time: f64| (time * f64::from(FRAME_RATE)) as usize;
    let part = energy
        .get(frame(from)..frame(to).min(energy.len()))
        .unwrap_or(&[]);
    part.iter().sum::<f32>() / part.len().max(1) as f32
}

#[cfg(test)]
mod tests;
