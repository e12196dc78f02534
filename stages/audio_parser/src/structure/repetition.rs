//! Where a song turns to repeating another of its parts, or stops doing so.

use super::novelty::spread;
use super::units::{Units, Vector};

/// Longer songs are looked at in steps of several units, which bounds time and memory (16 MB).
const MOST: usize = 1_000;
/// Two instants are compared by what follows them, so many bars.
const CONTEXT_BARS: f64 = 2.0;
/// The share of a song that an instant may repeat: its nearest neighbours.
const NEIGHBOURS: f64 = 0.04;
/// Blur in time, in bars, and along lags, in units: repeats are never quite regular.
const BLUR_BARS: f64 = 1.5;
const BLUR_LAG: f64 = 1.0;

/// How much what is repeated changes at each unit, and at the end; in spreads above the median. Zeros of
/// a song of less than 16 units.
///
/// Structure features: J. Serrà, M. Müller, P. Grosche and J. Arcos, "Unsupervised Music Structure
/// Annotation by Time Series Structure Features and Segment Similarity", IEEE Trans. Multimedia 16
/// (2014), §III: delay embedding, mutual nearest neighbours, time-lag matrix, blur, difference of rows.
pub(super) fn novelty(units: &Units) -> Vec<f32> {
    let step = units.count().div_ceil(MOST).max(1);
    let vectors: Vec<Vector> = (0..units.count() / step)
        .map(|at| units.mean(at * step, (at + 1) * step))
        .collect();
    let mut curve = vec![0.0; units.count() + 1];
    if vectors.len() < 16 {
        return curve;
    }
    let bar = units.bar / step as f64;
    let coarse = changes(
        &lags(&alike(&vectors, bar), vectors.len(), bar),
        vectors.len(),
        bar,
    );
    for (at, value) in curve.iter_mut().enumerate() {
        *value = coarse[(at / step).min(coarse.len() - 1)];
    }
    spread(&curve)
}

/// Pairs of instants that are each among the other's nearest neighbours, and no less than a bar apart.
fn alike(vectors: &[Vector], bar: f64) -> Vec<(usize, usize)> {
    let count = vectors.len();
    let similar = similarity(vectors, ((CONTEXT_BARS * bar) as usize).max(4));
    let near = ((NEIGHBOURS * count as f64) as usize + 1)
        .max(4)
        .min(count - 1);
    let mut sorted = Vec::with_capacity(count);
    let floors: Vec<f32> = similar
        .chunks_exact(count)
        .map(|row| {
            sorted.clear();
            sorted.extend_from_slice(row);
            *sorted
                .select_nth_unstable_by(count - near - 1, f32::total_cmp)
                .1
        })
        .collect();
    let apart = bar as usize;
    let mut pairs = Vec::new();
    for (a, row) in similar.chunks_exact(count).enumerate() {
        for (b, value) in row.iter().enumerate() {
            if *value >= floors[a] && *value >= floors[b] && a.abs_diff(b) > apart {
                pairs.push((a, b));
            }
        }
    }
    pairs
}

/// Cosines between what follows any two instants for `context` units, the last one held at the end.
fn similarity(vectors: &[Vector], context: usize) -> Vec<f32> {
    let count = vectors.len();
    let dot = |a: usize, b: usize| {
        let (a, b) = (&vectors[a.min(count - 1)], &vectors[b.min(count - 1)]);
        a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>()
    };
    let mut similar = vec![0.0_f32; count * count];
    for lag in 0..count {
        // Along a diagonal the sum over the context changes by one product in, one out.
        let mut window: f64 = (0..context).map(|k| f64::from(dot(lag + k, k))).sum();
        for b in 0..count - lag {
            let a = b + lag;
            similar[a * count + b] = window as f32;
            similar[b * count + a] = window as f32;
            window += f64::from(dot(a + context, b + context)) - f64::from(dot(a, b));
        }
    }
    let norms: Vec<f32> = (0..count)
        .map(|at| similar[at * count + at].max(0.0).sqrt().max(1e-9))
        .collect();
    for (row, norm) in similar.chunks_exact_mut(count).zip(&norms) {
        for (value, other) in row.iter_mut().zip(&norms) {
            *value /= norm * other;
        }
    }
    similar
}

/// Instants by lags, blurred along both: row `a` holds at `a − b + count − 1` whether `a` repeats `b`.
fn lags(pairs: &[(usize, usize)], count: usize, bar: f64) -> Vec<f32> {
    let width = 2 * count - 1;
    let (along, across) = (bell(BLUR_BARS * bar), bell(BLUR_LAG));
    let mut blurred = vec![0.0_f32; count * width];
    let reach = (along.len() / 2, across.len() / 2);
    // Few pairs are alike: it is cheaper to add a bell at each than to filter the matrix.
    for (a, b) in pairs {
        let lag = a + count - 1 - b;
        for (dt, weight) in along.iter().enumerate() {
            let Some(row) = (a + dt).checked_sub(reach.0).filter(|row| *row < count) else {
                continue;
            };
            for (dl, other) in across.iter().enumerate() {
                if let Some(column) = (lag + dl).checked_sub(reach.1)
                    && column < width
                {
                    blurred[row * width + column] += weight * other;
                }
            }
        }
    }
    blurred
}

/// A Gaussian with a sum of 1, three deviations to either side.
fn bell(deviation: f64) -> Vec<f32> {
    let reach = (3.0 * deviation).ceil() as i32;
    let values: Vec<f64> = (-reach..=reach)
        .map(|at| (-0.5 * (f64::from(at) / deviation).powi(2)).exp())
        .collect();
    let sum: f64 = values.iter().sum();
    values.iter().map(|value| (value / sum) as f32).collect()
}

/// How much the row half a bar before each instant differs from that half a bar behind.
fn changes(lags: &[f32], count: usize, bar: f64) -> Vec<f32> {
    let width = 2 * count - 1;
    let apart = (bar as usize).max(2);
    let mut curve = vec![0.0; count + 1];
    for from in 0..count.saturating_sub(apart) {
        let before = &lags[from * width..(from + 1) * width];
        let after = &lags[(from + apart) * width..(from + apart + 1) * width];
        let squares = before.iter().zip(after).map(|(b, a)| (a - b).powi(2));
        curve[from + apart.div_ceil(2)] = squares.sum::<f32>().sqrt();
    }
    curve
}
