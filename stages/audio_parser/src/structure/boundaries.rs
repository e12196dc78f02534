//! The best set of boundaries under a prior of lengths.

use super::units::Units;

/// No part is shorter than this, in seconds.
const SHORTEST: f64 = 6.0;
/// A boundary must be this much newer than the usual instant.
const THRESHOLD: f32 = 0.5;

/// The best set of boundaries, as units, with 0 and the end.
///
/// Dynamic programming over openings: the novelty of the chosen ones less a cost of odd lengths, as
/// G. Sargent, F. Bimbot and E. Vincent have it, "Estimating the Structural Segmentation of Popular
/// Music Pieces under Regularity Constraints", IEEE/ACM TASLP 25 (2017), §III; costs ours.
pub(super) fn best(units: &Units, novelty: &[f32], duration: f64) -> Vec<usize> {
    let count = units.count();
    let places: Vec<usize> = (0..count)
        .filter(|at| units.opens[*at])
        .chain([count])
        .collect();
    let mut best = vec![(f32::NEG_INFINITY, 0_usize); places.len()];
    best[0] = (0.0, 0);
    let shortest = SHORTEST.min(duration);
    for to in 1..places.len() {
        let last = to + 1 == places.len();
        let reward = if last {
            0.0
        } else {
            novelty[places[to]] - THRESHOLD
        };
        for from in 0..to {
            let seconds = units.times[places[to]] - units.times[places[from]];
            if seconds < shortest - 1e-9 {
                continue;
            }
            let bars = (places[to] - places[from]) as f64 / units.bar;
            let score = best[from].0 + reward - length_cost(bars);
            if score > best[to].0 {
                best[to] = (score, from);
            }
        }
    }
    let mut bounds = vec![count];
    let mut at = places.len() - 1;
    while at > 0 {
        at = if best[at].0.is_finite() {
            best[at].1
        } else {
            0
        };
        bounds.push(places[at]);
    }
    bounds.reverse();
    bounds
}

/// Parts have 8 bars, or 16, or 4, or 12; odd lengths are rarer.
fn length_cost(bars: f64) -> f32 {
    let near = |whole: f64| (bars - whole).abs() < 0.35;
    if near(8.0) || near(16.0) {
        0.0
    } else if near(4.0) || near(12.0) || near(24.0) || near(32.0) {
        0.25
    } else if (bars / 2.0 - (bars / 2.0).round()).abs() < 0.2 {
        0.5
    } else {
        0.8
    }
}
