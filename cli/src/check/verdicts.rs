//! The checks, their limits, and what a film makes of them.

use std::ops::Range;

use model::analysis::SectionKind;
use model::look::Palette;
use serde::Serialize;

use super::film::{Heard, Seen};
use super::hues::{self, Lab};
use super::moves::{self, mean};
use super::small;

/// One check.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Verdict {
    pub(super) name: &'static str,
    pub(super) passed: bool,
    /// What was measured.
    pub(super) measured: f64,
    /// The same in words.
    pub(super) value: String,
    /// What would pass.
    pub(super) wanted: &'static str,
}

impl Verdict {
    pub(super) fn new(
        name: &'static str,
        (passed, measured): (bool, f64),
        value: String,
        wanted: &'static str,
    ) -> Self {
        Self {
            name,
            passed,
            measured,
            value,
            wanted,
        }
    }
}

/// All checks that make sense for the film, in order.
pub(super) fn of(seen: &Seen, heard: &Heard, palette: Option<&Palette>) -> Vec<Verdict> {
    let steps: Vec<f64> = seen
        .small
        .windows(2)
        .map(|pair| match pair {
            [a, b] => moves::difference(a, b),
            _ => 0.0,
        })
        .collect();
    let cuts = moves::cuts(&steps);
    let within = moves::within_shots(&steps, &cuts);
    let mut verdicts = Vec::new();
    if heard.beats.len() >= 4 {
        let beats: Vec<f64> = heard.beats.iter().map(|time| time * seen.fps).collect();
        verdicts.extend(on_the_beat((&steps, &cuts), &beats, seen.fps));
    }
    verdicts.extend(alive(&within, heard, seen.fps));
    verdicts.extend(sections(&steps, heard, seen));
    verdicts.extend(safe(seen));
    verdicts.extend(light(seen));
    verdicts.extend(variety(&cuts, seen));
    verdicts.extend(
        palette
            .into_iter()
            .flat_map(|palette| colours(seen, palette)),
    );
    verdicts
}

fn on_the_beat((steps, cuts): (&[f64], &[Range<usize>]), beats: &[f64], fps: f64) -> [Verdict; 2] {
    let shots = moves::shots(steps, cuts);
    let together = moves::beat_correlation(steps, &shots, beats, fps);
    let ratio = moves::on_off(steps, &shots, beats);
    [
        Verdict::new(
            "motion follows the beat",
            (together >= 0.5, together),
            format!("correlation {together:.2}"),
            "0.5 or more",
        ),
        Verdict::new(
            "on and off the beat",
            (ratio >= 1.3, ratio),
            format!("{ratio:.2} times as much on it"),
            "1.3 or more",
        ),
    ]
}

fn alive(steps: &[f64], heard: &Heard, fps: f64) -> [Verdict; 2] {
    let all = mean(steps);
    let frames = |(from, to): &(f64, f64)| (from * fps, to * fps);
    let silences: Vec<(f64, f64)> = heard.silences.iter().map(frames).collect();
    let still = moves::longest_still(steps, &silences) as f64 / fps;
    [
        Verdict::new(
            "neither dead nor chaos",
            ((0.3..=6.0).contains(&all), all),
            format!("{all:.2} steps a frame"),
            "0.3 to 6",
        ),
        Verdict::new(
            "never stands still",
            (still <= 1.0, still),
            format!("{still:.1} s at most"),
            "no longer than 1 s, but for silence",
        ),
    ]
}

/// Motion and lightness of choruses against those of verses, where the song has both.
fn sections(steps: &[f64], heard: &Heard, seen: &Seen) -> Option<Verdict> {
    let liveliness = |wanted: &dyn Fn(SectionKind) -> bool| {
        let (mut sum, mut count) = (0.0, 0.0);
        for (frame, step) in steps.iter().enumerate() {
            let time = (frame + 1) as f64 / seen.fps;
            let mut sections = heard.sections.iter();
            let here = sections.find(|(from, to, _)| (*from..*to).contains(&time));
            if here.is_some_and(|(_, _, kind)| wanted(*kind)) {
                sum += step + seen.small.get(frame + 1).map_or(0.0, small::lightness);
                count += 1.0;
            }
        }
        (count > seen.fps).then_some(sum / count)
    };
    let chorus = liveliness(&|kind| matches!(kind, SectionKind::Chorus | SectionKind::Drop))?;
    let verse = liveliness(&|kind| kind == SectionKind::Verse)?;
    let ratio = chorus / verse.max(1e-9);
    Some(Verdict::new(
        "choruses stand out",
        (ratio >= 1.2, ratio),
        format!("{ratio:.2} times as lively as verses"),
        "1.2 or more",
    ))
}

