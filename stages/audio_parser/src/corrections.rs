//! Beats and bars as a user corrects them.

use model::corrections::{Corrections, TempoCorrection};

use crate::downbeats::Bars;
use crate::tempo::Pulse;

/// `pulse` with every second beat left out (those on which the fewer of `downbeats` fall), or with a
/// beat more between each two. A given tempo is none of this: the tracker is asked again.
pub fn rescaled(pulse: &Pulse, downbeats: &[bool], tempo: TempoCorrection) -> Pulse {
    let (times, bpm) = match tempo {
        TempoCorrection::Half => (halved(&pulse.times, downbeats), pulse.bpm / 2.0),
        TempoCorrection::Double => (doubled(&pulse.times), pulse.bpm * 2.0),
        TempoCorrection::Bpm(_) => return pulse.clone(),
    };
    let near = |tempo: &f64| (tempo / bpm).ln().abs() < 0.06;
    let others = pulse
        .alternates
        .iter()
        .copied()
        .filter(|other| !near(other));
    Pulse {
        times,
        bpm,
        confidence: pulse.confidence,
        alternates: std::iter::once(pulse.bpm).chain(others).collect(),
    }
}

fn halved(times: &[f64], downbeats: &[bool]) -> Vec<f64> {
    let openings = |parity: usize| {
        let beats = downbeats.iter().skip(parity).step_by(2);
        beats.filter(|opens| **opens).count()
    };
    let parity = usize::from(openings(1) > openings(0));
    times.iter().skip(parity).step_by(2).copied().collect()
}

fn doubled(times: &[f64]) -> Vec<f64> {
    let mut more = Vec::with_capacity(2 * times.len());
    for pair in times.windows(2) {
        more.extend([pair[0], f64::midpoint(pair[0], pair[1])]);
    }
    more.extend(times.last());
    more
}

/// `times`, all later by `offset` seconds, as far as they then lie within the song; with which of the
/// beats those are.
pub fn moved(times: &[f64], offset: f64, duration: f64) -> (Vec<f64>, std::ops::Range<usize>) {
    let moved = || times.iter().map(|time| time + offset);
    let first = moved().take_while(|time| *time < 0.0).count();
    let last = moved().take_while(|time| *time <= duration).count();
    (
        moved().skip(first).take(last - first).collect(),
        first..last,
    )
}

/// `bars` in the corrected metre, opening at the corrected beats.
pub fn barred(bars: Bars, corrections: &Corrections) -> Bars {
    let bars = match corrections.corrected_beats_per_bar() {
        Some(metre) if metre != bars.beats_per_bar => regular(&bars, metre),
        _ => bars,
    };
    match corrections.corrected_shift() {
        0 => bars,
        shift => shifted(&bars, shift),
    }
}

/// Bars of `metre` beats all along, in the phase that keeps the most of the openings.
fn regular(bars: &Bars, metre: u8) -> Bars {
    let length = usize::from(metre.max(1));
    let kept = |phase: &usize| {
        let beats = bars.downbeats.iter().skip(*phase).step_by(length);
        beats.filter(|opens| **opens).count()
    };
    // The first of equals: the song is then likelier to begin with a bar.
    let phase = (0..length).rev().max_by_key(kept).unwrap_or(0);
    Bars {
        beats_per_bar: metre,
        downbeats: (0..bars.downbeats.len())
            .map(|beat| beat % length == phase)
            .collect(),
        confidence: bars.confidence,
    }
}

/// Every bar opens `shift` beats later; before the first and behind the last, bars are counted on.
fn shifted(bars: &Bars, shift: i32) -> Bars {
    let length = i64::from(bars.beats_per_bar.max(1));
    let old = &bars.downbeats;
    let place = |at: Option<usize>| at.map_or(0, |at| at as i64);
    let first = place(old.iter().position(|opens| *opens));
    let last = place(old.iter().rposition(|opens| *opens));
    let opens = |beat: usize| {
        let from = beat as i64 - i64::from(shift);
        if from < first {
            (first - from) % length == 0
        } else if from > last {
            (from - last) % length == 0
        } else {
            old[from as usize]
        }
    };
    Bars {
        downbeats: (0..old.len()).map(opens).collect(),
        ..*bars
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(beats_per_bar: u8, pattern: &str) -> Bars {
        Bars {
            beats_per_bar,
            downbeats: pattern.chars().map(|beat| beat == '|').collect(),
            confidence: 0.5,
        }
    }

    fn pattern(bars: &Bars) -> String {
        let sign = |opens: &bool| if *opens { '|' } else { '.' };
        bars.downbeats.iter().map(sign).collect()
    }

    #[test]
    fn bars_open_later_or_earlier_and_are_counted_on_at_both_ends() {
        let none = Corrections::default();
        for (before, shift, after) in [
            ("|...|...|...", 1, ".|...|...|.."),
            ("|...|...|...", -1, "...|...|...|"),
            ("|...|...|...", 4, "|...|...|..."),
            (".|...|..|...", 2, "...|...|..|."),
        ] {
            let corrected = barred(bars(4, before), &none.shift(shift).unwrap());
            assert_eq!(pattern(&corrected), after, "{before} by {shift}");
        }
    }

    #[test]
    fn another_metre_keeps_as_many_openings_as_it_can() {
        let three = Corrections::default().beats_per_bar(Some(3)).unwrap();
        let corrected = barred(bars(4, ".|..|...|..|"), &three);
        assert_eq!(corrected.beats_per_bar, 3);
        assert_eq!(pattern(&corrected), ".|..|..|..|.");
    }

    #[test]
    fn half_as_many_beats_keep_the_bars_and_twice_as_many_keep_the_beats() {
        let pulse = Pulse {
            times: vec![0.5, 1.0, 1.5, 2.0, 2.5],
            bpm: 120.0,
            confidence: 0.7,
            alternates: vec![60.0, 180.0],
        };
        let half = rescaled(
            &pulse,
            &[false, true, false, false, false],
            TempoCorrection::Half,
        );
        assert_eq!(half.times, [1.0, 2.0]);
        assert_eq!((half.bpm, half.alternates), (60.0, vec![120.0, 180.0]));
        let double = rescaled(&pulse, &[true; 5], TempoCorrection::Double);
        assert_eq!(
            double.times,
            [0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5]
        );
        assert_eq!(double.bpm, 240.0);
        assert!(doubled(&[]).is_empty() && halved(&[], &[]).is_empty());
    }

    #[test]
    fn moved_beats_stay_within_the_song() {
        assert_eq!(moved(&[0.0, 1.0, 2.0], 0.5, 2.2), (vec![0.5, 1.5], 0..2));
        assert_eq!(moved(&[0.0, 1.0, 2.0], -0.5, 2.2), (vec![0.5, 1.5], 1..3));
    }
}
