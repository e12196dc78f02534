//! How films move: steps between frames, cuts among them, and what they have to do with the beats.

use std::ops::Range;

use super::small::Small;

/// Mean absolute difference of two frames, in steps of 8 bits.
pub(super) fn difference(a: &Small, b: &Small) -> f64 {
    let sum: f64 = a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).sum();
    sum / a.len().max(1) as f64
}

/// A step of more than this is a cut: nothing that moves looks like it.
const CUT: f64 = 14.0;
/// A smaller step is one if it stands out against those around it by as much.
const SMALL_CUT: (f64, f64) = (4.0, 4.0);
/// So many of those in a row are a fade: an accent is over after three.
const FADE: usize = 5;

/// The steps that belong to cuts and transitions, one range for each: a push of nine frames is one, not nine.
/// `moves[n]` is the step into frame `n + 1`.
///
/// What stands out is where one begins; its own slower frames, before and after, are those that move several
/// times as much as is usual about them.
pub(super) fn cuts(moves: &[f64]) -> Vec<Range<usize>> {
    let around = |index: usize| {
        let near = index.saturating_sub(3)..(index + 4).min(moves.len());
        let others = near.filter(|other| *other != index);
        others
            .filter_map(|other| moves.get(other))
            .fold(0.0, |most: f64, step| most.max(*step))
    };
    let (least, times) = SMALL_CUT;
    let cut = |(index, step): (usize, &f64)| {
        let stands_out = *step > least && *step > times * around(index);
        (*step > CUT || stands_out).then_some(index)
    };
    let eases = |index: usize| {
        let step = moves.get(index).copied().unwrap_or(0.0);
        step > times * usual(moves, index)
    };
    let fades = |index: usize| {
        let mut run = index..index + FADE;
        run.all(|step| eases(step) && moves.get(step).is_some_and(|moved| *moved > least))
    };
    let mut cuts: Vec<Range<usize>> = Vec::new();
    let begins = |(index, step)| cut((index, step)).or(fades(index).then_some(index));
    for index in moves.iter().enumerate().filter_map(begins) {
        if cuts.last().is_some_and(|last| last.contains(&index)) {
            continue;
        }
        let before = (0..index).rev().take_while(|step| eases(*step)).count();
        let after = (index + 1..moves.len())
            .take_while(|step| eases(*step))
            .count();
        let (from, to) = (index - before, index + 1 + after);
        match cuts.last_mut() {
            Some(last) if from <= last.end + 1 => last.end = to,
            _ => cuts.push(from..to),
        }
    }
    cuts
}

/// The median of the steps within two thirds of a second, at 30 frames a second.
fn usual(moves: &[f64], index: usize) -> f64 {
    const NEAR: usize = 20;
    let near = moves
        .iter()
        .skip(index.saturating_sub(NEAR))
        .take(2 * NEAR + 1);
    let mut near: Vec<f64> = near.copied().collect();
    near.sort_by(f64::total_cmp);
    near.get(near.len() / 2).copied().unwrap_or(0.0)
}

/// The runs of steps between cuts.
pub(super) fn shots(moves: &[f64], cuts: &[Range<usize>]) -> Vec<Range<usize>> {
    let begins = std::iter::once(0).chain(cuts.iter().map(|cut| cut.end));
    let ends = cuts.iter().map(|cut| cut.start).chain([moves.len()]);
    begins
        .zip(ends)
        .filter(|(begin, end)| begin < end)
        .map(|(begin, end)| begin..end)
        .collect()
}

/// The steps, with each cut replaced by the one before: cuts are motion of another kind.
pub(super) fn within_shots(moves: &[f64], cuts: &[Range<usize>]) -> Vec<f64> {
    let mut last = 0.0;
    moves
        .iter()
        .enumerate()
        .map(|(index, step)| {
            if !cuts.iter().any(|cut| cut.contains(&index)) {
                last = *step;
            }
            last
        })
        .collect()
}

/// How motion follows the beats: the correlation of what moves, less its mean over a second, with a pulse
/// that decays from each beat, `exp(-5 · phase)`; the best of up to two frames' delay either way. It is taken
/// shot by shot, and the mean over all their frames is told: in a film of several scenes one moves five
/// times as much as the next, and over all of it at once the correlation would tell these apart and not
/// whether each follows the beat. A film of one shot has the same figure either way.
///
/// `beats` are frames. Shots shorter than a second are left out.
pub(super) fn beat_correlation(
    moves: &[f64],
    shots: &[Range<usize>],
    beats: &[f64],
    fps: f64,
) -> f64 {
    let shots = shots.iter().filter(|shot| shot.len() as f64 >= fps - 1.0);
    let shots: Vec<(usize, Vec<f64>)> = shots
        .map(|shot| {
            let steps = moves.get(shot.clone()).unwrap_or_default();
            (shot.start, detrended(steps, (fps / 2.0) as usize))
        })
        .collect();
    let delayed = |delay: i32| {
        let (mut sum, mut count) = (0.0, 0.0_f64);
        for (start, steps) in &shots {
            let frame = |index: usize| (start + index + 1) as f64 - f64::from(delay);
            let pulses: Vec<f64> = (0..steps.len())
                .map(|index| pulse(beats, frame(index), fps))
                .collect();
            sum += correlation(steps, &pulses) * steps.len() as f64;
            count += steps.len() as f64;
        }
        sum / count.max(1.0)
    };
    (-2..=2).map(delayed).fold(-1.0, f64::max)
}

/// Steps less their mean over `around` of them on either side.
fn detrended(steps: &[f64], around: usize) -> Vec<f64> {
    let usual = |index: usize| {
        let from = index.saturating_sub(around);
        mean(steps.iter().skip(from).take(index + around + 1 - from))
    };
    let steps = steps.iter().enumerate();
    steps.map(|(index, step)| step - usual(index)).collect()
}

