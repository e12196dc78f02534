//! Which of the song's pulses is its beat, and how fast it is.

use crate::beats::{self, Evidence, Path};
use crate::features::Features;
use crate::level::FRAME_RATE;
use crate::onset::{self, Onsets};
use crate::{order, refine};

mod level;

/// Slowest and fastest beat, in bpm.
const RANGE: (f64, f64) = (46.0, 225.0);
/// Other pulses that are tried, as multiples of the first tempo.
const FAMILY: [f64; 6] = [0.5, 2.0, 2.0 / 3.0, 1.5, 1.0 / 3.0, 3.0];
/// A hypothesis keeps within this of its tempo.
const WIDTH: f64 = 0.09;
/// Alternates within this of a tempo are that tempo.
const SAME: f64 = 0.06;
/// Fewer beats are no pulse.
const FEWEST: usize = 4;
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

/// The pulse of a song of `duration` seconds. `progress` (0–1) may stop it by giving false: the result
/// is then `None`. A song without onsets, or shorter than four beats, has an empty pulse.
pub fn pulse(
    features: &Features,
    onsets: &Onsets,
    duration: f64,
    mut progress: impl FnMut(f64) -> bool,
) -> Option<Pulse> {
    let evidence = Evidence::new(onsets);
    let first = beats::decode(&evidence, &beats::lengths(RANGE.0, RANGE.1));
    let Some(bpm) = bpm_of(&first.beats).filter(|_| onsets.strength.iter().any(|s| *s > 0.0))
    else {
        return Some(Pulse::default());
    };
    let mut paths = vec![(bpm, first)];
    for (at, multiple) in FAMILY.iter().enumerate() {
        if !progress(at as f64 / FAMILY.len() as f64) {
            return None;
        }
        let tempo = bpm * multiple;
        if (RANGE.0..=RANGE.1).contains(&tempo) {
            let lengths = beats::lengths(tempo / (1.0 + WIDTH), tempo * (1.0 + WIDTH));
            let path = beats::decode(&evidence, &lengths);
            paths.push((tempo, path));
        }
    }
    Some(of_paths(features, onsets, paths, duration))
}

/// The pulse of the best of `paths`, the others being its alternates.
fn of_paths(features: &Features, onsets: &Onsets, paths: Vec<(f64, Path)>, duration: f64) -> Pulse {
    let mut scored: Vec<(f32, f64, Path)> = paths
        .into_iter()
        .map(|(bpm, path)| (level::score(bpm, &path, features, onsets), bpm, path))
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let paths: Vec<(f64, Path)> = scored
        .into_iter()
        .map(|(_, bpm, path)| (bpm, path))
        .collect();
    let (chosen, path) = &paths[0];
    let sounding = within_sound(&path.beats, &onsets.sounding);
    if sounding.len() < FEWEST {
        return Pulse::default();
    }
    let refined = refine::to_onsets(&sounding, &onset::fine_strength(features));
    let (times, line) = refine::straightened(&refined, duration);
    let usual = bpm_of(&path.beats).unwrap_or(*chosen);
    let bpm = line
        .filter(|line| line.share > LINE_SHARE)
        .map_or(usual, |line| 60.0 / line.interval);
    let mut alternates: Vec<f64> = Vec::new();
    for (other, _) in paths.iter().skip(1) {
        let known = |tempo: &f64| (other / tempo).ln().abs() < SAME;
        if !known(&bpm) && !alternates.iter().any(known) {
            alternates.push(*other);
        }
    }
    Pulse {
        confidence: confidence(&times, onsets, line.map_or(0.0, |line| line.share)),
        times,
        bpm,
        alternates,
    }
}

/// How much stronger onsets are on the beats than elsewhere, and how straight the beats are.
fn confidence(times: &[f64], onsets: &Onsets, straight: f64) -> f64 {
    let at = |time: f64| {
        let frame = (time * f64::from(FRAME_RATE)) as usize;
        let near = onsets
            .strength
            .get(frame.saturating_sub(3)..(frame + 5).min(onsets.strength.len()));
        near.unwrap_or(&[])
            .iter()
            .fold(0.0_f32, |most, value| most.max(*value))
    };
    let on: f32 = times.iter().map(|time| at(*time)).sum::<f32>() / times.len() as f32;
    let mean = onsets.strength.iter().sum::<f32>() / onsets.strength.len().max(1) as f32;
    let contrast = f64::from((on - mean) / (on + mean + 1e-6)).clamp(0.0, 1.0);
    (contrast * (0.5 + 0.5 * straight)).clamp(0.0, 1.0)
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
fn bpm_of(frames: &[usize]) -> Option<f64> {
    let intervals: Vec<f64> = frames
        .windows(2)
        .map(|pair| (pair[1] - pair[0]) as f64)
        .collect();
    (intervals.len() >= 2).then(|| 60.0 * f64::from(FRAME_RATE) / order::median(&intervals))
}
