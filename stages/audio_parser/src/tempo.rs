//! Which of the song's pulses is its beat, and how fast it is.

use crate::beats::{self, Evidence};
use crate::features::Features;
use crate::level::FRAME_RATE;
use crate::network::Activations;
use crate::onset::{self, Onsets};
use crate::{order, refine};

mod level;
mod parts;
mod pattern;

use level::Judge;
pub use parts::{Pace, of_parts, outside_silences};

/// Slowest and fastest beat, in bpm.
const RANGE: (f64, f64) = (40.0, 240.0);
/// Ways to count the beats that were decoded: so many where there were so many.
const FAMILY: [(u32, u32); 7] = [(1, 1), (1, 2), (2, 1), (2, 3), (3, 2), (1, 3), (3, 1)];
/// Tempi within this of each other (in ln units) are the same.
const SAME: f64 = 0.06;
/// A tempo that a user gives is within this of the song's.
const GIVEN: f64 = 0.05;
/// Fewer beats are no pulse.
const FEWEST: usize = 4;
/// Something begins at a beat where the two bands that rise most rise, on average, as much as they usually do
/// at their strongest near there ([`Onsets::bands`]), within so many frames. Two, since noise rises in one.
const BEGINS: f32 = 1.0;
const NEAR: usize = 3;
/// The line's interval is the tempo where so many beats lie on it.
const LINE_SHARE: f64 = 0.6;

/// The beats of a song.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pulse {
    /// Beats in seconds, ascending; empty where nothing pulses.
    pub times: Vec<f64>,
    /// Beats a minute; 0 where nothing pulses.
    pub bpm: f64,
    /// 0–1.
    pub confidence: f64,
    /// Other tempi, likeliest first.
    pub alternates: Vec<f64>,
}

/// The pulse of a song of `duration` seconds, from what the network `heard` in it. Nothing
/// pulses where nothing sounds, nor in what is shorter than four beats.
pub fn pulse(features: &Features, onsets: &Onsets, heard: &Activations, duration: f64) -> Pulse {
    of_range(
        RANGE,
        (features, onsets, heard),
        duration,
        Choice::Likeliest,
    )
}

/// The pulse of a song that is known to go at about `bpm` beats a minute.
pub fn pulse_near(bpm: f64, song: (&Features, &Onsets, &Activations), duration: f64) -> Pulse {
    let range = (bpm / (1.0 + GIVEN), bpm * (1.0 + GIVEN));
    of_range(range, song, duration, Choice::Decoded)
}

/// Which way to count the beats comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    /// The likeliest.
    Likeliest,
    /// As they are.
    Decoded,
}

/// The pulse with a tempo within `range`. Other ways to count it are alternates.
fn of_range(
    range: (f64, f64),
    (features, onsets, heard): (&Features, &Onsets, &Activations),
    duration: f64,
    first: Choice,
) -> Pulse {
    if !onsets.strength.iter().any(|strength| *strength > 0.0) {
        return Pulse::default();
    }
    let peaks = decoded(range, onsets, heard);
    let judge = Judge {
        heard,
        features,
        onsets,
    };
    let mut levels = counted(&judge, &peaks, first);
    let Some(first) = levels.first_mut() else {
        return Pulse::default();
    };
    let (peaks, usual) = (std::mem::take(&mut first.beats), first.bpm);
    let refined = refine::to_onsets(&peaks, &onset::fine_strength(features));
    let (times, line) = refine::straightened(&refined, duration);
    let bpm = line
        .filter(|line| line.share > LINE_SHARE)
        .map_or(usual, |line| 60.0 / line.interval);
    Pulse {
        confidence: confidence(&times, &heard.beat, line.map_or(0.0, |line| line.share)),
        times,
        bpm,
        alternates: levels.iter().skip(1).map(|level| level.bpm).collect(),
    }
}

/// A way to count the same beats.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// Seconds, ascending.
    pub beats: Vec<f64>,
    /// Beats a minute: from the median interval.
    pub bpm: f64,
    /// What speaks for it and against it, for `training/levels.py`.
    pub traits: [f32; level::TRAITS],
    score: f32,
    /// Whether these are the beats as they were decoded.
    decoded: bool,
}

/// All ways to count the beats of a song that nothing is known of; none where nothing pulses. For the
/// training of the choice between them.
#[must_use]
pub fn ways(features: &Features, onsets: &Onsets, heard: &Activations) -> Vec<Level> {
    let judge = Judge {
        heard,
        features,
        onsets,
    };
    every(&judge, &decoded(RANGE, onsets, heard))
}

/// Beats in seconds, with a tempo within `range`; none where fewer than [`FEWEST`] sound.
fn decoded(range: (f64, f64), onsets: &Onsets, heard: &Activations) -> Vec<f64> {
    let evidence = Evidence::new(&heard.beat, &onsets.sounding);
    let path = beats::decode(&evidence, &beats::lengths(range.0, range.1));
    let sounding = within_sound(&path.beats, &onsets.sounding);
    if sounding.len() < FEWEST {
        return Vec::new();
    }
    let mut peaks = beats::peaks(&sounding, &heard.beat);
    let last = peaks.iter().rposition(|peak| begins(*peak, onsets));
    // Nobody taps on while the last note dies away.
    peaks.truncate(last.map_or(peaks.len(), |last| last + 1));
    peaks
}

