//! Forms that are known because they are made here.

use super::units::{DIMENSIONS, Units, Vector};
use super::*;
use crate::features::{Features, SLOW_STEP, TIMBRE_BANDS};

/// Two seconds a bar of four.
const BAR: f64 = 2.0;

/// Features of a song of `parts`, each a letter and bars. Every letter has its own four chords and
/// timbre; no two bars of the song are quite the same.
fn song(parts: &[(char, usize)]) -> (Features, Vec<(f64, bool)>, f64) {
    let bars: usize = parts.iter().map(|part| part.1).sum();
    let duration = BAR * bars as f64;
    let mut noise = 12_345_u32;
    let mut random = || {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (noise >> 8) as f32 / (1 << 24) as f32
    };
    let mut features = Features::default();
    for (letter, bars) in parts {
        let seed = *letter as usize;
        for slow in 0..bars * 50 {
            let root = (seed * 5 + [0, 9, 5, 7][slow / 50 % 4]) % 12;
            let pitch = std::array::from_fn(|class| {
                let sounds = [0, 4, 7].contains(&((class + 12 - root) % 12));
                f32::from(u8::from(sounds)) + 0.2 * random()
            });
            let timbre = std::array::from_fn(|band: usize| {
                1.0 + 0.4 * ((seed * 7 + band * 3) % 5) as f32 + 0.4 * random()
            });
            features.pitch.push(pitch);
            features.timbre.push(timbre);
        }
    }
    features.frames = features.pitch.len() * SLOW_STEP;
    let beats = (0..4 * bars).map(|beat| (BAR / 4.0 * beat as f64, beat % 4 == 0));
    (features, beats.collect(), duration)
}

fn heard(parts: &[(char, usize)]) -> Form {
    let (features, beats, duration) = song(parts);
    form(&features, &beats, &vec![0.5; features.frames], duration)
}

fn labels(form: &Form) -> String {
    form.parts.iter().map(|part| part.label.as_str()).collect()
}

#[test]
fn parts_of_known_songs_are_found_on_their_bars_with_their_repeats() {
    for (parts, expected) in [
        (vec![('a', 8), ('a', 8), ('b', 8), ('a', 8)], "AABA"),
        (
            vec![('a', 8), ('b', 8), ('a', 8), ('b', 8), ('c', 8), ('b', 8)],
            "ABABCB",
        ),
        (
            vec![('i', 4), ('v', 16), ('c', 8), ('v', 16), ('c', 8)],
            "ABCBC",
        ),
    ] {
        let form = heard(&parts);
        let mut edges = vec![0.0];
        for (_, bars) in &parts {
            edges.push(edges[edges.len() - 1] + BAR * *bars as f64);
        }
        let found: Vec<f64> = form.parts.iter().map(|part| part.span.0).collect();
        // A part that comes twice in a row may be heard as one.
        let missed = edges[1..edges.len() - 1]
            .iter()
            .zip(parts.windows(2))
            .filter(|(edge, pair)| {
                pair[0].0 != pair[1].0 && !found.iter().any(|start| (start - *edge).abs() < 0.01)
            });
        assert_eq!(missed.count(), 0, "{expected}: {found:?}");
        let merged = |text: &str| {
            let mut letters: Vec<char> = text.chars().collect();
            letters.dedup();
            letters
        };
        assert_eq!(merged(&labels(&form)), merged(expected), "{found:?}");
    }
}

#[test]
fn the_strongest_peaks_of_novelty_lie_at_the_parts_and_the_first_of_them_is_one() {
    let form = heard(&[('a', 8), ('b', 8), ('c', 8)]);
    let mut peaks = form.novelty.clone();
    peaks.sort_by(|a, b| b.strength.total_cmp(&a.strength));
    let mut times: Vec<f64> = peaks.iter().take(2).map(|peak| peak.time.0).collect();
    times.sort_by(f64::total_cmp);
    assert_eq!(times, [16.0, 32.0]);
    assert_eq!(peaks[0].strength, 1.0);
}

#[test]
fn a_song_without_beats_has_parts_on_half_seconds() {
    let (features, _, duration) = song(&[('a', 8), ('b', 8)]);
    let form = form(&features, &[], &vec![0.5; features.frames], duration);
    assert!(
        form.parts
            .iter()
            .any(|part| (part.span.0 - 16.0).abs() <= 0.5)
    );
    assert!(
        form.parts
            .iter()
            .all(|part| (2.0 * part.span.0).fract() == 0.0)
    );
}

#[test]
fn short_and_silent_songs_are_one_part() {
    for seconds in [0.0, 0.3, 5.0, 40.0] {
        let count = (seconds * 25.0) as usize;
        let features = Features {
            pitch: vec![[0.0; 12]; count],
            timbre: vec![[0.0; TIMBRE_BANDS]; count],
            ..Features::default()
        };
        let form = form(&features, &[], &vec![0.0; 4 * count], seconds);
        assert_eq!(form.parts.len(), 1, "{seconds}");
        assert_eq!(form.parts[0].span, (0.0, seconds));
        assert!(form.novelty.is_empty());
    }
}

#[test]
fn what_repeats_changes_where_a_repeat_begins_though_the_sound_does_not() {
    // The same two timbres throughout; only the order of chords tells the parts apart.
    let vector = |unit: usize| -> Vector {
        let first = unit < 64 || (128..192).contains(&unit);
        let step = if first { unit * 5 } else { unit * 7 + 3 };
        let mut vector = [0.0; DIMENSIONS];
        vector[step % 12] = 1.0;
        vector
    };
    let times: Vec<f64> = (0..=256).map(|unit| 0.5 * f64::from(unit)).collect();
    let opens = (0..256).map(|unit| unit % 4 == 0).collect();
    let units = Units::of_vectors(times, opens, 4.0, |times| {
        (0..times.len() - 1).map(vector).collect()
    });
    let curve = repetition::novelty(&units);
    let peak = |near: usize| {
        let around = curve[near - 8..near + 8].iter();
        around.fold(f32::NEG_INFINITY, |most, value| most.max(*value))
    };
    for edge in [64, 128, 192] {
        assert!(
            peak(edge) > 2.0 * peak(edge + 28).max(0.1),
            "{edge}: {curve:?}"
        );
    }
}
