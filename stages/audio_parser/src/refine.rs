//! Beats to the nearest onset, and to a straight line where the song was made to a click.

use std::ops::Range;

use crate::features::FINE_STEP;
use crate::level::FRAME_RATE;
use crate::order;

const FINE_RATE: f64 = (FRAME_RATE as usize * FINE_STEP) as f64;
/// Onsets are sought so far before and behind a beat.
const REACH_SECONDS: f64 = 0.035;
/// But not farther than this part of a beat.
const REACH_BEATS: f64 = 0.12;
/// The power of a peak's height by which it counts among those around a beat.
const PEAKEDNESS: i32 = 6;
/// The fine curve's peak lies so much behind where a note is written: a click is heard 1.5 ms early, but
/// struck, plucked and blown sounds take some milliseconds to rise, by the mean over `mir-dev` 5.
const LATENESS: f64 = 0.0015;
/// A song is made to a click where nine beats of ten lie so near to the line, or three of four do and
/// nearly all of the rest, heard badly, lie within an eighth of a beat.
const CLICK_SECONDS: f64 = 0.012;
const CLICK_SHARE: f64 = 0.9;
const BLURRED_SHARE: f64 = 0.7;
const BLURRED_NEAR: f64 = 0.97;

/// A beat, and how much of an onset there is on it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Refined {
    /// Seconds.
    pub time: f64,
    /// 0 (none) to 1.
    pub weight: f64,
}

/// `beats` (seconds), each moved towards the strongest onset near it in `fine` (400 values a second), as
/// far as that onset stands out. Ascending.
pub fn to_onsets(beats: &[f64], fine: &[f32]) -> Vec<Refined> {
    let refined = beats.iter().enumerate().map(|(at, beat)| {
        let next = beats.get(at + 1).or(beats.get(at.wrapping_sub(1)));
        let interval = next.map_or(0.5, |next| (next - beat).abs());
        // Neighbours cannot meet: twice the reach is far less than an interval.
        nearest_onset(*beat, REACH_SECONDS.min(REACH_BEATS * interval), fine)
    });
    refined.collect()
}

/// The peak of `fine` within `reach` of `grid`, weighed against `grid` by how much it stands out.
fn nearest_onset(grid: f64, reach: f64, fine: &[f32]) -> Refined {
    let index = |time: f64| (time.max(0.0) * FINE_RATE).round() as usize;
    let (from, to) = (index(grid - reach), index(grid + reach).min(fine.len()));
    let Some(window) = fine.get(from..to).filter(|window| window.len() > 4) else {
        return Refined {
            time: grid,
            weight: 0.0,
        };
    };
    let height = window.iter().fold(0.0_f32, |most, value| most.max(*value));
    let usual = order::percentile(window, 0.5);
    let weight = f64::from(if height > 0.0 {
        (height - usual) / (height + usual)
    } else {
        0.0
    });
    let onset =
        onset_within(fine, from..to, usual).unwrap_or(grid * FINE_RATE) / FINE_RATE - LATENESS;
    Refined {
        time: (grid + (onset - grid) * weight).max(0.0),
        weight: weight * f64::from(height.min(1.0)),
    }
}

/// Where the onset within `range` of `fine` lies, in values: the mean of its peaks, of which all but the
/// greatest hardly count. Of two that are equally great neither may win by a hair: the same song, a little
/// quieter or noisier, would have its beat elsewhere. `None` where nothing stands out from what is `usual`.
fn onset_within(fine: &[f32], range: Range<usize>, usual: f32) -> Option<f64> {
    let middle = 0.5 * (range.start + range.end) as f64;
    let half = (0.5 * range.len() as f64).max(1.0);
    let at = |place: usize| fine.get(place).copied().unwrap_or(0.0);
    let (mut sum, mut total) = (0.0, 0.0);
    for place in range {
        let (left, height, right) = (at(place.saturating_sub(1)), at(place), at(place + 1));
        let curve = left - 2.0 * height + right;
        if height > usual && height >= left && height > right && curve < 0.0 {
            let shift = f64::from(0.5 * (left - right) / curve).clamp(-0.5, 0.5);
            // None comes into sight at once.
            let far = ((place as f64 - middle) / half).powi(2).min(1.0);
            let weight = f64::from(height - usual).powi(PEAKEDNESS) * (1.0 - far);
            sum += weight * (place as f64 + shift);
            total += weight;
        }
    }
    (total > 0.0).then(|| sum / total)
}

/// A straight line through beats: beat `k` falls at `start + k · interval`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Seconds of beat 0.
    pub start: f64,
    /// Seconds a beat.
    pub interval: f64,
    /// The share of beats, weighted by their onsets, that lie within 12 ms of it.
    pub share: f64,
    /// The share of all beats within an eighth of a beat of it.
    pub near: f64,
}

impl Line {
    /// Whether the song was made to a click.
    fn is_click(&self) -> bool {
        self.share >= CLICK_SHARE || (self.share >= BLURRED_SHARE && self.near >= BLURRED_NEAR)
    }
}

