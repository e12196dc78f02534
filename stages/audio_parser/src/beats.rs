//! Where the beats fall: the bar pointer's hidden Markov model, decoded over the whole song.
//!
//! Model: F. Krebs, S. Böck and G. Widmer, "An Efficient State-Space Model for Joint Tempo and Meter
//! Tracking", ISMIR 2015, §3: a beat of `n` frames has `n` states, the tempo changes at beats only.
//! Inside a beat nothing is decided, so that a whole beat is scored at once from prefix sums, and
//! Viterbi runs over (start of beat, length of beat): the same optimum at a fortieth of the work.

use std::ops::RangeInclusive;

use crate::level::FRAME_RATE;
use crate::order;

pub mod posterior;

/// The part of a beat in which its onset is expected: a sixteenth, as in S. Böck, F. Krebs and
/// G. Widmer, "A Multi-Model Approach to Beat Tracking", ISMIR 2014, §2.3.
const BEAT_PART: f32 = 16.0;
/// How far one beat's length may differ from the one before.
const MOST_CHANGE: f32 = 0.16;
/// The spread of lengths from beat to beat, of which frames of 10 ms alone make 1 to 2 %.
const SPREAD: f32 = 0.028;
/// Log probability of a beat's length by tempo: log-normal around 118 bpm, 0.55 in ln units.
const CENTRE_BPM: f32 = 118.0;
const TEMPO_SPREAD: f32 = 0.55;
/// A beat without an onset, and an onset without a beat, cost at most so much.
const LEAST: f32 = 0.01;
const MOST: f32 = 0.97;

/// The network was trained to miss no beat, with beats counting several times what the rest counts: its log
/// odds are too high by about this much.
const CALIBRATION: f32 = 1.3;
/// A peak lower than this says nothing about where a beat lies.
const CLEAR: f32 = 0.1;

/// A path of beats through the song.
#[derive(Debug, Clone, Default)]
pub struct Path {
    /// Frames at which beats fall, ascending.
    pub beats: Vec<usize>,
    /// Log likelihood a frame, comparable between paths of one song.
    pub score: f32,
}

/// Log likelihoods of frames, ready to be summed over any stretch.
pub struct Evidence {
    on_beat: Vec<f64>,
    between: Vec<f64>,
    frames: usize,
}

impl Evidence {
    /// From the probability of a beat at each frame, which counts within `LEAST` and `MOST`; where
    /// nothing is `sounding`, neither a beat nor its absence is likelier.
    pub fn new(beat: &[f32], sounding: &[bool]) -> Self {
        let frames = beat.len();
        let (mut on_beat, mut between) = (Vec::with_capacity(frames), Vec::with_capacity(frames));
        for (probability, sounding) in beat.iter().zip(sounding) {
            let probability = if *sounding {
                let odds = (probability / (1.0 - probability).max(1e-6)).max(1e-6).ln();
                LEAST + (MOST - LEAST) * order::logistic(odds - CALIBRATION)
            } else {
                1.0 / BEAT_PART
            };
            on_beat.push(probability.ln());
            between.push(((1.0 - probability) / (BEAT_PART - 1.0)).ln());
        }
        Self {
            on_beat: order::prefix_sums(&on_beat),
            between: order::prefix_sums(&between),
            frames,
        }
    }

    /// Whether a beat of `length` frames before the one at `next` falls so near to the first frame that the
    /// song begins with it: what is left of its zone looks like a beat.
    fn opens_on_a_beat(&self, length: usize, next: usize) -> bool {
        let zone = (length as f32 / BEAT_PART).ceil() as usize;
        let left = (next + zone).saturating_sub(length).min(self.frames);
        left > 0 && self.on_beat[left] > self.between[left]
    }

    /// How many frames there are.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Log likelihood of a beat of `length` frames that begins at `start`, as far as it lies within the
    /// song.
    fn beat(&self, start: i64, length: usize) -> f32 {
        let clamp = |at: i64| at.clamp(0, self.frames as i64) as usize;
        let zone = (length as f32 / BEAT_PART).ceil() as i64;
        let (from, middle, to) = (
            clamp(start),
            clamp(start + zone),
            clamp(start + length as i64),
        );
        (self.on_beat[middle] - self.on_beat[from] + self.between[to] - self.between[middle]) as f32
    }
}

/// Lengths of beats in frames from `slow` to `fast` bpm.
pub fn lengths(slow: f64, fast: f64) -> RangeInclusive<usize> {
    let frames = |bpm: f64| 60.0 * f64::from(FRAME_RATE) / bpm;
    let shortest = frames(fast).floor().max(2.0) as usize;
    shortest..=(frames(slow).ceil() as usize).max(shortest)
}

