//! Where a song turns into something that sounds different.

use super::units::Units;
use crate::order;

/// Half-widths in beats over which before and after are compared: two, four and eight bars of four.
const WIDTHS: [usize; 3] = [8, 16, 32];
/// A peak is judged against the mean over so many beats to either side: two bars of four.
const NEIGHBOURHOOD: usize = 8;
/// How much of a peak's own height counts beside its lead over the neighbourhood.
const HEIGHT: f32 = 0.6;

/// How new the song sounds at each unit, and at its end, against before; in spreads above the median.
///
/// J. Foote, "Automatic Audio Segmentation Using a Measure of Audio Novelty", ICME 2000, §3, with a box
/// for the Gaussian, which makes it a difference of means, and three widths instead of one.
pub(super) fn of_sound(units: &Units) -> Vec<f32> {
    let count = units.count();
    let mut total = vec![0.0_f32; count + 1];
    for width in WIDTHS.iter().filter(|width| **width * 2 <= count) {
        let curve: Vec<f32> = (0..=count)
            .map(|at| {
                // At the ends half of the width must do.
                let (from, to) = (at.saturating_sub(*width), (at + width).min(count));
                if at - from < width / 2 || to - at < width / 2 {
                    return 0.0;
                }
                let (before, after) = (units.mean(from, at), units.mean(at, to));
                let squares = before.iter().zip(after).map(|(b, a)| (a - b).powi(2));
                squares.sum::<f32>().sqrt()
            })
            .collect();
        for (sum, value) in total.iter_mut().zip(spread(&curve)) {
            *sum += value / WIDTHS.len() as f32;
        }
    }
    total
}

/// `curve` less its median, in distances from there to its 90th percentile; zeros where it is flat.
pub(super) fn spread(curve: &[f32]) -> Vec<f32> {
    let usual = order::percentile(curve, 0.5);
    let spread = order::percentile(curve, 0.9) - usual;
    let scale = if spread > 1e-6 { 1.0 / spread } else { 0.0 };
    curve.iter().map(|value| (value - usual) * scale).collect()
}

/// Peaks stand out against their neighbourhood.
pub(super) fn sharpened(curve: &[f32]) -> Vec<f32> {
    let means = order::moving_mean(curve, NEIGHBOURHOOD);
    let peaks = curve
        .iter()
        .zip(means)
        .map(|(value, mean)| HEIGHT * value + (value - mean));
    peaks.collect()
}
