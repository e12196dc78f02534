//! How sure each beat is, among all the ways in which the beats of the song could lie.

use std::ops::RangeInclusive;

use super::{BEAT_PART, Evidence, Moves, lengths};
use crate::level::FRAME_RATE;
use crate::order;

/// A beat counts as there where one begins within 50 ms.
const NEAR: usize = FRAME_RATE as usize / 20;
/// Beats may be so much shorter than the shortest that was found, and longer than the longest.
const AROUND: f64 = 1.15;
/// Seconds a beat, at least and at most.
const BEAT: (f64, f64) = (0.2, 2.0);

/// For each of `beats` (seconds, ascending), how much likelier than by chance a beat falls there, 0–1, given
/// that the song is counted at about this level. Fewer than two beats are of no level, and not sure at all.
pub fn of(evidence: &Evidence, beats: &[f64]) -> Vec<f32> {
    let intervals: Vec<f64> = beats.windows(2).map(|pair| pair[1] - pair[0]).collect();
    if intervals.is_empty() || evidence.frames == 0 {
        return vec![0.0; beats.len()];
    }
    let shortest = intervals.iter().copied().fold(BEAT.1, f64::min).max(BEAT.0);
    let longest = intervals.iter().copied().fold(BEAT.0, f64::max);
    let longest = longest.clamp(shortest, BEAT.1);
    let around = lengths(60.0 / (longest * AROUND), 60.0 * AROUND / shortest);
    let sums = order::prefix_sums(&starts(evidence, &around));
    let usual = order::median(&intervals) * f64::from(FRAME_RATE);
    let zone = (usual as f32 / BEAT_PART).ceil() as usize;
    let chance = ((2 * NEAR + zone + 1) as f64 / usual).min(0.9);
    let sure = beats.iter().map(|time| {
        let frame = (time.max(0.0) * f64::from(FRAME_RATE)).round() as usize;
        // The peak lies anywhere within the zone that opens the beat.
        let from = frame.saturating_sub(NEAR + zone).min(evidence.frames);
        let to = (frame + NEAR + 1).min(evidence.frames);
        let found = (sums[to] - sums[from]).min(1.0);
        ((found - chance) / (1.0 - chance)).clamp(0.0, 1.0) as f32
    });
    sure.collect()
}

/// The probability that a beat begins at each frame: forwards and backwards over the lattice of
/// [`super::decode`], with sums where that has maxima.
///
/// L. R. Rabiner, "A Tutorial on Hidden Markov Models …", Proc. IEEE 1989, §III-A to B, scaled as in §V-A.
fn starts(evidence: &Evidence, lengths: &RangeInclusive<usize>) -> Vec<f32> {
    let lattice = Lattice::new(evidence, lengths);
    let frames = evidence.frames;
    let before = lattice.forwards();
    // Of what lies behind a beat, only as many rows are needed as the longest beat has frames.
    let mut ends: Vec<Row> = vec![Row::default(); lengths.end() + 1];
    let mut starts = vec![0.0_f64; frames];
    // One of the beats holds the last frame: those that may sum to all there is.
    let mut all = f64::NEG_INFINITY;
    for frame in (0..frames).rev() {
        let behind = lattice.behind(frame, &ends);
        let ways = before[frame].values.iter().zip(&behind.values);
        let ways: Vec<f64> = ways.map(|(a, b)| f64::from(a * b)).collect();
        let scale = before[frame].scale + behind.scale;
        starts[frame] = ways.iter().sum::<f64>().ln() + scale;
        let last = frames
            .saturating_sub(frame + lattice.shortest)
            .min(ways.len());
        all = sum_of_logs(all, ways[last..].iter().sum::<f64>().ln() + scale);
        let slot = frame % ends.len();
        ends[slot] = lattice.led_to(&behind);
    }
    let probability = |log: &f64| (log - all).exp().min(1.0) as f32;
    starts.iter().map(probability).collect()
}

/// One value for each length of beat; what they stand for is that times `exp(scale)`.
#[derive(Clone, Default)]
struct Row {
    values: Vec<f32>,
    scale: f64,
}

