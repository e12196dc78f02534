//! Which beats open bars, and how many beats a bar has.

use crate::chroma::{self, Chroma};
use crate::features::{Features, SLOW_STEP};
use crate::level::FRAME_RATE;
use crate::network::Activations;
use crate::onset::Onsets;
use crate::order;

/// Log probabilities of 2, 3, 4, 5, 6 and 7 beats a bar.
const METRES: [(usize, f32); 6] = [
    (2, -2.6),
    (3, -2.2),
    (4, 0.0),
    (5, -3.2),
    (6, -3.4),
    (7, -3.6),
];
/// How much the hand-made accents count beside the network.
const ACCENTS: f32 = 0.6;
/// No beat is surer than this to open a bar, or not to: log odds.
const SUREST: f32 = 3.5;
/// Log probability of another metre after a bar line.
const SWITCH: f32 = -20.0;
/// Half-width of an onset around a beat, in frames: 40 ms before, 70 ms after.
const ONSET: (usize, usize) = (4, 7);

/// What was found out about bars.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Bars {
    /// 2 to 7.
    pub beats_per_bar: u8,
    /// For each beat, whether it opens a bar.
    pub downbeats: Vec<bool>,
    /// 0–1: how much better the chosen phase is than the next best.
    pub confidence: f32,
}

/// Marks the beats that open bars, from the network's `heard` and what is heard around each beat. Fewer
/// than 4 beats are one bar of 4.
///
/// A hidden Markov model over (metre, place in the bar) on features of beats; after S. Böck, F. Krebs
/// and G. Widmer, "Joint Beat and Downbeat Tracking …", ISMIR 2016, §2.3, with
/// the network's probabilities and, weakly, hand-made accents for emissions.
pub fn find(times: &[f64], features: &Features, onsets: &Onsets, heard: &Activations) -> Bars {
    if times.len() < 4 {
        return Bars {
            beats_per_bar: 4,
            downbeats: (0..times.len()).map(|beat| beat == 0).collect(),
            confidence: 0.0,
        };
    }
    let accents = Accents::new(times, features, onsets, heard);
    let path = decode(&accents);
    let mut counts = [0_usize; 8];
    for (metre, _) in &path {
        counts[*metre] += 1;
    }
    let metre = (2..8).max_by_key(|metre| counts[*metre]).unwrap_or(4);
    Bars {
        beats_per_bar: metre as u8,
        downbeats: path.iter().map(|(_, place)| *place == 0).collect(),
        confidence: margin(&accents, &path, metre),
    }
}

/// How much each beat looks like the first of a bar, and like a backbeat; each of mean 0, variance 1.
struct Accents {
    opening: Vec<f32>,
    backbeat: Vec<f32>,
    /// Log odds that the beat opens a bar, by the network.
    odds: Vec<f32>,
}

impl Accents {
    fn new(times: &[f64], features: &Features, onsets: &Onsets, heard: &Activations) -> Self {
        let low = standard(&peaks(times, |frame| {
            onsets.bands[0][frame] + onsets.bands[1][frame]
        }));
        let snare = standard(&peaks(times, |frame| onsets.bands[4][frame]));
        let all = standard(&peaks(times, |frame| onsets.strength[frame]));
        let harmony = standard(&changes(times, &features.chroma));
        let bass = standard(&changes(times, &features.bass));
        let long_harmony = standard(&wide_changes(times, &features.chroma, 4));
        let rise = standard(&rises(times, &features.level));
        let opening = (0..times.len()).map(|beat| {
            0.9 * harmony[beat]
                + 0.8 * bass[beat]
                + 0.5 * long_harmony[beat]
                + 0.7 * low[beat]
                + 0.3 * all[beat]
                + 0.3 * rise[beat]
        });
        let backbeat = (0..times.len()).map(|beat| snare[beat] - low[beat]);
        Self {
            odds: odds(times, heard),
            opening: standard(&opening.collect::<Vec<f32>>()),
            backbeat: standard(&backbeat.collect::<Vec<f32>>()),
        }
    }

