//! Odd sample rates to 48 kHz; 44.1 and 48 kHz pass untouched.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Indexing, Resampler};

use super::AudioError;

/// Frames a step, at least.
const CHUNK: usize = 1_024;
const RATE_OUT: u32 = 48_000;

/// Interleaved samples at one rate in, at a canonical rate out, with the resampler's delay removed and
/// the length rounded to the nearest sample.
pub(super) enum ToCanonicalRate {
    Same { rate: u32 },
    Other(Box<Conversion>),
}

pub(super) struct Conversion {
    resampler: Fft<f32>,
    channels: usize,
    rate_in: u64,
    rate_out: u64,
    waiting: Vec<f32>,
    output: Vec<f32>,
    /// Frames of output still to drop: the resampler's delay.
    to_drop: usize,
    frames_in: u64,
    frames_out: u64,
}

impl ToCanonicalRate {
    pub(super) fn new(rate: u32, channels: u16) -> Result<Self, AudioError> {
        if rate == 44_100 || rate == RATE_OUT {
            return Ok(Self::Same { rate });
        }
        let conversion = Conversion::new((rate, RATE_OUT), channels)?;
        Ok(Self::Other(Box::new(conversion)))
    }

    pub(super) fn rate_out(&self) -> u32 {
        match self {
            Self::Same { rate } => *rate,
            Self::Other(_) => RATE_OUT,
        }
    }

    /// Takes `samples`, and gives `sink` what is ready.
    pub(super) fn push(
        &mut self,
        samples: &[f32],
        mut sink: impl FnMut(&[f32]) -> Result<(), AudioError>,
    ) -> Result<(), AudioError> {
        match self {
            Self::Same { .. } => sink(samples),
            Self::Other(conversion) => conversion.push(samples, &mut sink),
        }
    }

    /// Gives `sink` the rest.
    pub(super) fn finish(
        &mut self,
        mut sink: impl FnMut(&[f32]) -> Result<(), AudioError>,
    ) -> Result<(), AudioError> {
        match self {
            Self::Same { .. } => Ok(()),
            Self::Other(conversion) => conversion.finish(&mut sink),
        }
    }
}

/// Frames of input a step: the resampler takes multiples of what the two rates have in common. An even
/// one, for its filter has as many taps, and with an odd number its middle lies between two of them: half a
/// sample that [`Resampler::output_delay`] knows nothing of.
fn step(rate: usize, rate_out: usize) -> usize {
    let (mut common, mut rest) = (rate, rate_out);
    while rest > 0 {
        (common, rest) = (rest, common % rest);
    }
    CHUNK.next_multiple_of(2 * rate / common)
}

impl Conversion {
    /// From the first rate to the second.
    pub(super) fn new((rate, rate_out): (u32, u32), channels: u16) -> Result<Self, AudioError> {
        let channels = usize::from(channels);
        let resampler = Fft::new(
            rate as usize,
            rate_out as usize,
            step(rate as usize, rate_out as usize),
            channels,
            FixedSync::Both,
        )
        .map_err(|error| AudioError::Resample(Box::new(error)))?;
        Ok(Self {
            channels,
            rate_in: u64::from(rate),
            rate_out: u64::from(rate_out),
            waiting: Vec::new(),
            output: vec![0.0; resampler.output_frames_max() * channels],
            to_drop: resampler.output_delay(),
            resampler,
            frames_in: 0,
            frames_out: 0,
        })
    }

    /// Takes `samples`, and gives `sink` what is ready.
    pub(super) fn push(
        &mut self,
        samples: &[f32],
        sink: &mut dyn FnMut(&[f32]) -> Result<(), AudioError>,
    ) -> Result<(), AudioError> {
        self.frames_in += (samples.len() / self.channels) as u64;
        self.waiting.extend_from_slice(samples);
        let step = self.resampler.input_frames_next() * self.channels;
        let mut taken = 0;
        while self.waiting.len() - taken >= step {
            self.convert(taken, sink, u64::MAX)?;
            taken += step;
        }
        self.waiting.drain(..taken);
        Ok(())
    }

    /// Gives `sink` the rest.
    pub(super) fn finish(
        &mut self,
        sink: &mut dyn FnMut(&[f32]) -> Result<(), AudioError>,
    ) -> Result<(), AudioError> {
        let length = (self.frames_in * self.rate_out + self.rate_in / 2) / self.rate_in;
        let step = self.resampler.input_frames_next() * self.channels;
        while self.frames_out < length {
            self.waiting.resize(step, 0.0);
            self.convert(0, sink, length)?;
            self.waiting.clear();
        }
        Ok(())
    }