impl Row {
    /// The greatest value becomes 1.
    fn of(mut values: Vec<f32>, scale: f64) -> Self {
        let most = values.iter().fold(0.0_f32, |most, value| most.max(*value));
        if most > 0.0 {
            for value in &mut values {
                *value /= most;
            }
        }
        Self {
            values,
            scale: scale + f64::from(most.max(f32::MIN_POSITIVE)).ln(),
        }
    }

    /// Of values and the logs of what they are to be multiplied with.
    fn of_logs(terms: &[(f32, f64)]) -> Self {
        let scale = terms
            .iter()
            .map(|(_, log)| *log)
            .fold(f64::NEG_INFINITY, f64::max);
        let scaled = terms
            .iter()
            .map(|(value, log)| value * (log - scale).exp() as f32);
        Self::of(scaled.collect(), scale)
    }
}

fn sum_of_logs(a: f64, b: f64) -> f64 {
    let most = a.max(b);
    if most == f64::NEG_INFINITY {
        return most;
    }
    most + ((a - most).exp() + (b - most).exp()).ln()
}

struct Lattice<'a> {
    evidence: &'a Evidence,
    shortest: usize,
    /// The weight of each length at the begin.
    prior: Vec<f32>,
    /// For each length: the first predecessor, and the weights of it and those behind it.
    moves: Vec<(usize, Vec<f32>)>,
}

impl<'a> Lattice<'a> {
    fn new(evidence: &'a Evidence, lengths: &RangeInclusive<usize>) -> Self {
        let moves = Moves::new(lengths);
        let weights = |(first, costs): (usize, Vec<f32>)| {
            (first, costs.iter().map(|cost| cost.exp()).collect())
        };
        Self {
            evidence,
            shortest: *lengths.start(),
            prior: moves.prior.iter().map(|prior| prior.exp()).collect(),
            moves: moves.costs.into_iter().map(weights).collect(),
        }
    }

    /// Log likelihood of a beat, less that of the same frames if nothing were known of them: all ways are
    /// equally long, and the numbers stay near 1.
    fn beat(&self, start: i64, length: usize) -> f64 {
        let clamp = |at: i64| at.clamp(0, self.evidence.frames as i64);
        let frames = clamp(start + length as i64) - clamp(start);
        f64::from(self.evidence.beat(start, length)) + frames as f64 * f64::from(BEAT_PART.ln())
    }

    /// For each frame, the weight of all ways whose next beat begins there, by its length.
    fn forwards(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::with_capacity(self.evidence.frames);
        for frame in 0..self.evidence.frames {
            let ended = self.prior.iter().enumerate().map(|(index, prior)| {
                let length = self.shortest + index;
                let start = frame as i64 - length as i64;
                let (value, scale) = match frame.checked_sub(length) {
                    Some(start) => (rows[start].values[index], rows[start].scale),
                    // The song begins somewhere within a beat, anywhere as likely.
                    None => (prior / length as f32, 0.0),
                };
                (value, scale + self.beat(start, length))
            });
            let ended = Row::of_logs(&ended.collect::<Vec<_>>());
            let next = self.moves.iter().map(|(first, weights)| {
                let reached = ended.values[*first..].iter().zip(weights);
                reached.map(|(value, weight)| value * weight).sum()
            });
            rows.push(Row::of(next.collect(), ended.scale));
        }
        rows
    }

    /// The weight of all ways from a beat at `frame` on, by its length. `ends[f % n]` has that of all ways
    /// on from a beat that ends at `f`.
    fn behind(&self, frame: usize, ends: &[Row]) -> Row {
        let terms = (0..self.prior.len()).map(|index| {
            let length = self.shortest + index;
            let end = frame + length;
            let (value, scale) = if end < self.evidence.frames {
                let row = &ends[end % ends.len()];
                (row.values[index], row.scale)
            } else {
                (1.0, 0.0)
            };
            (value, scale + self.beat(frame as i64, length))
        });
        Row::of_logs(&terms.collect::<Vec<_>>())
    }