/// The likeliest beats with lengths within `lengths`. A song shorter than two beats has none.
pub fn decode(evidence: &Evidence, lengths: &RangeInclusive<usize>) -> Path {
    let (shortest, longest) = (*lengths.start(), *lengths.end());
    let count = longest - shortest + 1;
    let frames = evidence.frames;
    if frames < 2 * shortest {
        return Path::default();
    }
    let moves = Moves::new(lengths);
    // best[t][i]: of all paths whose next beat begins at t with length i, the score before that beat.
    let mut best = vec![f32::NEG_INFINITY; frames * count];
    let mut from = vec![0_u16; frames * count];
    // ended[t][i]: the score of paths whose beat of length i ends just before t.
    let mut ended = vec![f32::NEG_INFINITY; count];
    for time in 0..frames {
        for (index, slot) in ended.iter_mut().enumerate() {
            let length = shortest + index;
            let start = time as i64 - length as i64;
            let before = if start < 0 {
                // The song begins somewhere within a beat, anywhere as likely.
                moves.prior[index] - (length as f32).ln()
            } else {
                best[start as usize * count + index]
            };
            *slot = before + evidence.beat(start, length);
        }
        let row = time * count;
        for index in 0..count {
            let (first, costs) = &moves.costs[index];
            let mut most = f32::NEG_INFINITY;
            let mut who = 0;
            for (offset, cost) in costs.iter().enumerate() {
                let score = ended[first + offset] + cost;
                if score > most {
                    (most, who) = (score, first + offset);
                }
            }
            best[row + index] = most;
            from[row + index] = who as u16;
        }
    }
    trace(evidence, lengths, &best, &from)
}

/// The beats of the best path, back from the beat within which the song ends.
fn trace(evidence: &Evidence, lengths: &RangeInclusive<usize>, best: &[f32], from: &[u16]) -> Path {
    let (shortest, count) = (*lengths.start(), lengths.end() - lengths.start() + 1);
    let frames = evidence.frames;
    let mut end = (f32::NEG_INFINITY, 0, 0);
    for start in frames.saturating_sub(*lengths.end())..frames {
        for index in 0..count {
            if start + shortest + index >= frames {
                let score =
                    best[start * count + index] + evidence.beat(start as i64, shortest + index);
                if score > end.0 {
                    end = (score, start, index);
                }
            }
        }
    }
    let (score, mut time, mut index) = end;
    let mut beats = vec![time];
    loop {
        index = usize::from(from[time * count + index]);
        let Some(earlier) = time.checked_sub(shortest + index) else {
            if evidence.opens_on_a_beat(shortest + index, time) {
                beats.push(0);
            }
            break;
        };
        time = earlier;
        beats.push(time);
    }
    beats.reverse();
    Path {
        beats,
        score: score / frames as f32,
    }
}

/// The times in seconds of the beats that begin at `starts`: where the probability is greatest within the
/// zone of the beat, to a part of a frame; in the middle of the zone where it is nowhere great.
pub fn peaks(starts: &[usize], beat: &[f32]) -> Vec<f64> {
    let mut times = Vec::with_capacity(starts.len());
    for (at, start) in starts.iter().enumerate() {
        let next = starts.get(at + 1).or(starts.get(at.wrapping_sub(1)));
        let length = next.map_or(50, |next| next.abs_diff(*start));
        let zone = (length as f32 / BEAT_PART).ceil() as usize;
        let range = start.saturating_sub(1)..(start + zone + 1).min(beat.len());
        let value = |frame: usize| beat.get(frame).copied().unwrap_or(0.0);
        let peak = range.max_by(|a, b| value(*a).total_cmp(&value(*b)));
        let place = match peak {
            Some(peak) if value(peak) > CLEAR => {
                let (left, right) = (value(peak.saturating_sub(1)), value(peak + 1));
                let curve = left - 2.0 * value(peak) + right;
                let shift = if curve < 0.0 {
                    0.5 * (left - right) / curve
                } else {
                    0.0
                };
                peak as f64 + f64::from(shift.clamp(-0.5, 0.5))
            }
            _ => *start as f64 + zone as f64 / 2.0,
        };
        times.push(place / f64::from(FRAME_RATE));
    }
    times
}

/// What it costs to go from one length of beat to the next.
struct Moves {
    /// Log probability of each length at the begin.
    prior: Vec<f32>,
    /// For each length: the first predecessor, and the log probabilities of it and those behind it.
    costs: Vec<(usize, Vec<f32>)>,
}

impl Moves {
    fn new(lengths: &RangeInclusive<usize>) -> Self {
        let lengths: Vec<f32> = lengths.clone().map(|length| length as f32).collect();
        let prior = lengths.iter().map(|length| prior(*length)).collect();
        let costs = lengths.iter().map(|to| {
            let near = |from: &f32| (from / to - 1.0).abs() <= MOST_CHANGE;
            let first = lengths.iter().position(near).unwrap_or(0);
            let reached = lengths.iter().skip(first).take_while(|from| near(from));
            (first, reached.map(|from| change(*from, *to)).collect())
        });
        Self {
            prior,
            costs: costs.collect(),
        }
    }
}

/// Log probability of a change of length: normal for small ones, Laplace beyond twice the spread.
fn change(from: f32, to: f32) -> f32 {
    let deviation = (to / from).ln().abs() / SPREAD;
    let knee = 2.0;
    let cost = if deviation < knee {
        0.5 * deviation * deviation
    } else {
        knee * deviation - 0.5 * knee * knee
    };
    // Longer beats have more neighbours in frames.
    -cost - (SPREAD * to).ln().max(0.0)
}

/// Log probability of a tempo, by the length of its beat in frames.
pub fn prior(length: f32) -> f32 {
    -0.5 * deviation(length).powi(2)
}

/// How many spreads a tempo lies above the middle of the usual ones, by the length of its beat in frames.
pub fn deviation(length: f32) -> f32 {
    let bpm = 60.0 * FRAME_RATE as f32 / length;
    (bpm / CENTRE_BPM).ln() / TEMPO_SPREAD
}
