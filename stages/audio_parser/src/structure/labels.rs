//! Which parts sound alike.

use super::units::{DIMENSIONS, Units};

/// Two parts are compared at so many places along each.
const SLICES: usize = 16;
/// Parts more alike than this (cosine against the song's mean) share a label.
const ALIKE: f32 = 0.55;

/// A label for each part between `bounds`, numbered by first appearance.
///
/// Average linkage on the similarity of slices; ours.
pub(super) fn of(units: &Units, bounds: &[usize]) -> Vec<usize> {
    let parts: Vec<(usize, usize)> = bounds.windows(2).map(|pair| (pair[0], pair[1])).collect();
    let likeness_of: Vec<Vec<f32>> = parts
        .iter()
        .map(|a| parts.iter().map(|b| likeness(units, *a, *b)).collect())
        .collect();
    let mut groups: Vec<Vec<usize>> = (0..parts.len()).map(|part| vec![part]).collect();
    let alike = |a: &[usize], b: &[usize]| {
        let pairs = a.iter().flat_map(|x| b.iter().map(move |y| (*x, *y)));
        let sum: f32 = pairs.map(|(x, y)| likeness_of[x][y]).sum();
        sum / (a.len() * b.len()) as f32
    };
    loop {
        let mut most = (ALIKE, None);
        for a in 0..groups.len() {
            for b in a + 1..groups.len() {
                let value = alike(&groups[a], &groups[b]);
                if value > most.0 {
                    most = (value, Some((a, b)));
                }
            }
        }
        let Some((a, b)) = most.1 else { break };
        let merged = groups.remove(b);
        groups[a].extend(merged);
    }
    groups.sort_by_key(|group| group.iter().min().copied());
    let mut labels = vec![0; parts.len()];
    for (label, group) in groups.iter().enumerate() {
        for part in group {
            labels[*part] = label;
        }
    }
    labels
}

/// `A` to `Z`, then `A1` …
pub(super) fn name(label: usize) -> String {
    let letter = char::from(b'A' + (label % 26) as u8);
    match label / 26 {
        0 => letter.to_string(),
        round => format!("{letter}{round}"),
    }
}

fn slices(units: &Units, from: usize, to: usize) -> Vec<[f32; DIMENSIONS]> {
    let length = to - from;
    let part = |slice: usize| from + slice * length / SLICES;
    (0..SLICES)
        .map(|slice| {
            let begin = part(slice).min(to.saturating_sub(1));
            units.mean(begin, part(slice + 1).max(begin + 1).min(units.count()))
        })
        .collect()
}

/// How alike two parts are. A part that is much longer may hold the other twice: then its begin and its end
/// are compared, and the better counts.
fn likeness(units: &Units, a: (usize, usize), b: (usize, usize)) -> f32 {
    let length = |part: (usize, usize)| part.1 - part.0;
    let (short, long) = if length(a) <= length(b) {
        (a, b)
    } else {
        (b, a)
    };
    let alike = |from: usize, to: usize| {
        similarity(&slices(units, short.0, short.1), &slices(units, from, to))
    };
    if 2 * length(long) < 3 * length(short) {
        return alike(long.0, long.1);
    }
    alike(long.0, long.0 + length(short)).max(alike(long.1 - length(short), long.1))
}

/// The mean cosine of slices at the same place.
fn similarity(a: &[[f32; DIMENSIONS]], b: &[[f32; DIMENSIONS]]) -> f32 {
    let dot = |x: &[f32; DIMENSIONS], y: &[f32; DIMENSIONS]| {
        x.iter().zip(y).map(|(x, y)| x * y).sum::<f32>()
    };
    let cosines = a.iter().zip(b).map(|(x, y)| {
        let norm = (dot(x, x) * dot(y, y)).sqrt();
        if norm > 1e-9 { dot(x, y) / norm } else { 0.0 }
    });
    cosines.sum::<f32>() / SLICES as f32
}