    /// The weight of all ways on from a beat that ends where those of `behind` begin.
    fn led_to(&self, behind: &Row) -> Row {
        let mut values = vec![0.0; behind.values.len()];
        for ((first, weights), value) in self.moves.iter().zip(&behind.values) {
            for (sum, weight) in values[*first..].iter_mut().zip(weights) {
                *sum += weight * value;
            }
        }
        Row::of(values, behind.scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::beats::{change, prior};

    /// Adds the weight of every way on from a beat of `length` at `frame` to the beats on it.
    fn walk(
        evidence: &Evidence,
        lengths: &RangeInclusive<usize>,
        (frame, length, weight): (usize, usize, f64),
        way: &mut Vec<usize>,
        found: &mut (Vec<f64>, f64),
    ) {
        way.push(frame);
        let weight = weight * f64::from(evidence.beat(frame as i64, length)).exp();
        let end = frame + length;
        if end >= evidence.frames {
            found.1 += weight;
            for beat in way.iter() {
                found.0[*beat] += weight;
            }
        } else {
            for next in lengths.clone() {
                if (length as f32 / next as f32 - 1.0).abs() <= super::super::MOST_CHANGE {
                    let moved = f64::from(change(length as f32, next as f32)).exp();
                    walk(evidence, lengths, (end, next, weight * moved), way, found);
                }
            }
        }
        way.pop();
    }

    #[test]
    fn probabilities_are_those_of_all_ways_counted_one_by_one() {
        let activation: Vec<f32> = (0..37)
            .map(|at| [0.1, 0.02, 0.7, 0.4, 0.05][at % 5])
            .collect();
        let evidence = Evidence::new(&activation, &[true; 37]);
        let lengths = 6..=8;
        let mut found = (vec![0.0; 37], 0.0);
        for length in lengths.clone() {
            for end in 0..length {
                let start = end as i64 - length as i64;
                let first = f64::from(prior(length as f32)).exp() / length as f64
                    * f64::from(evidence.beat(start, length)).exp();
                for next in lengths.clone() {
                    if (length as f32 / next as f32 - 1.0).abs() <= super::super::MOST_CHANGE {
                        let moved = f64::from(change(length as f32, next as f32)).exp();
                        let from = (end, next, first * moved);
                        walk(&evidence, &lengths, from, &mut Vec::new(), &mut found);
                    }
                }
            }
        }
        for (at, (got, weight)) in starts(&evidence, &lengths).iter().zip(&found.0).enumerate() {
            let expected = (weight / found.1) as f32;
            assert!(
                (got - expected).abs() < 1e-4,
                "frame {at}: {got}, not {expected}"
            );
        }
    }

    fn pulses(every: usize, until: usize) -> Vec<f32> {
        (0..6_000)
            .map(|at| {
                if at < until && at % every == 0 {
                    0.9
                } else {
                    0.03
                }
            })
            .collect()
    }

    #[test]
    fn clear_beats_are_sure_and_those_of_a_long_pause_are_not() {
        let evidence = Evidence::new(&pulses(50, 3_000), &[true; 6_000]);
        let beats: Vec<f64> = (0..120).map(|beat| f64::from(beat) * 0.5).collect();
        let sure = of(&evidence, &beats);
        assert!(sure[1..58].iter().all(|sure| *sure > 0.95), "{sure:?}");
        assert!(sure[64..].iter().all(|sure| *sure < 0.4), "{sure:?}");
        // Off by half a beat, nothing is there.
        let wrong: Vec<f64> = beats.iter().map(|time| time + 0.25).collect();
        assert!(of(&evidence, &wrong)[5..50].iter().all(|sure| *sure < 0.05));
    }

    #[test]
    fn few_beats_and_short_songs_are_not_sure_and_nothing_panics() {
        let evidence = Evidence::new(&[], &[]);
        assert!(of(&evidence, &[]).is_empty());
        assert_eq!(of(&evidence, &[0.0, 0.5]), [0.0, 0.0]);
        let evidence = Evidence::new(&[0.5; 10], &[true; 10]);
        assert_eq!(of(&evidence, &[0.05]), [0.0]);
        assert_eq!(of(&evidence, &[0.0, 5.0]).len(), 2);
        assert_eq!(of(&evidence, &[0.01, 0.02, 0.03]).len(), 3);
    }
}
