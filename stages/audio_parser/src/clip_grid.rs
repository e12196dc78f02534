//! The slots that clips fill: they tile the song exactly, and begin where the music does something.

use model::analysis::{ClipSlot, Edge};
use model::{ClipIndex, Seconds};

/// Shortest and longest slot in seconds; only a song shorter than that has a shorter one. A bar of four
/// at up to 160 beats a minute can be a slot of its own.
const SHORTEST: f64 = 1.5;
const LONGEST: f64 = 8.0;
/// Songs longer than this have at least [`FEWEST`] slots.
const LONG_SONG: f64 = 12.0;
const FEWEST: usize = 3;
/// Even time where nothing is heard: an edge every half second would do.
const EVEN: f64 = 0.5;
/// What is wished for: so long a slot where nothing goes on, so short where everything does. Music
/// videos cut every 2 to 4 s; generated pictures need the longer end.
const CALM: f64 = 6.5;
const BUSY: f64 = 2.6;

/// What an edge costs that is no downbeat, against [`Wishes::price`]: a slot twice as long as wished for
/// costs 6, and is rather taken than two edges on mere beats.
const BEAT: f64 = 3.0;
const ONSET: f64 = 4.0;
const TIME: f64 = 5.5;
/// What an edge saves that opens a section.
const SECTION: f64 = 1.5;

/// What the grid is laid on. All times in seconds.
#[derive(Debug, Clone, Copy)]
pub struct Song<'a> {
    /// How long it is.
    pub duration: f64,
    /// Beats, ascending, and whether each opens a bar.
    pub beats: &'a [(f64, bool)],
    /// Strong onsets, ascending.
    pub onsets: &'a [f64],
    /// Where sections begin.
    pub sections: &'a [f64],
    /// How much is going on (0–1), evenly spaced over the song; may be empty.
    pub energy: &'a [f32],
}

/// Slots from 0 to the end, each 1.5 to 8 s long (shorter only where the song is), at least 3 where it is
/// longer than 12 s. Edges lie on downbeats where they can, else on beats, onsets, or even time; those
/// of sections are preferred. A song of no length has no slots.
///
/// The cheapest path through all possible edges. Ours.
pub fn lay(song: &Song<'_>) -> Vec<ClipSlot> {
    if song.duration.is_nan() || song.duration <= 0.0 {
        return Vec::new();
    }
    let edges = candidates(song);
    let chosen = cheapest(song, &edges);
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
}

/// Every time at which a slot may begin, ascending, the song's begin first.
fn candidates(song: &Song<'_>) -> Vec<Candidate> {
    let opens_section = |time: f64| {
        song.sections
            .iter()
            .any(|start| (start - time).abs() < 0.05)
    };
    let candidate = |time: f64, kind: Edge, cost: f64| Candidate {
        time,
        kind,
        cost: cost - if opens_section(time) { SECTION } else { 0.0 },
    };
    // Where nothing is better, an edge costs little: costs are for choosing between kinds.
    let (onset, even_time) = if song.beats.is_empty() {
        (0.5, 1.5)
    } else {
        (ONSET, TIME)
    };
    let beats = song.beats.iter().map(|(time, opens)| match opens {
        true => candidate(*time, Edge::Downbeat, 0.0),
        false => candidate(*time, Edge::Beat, BEAT),
    });
    let onsets = song
        .onsets
        .iter()
        .map(|time| candidate(*time, Edge::Onset, onset));
    let even = (1..)
        .map(|step| f64::from(step) * EVEN)
        .take_while(|time| *time < song.duration)
        .map(|time| candidate(time, Edge::Time, even_time));
    let mut all: Vec<Candidate> = beats.chain(onsets).chain(even).collect();
    all.retain(|edge| edge.time > 0.0 && edge.time < song.duration);
    all.sort_by(|a, b| a.time.total_cmp(&b.time));
    all.insert(
        0,
        Candidate {
            time: 0.0,
            kind: Edge::Start,
            cost: 0.0,
        },
    );
    all
}

/// The edges of the cheapest tiling: shortest path, the number of slots so far (up to 3) being part of
/// the state so that a long song gets enough of them.
fn cheapest(song: &Song<'_>, edges: &[Candidate]) -> Vec<Candidate> {
    let needed = if song.duration > LONG_SONG { FEWEST } else { 1 };
    let wish = Wishes::new(song);
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
        while first + 1 < to && time - edges[first].time > LONGEST {
            first += 1;
        }
        for start in first..to {
            let length = time - edges[start].time;
            if !(SHORTEST..=LONGEST).contains(&length) {
                continue;
            }
            let price = cost + wish.price(edges[start].time, length);
            for slots in 0..=FEWEST {
                let (total, after) = (best[start][slots] + price, (slots + 1).min(FEWEST));
                if total < best[to][after] {
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

/// How long slots should be along the song.
struct Wishes<'a> {
    energy: &'a [f32],
    per_second: f64,
}

impl<'a> Wishes<'a> {
    fn new(song: &Song<'a>) -> Self {
        Self {
            energy: song.energy,
            per_second: song.energy.len() as f64 / song.duration,
        }
    }

    /// What a slot of `length` costs at `start`: the square of how far it is from what is wished for
    /// there, in octaves.
    fn price(&self, start: f64, length: f64) -> f64 {
        let middle = ((start + length.min(3.0) / 2.0) * self.per_second) as usize;
        let energy = self.energy.get(middle).copied().unwrap_or(0.5);
        // The upper half of the scale is where songs live.
        let drive = f64::from((energy - 0.35) / 0.6).clamp(0.0, 1.0);
        let wished = CALM * (BUSY / CALM).powf(drive);
        let octaves = (length / wished).log2();
        // A long slot must not be cheaper because it has fewer edges: price by the second.
        3.0 * octaves * octaves * (length / wished)
    }
}

#[cfg(test)]
mod tests;