/// Whether something begins at `time` (seconds).
fn begins(time: f64, onsets: &Onsets) -> bool {
    let frame = (time * f64::from(FRAME_RATE)).round() as usize;
    let mut rises = onsets.bands.each_ref().map(|band| {
        let near = band.get(frame.saturating_sub(NEAR)..(frame + NEAR + 1).min(band.len()));
        near.unwrap_or(&[])
            .iter()
            .fold(0.0_f32, |most, rise| most.max(*rise))
    });
    rises.sort_by(|a, b| b.total_cmp(a));
    f32::midpoint(rises[0], rises[1]) >= BEGINS
}

/// The ways in which the beats at `peaks` (seconds) can be counted, `first` first, then the likeliest: each
/// multiple in its best phase. The first has at least [`FEWEST`] beats.
fn counted(judge: &Judge<'_>, peaks: &[f64], first: Choice) -> Vec<Level> {
    let mut ways = every(judge, peaks);
    ways.sort_by(|a, b| b.score.total_cmp(&a.score));
    if first == Choice::Decoded {
        // Stable: the others stay in their order.
        ways.sort_by_key(|way| !way.decoded);
    }
    let mut levels: Vec<Level> = Vec::new();
    for way in ways {
        let known = |level: &Level| (level.bpm / way.bpm).ln().abs() < SAME;
        if !levels.iter().any(known) {
            levels.push(way);
        }
    }
    levels
}

/// Every multiple of the beats at `peaks` (seconds) in every phase, within the range of tempi; none of fewer
/// than [`FEWEST`].
fn every(judge: &Judge<'_>, peaks: &[f64]) -> Vec<Level> {
    if peaks.len() < FEWEST {
        return Vec::new();
    }
    let rate = f64::from(FRAME_RATE);
    let frames: Vec<f64> = peaks.iter().map(|time| time * rate).collect();
    let phases = FAMILY
        .iter()
        .flat_map(|(over, under)| (0..*under).map(|phase| (*over, *under, phase)));
    let level = |(over, under, phase): (u32, u32, u32)| {
        let decoded = over == under;
        let grid = divided(&frames, over, under, phase);
        let bpm = bpm_of(&grid).filter(|_| grid.len() >= FEWEST)?;
        // What was decoded is one of them, even where its peaks lie a hair outside.
        if !decoded && !(RANGE.0..=RANGE.1).contains(&bpm) {
            return None;
        }
        let traits = judge.traits(&grid);
        Some(Level {
            traits,
            score: level::score(&traits),
            decoded,
            bpm,
            beats: grid.iter().map(|frame| frame / rate).collect(),
        })
    };
    phases.filter_map(level).collect()
}

/// `over` beats where there were `under`, the first at beat `phase`.
fn divided(beats: &[f64], over: u32, under: u32, phase: u32) -> Vec<f64> {
    let last = beats.len().saturating_sub(1) as f64;
    let step = f64::from(under) / f64::from(over);
    let places = (0_u32..).map(|k| f64::from(phase) + f64::from(k) * step);
    places
        .take_while(|place| *place <= last)
        .map(|place| {
            let (at, part) = (place as usize, place.fract());
            let next = beats.get(at + 1).unwrap_or(&beats[at]);
            beats[at] + part * (next - beats[at])
        })
        .collect()
}

/// How probable the beats are, and how straight they lie.
fn confidence(times: &[f64], beat: &[f32], straight: f64) -> f64 {
    let at = |time: f64| {
        let frame = (time * f64::from(FRAME_RATE)).round() as usize;
        let near = beat.get(frame.saturating_sub(2)..(frame + 3).min(beat.len()));
        near.unwrap_or(&[])
            .iter()
            .fold(0.0_f32, |most, value| most.max(*value))
    };
    let mean = times.iter().map(|time| at(*time)).sum::<f32>() / times.len().max(1) as f32;
    (f64::from(mean) * (0.7 + 0.3 * straight)).clamp(0.0, 1.0)
}

/// The beats from half a beat before the first sound to half a beat behind the last.
fn within_sound(beats: &[usize], sounding: &[bool]) -> Vec<usize> {
    let first = sounding.iter().position(|sounds| *sounds);
    let last = sounding.iter().rposition(|sounds| *sounds);
    let (Some(first), Some(last)) = (first, last) else {
        return Vec::new();
    };
    let half = match beats {
        [a, b, ..] => (b - a) / 2,
        _ => 0,
    };
    let sounds = |beat: &usize| beat + half >= first && *beat <= last + half;
    beats.iter().copied().filter(sounds).collect()
}

/// Beats a minute of beats at `frames`: from the median interval. `None` of fewer than 3.
fn bpm_of(frames: &[f64]) -> Option<f64> {
    let intervals: Vec<f64> = frames.windows(2).map(|pair| pair[1] - pair[0]).collect();
    (intervals.len() >= 2).then(|| 60.0 * f64::from(FRAME_RATE) / order::median(&intervals))
}
