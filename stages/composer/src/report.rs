//! What is told of a film: measured from the file and compared with what was heard. Pure.

use model::Seconds;
use model::analysis::Beat;
use model::film::{FilmReport, Percentiles};

use crate::inspect::Measured;
use crate::timeline::Timeline;

/// The report of a film that stood its inspection.
pub fn of(timeline: &Timeline, measured: &Measured, beats: &[Beat], sha256: &str) -> FilmReport {
    let cuts = timeline.cuts().map(|cut| timeline.rate().time_of(cut));
    FilmReport {
        duration: measured.duration,
        audio_duration: measured.audio_duration,
        frames: measured.frames,
        clips: timeline.entries().len() as u32,
        cut_frames: timeline.cuts().collect(),
        cut_to_beat_ms: percentiles(distances_in_ms(cuts, beats)),
        length_error: measured.length_error,
        sha256: sha256.to_owned(),
    }
}

/// The distance of each cut, as it is shown, to the nearest beat, as it was heard. `beats` ascend.
/// Nothing where there are no beats.
fn distances_in_ms(cuts: impl Iterator<Item = Seconds>, beats: &[Beat]) -> Vec<f64> {
    let distance = |cut: Seconds| {
        let after = beats.partition_point(|beat| beat.time < cut);
        let neighbours = beats.iter().skip(after.saturating_sub(1)).take(2);
        neighbours
            .map(|beat| (beat.time.0 - cut.0).abs() * 1000.0)
            .min_by(f64::total_cmp)
    };
    cuts.filter_map(distance).collect()
}

/// By nearest rank: the smallest value that so many of a hundred do not exceed. `None` of nothing.
fn percentiles(mut values: Vec<f64>) -> Option<Percentiles> {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let rank = (share * values.len() as f64).ceil() as usize;
        values.get(rank.saturating_sub(1)).copied()
    };
    Some(Percentiles {
        p50: at(0.5)?,
        p95: at(0.95)?,
        max: at(1.0)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beats(times: &[f64]) -> Vec<Beat> {
        let beat = |time: &f64| Beat {
            time: Seconds(*time),
            downbeat: false,
        };
        times.iter().map(beat).collect()
    }

    #[test]
    fn each_cut_is_measured_to_the_nearest_beat_on_either_side() {
        let cuts = [0.5, 1.01, 1.98, 9.0].map(Seconds);
        let found = distances_in_ms(cuts.into_iter(), &beats(&[1.0, 2.0, 3.0]));
        let expected = [500.0, 10.0, 20.0, 6000.0];
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
        assert!(distances_in_ms(cuts.into_iter(), &[]).is_empty());
    }

    #[test]
    fn percentiles_are_values_that_occur() {
        let of_twenty = percentiles((1..=20).rev().map(f64::from).collect()).unwrap();
        assert_eq!(
            (of_twenty.p50, of_twenty.p95, of_twenty.max),
            (10.0, 19.0, 20.0)
        );
        let of_one = percentiles(vec![7.0]).unwrap();
        assert_eq!((of_one.p50, of_one.p95, of_one.max), (7.0, 7.0, 7.0));
        assert_eq!(percentiles(Vec::new()), None);
    }
}
