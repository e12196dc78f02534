//! The pattern of onsets within each beat: bars that are alike say where bars are, and so how long beats are.

use crate::features::FLUX_BANDS;

/// Places in a beat at which the pattern is looked at: quarters and thirds are among them.
const PLACES: usize = 12;
/// An onset counts at a place from so many frames to either side.
const NEAR: usize = 2;

/// How strongly each band sets in at each place of each beat.
pub(super) struct Pattern {
    beats: Vec<[[f32; FLUX_BANDS]; PLACES]>,
}

impl Pattern {
    /// Of `beats` as (start, length) in frames, in bands of one value a frame each.
    pub(super) fn new(beats: &[(f64, f64)], bands: &[Vec<f32>; FLUX_BANDS]) -> Self {
        let place = |start: f64, length: f64, at: usize| {
            let centre = start + length * at as f64 / PLACES as f64;
            let centre = centre.max(0.0).round() as usize;
            bands.each_ref().map(|band| greatest_near(band, centre))
        };
        let beat =
            |(start, length): &(f64, f64)| std::array::from_fn(|at| place(*start, *length, at));
        Self {
            beats: beats.iter().map(beat).collect(),
        }
    }

    /// How alike beats are that lie a bar apart, of the likelier of bars of three and of four: the
    /// autocorrelation of what is above or below each band's mean, at most about 1.
    pub(super) fn bars_alike(&self) -> f32 {
        let means = self.means();
        let energy: f32 = self
            .beats
            .iter()
            .map(|beat| product(beat, beat, &means))
            .sum();
        let count = self.beats.len();
        let alike = |bar: usize| {
            if count <= bar + 2 || energy <= 0.0 {
                return 0.0;
            }
            let pairs = self.beats.iter().zip(&self.beats[bar..]);
            let sum: f32 = pairs.map(|(a, b)| product(a, b, &means)).sum();
            sum / energy * count as f32 / (count - bar) as f32
        };
        alike(3).max(alike(4))
    }

    /// By how much odd beats differ from even ones half a beat in, in the lowest two bands. Great where a
    /// bass drum plays in one of two, as it does where beats are counted too slowly.
    pub(super) fn bass_alternation_between(&self) -> f32 {
        let half = |beat: &[[f32; FLUX_BANDS]; PLACES]| {
            let [first, second, ..] = beat[PLACES / 2];
            f32::midpoint(first, second)
        };
        let mean_from = |first: usize| {
            let values = self.beats.iter().skip(first).step_by(2).map(half);
            values.clone().sum::<f32>() / values.count().max(1) as f32
        };
        (mean_from(0) - mean_from(1)).abs()
    }

    /// Of each band.
    fn means(&self) -> [f32; FLUX_BANDS] {
        let count = (self.beats.len() * PLACES).max(1) as f32;
        std::array::from_fn(|band| {
            let places = self.beats.iter().flatten();
            places.map(|place| place[band]).sum::<f32>() / count
        })
    }
}

fn greatest_near(band: &[f32], centre: usize) -> f32 {
    let last = band.len().saturating_sub(1);
    let near = band.get(centre.saturating_sub(NEAR).min(last)..(centre + NEAR + 1).min(band.len()));
    near.unwrap_or(&[])
        .iter()
        .fold(0.0_f32, |most, value| most.max(*value))
}

fn product(
    a: &[[f32; FLUX_BANDS]; PLACES],
    b: &[[f32; FLUX_BANDS]; PLACES],
    means: &[f32; FLUX_BANDS],
) -> f32 {
    let places = a.iter().zip(b);
    let products = places.flat_map(|(a, b)| {
        let bands = a.iter().zip(b).zip(means);
        bands.map(|((a, b), mean)| (a - mean) * (b - mean))
    });
    products.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `beats` beats of 50 frames with an onset in the lowest two bands at each of `at`, in beats.
    fn song(beats: usize, at: &[f64]) -> Pattern {
        let mut bands: [Vec<f32>; FLUX_BANDS] = std::array::from_fn(|_| vec![0.0; beats * 50]);
        for place in at {
            for band in &mut bands[..2] {
                band[(place * 50.0) as usize] = 1.0;
            }
        }
        let grid: Vec<(f64, f64)> = (0..beats).map(|beat| (beat as f64 * 50.0, 50.0)).collect();
        Pattern::new(&grid, &bands)
    }

    #[test]
    fn bars_of_three_and_of_four_are_alike_and_those_of_five_are_not() {
        let of = |metre: usize| {
            let at: Vec<f64> = (0..60).step_by(metre).map(f64::from).collect();
            song(60, &at).bars_alike()
        };
        assert!(of(3) > 0.9 && of(4) > 0.9, "{} {}", of(3), of(4));
        assert!(of(5) < 0.3, "{}", of(5));
    }

    #[test]
    fn a_bass_drum_between_every_other_pair_of_beats_alternates() {
        let every: Vec<f64> = (0..32).map(|beat| f64::from(beat) + 0.5).collect();
        let other: Vec<f64> = (0..32)
            .step_by(2)
            .map(|beat| f64::from(beat) + 0.5)
            .collect();
        assert!(song(32, &every).bass_alternation_between() < 0.01);
        assert!(song(32, &other).bass_alternation_between() > 0.9);
    }

    #[test]
    fn no_beats_and_silent_ones_have_no_pattern() {
        for pattern in [song(0, &[]), song(2, &[]), song(40, &[])] {
            assert_eq!(pattern.bars_alike(), 0.0);
            assert_eq!(pattern.bass_alternation_between(), 0.0);
        }
    }
}
