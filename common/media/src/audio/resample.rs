//! Odd sample rates to 48 kHz; 44.1 and 48 kHz pass untouched.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Indexing, Resampler};

use super::AudioError;

/// Frames a step.
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
        let channels = usize::from(channels);
        let resampler = Fft::new(
            rate as usize,
            RATE_OUT as usize,
            CHUNK,
            channels,
            FixedSync::Both,
        )
        .map_err(|error| AudioError::Resample(Box::new(error)))?;
        Ok(Self::Other(Box::new(Conversion {
            channels,
            rate_in: u64::from(rate),
            waiting: Vec::new(),
            output: vec![0.0; resampler.output_frames_max() * channels],
            to_drop: resampler.output_delay(),
            resampler,
            frames_in: 0,
            frames_out: 0,
        })))
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

impl Conversion {
    fn push(
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

    fn finish(
        &mut self,
        sink: &mut dyn FnMut(&[f32]) -> Result<(), AudioError>,
    ) -> Result<(), AudioError> {
        let rate_out = u64::from(RATE_OUT);
        let length = (self.frames_in * rate_out + self.rate_in / 2) / self.rate_in;
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
