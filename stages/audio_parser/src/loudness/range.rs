//! Loudness range: by how much the louder parts of a song exceed the softer ones.
//!
//! EBU Tech 3342 (2016), §3. Its windows of 3 s may overlap as much as one likes from two thirds on. The
//! `ebur128` crate moves them by a second, which leaves thirty values of a short song and a percentile of
//! those that is off by a unit; by a tenth of a second it is what other meters show.

/// Tenths of a second a window has.
const WINDOW: usize = 30;
/// Quieter windows are silence (LUFS), and those so much under the mean of the rest count as well (LU).
const ABSOLUTE_GATE: f64 = -70.0;
const RELATIVE_GATE: f64 = -20.0;
/// From the one to the other percentile.
const PERCENTILES: (f64, f64) = (0.1, 0.95);
/// ITU-R BS.1770-4, annex 1: LUFS of the mean square.
const OFFSET: f64 = -0.691;

/// The range in LU of a song whose successive tenths of a second have these loudnesses in LUFS; 0 of a song
/// that is shorter than a window, or silent.
pub(super) fn of(tenths: &[f64]) -> f64 {
    let powers: Vec<f64> = tenths
        .iter()
        .map(|lufs| 10.0_f64.powf((lufs - OFFSET) / 10.0))
        .collect();
    let windows = powers
        .windows(WINDOW)
        .map(|window| window.iter().sum::<f64>() / WINDOW as f64);
    let loudness = |power: f64| OFFSET + 10.0 * power.log10();
    let audible: Vec<f64> = windows
        .filter(|power| loudness(*power) > ABSOLUTE_GATE)
        .collect();
    let mean = audible.iter().sum::<f64>() / audible.len() as f64;
    let mut counted: Vec<f64> = audible
        .into_iter()
        .map(loudness)
        .filter(|lufs| *lufs > loudness(mean) + RELATIVE_GATE)
        .collect();
    counted.sort_by(f64::total_cmp);
    let percentile = |part: f64| {
        let place = part * counted.len().saturating_sub(1) as f64;
        counted.get(place.round() as usize)
    };
    match (percentile(PERCENTILES.0), percentile(PERCENTILES.1)) {
        (Some(soft), Some(loud)) => loud - soft,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// EBU Tech 3342, §4: the first four of its test cases, 20 s a step; ±1 LU are allowed.
    #[test]
    fn steps_have_the_range_that_the_standard_asks_for() {
        for (steps, expected) in [
            ([-20.0, -30.0, -20.0, -30.0, -20.0], 10.0),
            ([-20.0, -15.0, -20.0, -15.0, -20.0], 5.0),
            ([-40.0, -20.0, -40.0, -20.0, -40.0], 20.0),
            ([-50.0, -35.0, -20.0, -35.0, -50.0], 15.0),
        ] {
            let tenths: Vec<f64> = steps.into_iter().flat_map(|lufs| [lufs; 200]).collect();
            let range = of(&tenths);
            assert!((range - expected).abs() < 0.5, "{steps:?}: {range}");
        }
    }

    #[test]
    fn what_is_silent_or_short_has_no_range() {
        assert_eq!(of(&[]), 0.0);
        assert_eq!(of(&[-20.0; 29]), 0.0);
        assert_eq!(of(&[f64::NEG_INFINITY; 100]), 0.0);
        assert_eq!(of(&[-20.0; 100]), 0.0);
    }
}
