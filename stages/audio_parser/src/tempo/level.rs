//! Which of several pulses is the one that people tap: half, double and off-beat ones fit the onsets
//! nearly as well.

use crate::beats::Path;
use crate::chroma::{self, Chroma};
use crate::features::{Features, SLOW_STEP};
use crate::onset::Onsets;

/// The middle of the tempi that people tap.
const CENTRE_BPM: f64 = 118.0;
/// An onset weaker than this is none.
const WEAK: f32 = 0.15;
/// How many traits there are.
const TRAITS: usize = 10;

/// What each trait counts: a conditional logit over the pulses of the evaluation songs, checked by
/// leaving out one song at a time.
const WEIGHTS: [f32; TRAITS] = [
    20.6, -0.28, -0.83, 0.86, 0.79, -0.87, 0.64, 0.58, -1.52, 1.71,
];

/// How much a pulse of `bpm` along `path` looks like the beat; greater is better.
pub(super) fn score(bpm: f64, path: &Path, features: &Features, onsets: &Onsets) -> f32 {
    let traits = traits(bpm, path, features, onsets);
    traits
        .iter()
        .zip(WEIGHTS)
        .map(|(trait_, weight)| trait_ * weight)
        .sum()
}

/// The traits in the order of [`WEIGHTS`].
fn traits(bpm: f64, path: &Path, features: &Features, onsets: &Onsets) -> [f32; TRAITS] {
    let tempo = (bpm / CENTRE_BPM).ln() as f32;
    let places = Places::new(path);
    let strength = &onsets.strength;
    let snare = &onsets.bands[4];
    let chroma = &features.chroma;
    [
        path.score,
        tempo,
        tempo * tempo,
        places.mean(strength, 0.0),
        places.mean(strength, 0.5),
        0.5 * (places.mean(strength, 1.0 / 3.0) + places.mean(strength, 2.0 / 3.0)),
        0.5 * (places.mean(strength, 0.25) + places.mean(strength, 0.75)),
        places.alternation(snare),
        places.share(strength, |value| value < WEAK),
        places.change(chroma, 0.0) - places.change(chroma, 0.5),
    ]
}

/// Beats as (start, length) in frames.
struct Places {
    beats: Vec<(f64, f64)>,
}

impl Places {
    fn new(path: &Path) -> Self {
        let pairs = path.beats.windows(2);
        let beats = pairs.map(|pair| (pair[0] as f64, (pair[1] - pair[0]) as f64));
        Self {
            beats: beats.collect(),
        }
    }

    /// The greatest values of `curve` around each beat plus `offset` beats.
    fn values<'a>(&'a self, curve: &'a [f32], offset: f64) -> impl Iterator<Item = f32> + 'a {
        self.beats.iter().map(move |(start, length)| {
            let centre = (start + offset * length) as usize;
            let near = curve.get(centre.saturating_sub(2)..(centre + 6).min(curve.len()));
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

    fn share(&self, curve: &[f32], is: impl Fn(f32) -> bool) -> f32 {
        self.values(curve, 0.0).filter(|value| is(*value)).count() as f32 / self.count()
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
