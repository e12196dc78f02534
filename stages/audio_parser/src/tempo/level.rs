//! Which of several pulses is the one that people tap: the double, the half and the threefold fit what is
//! heard nearly as well.

use crate::beats;
use crate::chroma::{self, Chroma};
use crate::features::{Features, SLOW_STEP};
use crate::level::FRAME_RATE;
use crate::network::Activations;
use crate::onset::Onsets;
use crate::order;
use crate::tempo::pattern::Pattern;

/// How many traits there are.
pub(super) const TRAITS: usize = 11;

/// What each trait counts: a conditional logit over the pulses of songs that `training/` composed and the
/// network was not trained on (`training/levels.py`).
const WEIGHTS: [f32; TRAITS] = [
    -0.918, -1.18, 13.2, -3.53, -2.28, 9.73, 0.759, 4.22, 10.8, 12.6, 1.58,
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
        let pattern = Pattern::new(&places.beats, &self.onsets.bands);
        let chroma = &self.features.chroma;
        [
            tempo,
            tempo * tempo,
            places.mean(beat, 0.0),
            places.mean(beat, 0.5),
            places.mean(beat, 1.0 / 3.0) + places.mean(beat, 2.0 / 3.0),
            places.mean(down, 0.0),
            places.mean(&self.onsets.strength, 0.5),
            places.change(chroma, 0.0) - places.change(chroma, 0.5),
            pattern.bars_alike(),
            places.one_in(3, down).max(places.one_in(4, down)),
            pattern.bass_alternation_between(),
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

    /// By how much one beat in `bar` stands out above all of them, at its best phase.
    fn one_in(&self, bar: usize, curve: &[f32]) -> f32 {
        let values: Vec<f32> = self.values(curve, 0.0).collect();
        let mean = |values: &mut dyn Iterator<Item = f32>| {
            let (sum, count) =
                values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
            sum / (count as f32).max(1.0)
        };
        let phases =
            (0..bar).map(|phase| mean(&mut values.iter().copied().skip(phase).step_by(bar)));
        phases.fold(0.0_f32, f32::max) - mean(&mut values.iter().copied())
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
