//! The pulse part by part: how sure it is, how fast, how else it could be counted, and where it rests.

use model::sound::{Silence, SilencePlace};

use super::{Choice, FEWEST, counted};
use crate::beats::{Evidence, posterior};
use crate::features::Features;
use crate::level::FRAME_RATE;
use crate::network::Activations;
use crate::onset::Onsets;
use crate::order;
use crate::tempo::level::Judge;

/// Silences of so many seconds are no pause in which one counts on.
const LONG_SILENCE: f64 = 4.0;
/// Intervals that differ by more from the usual one have a beat left out or put in.
const USUAL: f64 = 0.1;

/// The pulse of a part of the song.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pace {
    /// How sure its beats are, 0–1; `None` where there are none.
    pub confidence: Option<f32>,
    /// Beats a minute; `None` of fewer than four beats.
    pub bpm: Option<f64>,
    /// Other tempi that it could be counted in, likeliest first.
    pub alternates: Vec<f64>,
}

/// The pulse of each of `parts` (begin and end in seconds), of a song with these `beats` (seconds).
///
/// A part is as sure as its beats are on average: by their posterior, times what the network takes each
/// for, since in noise some beats win that are all unlikely.
pub fn of_parts(
    parts: &[(f64, f64)],
    beats: &[f64],
    (features, onsets, heard): (&Features, &Onsets, &Activations),
) -> Vec<Pace> {
    let evidence = Evidence::new(&heard.beat, &onsets.sounding);
    let judge = Judge {
        heard,
        features,
        onsets,
    };
    let sure = posterior::of(&evidence, beats);
    let place = |time: f64| beats.partition_point(|beat| *beat < time);
    let pace = |(from, to): &(f64, f64)| {
        let own = place(*from)..place(*to);
        let (beats, sure) = (&beats[own.clone()], &sure[own]);
        if beats.is_empty() {
            return Pace::default();
        }
        let likely = beats
            .iter()
            .zip(sure)
            .map(|(time, sure)| sure * shown(&heard.beat, *time));
        let (bpm, alternates) = if beats.len() < FEWEST {
            (None, Vec::new())
        } else {
            let others = counted(&judge, beats, Choice::Decoded);
            let others = others.iter().skip(1).map(|level| level.bpm);
            (bpm_of(beats), others.collect())
        };
        Pace {
            confidence: Some(likely.sum::<f32>() / beats.len() as f32),
            bpm,
            alternates,
        }
    };
    parts.iter().map(pace).collect()
}

/// What the network makes of a beat at `time`, 0–1.
fn shown(beat: &[f32], time: f64) -> f32 {
    let frame = (time.max(0.0) * f64::from(FRAME_RATE)).round() as usize;
    let near = beat.get(frame.saturating_sub(2)..(frame + 3).min(beat.len()));
    let near = near.unwrap_or(&[]).iter();
    near.fold(0.0_f32, |most, value| most.max(*value))
}

/// From the mean of the usual intervals: beats lie within some milliseconds of where they are heard.
fn bpm_of(beats: &[f64]) -> Option<f64> {
    let intervals: Vec<f64> = beats.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let usual = order::median(&intervals);
    let near = intervals
        .iter()
        .filter(|x| (*x / usual - 1.0).abs() < USUAL);
    let (sum, count) = near.fold((0.0, 0), |(sum, count), x| (sum + x, count + 1));
    (sum > 0.0).then(|| 60.0 * f64::from(count) / sum)
}

/// For each of `beats` (seconds), whether it does not lie within a long silence, farther than half a beat from
/// its ends: one counts on through a pause, but not for ever.
pub fn outside_silences(beats: &[f64], silences: &[Silence]) -> Vec<bool> {
    let intervals: Vec<f64> = beats.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let half = order::median(&intervals) / 2.0;
    let long = |silence: &&Silence| {
        silence.place == SilencePlace::Inside && silence.end.0 - silence.start.0 >= LONG_SILENCE
    };
    let long: Vec<&Silence> = silences.iter().filter(long).collect();
    let within = |time: f64| {
        let holds =
            |silence: &&Silence| (silence.start.0 + half..silence.end.0 - half).contains(&time);
        long.iter().any(holds)
    };
    beats.iter().map(|time| !within(*time)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Seconds;

    #[test]
    fn beats_go_on_through_a_pause_and_rest_in_a_long_silence() {
        let silence = |start, end| Silence {
            start: Seconds(start),
            end: Seconds(end),
            place: SilencePlace::Inside,
        };
        let beats: Vec<f64> = (0..40).map(|beat| f64::from(beat) * 0.5).collect();
        let kept = outside_silences(&beats, &[silence(2.0, 4.0), silence(8.0, 14.0)]);
        let rested: Vec<f64> = beats
            .iter()
            .zip(kept)
            .filter_map(|(time, kept)| (!kept).then_some(*time))
            .collect();
        assert_eq!(rested.first(), Some(&8.5));
        assert_eq!(rested.last(), Some(&13.5));
        assert_eq!(rested.len(), 11);
        assert!(outside_silences(&[], &[]).is_empty());
    }

    #[test]
    fn a_beat_left_out_changes_no_tempo() {
        let beats = [0.0, 0.5, 1.0, 2.0, 2.5, 3.0];
        assert_eq!(bpm_of(&beats), Some(120.0));
        assert_eq!(bpm_of(&[1.0]), None);
    }
}
