//! What only the film as a whole shows: its mean length of a slot, and half-bar cuts for the parts that
//! should be cut hardest.

use model::analysis::{Edge, SectionKind};

use super::pace::Pace;
use super::{Candidate, FEWEST, LONG_SONG, Lengths, SHORTEST, Song};

/// The mean length of a film's slots stays within these shares of what is aimed at, as far as the rest
/// allows: 2 to 3.9 s where all lengths can be had.
const SLOWEST_MEAN: f64 = 1.345;
const FASTEST_MEAN: f64 = 0.69;
/// At most so many edges lie off downbeats where there are downbeats: 15 % are allowed, and a little is
/// left for the film's begin and end.
const OFF_DOWNBEATS: f64 = 0.13;
/// In a chorus, of so many bars in a row the last is cut in two.
const BARS_A_PHRASE: usize = 4;
/// A beat is the middle of its bar where the halves are at worst as 2 to 5, as in 7/8 counted 2+2+3.
const MIDDLE: std::ops::RangeInclusive<f64> = 0.38..=0.62;

/// `chosen`, which tiles the song, with slots added or joined until its pace suits a film.
pub(super) fn polished(
    mut chosen: Vec<Candidate>,
    edges: &[Candidate],
    song: &Song<'_>,
    pace: &Pace<'_>,
) -> Vec<Candidate> {
    quicken(&mut chosen, edges, song, pace);
    slow_down(&mut chosen, song, pace);
    // A model of fixed lengths is paid for every piece as for a whole.
    if !matches!(song.lengths, Lengths::OneOf(_)) {
        accentuate(&mut chosen, edges, song, pace);
    }
    chosen
}

/// Cuts the slots that are longest for what is wished for, on downbeats (or what is best where there are
/// none), until the mean is no longer too slow or no such edge is left.
fn quicken(chosen: &mut Vec<Candidate>, edges: &[Candidate], song: &Song<'_>, pace: &Pace<'_>) {
    let best_kind = edges
        .iter()
        .skip(1)
        .map(|edge| edge.cost)
        .fold(f64::INFINITY, f64::min);
    while song.duration / chosen.len() as f64 > SLOWEST_MEAN * pace.aim {
        let ripest_first = {
            // Against what is wished for; of equals the shorter, which is where more goes on.
            let length = |at: usize| end_of(chosen, at, song) - chosen[at].time;
            let ripe = |at: usize| (8.0 * length(at) / pace.wished(chosen[at].time)).round();
            let mut slots: Vec<usize> = (0..chosen.len()).collect();
            slots.sort_by(|a, b| {
                let ripeness = ripe(*b).total_cmp(&ripe(*a));
                ripeness.then(coarse(length(*a)).total_cmp(&coarse(length(*b))))
            });
            slots
        };
        let cut = ripest_first.into_iter().find_map(|at| {
            let (start, end) = (chosen[at].time, end_of(chosen, at, song));
            let edge = nearest_to_middle(edges, (start, end), |edge| edge.cost <= best_kind)?;
            Some((at, edge))
        });
        let Some((at, edge)) = cut else { return };
        chosen.insert(at + 1, edge);
    }
}

/// Joins the shortest pairs of slots, within their sections, until the mean is
/// no longer too fast or nothing can be joined.
fn slow_down(chosen: &mut Vec<Candidate>, song: &Song<'_>, pace: &Pace<'_>) {
    let fewest = if song.duration >= LONG_SONG {
        FEWEST
    } else {
        1
    };
    while chosen.len() > fewest && song.duration / (chosen.len() as f64) < FASTEST_MEAN * pace.aim {
        let joined = (1..chosen.len())
            .filter(|at| !chosen[*at].fixed)
            .map(|at| (at, end_of(chosen, at, song) - chosen[at - 1].time))
            .filter(|(_, length)| *length <= pace.longest)
            .min_by(|a, b| coarse(a.1).total_cmp(&coarse(b.1)));
        let Some((at, _)) = joined else { return };
        chosen.remove(at);
    }
}

/// Cuts in two every fourth bar-long slot of a chorus and every second of a drop, as long as most edges
/// lie on downbeats and the film does not become hectic.
fn accentuate(chosen: &mut Vec<Candidate>, edges: &[Candidate], song: &Song<'_>, pace: &Pace<'_>) {
    if !song.beats.iter().any(|(_, opens)| *opens) {
        return;
    }
    let mut off = chosen.iter().skip(1).filter(|edge| is_off(edge)).count();
    let (mut at, mut in_row) = (0, 0);
    while at < chosen.len() {
        let (start, end) = (chosen[at].time, end_of(chosen, at, song));
        let every = match kind_at(song, start) {
            Some(SectionKind::Chorus) => BARS_A_PHRASE,
            Some(SectionKind::Drop) => BARS_A_PHRASE / 2,
            _ => 0,
        };
        in_row = if chosen[at].fixed { 1 } else { in_row + 1 };
        let slots = (chosen.len() + 1) as f64;
        let affordable = (off + 1) as f64 <= OFF_DOWNBEATS * (slots - 1.0)
            && song.duration / slots >= FASTEST_MEAN * pace.aim;
        let is_bar = !crosses_downbeat(song, start, end);
        if every > 0 && in_row % every == 0 && is_bar && affordable {
            let strong = nearest_to_middle(edges, (start, end), |edge| edge.kind == Edge::Beat);
            let centred =
                |edge: &Candidate| MIDDLE.contains(&((edge.time - start) / (end - start)));
            if let Some(edge) = strong.filter(centred) {
                off += 1;
                at += 1;
                chosen.insert(at, edge);
            }
        }
        at += 1;
    }
}

/// A length for comparing: in steps of 20 ms, since beats lie to some milliseconds only, and of equals the
/// first is to win every time.
fn coarse(seconds: f64) -> f64 {
    (seconds * 50.0).round()
}

fn is_off(edge: &Candidate) -> bool {
    edge.kind != Edge::Downbeat
}

fn end_of(chosen: &[Candidate], at: usize, song: &Song<'_>) -> f64 {
    chosen.get(at + 1).map_or(song.duration, |edge| edge.time)
}

fn kind_at(song: &Song<'_>, time: f64) -> Option<SectionKind> {
    let after = song
        .sections
        .partition_point(|(start, _)| *start <= time + super::NEAR);
    song.sections
        .get(after.checked_sub(1)?)
        .map(|(_, kind)| *kind)
}

fn crosses_downbeat(song: &Song<'_>, start: f64, end: f64) -> bool {
    let inside = |time: f64| time > start + super::NEAR && time < end - super::NEAR;
    let first = song.beats.partition_point(|(time, _)| *time <= start);
    song.beats[first..]
        .iter()
        .take_while(|(time, _)| *time < end)
        .any(|(time, opens)| *opens && inside(*time))
}

/// The edge that `fits` nearest to the middle of a slot, if it leaves two slots that are long enough.
fn nearest_to_middle(
    edges: &[Candidate],
    (start, end): (f64, f64),
    fits: impl Fn(&Candidate) -> bool,
) -> Option<Candidate> {
    let middle = f64::midpoint(start, end);
    let first = edges.partition_point(|edge| edge.time < start + SHORTEST);
    edges
        .get(first..)?
        .iter()
        .take_while(|edge| end - edge.time >= SHORTEST)
        .filter(|edge| edge.time - start >= SHORTEST && fits(edge))
        .min_by(|a, b| {
            let distance = |edge: &Candidate| coarse((edge.time - middle).abs());
            distance(a).total_cmp(&distance(b))
        })
        .copied()
}