/// The line that most of `beats` lie on, by least squares without the outliers, each beat counting as
/// much as there is an onset on it; `None` of fewer than 8.
pub fn line(beats: &[Refined]) -> Option<Line> {
    if beats.len() < 8 {
        return None;
    }
    let intervals: Vec<f64> = beats
        .windows(2)
        .map(|pair| pair[1].time - pair[0].time)
        .collect();
    let usual = order::median(&intervals);
    // A beat left out or put in must not bend the line: count by time, not by place.
    let mut count = 0.0;
    let mut points = vec![(0.0, beats[0])];
    for (interval, beat) in intervals.iter().zip(beats.iter().skip(1)) {
        count += (interval / usual).round().max(1.0);
        points.push((count, *beat));
    }
    let mut fit = least_squares(&points)?;
    for bound in [0.15, 0.1, 0.05, 0.04] {
        // Beats that slipped by a half in a break are counted from the line, not from each other.
        let near = points.iter().filter_map(|(_, beat)| {
            let k = ((beat.time - fit.0) / fit.1).round();
            let off = (beat.time - fit.0 - k * fit.1).abs();
            (off < bound * usual).then_some((k, *beat))
        });
        let near: Vec<(f64, Refined)> = near.collect();
        if near.len() * 2 < points.len() {
            break;
        }
        fit = least_squares(&near)?;
        if fit.1 <= 0.0 {
            return None;
        }
    }
    let total: f64 = beats.iter().map(|beat| beat.weight).sum();
    let off = |beat: &Refined| {
        let place = (beat.time - fit.0) / fit.1;
        (place - place.round()).abs() * fit.1
    };
    let near = beats.iter().filter(|beat| off(beat) < fit.1 / 8.0).count();
    let on_line = beats.iter().filter(|beat| off(beat) < CLICK_SECONDS);
    let share = on_line.map(|beat| beat.weight).sum::<f64>() / total.max(1e-9);
    Some(Line {
        start: fit.0,
        interval: fit.1,
        share,
        near: near as f64 / beats.len() as f64,
    })
}

/// The times of `beats`, moved onto their line if the song was made to a click.
pub fn straightened(beats: &[Refined], end: f64) -> (Vec<f64>, Option<Line>) {
    let found = line(beats);
    let (Some(line), Some(first), Some(last)) =
        (found.filter(Line::is_click), beats.first(), beats.last())
    else {
        return (beats.iter().map(|beat| beat.time).collect(), found);
    };
    let from = ((first.time - line.start) / line.interval).round() as i64;
    let to = ((last.time - line.start) / line.interval).round() as i64;
    let straight = (from..=to)
        .map(|k| line.start + k as f64 * line.interval)
        // A beat on the first sample may be fitted a hair before it.
        .map(|time| {
            if time > -CLICK_SECONDS {
                time.max(0.0)
            } else {
                time
            }
        })
        // A beat on the last sample has nothing to it.
        .filter(|time| (0.0..end - CLICK_SECONDS).contains(time));
    (straight.collect(), found)
}

/// Intercept and slope, weighted.
fn least_squares(points: &[(f64, Refined)]) -> Option<(f64, f64)> {
    let weighted = || {
        points
            .iter()
            .map(|(k, beat)| (beat.weight + 1e-3, *k, beat.time))
    };
    let total: f64 = weighted().map(|(w, _, _)| w).sum();
    let mean_x = weighted().map(|(w, x, _)| w * x).sum::<f64>() / total;
    let mean_y = weighted().map(|(w, _, y)| w * y).sum::<f64>() / total;
    let spread: f64 = weighted().map(|(w, x, _)| w * (x - mean_x).powi(2)).sum();
    let joint: f64 = weighted()
        .map(|(w, x, y)| w * (x - mean_x) * (y - mean_y))
        .sum();
    (spread > 0.0).then(|| (mean_y - joint / spread * mean_x, joint / spread))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A curve with peaks of the given heights at the given values, each three values wide.
    fn curve(peaks: &[(usize, f32)]) -> Vec<f32> {
        let mut curve = vec![0.01; 800];
        for (at, height) in peaks {
            curve[*at] = *height;
            for side in [at - 1, at + 1] {
                curve[side] = 0.5 * height;
            }
        }
        curve
    }

    #[test]
    fn a_beat_moves_to_the_onset_beside_it() {
        let beats = to_onsets(&[0.5, 1.0], &curve(&[(204, 0.9), (396, 0.9)]));
        let seconds = |value: f64| value / FINE_RATE - LATENESS;
        assert!((beats[0].time - seconds(204.0)).abs() < 0.001, "{beats:?}");
        assert!((beats[1].time - seconds(396.0)).abs() < 0.001, "{beats:?}");
    }

    #[test]
    fn a_beat_between_two_equal_onsets_does_not_jump_when_one_of_them_is_a_little_stronger() {
        let of = |early, late| to_onsets(&[0.5, 1.0], &curve(&[(194, early), (206, late)]))[0].time;
        let (one, other) = (of(0.90, 0.89), of(0.89, 0.90));
        assert!((one - other).abs() < 0.003, "{one} {other}");
        // Clearly the stronger of them wins.
        assert!((of(0.9, 0.3) - (194.0 / FINE_RATE - LATENESS)).abs() < 0.001);
    }

    #[test]
    fn a_beat_without_an_onset_stays() {
        let beats = to_onsets(&[0.5, 1.0], &[0.0; 800]);
        assert_eq!(
            beats.iter().map(|beat| beat.time).collect::<Vec<_>>(),
            [0.5, 1.0]
        );
        assert!(to_onsets(&[2.5], &[0.0; 800])[0].weight < 1e-9);
    }
}
