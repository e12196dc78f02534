//! How films move: steps between frames, cuts among them, and what they have to do with the beats.

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

/// The steps that are cuts. `moves[n]` is the step into frame `n + 1`.
pub(super) fn cuts(moves: &[f64]) -> Vec<usize> {
    let around = |index: usize| {
        let near = index.saturating_sub(3)..(index + 4).min(moves.len());
        let others = near.filter(|other| *other != index);
        others
            .filter_map(|other| moves.get(other))
            .fold(0.0, |most: f64, step| most.max(*step))
    };
    let cut = |(index, step): (usize, &f64)| {
        let (least, times) = SMALL_CUT;
        let stands_out = *step > least && *step > times * around(index);
        (*step > CUT || stands_out).then_some(index)
    };
    moves.iter().enumerate().filter_map(cut).collect()
}

/// The steps, with each cut replaced by the one before: cuts are motion of another kind.
pub(super) fn within_shots(moves: &[f64], cuts: &[usize]) -> Vec<f64> {
    let mut last = 0.0;
    moves
        .iter()
        .enumerate()
        .map(|(index, step)| {
            if !cuts.contains(&index) {
                last = *step;
            }
            last
        })
        .collect()
}

/// How motion follows the beats: the correlation of what moves, less its mean over a second, with a pulse
/// that decays from each beat, `exp(-5 · phase)`; the best of up to two frames' delay either way.
///
/// `beats` are frames.
pub(super) fn beat_correlation(moves: &[f64], beats: &[f64], fps: f64) -> f64 {
    let around = (fps / 2.0) as usize;
    let detrended: Vec<f64> = moves
        .iter()
        .enumerate()
        .map(|(index, step)| {
            let from = index.saturating_sub(around);
            step - mean(moves.iter().skip(from).take(index + around + 1 - from))
        })
        .collect();
    let pulse = |frame: f64| {
        let next = beats.partition_point(|beat| *beat <= frame + 0.5);
        let Some(before) = next.checked_sub(1).and_then(|last| beats.get(last)) else {
            return 0.0;
        };
        let length = beats.get(next).map_or(fps * 0.5, |next| next - before);
        (-5.0 * (frame - before).max(0.0) / length.max(1.0)).exp()
    };
    let delayed = |delay: i32| {
        let pulses: Vec<f64> = (0..moves.len())
            .map(|index| pulse((index + 1) as f64 - f64::from(delay)))
            .collect();
        correlation(&detrended, &pulses)
    };
    (-2..=2).map(delayed).fold(-1.0, f64::max)
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

/// Mean motion from a frame before a beat to two after it, by that of the rest.
pub(super) fn on_off(moves: &[f64], beats: &[f64]) -> f64 {
    let near = |frame: f64| {
        let next = beats.partition_point(|beat| beat.round() < frame - 2.0);
        beats
            .get(next)
            .is_some_and(|beat| (-1.0..=2.0).contains(&(frame - beat.round())))
    };
    let part = |wanted: bool| {
        let chosen = moves.iter().enumerate();
        let chosen = chosen.filter(|(index, _)| near((index + 1) as f64) == wanted);
        mean(chosen.map(|(_, step)| step))
    };
    part(true) / part(false).max(1e-9)
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
        let (on, off) = (pulses(0), pulses(7));
        assert!(beat_correlation(&on, &beats, 30.0) > 0.9);
        assert!(on_off(&on, &beats) > 2.0);
        assert!(beat_correlation(&off, &beats, 30.0) < 0.3);
        assert!(on_off(&off, &beats) < 1.0);
    }

    #[test]
    fn cuts_are_told_from_motion_and_left_out_of_it() {
        let mut moves = vec![1.0; 60];
        moves[20] = 30.0;
        moves[40] = 7.0;
        for (index, accent) in [3.0, 2.5, 2.0, 1.5].into_iter().enumerate() {
            moves[50 + index] = accent;
        }
        assert_eq!(cuts(&moves), [20, 40]);
        let within = within_shots(&moves, &cuts(&moves));
        assert_eq!((within[20], within[40], within[50]), (1.0, 1.0, 3.0));
    }

    #[test]
    fn standing_still_is_counted_unless_the_song_is_silent() {
        let mut moves = vec![1.0; 100];
        moves[30..70].fill(0.0);
        assert_eq!(longest_still(&moves, &[]), 40);
        assert_eq!(longest_still(&moves, &[(0.0, 61.0)]), 10);
    }
}
