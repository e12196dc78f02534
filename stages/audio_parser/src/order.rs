//! Order statistics and smoothing of curves.

/// The value that a `fraction` (0–1) of `values` does not exceed; 0 of nothing.
pub fn percentile(values: &[f32], fraction: f64) -> f32 {
    if values.is_empty() {
        return 0.0;
    }
    let mut values = values.to_vec();
    let rank = ((values.len() - 1) as f64 * fraction.clamp(0.0, 1.0)).round() as usize;
    *values.select_nth_unstable_by(rank, f32::total_cmp).1
}

/// The same of the values that are more than a thousandth of the greatest: of a few clicks in silence
/// it is the clicks that count. 0 where none are positive.
pub fn percentile_of_positive(values: &[f32], fraction: f64) -> f32 {
    let most = values.iter().fold(0.0_f32, |most, value| most.max(*value));
    let positive: Vec<f32> = values
        .iter()
        .copied()
        .filter(|value| *value > most * 1e-3)
        .collect();
    percentile(&positive, fraction)
}

/// The logistic function: log odds to a probability.
pub fn logistic(log_odds: f32) -> f32 {
    1.0 / (1.0 + (-log_odds).exp())
}

/// The middle value; 0 of nothing.
pub fn median(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let mut values = values.to_vec();
    let rank = values.len() / 2;
    *values.select_nth_unstable_by(rank, f64::total_cmp).1
}

/// The mean over `radius` values to either side, fewer at the ends.
pub fn moving_mean(values: &[f32], radius: usize) -> Vec<f32> {
    let sums: Vec<f64> = prefix_sums(values);
    (0..values.len())
        .map(|at| {
            let (from, to) = (
                at.saturating_sub(radius),
                (at + radius + 1).min(values.len()),
            );
            ((sums[to] - sums[from]) / (to - from) as f64) as f32
        })
        .collect()
}

/// `sums[k]` is the sum of the first `k` values: one more than there are values.
pub fn prefix_sums(values: &[f32]) -> Vec<f64> {
    let mut sum = 0.0;
    std::iter::once(0.0)
        .chain(values.iter().map(|value| {
            sum += f64::from(*value);
            sum
        }))
        .collect()
}

/// The `fraction` percentile within `radius` values to either side, found at every `step`th value and
/// held in between.
pub fn running_percentile(values: &[f32], radius: usize, step: usize, fraction: f64) -> Vec<f32> {
    let mut result = Vec::with_capacity(values.len());
    for start in (0..values.len()).step_by(step) {
        let centre = start + step / 2;
        let (from, to) = (
            centre.saturating_sub(radius),
            (centre + radius).min(values.len()),
        );
        let value = percentile(&values[from..to], fraction);
        result.resize((start + step).min(values.len()), value);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_of_the_set() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!(percentile(&values, 0.0), 1.0);
        assert_eq!(percentile(&values, 0.5), 3.0);
        assert_eq!(percentile(&values, 1.0), 5.0);
        assert_eq!(percentile(&[], 0.5), 0.0);
    }

    #[test]
    fn a_moving_mean_of_a_constant_is_that_constant() {
        assert!(
            moving_mean(&[2.0; 9], 3)
                .iter()
                .all(|mean| (mean - 2.0).abs() < 1e-6)
        );
        assert!(moving_mean(&[], 3).is_empty());
    }

    #[test]
    fn a_running_percentile_is_as_long_as_its_curve() {
        for length in [0, 1, 7, 50, 51] {
            let curve = vec![1.0; length];
            assert_eq!(running_percentile(&curve, 20, 10, 0.9), curve);
        }
    }
}
