//! The slots that clips fill: they tile the song exactly, and begin where the music does something.
//!
//! [`lay`] takes the cheapest way through everything that could be an edge (this file), by the lengths
//! that `pace` wishes for, and then mends what only the film as a whole can show (`polish`).

mod pace;
mod polish;

use model::analysis::{ClipSlot, Edge, SectionKind};
use model::{ClipIndex, Seconds};

use pace::Pace;

/// Shortest slot in seconds; only a song shorter than that has a shorter one.
pub const SHORTEST: f64 = 0.5;
/// Longest slot in seconds.
pub const LONGEST: f64 = 12.0;
/// Songs of this length and more have at least [`FEWEST`] slots.
const LONG_SONG: f64 = 12.0;
const FEWEST: usize = 3;
/// Even time where nothing is heard: an edge every half second would do.
const EVEN: f64 = 0.5;
/// A section begins on what lies this near to its begin, in seconds.
const NEAR: f64 = 0.05;

/// What an edge costs that is no downbeat, against [`Pace::price`]: a slot twice as long as wished for
/// costs 6, and is rather taken than two edges on mere beats.
const BEAT: f64 = 3.0;
const ONSET: f64 = 4.0;
const TIME: f64 = 5.5;

/// Prices this near to each other are the same, and the earlier edge has it: a bar and two bars are as good
/// as two bars and a bar, and which of them it is must not hang on the last digits of the beats.
const TIE: f64 = 0.02;

/// What the grid is laid on. All times in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Song<'a> {
    /// How long it is.
    pub duration: f64,
    /// Beats, ascending, and whether each opens a bar.
    pub beats: &'a [(f64, bool)],
    /// Strong onsets, ascending.
    pub onsets: &'a [f64],
    /// Where sections begin, ascending, and what they seem to be.
    pub sections: &'a [(f64, SectionKind)],
    /// How much is going on (0–1), evenly spaced over the song; may be empty.
    pub energy: &'a [f32],
    /// How long clips may be.
    pub lengths: Lengths<'a>,
}

/// How long clips may be, by who makes them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Lengths<'a> {
    /// As the music wants: the built-in renderer makes any length.
    #[default]
    Any,
    /// A model that makes any length up to so many seconds.
    UpTo(f64),
    /// A model that makes clips of these lengths only, in seconds: a slot takes the next longer one, of
    /// which the rest is thrown away.
    OneOf(&'a [f64]),
}

impl Lengths<'_> {
    /// The longest slot that one clip can fill. Never under 1.5 s: between sections that begin anywhere
    /// and edges of even time, shorter slots could not tile every song; and no model makes less.
    fn longest(self) -> f64 {
        let longest = match self {
            Self::Any => LONGEST,
            Self::UpTo(longest) => longest,
            Self::OneOf(lengths) => lengths.iter().copied().fold(0.0, f64::max),
        };
        if longest.is_nan() {
            LONGEST
        } else {
            longest.clamp(SHORTEST + 2.0 * EVEN, LONGEST)
        }
    }

    /// The share of a bought clip that a slot of `length` throws away, 0–1.
    fn waste(self, length: f64) -> f64 {
        let Self::OneOf(lengths) = self else {
            return 0.0;
        };
        let enough = lengths.iter().copied().filter(|legal| *legal >= length);
        let bought = enough.fold(f64::INFINITY, f64::min);
        if bought.is_finite() {
            1.0 - length / bought
        } else {
            0.0
        }
    }
}

/// Slots from 0 to the end, each 0.5 to 12 s long (shorter only where the song is, and never longer than
/// `lengths` allow), at least 3 where it is 12 s or longer. Every section begins with a slot, unless it
/// begins within 0.5 s of another or of either end. Edges lie on downbeats where there are any, else on
/// beats, strong onsets, or even time. A song of no length has no slots.
///
/// How long slots are: `pace`. The cheapest path through all possible edges; ours.
pub fn lay(song: &Song<'_>) -> Vec<ClipSlot> {
    if !song.duration.is_finite() || song.duration <= 0.0 {
        return Vec::new();
    }
    let pace = Pace::new(song);
    let edges = candidates(song);
    let chosen = cheapest(song, &pace, &edges);
    let chosen = polish::polished(chosen, &edges, song, &pace);
    let ends = chosen.iter().skip(1).map(|edge| edge.time);
    chosen
        .iter()
        .zip(ends.chain([song.duration]))
        .enumerate()
        .map(|(index, (edge, end))| ClipSlot {
            index: ClipIndex(index as u32),
            start: Seconds(edge.time),
            end: Seconds(end),
            edge: edge.kind,
        })
        .collect()
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    time: f64,
    kind: Edge,
    cost: f64,
    /// A section begins here: no slot may reach across.
    fixed: bool,
}

