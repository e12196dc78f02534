//! The first pass over a song: how loud it is, how to mix it to one channel, and the waveform to draw.

use std::io::Read;

use media::audio::{AudioError, CanonicalWav};
use model::sound::Loudness;

use crate::loudness::Meter;
use crate::order;

/// Frames a second of everything rhythmic: 10 ms, which both canonical rates divide evenly.
pub const FRAME_RATE: u32 = 100;
/// Values of the waveform to draw.
const PEAKS: usize = 1_000;
/// Out of phase: the sum of the channels has less than a tenth of their power.
const OUT_OF_PHASE: f64 = 0.1;

/// How stereo becomes one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mix {
    /// The mean of all channels.
    Sum,
    /// Left minus right, halved: the sum would cancel.
    Difference,
}

/// What the first pass finds.
#[derive(Debug, Clone, PartialEq)]
pub struct Level {
    /// How to make it one channel.
    pub mix: Mix,
    /// Effective amplitude of the loud parts: the 95th percentile over the frames of 10 ms in which
    /// something sounds. 0 in silence.
    pub loud: f32,
    /// About a thousand peaks, 0–1, evenly spaced.
    pub peaks: Vec<f32>,
    /// By EBU R128.
    pub loudness: Loudness,
}

/// Measures the whole of `song`. An empty song is silent.
pub fn measure<R: Read>(song: &mut CanonicalWav<R>) -> Result<Level, AudioError> {
    let shape = song.shape();
    let hop = (shape.sample_rate / FRAME_RATE) as usize;
    let channels = usize::from(shape.channels);
    let frames = shape.samples as usize / hop + 1;
    let mut meter = Meter::new(shape.channels, shape.sample_rate);
    let mut block = Vec::new();
    let (mut sums, mut differences) = (Vec::with_capacity(frames), Vec::with_capacity(frames));
    let mut peaks: Vec<f32> = Vec::with_capacity(frames);
    loop {
        song.read_block(hop, &mut block)?;
        if block.is_empty() {
            break;
        }
        meter.take(&block);
        let count = (block.len() / channels) as f32;
        let (mut sum, mut difference, mut peak) = (0.0_f32, 0.0_f32, 0.0_f32);
        for frame in block.chunks_exact(channels) {
            let (left, right) = (frame[0], frame[channels - 1]);
            let (middle, side) = (0.5 * (left + right), 0.5 * (left - right));
            sum += middle * middle;
            difference += side * side;
            peak = peak.max(left.abs()).max(right.abs());
        }
        sums.push((sum / count).sqrt());
        differences.push((difference / count).sqrt());
        peaks.push(peak);
    }
    let power = |values: &[f32]| values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
    let (in_sum, in_difference) = (power(&sums), power(&differences));
    let cancelled = in_sum < OUT_OF_PHASE * (in_sum + in_difference);
    let (mix, levels) = if cancelled {
        (Mix::Difference, differences)
    } else {
        (Mix::Sum, sums)
    };
    Ok(Level {
        mix,
        loud: order::percentile_of_positive(&levels, 0.95),
        peaks: thinned(&peaks),
        loudness: meter.read(),
    })
}

/// The maximum of each of at most [`PEAKS`] even parts.
fn thinned(peaks: &[f32]) -> Vec<f32> {
    let parts = PEAKS.min(peaks.len());
    (0..parts)
        .map(|part| {
            let range = part * peaks.len() / parts..(part + 1) * peaks.len() / parts;
            peaks[range]
                .iter()
                .fold(0.0_f32, |most, peak| most.max(*peak))
        })
        .map(|peak| peak.min(1.0))
        .collect()
}