/// What decays from the last beat before `frame`, 0–1.
fn pulse(beats: &[f64], frame: f64, fps: f64) -> f64 {
    let next = beats.partition_point(|beat| *beat <= frame + 0.5);
    let Some(before) = next.checked_sub(1).and_then(|last| beats.get(last)) else {
        return 0.0;
    };
    let length = beats.get(next).map_or(fps * 0.5, |next| next - before);
    (-5.0 * (frame - before).max(0.0) / length.max(1.0)).exp()
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (a - mean_a, b - mean_b);
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    ab / (aa * bb).sqrt().max(1e-12)
}

/// Mean motion from a frame before a beat to two after it, by that of the rest; each step by the mean of its
/// shot, so that a lively scene does not outvote a calm one.
pub(super) fn on_off(moves: &[f64], shots: &[Range<usize>], beats: &[f64]) -> f64 {
    let near = |frame: f64| {
        let next = beats.partition_point(|beat| beat.round() < frame - 2.0);
        beats
            .get(next)
            .is_some_and(|beat| (-1.0..=2.0).contains(&(frame - beat.round())))
    };
    let (mut on, mut off) = (Vec::new(), Vec::new());
    for shot in shots {
        let steps = moves.get(shot.clone()).unwrap_or_default();
        let usual = mean(steps).max(1e-9);
        for (index, step) in shot.clone().zip(steps) {
            let part = if near((index + 1) as f64) {
                &mut on
            } else {
                &mut off
            };
            part.push(step / usual);
        }
    }
    mean(&on) / mean(&off).max(1e-9)
}

/// The longest run of steps below 0.05 outside of `silences` (from, to in frames), in frames.
pub(super) fn longest_still(moves: &[f64], silences: &[(f64, f64)]) -> usize {
    const STILL: f64 = 0.05;
    let (mut longest, mut run) = (0, 0);
    for (index, step) in moves.iter().enumerate() {
        let frame = (index + 1) as f64;
        let silent = silences
            .iter()
            .any(|(from, to)| (*from..*to).contains(&frame));
        run = if *step < STILL && !silent { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// 0 of nothing.
pub(super) fn mean<'a>(values: impl IntoIterator<Item = &'a f64>) -> f64 {
    let (sum, count) = values
        .into_iter()
        .fold((0.0, 0.0_f64), |(sum, count), value| {
            (sum + value, count + 1.0)
        });
    sum / count.max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn motion_on_the_beat_correlates_and_motion_off_it_does_not() {
        let beats: Vec<f64> = (0..20).map(|beat| f64::from(beat) * 15.0).collect();
        let pulses = |late: u32| -> Vec<f64> {
            (1..300)
                .map(|frame| (-f64::from((frame + late) % 15) * 0.33).exp())
                .collect()
        };
        let whole = 0..299;
        let (on, off) = (pulses(0), pulses(7));
        let shots = std::slice::from_ref(&whole);
        assert!(beat_correlation(&on, shots, &beats, 30.0) > 0.9);
        assert!(on_off(&on, shots, &beats) > 2.0);
        assert!(beat_correlation(&off, shots, &beats, 30.0) < 0.3);
        assert!(on_off(&off, shots, &beats) < 1.0);
    }

    #[test]
    fn a_calm_shot_counts_as_much_as_a_lively_one() {
        let beats: Vec<f64> = (0..20).map(|beat| f64::from(beat) * 15.0).collect();
        // The first half follows the beat in small steps, the second moves much and evenly.
        let step = |n: u32| {
            if n < 150 {
                0.2 + 0.3 * (-f64::from(n % 15) * 0.33).exp()
            } else {
                6.0 + f64::from(n * 7 % 5) * 0.5
            }
        };
        let moves: Vec<f64> = (1..300).map(step).collect();
        let followed = beat_correlation(&moves, &[0..149, 149..299], &beats, 30.0);
        assert!(
            (0.35..0.65).contains(&followed),
            "half of it follows: {followed}"
        );
        let lively = 149..299;
        let neither = beat_correlation(&moves, std::slice::from_ref(&lively), &beats, 30.0);
        assert!(neither < 0.3, "{neither}");
    }

    #[test]
    fn cuts_are_told_from_motion_and_left_out_of_it() {
        let mut moves = vec![1.0; 90];
        moves[20] = 30.0;
        moves[40] = 7.0;
        for (index, accent) in [3.0, 2.5, 2.0, 1.5].into_iter().enumerate() {
            moves[50 + index] = accent;
        }
        // A push: slow, fast, slow.
        for (index, step) in [6.0, 16.0, 30.0, 40.0, 25.0, 15.0, 8.0]
            .into_iter()
            .enumerate()
        {
            moves[70 + index] = step;
        }
        let cuts = cuts(&moves);
        assert_eq!(cuts, [20..21, 40..41, 70..77]);
        let mut fade = vec![0.6; 60];
        fade[20..32].fill(8.0);
        let faded = 20..32;
        assert_eq!(super::cuts(&fade), std::slice::from_ref(&faded));
        assert_eq!(shots(&moves, &cuts), [0..20, 21..40, 41..70, 77..90]);
        let within = within_shots(&moves, &cuts);
        assert_eq!(
            (within[20], within[40], within[50], within[73]),
            (1.0, 1.0, 3.0, 1.0)
        );
    }

    #[test]
    fn standing_still_is_counted_unless_the_song_is_silent() {
        let mut moves = vec![1.0; 100];
        moves[30..70].fill(0.0);
        assert_eq!(longest_still(&moves, &[]), 40);
        assert_eq!(longest_still(&moves, &[(0.0, 61.0)]), 10);
    }
}