/// Every time at which a slot may begin, ascending, the song's begin first.
fn candidates(song: &Song<'_>) -> Vec<Candidate> {
    let candidate = |time: f64, kind: Edge, cost: f64| Candidate {
        time,
        kind,
        cost,
        fixed: false,
    };
    // Costs are for choosing between kinds: the best kind that there is costs nothing.
    let barred = song.beats.iter().any(|(_, opens)| *opens);
    let beat = if barred { BEAT } else { 0.0 };
    let (onset, even_time) = if song.beats.is_empty() {
        (0.0, if song.onsets.is_empty() { 0.0 } else { 1.0 })
    } else {
        (ONSET, TIME)
    };
    let beats = song.beats.iter().map(|(time, opens)| match opens {
        true => candidate(*time, Edge::Downbeat, 0.0),
        false => candidate(*time, Edge::Beat, beat),
    });
    let onsets = song
        .onsets
        .iter()
        .map(|time| candidate(*time, Edge::Onset, onset));
    let even = (1..)
        .map(|step| f64::from(step) * EVEN)
        .take_while(|time| *time < song.duration)
        .map(|time| candidate(time, Edge::Time, even_time));
    let start = candidate(0.0, Edge::Start, 0.0);
    let mut all: Vec<Candidate> = beats.chain(onsets).chain(even).collect();
    all.retain(|edge| edge.time > 0.0 && edge.time < song.duration);
    all.push(start);
    all.sort_by(|a, b| a.time.total_cmp(&b.time));
    fix_sections(song, &mut all);
    all
}

/// Marks, or adds, the edges with which sections begin.
fn fix_sections(song: &Song<'_>, edges: &mut Vec<Candidate>) {
    let mut before = 0.0;
    for (start, _) in song.sections {
        let near = |edge: &&mut Candidate| (edge.time - start).abs() <= NEAR;
        // Of several, the kind that is worth most; of those the nearest.
        let best = edges.iter_mut().filter(near).min_by(|a, b| {
            let distance = |edge: &Candidate| (edge.time - start).abs();
            a.cost
                .total_cmp(&b.cost)
                .then(distance(a).total_cmp(&distance(b)))
        });
        let time = best.as_ref().map_or(*start, |edge| edge.time);
        if !(time - before >= SHORTEST && song.duration - time >= SHORTEST) {
            continue;
        }
        before = time;
        if let Some(edge) = best {
            edge.fixed = true;
        } else {
            let at = edges.partition_point(|edge| edge.time < time);
            let edge = Candidate {
                time,
                kind: Edge::Time,
                cost: 0.0,
                fixed: true,
            };
            edges.insert(at, edge);
        }
    }
}

/// The edges of the cheapest tiling: shortest path, the number of slots so far (up to 3) being part of
/// the state so that a long song gets enough of them.
fn cheapest(song: &Song<'_>, pace: &Pace<'_>, edges: &[Candidate]) -> Vec<Candidate> {
    let needed = if song.duration >= LONG_SONG {
        FEWEST
    } else {
        1
    };
    let count = edges.len();
    // The end of the song is one more place to arrive at.
    let mut best = vec![[f64::INFINITY; FEWEST + 1]; count + 1];
    let mut from = vec![[(0_usize, 0_usize); FEWEST + 1]; count + 1];
    best[0][0] = 0.0;
    let mut first = 0;
    for to in 1..=count {
        let (time, cost) = edges
            .get(to)
            .map_or((song.duration, 0.0), |edge| (edge.time, edge.cost));
        if edges[to - 1].fixed {
            first = to - 1;
        }
        while first + 1 < to && time - edges[first].time > pace.longest {
            first += 1;
        }
        for start in first..to {
            let length = time - edges[start].time;
            if !(SHORTEST..=pace.longest).contains(&length) {
                continue;
            }
            let price = cost + pace.price(edges[start].time, length);
            for slots in 0..=FEWEST {
                let (total, after) = (best[start][slots] + price, (slots + 1).min(FEWEST));
                if total < best[to][after] - TIE {
                    best[to][after] = total;
                    from[to][after] = (start, slots);
                }
            }
        }
    }
    let enough = needed..=FEWEST;
    let arrived = enough.min_by(|a, b| best[count][*a].total_cmp(&best[count][*b]));
    let mut at = (count, arrived.unwrap_or(needed));
    if best[at.0][at.1].is_infinite() {
        // Shorter than one slot: the song is the slot.
        return edges[..1].to_vec();
    }
    let mut chosen = Vec::new();
    while at.0 > 0 {
        at = from[at.0][at.1];
        chosen.push(edges[at.0]);
    }
    chosen.reverse();
    chosen
}

#[cfg(test)]
mod tests;