    /// Log likelihood of `beat` at `place` of a bar of `metre` beats.
    fn emission(&self, beat: usize, metre: usize, place: usize) -> f32 {
        let (opening, backbeat) = template(metre, place);
        // Log likelihood of the odds: those of an opening beat against those of another.
        let heard = if place == 0 {
            order::logistic(self.odds[beat]).ln()
        } else {
            order::logistic(-self.odds[beat]).ln()
        };
        heard
            + ACCENTS * (0.6 * self.opening[beat] * opening + 0.35 * self.backbeat[beat] * backbeat)
    }
}

/// How much a place of a bar opens, and how much it carries a backbeat; each sums to 0 over the bar.
fn template(metre: usize, place: usize) -> (f32, f32) {
    match metre {
        2 => [(0.7, -0.7), (-0.7, 0.7)][place],
        3 => [(1.2, -0.8), (-0.6, 0.4), (-0.6, 0.4)][place],
        4 => [(1.4, -1.0), (-0.7, 1.0), (0.0, -1.0), (-0.7, 1.0)][place],
        6 => [
            (1.6, -0.8),
            (-0.5, 0.4),
            (-0.5, 0.4),
            (0.4, -0.8),
            (-0.5, 0.4),
            (-0.5, 0.4),
        ][place],
        _ if place == 0 => (1.6, 0.0),
        _ => (-1.6 / (metre - 1) as f32, 0.0),
    }
}

/// Log probability of one more bar of `metre`. Two bars of 2 are what a bar of 4 is as well, and songs that
/// are counted in 4 are the more usual.
fn bar_prior(metre: usize) -> f32 {
    if metre == 2 { -0.7 } else { 0.0 }
}

/// The likeliest (metre, place) of each beat.
fn decode(accents: &Accents) -> Vec<(usize, usize)> {
    let states: Vec<(usize, usize, f32)> = METRES
        .iter()
        .flat_map(|(metre, prior)| (0..*metre).map(move |place| (*metre, place, *prior)))
        .collect();
    let count = states.len();
    let beats = accents.opening.len();
    let start = |(metre, place, prior): &(usize, usize, f32)| {
        prior - (*metre as f32).ln() + accents.emission(0, *metre, *place)
    };
    let mut scores: Vec<f32> = states.iter().map(start).collect();
    let mut from = vec![0_u8; beats * count];
    for beat in 1..beats {
        let ends = |at: &usize| states[*at].1 + 1 == states[*at].0;
        let best_end = (0..count)
            .filter(ends)
            .max_by(|a, b| scores[*a].total_cmp(&scores[*b]));
        let mut next = Vec::with_capacity(count);
        for (at, (metre, place, prior)) in states.iter().enumerate() {
            let (score, who) = if *place > 0 {
                (scores[at - 1], at - 1)
            } else {
                let own = at + metre - 1;
                let other = best_end.unwrap_or(own);
                let again = bar_prior(*metre);
                let switched = scores[other] + SWITCH + prior + again;
                if switched > scores[own] + again {
                    (switched, other)
                } else {
                    (scores[own] + again, own)
                }
            };
            from[beat * count + at] = who as u8;
            next.push(score + accents.emission(beat, *metre, *place));
        }
        scores = next;
    }
    let last = (0..count).max_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    let mut at = last.unwrap_or(0);
    let mut path = Vec::with_capacity(beats);
    for beat in (0..beats).rev() {
        path.push((states[at].0, states[at].1));
        at = usize::from(from[beat * count + at]);
    }
    path.reverse();
    path
}

/// By how much the phase of `path` beats the next one, as a logistic of nats a bar.
fn margin(accents: &Accents, path: &[(usize, usize)], metre: usize) -> f32 {
    let score = |shift: usize| {
        let beats = path
            .iter()
            .enumerate()
            .filter(|(_, (own, _))| *own == metre);
        let scores =
            beats.map(|(beat, (_, place))| accents.emission(beat, metre, (place + shift) % metre));
        scores.sum::<f32>()
    };
    let next = (1..metre).map(score).fold(f32::NEG_INFINITY, f32::max);
    let bars = (path.len() / metre).max(1) as f32;
    let nats = (score(0) - next) / bars.sqrt();
    (nats / (1.0 + nats.abs())).clamp(0.0, 1.0)
}