    /// Converts one step of `waiting` from sample `from` on, giving out no frame beyond `length`.
    fn convert(
        &mut self,
        from: usize,
        sink: &mut dyn FnMut(&[f32]) -> Result<(), AudioError>,
        length: u64,
    ) -> Result<(), AudioError> {
        let failed = |error: rubato::ResampleError| AudioError::Resample(Box::new(error));
        let shape = |error| AudioError::Resample(Box::new(error));
        let (frames_in, frames_out) = (
            self.waiting.len() / self.channels,
            self.output.len() / self.channels,
        );
        let input =
            InterleavedSlice::new(&self.waiting, self.channels, frames_in).map_err(shape)?;
        let mut output = InterleavedSlice::new_mut(&mut self.output, self.channels, frames_out)
            .map_err(shape)?;
        let at = Indexing::new().input_offset(from / self.channels);
        let (_, made) = self
            .resampler
            .process_into_buffer(&input, &mut output, Some(&at))
            .map_err(failed)?;
        let dropped = self.to_drop.min(made);
        self.to_drop -= dropped;
        let kept = ((made - dropped) as u64).min(length - self.frames_out) as usize;
        self.frames_out += kept as u64;
        let samples = dropped * self.channels..(dropped + kept) * self.channels;
        sink(self.output.get(samples).unwrap_or(&[]))
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    /// Rates of recorders, of old files, and one that shares no factor with ours.
    const RATES: [u32; 11] = [
        8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_101, 88_200, 96_000, 192_000,
    ];
    /// The part of the narrower band (up to half of either rate) that passes unchanged.
    const PASSED: f64 = 0.9;
    /// How far a tone within it may come out too loud or too soft.
    const RIPPLE_DECIBELS: f64 = 0.01;
    /// From this part of the narrower band on nothing may come through.
    const STOPPED: f64 = 1.02;
    /// Images of tones within the band, and aliases of those beyond, at most.
    fn suppressed_decibels(rate: u32) -> f64 {
        // Where the rates share no factor, the transform is as long as a second and rounds more.
        if rate == 44_101 { -90.0 } else { -110.0 }
    }

    /// What comes out of a second of a tone of amplitude 1.
    fn converted(rate: u32, hz: f64) -> Vec<f32> {
        let tone = |at: u32| (TAU * (hz * f64::from(at) / f64::from(rate)).fract()).sin() as f32;
        let tone: Vec<f32> = (0..rate).map(tone).collect();
        let mut resampler = ToCanonicalRate::new(rate, 1).unwrap();
        let mut out = Vec::new();
        for block in tone.chunks(10_000) {
            let taken = resampler.push(block, |samples| {
                out.extend_from_slice(samples);
                Ok(())
            });
            taken.unwrap();
        }
        let taken = resampler.finish(|samples| {
            out.extend_from_slice(samples);
            Ok(())
        });
        taken.unwrap();
        out
    }

    /// Of `out`, without its ends, the amplitude at `hz`, and the effective amplitude of all else relative
    /// to a full tone's.
    fn amplitude_and_rest(out: &[f32], hz: f64) -> (f64, f64) {
        let middle = &out[out.len() / 4..out.len() * 3 / 4];
        let (mut sine, mut cosine, mut overlap) = ([0.0; 2], [0.0; 2], 0.0);
        let phase = |at: usize| (TAU * (hz * at as f64 / 48_000.0).fract()).sin_cos();
        // Least squares, since the stretch holds no whole number of turns.
        for (at, sample) in middle.iter().enumerate() {
            let ((s, c), x) = (phase(at), f64::from(*sample));
            sine[0] += s * s;
            sine[1] += s * x;
            cosine[0] += c * c;
            cosine[1] += c * x;
            overlap += s * c;
        }
        let determinant = sine[0] * cosine[0] - overlap * overlap;
        let a = (sine[1] * cosine[0] - cosine[1] * overlap) / determinant;
        let b = (cosine[1] * sine[0] - sine[1] * overlap) / determinant;
        let rest = middle.iter().enumerate().map(|(at, sample)| {
            let (s, c) = phase(at);
            (f64::from(*sample) - a * s - b * c).powi(2)
        });
        let rest = (2.0 * rest.sum::<f64>() / middle.len() as f64).sqrt();
        (a.hypot(b), rest)
    }

    fn decibels(amplitude: f64) -> f64 {
        20.0 * amplitude.max(1e-12).log10()
    }

    #[test]
    fn the_middle_of_the_filter_is_a_tap_of_it_at_every_rate() {
        for rate in RATES {
            let tap = 48_000 / 2;
            // One sample of 1, where both rates have one.
            let mut resampler = ToCanonicalRate::new(rate, 1).unwrap();
            let mut click = vec![0.0; rate as usize];
            click[rate as usize / 2] = 1.0;
            let mut out = Vec::new();
            let mut sink = |samples: &[f32]| {
                out.extend_from_slice(samples);
                Ok(())
            };
            resampler.push(&click, &mut sink).unwrap();
            resampler.finish(&mut sink).unwrap();
            let reach = rate.max(48_000) as usize / rate as usize + 4;
            let lopsided = (1..reach).map(|at| (out[tap - at] - out[tap + at]).abs() / out[tap]);
            let most = lopsided.fold(0.0_f32, f32::max);
            // An odd rate has its half between two samples.
            assert!(most < 1e-3 || rate % 2 == 1, "{rate} Hz: {most}");
        }
    }

    #[test]
    fn tones_within_the_band_pass_unchanged_and_without_images() {
        for rate in RATES {
            let band = f64::from(rate.min(RATE_OUT)) / 2.0;
            for part in [0.003, 0.05, 0.21, 0.43, 0.68, 0.83, PASSED] {
                let hz = part * band;
                let (amplitude, rest) = amplitude_and_rest(&converted(rate, hz), hz);
                let (gain, rest) = (decibels(amplitude), decibels(rest));
                assert!(
                    gain.abs() < RIPPLE_DECIBELS,
                    "{hz} Hz at {rate} Hz: {gain} dB"
                );
                assert!(
                    rest < suppressed_decibels(rate),
                    "{hz} Hz at {rate} Hz: images of {rest} dB"
                );
            }
        }
    }

    #[test]
    fn tones_beyond_the_band_do_not_come_back_as_others() {
        for rate in [88_200_u32, 96_000, 192_000] {
            let (from, to) = (STOPPED * 24_000.0, 0.98 * f64::from(rate) / 2.0);
            for step in 0..6 {
                let hz = from + (to - from) * f64::from(step) / 5.0;
                let out = converted(rate, hz);
                let middle = &out[out.len() / 4..out.len() * 3 / 4];
                let power = middle.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
                let alias = decibels((2.0 * power / middle.len() as f64).sqrt());
                assert!(
                    alias < suppressed_decibels(rate),
                    "{hz} Hz at {rate} Hz: {alias} dB"
                );
            }
        }
    }
}