fn safe(seen: &Seen) -> [Verdict; 3] {
    let (general, red) = (seen.flashes.general, seen.flashes.red);
    let every = (seen.fps.round() as usize).max(1);
    let striped = seen.small.iter().step_by(every).map(small::striped);
    let striped = striped.fold(0.0, f64::max);
    [
        Verdict::new(
            "does not flash",
            (general <= 3, f64::from(general)),
            format!("{general} in the worst second"),
            "3 or fewer (WCAG 2.3.1)",
        ),
        Verdict::new(
            "does not flash red",
            (red == 0, f64::from(red)),
            format!("{red} in the worst second"),
            "none",
        ),
        Verdict::new(
            "no patterns of stripes",
            (striped <= 0.25, striped),
            format!("{:.0} % of a frame at most", striped * 100.0),
            "25 % or less",
        ),
    ]
}

fn light(seen: &Seen) -> [Verdict; 4] {
    let banding = mean(&seen.banding);
    let low = seen.exposure.iter().map(|frame| frame.low).min();
    let high = seen.exposure.iter().map(|frame| frame.high).max();
    let (low, high) = (low.unwrap_or(0), high.unwrap_or(0));
    let clipped = seen.exposure.iter().map(|frame| frame.clipped);
    let clipped = clipped.fold(0.0, f64::max);
    let (mut longest, mut dark) = (0_u32, 0);
    for frame in &seen.exposure {
        dark = if frame.dark > 0.85 { dark + 1 } else { 0 };
        longest = longest.max(dark);
    }
    [
        Verdict::new(
            "gradients do not band",
            (banding <= 0.03, banding),
            format!("{:.1} % of smooth blocks flat", banding * 100.0),
            "3 % or less",
        ),
        Verdict::new(
            "within video levels",
            (low >= 16 && high <= 235, f64::from(high)),
            format!("{low} to {high}"),
            "16 to 235, 1 % at either end aside",
        ),
        Verdict::new(
            "highlights keep detail",
            (clipped < 0.02, clipped),
            format!("{:.1} % at white", clipped * 100.0),
            "less than 2 %",
        ),
        Verdict::new(
            "can be seen",
            (longest <= 4, f64::from(longest)),
            format!("dark for {longest} s at most"),
            "4 s or less",
        ),
    ]
}

/// Shots on both sides of each cut look different.
fn variety(cuts: &[Range<usize>], seen: &Seen) -> Option<Verdict> {
    let distance = |cut: &Range<usize>| {
        let (a, b) = (seen.small.get(cut.start)?, seen.small.get(cut.end)?);
        Some(small::histogram_distance(a, b))
    };
    let distances: Vec<f64> = cuts.iter().filter_map(distance).collect();
    if distances.is_empty() {
        return None;
    }
    let mean = mean(&distances);
    Some(Verdict::new(
        "neighbouring shots differ",
        (mean >= 0.15, mean),
        format!("distance {mean:.2} over {} cuts", distances.len()),
        "0.15 or more",
    ))
}

fn colours(seen: &Seen, palette: &Palette) -> [Verdict; 2] {
    let lab = |model::look::Srgb(bytes): model::look::Srgb| {
        hues::oklab(bytes.map(|byte| f64::from(byte) / 255.0))
    };
    let body: [Lab; 4] = [palette.deep, palette.shade, palette.tone, palette.light].map(lab);
    let accent = lab(palette.accent);
    let all: Vec<Lab> = body.into_iter().chain([accent]).collect();
    let frames = seen.colours.iter();
    let apart: Vec<f64> = frames
        .map(|pixels| hues::from_palette(pixels, &all))
        .collect();
    let frames = seen.colours.iter();
    let shares: Vec<f64> = frames
        .map(|pixels| hues::accent_share(pixels, &body, accent))
        .collect();
    let (apart, share) = (mean(&apart), mean(&shares));
    [
        Verdict::new(
            "keeps to its palette",
            (apart <= 0.06, apart),
            format!("ΔE {apart:.3} in OKLab"),
            "0.06 or less",
        ),
        Verdict::new(
            "the accent is an accent",
            ((0.02..=0.15).contains(&share), share),
            format!("{:.0} % of the picture", share * 100.0),
            "2 to 15 %",
        ),
    ]
}

/// Two films, second by second.
pub(super) fn unlike(seen: &Seen, other: &Seen) -> Verdict {
    let every = |seen: &Seen| (seen.fps.round() as usize).max(1);
    let pairs = seen.small.iter().step_by(every(seen));
    let pairs = pairs.zip(other.small.iter().step_by(every(other)));
    let alike: Vec<f64> = pairs.map(|(a, b)| small::similarity(a, b)).collect();
    let alike = mean(&alike);
    Verdict::new(
        "unlike the other film",
        (alike < 0.6, alike),
        format!("SSIM {alike:.2}"),
        "below 0.6",
    )
}