/// For each beat, the log odds that it opens a bar: of what the network takes for a beat there, the part
/// that it takes for a downbeat.
fn odds(times: &[f64], heard: &Activations) -> Vec<f32> {
    let at = |curve: &[f32], time: f64| {
        let centre = (time.max(0.0) * f64::from(FRAME_RATE)).round() as usize;
        let near = curve.get(centre.saturating_sub(3)..(centre + 4).min(curve.len()));
        near.unwrap_or(&[])
            .iter()
            .fold(0.0_f32, |most, value| most.max(*value))
    };
    let odds = times.iter().map(|time| {
        let (down, beat) = (at(&heard.downbeat, *time), at(&heard.beat, *time));
        let part = (down / beat.max(down).max(1e-3)).clamp(1e-3, 1.0 - 1e-3);
        // A place that is hardly a beat says little either way.
        let weight = beat.max(down).sqrt();
        (weight * (part / (1.0 - part)).ln()).clamp(-SUREST, SUREST)
    });
    odds.collect()
}

/// The greatest value of `curve` around each beat.
fn peaks(times: &[f64], curve: impl Fn(usize) -> f32) -> Vec<f32> {
    let frames = frame(times.last().copied().unwrap_or(0.0)) + 1;
    times
        .iter()
        .map(|time| {
            let centre = frame(*time);
            let range = centre.saturating_sub(ONSET.0)..(centre + ONSET.1).min(frames);
            range.map(&curve).fold(0.0_f32, f32::max)
        })
        .collect()
}

fn frame(time: f64) -> usize {
    (time.max(0.0) * f64::from(FRAME_RATE)).round() as usize
}

/// How much the pitch classes of each beat differ from those of the beat before.
fn changes(times: &[f64], chromas: &[Chroma]) -> Vec<f32> {
    wide_changes(times, chromas, 1)
}

/// How much the pitch classes of the next `width` beats differ from those of the `width` before.
fn wide_changes(times: &[f64], chromas: &[Chroma], width: usize) -> Vec<f32> {
    let slow = |time: f64| (frame(time) / SLOW_STEP).min(chromas.len());
    let at = |beat: usize| slow(times[beat.min(times.len() - 1)]);
    (0..times.len())
        .map(|beat| {
            let (before, now, after) = (at(beat.saturating_sub(width)), at(beat), at(beat + width));
            // The window of the chroma is longer than its step: leave the edge out.
            let now_from = (now + 1).min(after);
            let (old, new) = (&chromas[before..now], &chromas[now_from..after]);
            if old.is_empty() || new.is_empty() {
                return 0.0;
            }
            chroma::distance(&chroma::mean(old), &chroma::mean(new))
        })
        .collect()
}

/// How much louder each beat's 200 ms are than the 200 ms before, in log units, rises only.
fn rises(times: &[f64], level: &[f32]) -> Vec<f32> {
    let mean = |from: usize, to: usize| {
        let part = level
            .get(from.min(level.len())..to.min(level.len()))
            .unwrap_or(&[]);
        part.iter().sum::<f32>() / part.len().max(1) as f32
    };
    let values = times.iter().map(|time| {
        let centre = frame(*time);
        let before = mean(centre.saturating_sub(20), centre);
        let after = mean(centre, centre + 20);
        ((after + 1e-4) / (before + 1e-4)).ln().max(0.0)
    });
    values.collect()
}

/// Mean 0, variance 1; all 0 where nothing varies.
fn standard(values: &[f32]) -> Vec<f32> {
    let count = values.len().max(1) as f32;
    let mean = values.iter().sum::<f32>() / count;
    let variance = values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f32>()
        / count;
    let scale = if variance > 1e-12 {
        1.0 / variance.sqrt()
    } else {
        0.0
    };
    values.iter().map(|value| (value - mean) * scale).collect()
}
