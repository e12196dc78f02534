//! Windows, Fourier transforms and filter banks.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

/// Magnitude spectra of one window size.
pub struct Spectrum {
    fft: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    input: Vec<f32>,
    output: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
    magnitudes: Vec<f32>,
}

impl Spectrum {
    /// `size` samples a window, Hann.
    pub fn new(size: usize) -> Self {
        let fft = RealFftPlanner::new().plan_fft_forward(size);
        let hann = |at: usize| {
            let phase = std::f64::consts::TAU * (at as f64 + 0.5) / size as f64;
            // A full-scale sine in the middle of a bin has magnitude 1: 2 / sum of the window.
            ((0.5 - 0.5 * phase.cos()) * 4.0 / size as f64) as f32
        };
        Self {
            window: (0..size).map(hann).collect(),
            input: fft.make_input_vec(),
            output: fft.make_output_vec(),
            scratch: fft.make_scratch_vec(),
            magnitudes: vec![0.0; size / 2 + 1],
            fft,
        }
    }

    /// Samples a window.
    pub fn size(&self) -> usize {
        self.window.len()
    }

    /// Linear magnitudes of `frame`, which holds [`Self::size`] samples: `size / 2 + 1` values, the
    /// first at 0 Hz. 1 is a full-scale sine.
    pub fn of(&mut self, frame: &[f32]) -> &[f32] {
        debug_assert_eq!(frame.len(), self.window.len(), "one window of samples");
        for ((input, sample), weight) in self.input.iter_mut().zip(frame).zip(&self.window) {
            *input = sample * weight;
        }
        // Only wrong lengths can fail, and the plan made the buffers.
        let done =
            self.fft
                .process_with_scratch(&mut self.input, &mut self.output, &mut self.scratch);
        debug_assert!(done.is_ok());
        for (magnitude, bin) in self.magnitudes.iter_mut().zip(&self.output) {
            // `norm` calls libm's `hypot`, which guards against an overflow that no spectrum comes near.
            *magnitude = bin.norm_sqr().sqrt();
        }
        &self.magnitudes
    }
}

impl Spectrum {
    /// The magnitudes that [`Self::of`] gave last.
    pub fn last(&self) -> &[f32] {
        &self.magnitudes
    }
}

/// Triangular filters on a logarithmic scale, each with weights that sum to 1.
pub struct FilterBank {
    filters: Vec<Filter>,
}

struct Filter {
    hz: f32,
    first_bin: usize,
    weights: Vec<f32>,
}

impl FilterBank {
    /// `per_octave` filters an octave from `low` to `high` Hz, for spectra of windows of `size` samples
    /// at `rate` Hz. Where bins are wider than filters, the filters that would repeat are left out.
    ///
    /// As in S. Böck and G. Widmer, "Maximum Filter Vibrato Suppression for Onset Detection", `DAFx`
    /// 2013, §2.1.
    pub fn new(rate: u32, size: usize, per_octave: f32, (low, high): (f32, f32)) -> Self {
        let bin_hz = rate as f32 / size as f32;
        let high = high.min(rate as f32 / 2.0 - bin_hz);
        let count = ((high / low).log2() * per_octave).floor() as i32;
        let mut bins: Vec<usize> = (-1..=count + 1)
            .map(|step| low * (step as f32 / per_octave).exp2())
            .map(|hz| (hz / bin_hz).round() as usize)
            .filter(|bin| *bin <= size / 2)
            .collect();
        bins.dedup();
        let filters = bins
            .windows(3)
            .map(|edges| Filter::triangle(edges[0], edges[1], edges[2], bin_hz))
            .collect();
        Self { filters }
    }

    /// How many filters there are.
    pub fn len(&self) -> usize {
        self.filters.len()
    }

    /// True where no filter fits.
    pub fn is_empty(&self) -> bool {
        self.filters.is_empty()
    }

    /// The middle of each filter in Hz.
    pub fn centres(&self) -> impl Iterator<Item = f32> + '_ {
        self.filters.iter().map(|filter| filter.hz)
    }

    /// Weighted means of `magnitudes`, one value a filter, into `out`.
    pub fn apply(&self, magnitudes: &[f32], out: &mut Vec<f32>) {
        out.clear();
        out.extend(self.filters.iter().map(|filter| {
            let bins = &magnitudes[filter.first_bin..filter.first_bin + filter.weights.len()];
            let products = bins
                .iter()
                .zip(&filter.weights)
                .map(|(bin, weight)| bin * weight);
            products.sum::<f32>()
        }));
    }
}

impl Filter {
    fn triangle(left: usize, middle: usize, right: usize, bin_hz: f32) -> Self {
        let weight = |bin: usize| {
            if bin <= middle {
                (bin - left) as f32 / (middle - left) as f32
            } else {
                (right - bin) as f32 / (right - middle) as f32
            }
        };
        let mut weights: Vec<f32> = (left + 1..right).map(weight).collect();
        let sum: f32 = weights.iter().sum();
        for weight in &mut weights {
            *weight /= sum;
        }
        Self {
            hz: middle as f32 * bin_hz,
            first_bin: left + 1,
            weights,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f32, rate: f32, count: usize) -> Vec<f32> {
        (0..count)
            .map(|at| (std::f32::consts::TAU * hz * at as f32 / rate).sin())
            .collect()
    }

    #[test]
    fn a_full_scale_sine_has_magnitude_one_at_its_frequency() {
        let mut spectrum = Spectrum::new(2_048);
        let hz = 100.0 * 44_100.0 / 2_048.0;
        let magnitudes = spectrum.of(&sine(hz, 44_100.0, 2_048));
        assert!((magnitudes[100] - 1.0).abs() < 1e-3);
        assert!(magnitudes[110] < 1e-3);
    }

    #[test]
    fn the_filter_around_a_sine_answers_most() {
        let bank = FilterBank::new(44_100, 2_048, 24.0, (30.0, 17_000.0));
        let mut spectrum = Spectrum::new(2_048);
        let mut bands = Vec::new();
        for hz in [110.0, 440.0, 3_000.0, 12_000.0] {
            bank.apply(spectrum.of(&sine(hz, 44_100.0, 2_048)), &mut bands);
            let loudest = (0..bands.len())
                .max_by(|a, b| bands[*a].total_cmp(&bands[*b]))
                .unwrap();
            let centre = bank.centres().nth(loudest).unwrap();
            // Neighbouring bins at 110 Hz lie a fifth of an octave apart.
            assert!(
                (centre / hz).log2().abs() < 0.2,
                "{hz} Hz heard at {centre} Hz"
            );
        }
    }

    #[test]
    fn filters_stay_below_half_the_rate() {
        let bank = FilterBank::new(44_100, 512, 12.0, (100.0, 40_000.0));
        assert!(!bank.is_empty());
        assert!(bank.centres().all(|hz| hz < 22_050.0));
    }
}
