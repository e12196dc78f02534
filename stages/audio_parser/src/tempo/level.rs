//! Which of several pulses is the one that people tap: the double, the half and the threefold fit what is
//! heard nearly as well.

use crate::beats::{self, Evidence};
use crate::chroma::{self, Chroma};
use crate::features::{Features, SLOW_STEP};
use crate::level::FRAME_RATE;
use crate::network::Activations;
use crate::onset::Onsets;
use crate::order;

/// How many traits there are.
pub(super) const TRAITS: usize = 11;

/// What each trait counts: a conditional logit over the pulses of songs that `training/` composed and the
/// network was not trained on (`training/levels.py`).
const WEIGHTS: [f32; TRAITS] = [
    0.307, 0.0222, -0.44, 8.9, -2.46, -1.49, -0.508, -4.02, -0.767, 0.624, 6.31,
];

/// How much beats with these traits look like those that people tap: log odds, greater is better.
pub(super) fn score(traits: &[f32; TRAITS]) -> f32 {
    traits
        .iter()
        .zip(WEIGHTS)
        .map(|(value, weight)| value * weight)
        .sum()
}

/// What there is to judge a pulse by.
pub(super) struct Judge<'a> {
    pub(super) evidence: &'a Evidence,
    pub(super) heard: &'a Activations,
    pub(super) features: &'a Features,
    pub(super) onsets: &'a Onsets,
}

impl Judge<'_> {
    /// The traits of beats at `beats` (frames, ascending), in the order of [`WEIGHTS`].
    pub(super) fn traits(&self, beats: &[f64]) -> [f32; TRAITS] {
        let places = Places::new(beats);
        let length = places.seconds() * FRAME_RATE as f32;
        // Octaves from the middle of what people tap.
        let tempo = -beats::deviation(length);
        let (beat, down) = (&self.heard.beat, &self.heard.downbeat);
        let snare = &self.onsets.bands[4];
        let strength = &self.onsets.strength;
        [
            // Nats a second: by beat, a fast pulse would have to prove itself more often.
            self.evidence.of(beats) / places.seconds() / 10.0,
            tempo,
            tempo * tempo,
            places.mean(beat, 0.0),
            places.mean(beat, 0.5),
            places.mean(beat, 1.0 / 3.0) + places.mean(beat, 2.0 / 3.0),
            places.mean(down, 0.0),
            places.alternation(beat),
            places.alternation(snare),
            places.mean(strength, 0.5),
            places.change(&self.features.chroma, 0.0) - places.change(&self.features.chroma, 0.5),
        ]
    }
}

/// Beats as (start, length) in frames.
struct Places {
    beats: Vec<(f64, f64)>,
}

impl Places {
    fn new(beats: &[f64]) -> Self {
        let pairs = beats.windows(2);
        Self {
            beats: pairs.map(|pair| (pair[0], pair[1] - pair[0])).collect(),
        }
    }

    /// The usual length of a beat.
    fn seconds(&self) -> f32 {
        let lengths: Vec<f64> = self.beats.iter().map(|(_, length)| *length).collect();
        (order::median(&lengths) / f64::from(FRAME_RATE)).max(0.1) as f32
    }

    /// The greatest values of `curve` around each beat plus `offset` beats.
    fn values<'a>(&'a self, curve: &'a [f32], offset: f64) -> impl Iterator<Item = f32> + 'a {
        self.beats.iter().map(move |(start, length)| {
            let centre = (start + offset * length).max(0.0).round() as usize;
            let near = curve.get(centre.saturating_sub(3)..(centre + 4).min(curve.len()));
            near.unwrap_or(&[])
                .iter()
                .fold(0.0_f32, |most, value| most.max(*value))
        })
    }

    fn count(&self) -> f32 {
        self.beats.len().max(1) as f32
    }

    fn mean(&self, curve: &[f32], offset: f64) -> f32 {
        self.values(curve, offset).sum::<f32>() / self.count()
    }

    /// By how much odd beats differ from even ones.
    fn alternation(&self, curve: &[f32]) -> f32 {
        let signed = self.values(curve, 0.0).enumerate();
        let sum: f32 = signed
            .map(|(at, value)| if at % 2 == 0 { value } else { -value })
            .sum();
        2.0 * sum.abs() / self.count()
    }

    /// How much the pitch classes change around each beat plus `offset` beats, half a beat to either
    /// side.
    fn change(&self, curve: &[Chroma], offset: f64) -> f32 {
        let slow = |frame: f64| (frame.max(0.0) as usize / SLOW_STEP).min(curve.len());
        let changes = self.beats.iter().map(|(start, length)| {
            let centre = start + offset * length;
            let (from, middle, to) = (
                slow(centre - length / 2.0),
                slow(centre),
                slow(centre + length / 2.0),
            );
            if from >= middle || middle >= to {
                return 0.0;
            }
            chroma::distance(
                &chroma::mean(&curve[from..middle]),
                &chroma::mean(&curve[middle..to]),
            )
        });
        changes.sum::<f32>() / self.count()
    }
}
