//! Where beats and downbeats probably fall: a small temporal convolution network, trained on songs that
//! `training/` composes and renders.
//!
//! A residual stack of dilated convolutions over the whole song, after M. E. P. Davies and S. Böck,
//! "Temporal Convolutional Networks for Musical Audio Beat Tracking", EUSIPCO 2019, §II, with beats and
//! downbeats as two outputs of one stack (S. Böck and M. E. P. Davies, "Deconstruct, Analyse,
//! Reconstruct", ISMIR 2020, §2). Ours: one step of the network takes two frames and gives two, which
//! halves its work and keeps 10 ms of resolution.

use crate::features::Features;
use crate::order;

pub mod inputs;

/// The trained weights, as `training/train.py` writes them: the matrices of each convolution in turn as
/// little-endian f32, first its taps, then its bias.
const WEIGHTS: &[u8] = include_bytes!("network/weights.bin");
const _: () = assert!(
    WEIGHTS.len()
        == 4 * (CHANNELS * (3 * inputs::A_STEP + 1)
            + BLOCKS * CHANNELS * (5 * CHANNELS + 1 + CHANNELS + 1)
            + 2 * FRAMES_A_STEP * (CHANNELS + 1)),
    "the weights must fit the network"
);
/// Frames that one step takes and gives.
const FRAMES_A_STEP: usize = 2;
/// The slope of the rectifier below 0.
const LEAK: f32 = 0.1;
/// Channels of the stack: fixed, so that the innermost loop has a known length.
const CHANNELS: usize = 32;
/// Blocks of the stack; the taps of block `k` lie 2^k steps apart, so that the last sees ten seconds to
/// either side.
const BLOCKS: usize = 9;

/// Probabilities, one value a frame of 10 ms, 0–1.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Activations {
    /// That a beat falls here.
    pub beat: Vec<f32>,
    /// That a bar begins here.
    pub downbeat: Vec<f32>,
}

/// The weights. A matrix holds, for each input, one value for each output.
pub struct Network {
    first: Convolution,
    blocks: Vec<(Convolution, Convolution)>,
    last: Convolution,
}

struct Convolution {
    inputs: usize,
    outputs: usize,
    dilation: usize,
    /// One matrix a tap; the taps are centred.
    taps: Vec<Vec<f32>>,
    bias: Vec<f32>,
}

impl Network {
    /// The network that is built in.
    pub fn built_in() -> Self {
        let (values, _) = WEIGHTS.as_chunks::<4>();
        let mut values = values.iter().map(|bytes| f32::from_le_bytes(*bytes));
        let mut convolution = |inputs: usize, outputs: usize, taps: usize, dilation| {
            let mut matrix = |size| values.by_ref().take(size).collect::<Vec<f32>>();
            Convolution {
                inputs,
                outputs,
                dilation,
                taps: (0..taps).map(|_| matrix(inputs * outputs)).collect(),
                bias: matrix(outputs),
            }
        };
        Self {
            first: convolution(inputs::A_STEP, CHANNELS, 3, 1),
            blocks: (0..BLOCKS)
                .map(|block| {
                    (
                        convolution(CHANNELS, CHANNELS, 5, 1 << block),
                        convolution(CHANNELS, CHANNELS, 1, 1),
                    )
                })
                .collect(),
            last: convolution(CHANNELS, 2 * FRAMES_A_STEP, 1, 1),
        }
    }

    /// What it makes of a song. As many values as `features` has frames.
    pub fn hear(&self, features: &Features) -> Activations {
        let steps = features.frames.div_ceil(FRAMES_A_STEP);
        let mut now = vec![0.0; steps * CHANNELS];
        self.first.apply(&inputs::of(features), &mut now);
        now.iter_mut().for_each(rectify);
        let (mut wide, mut mixed) = (now.clone(), now.clone());
        for (spread, mix) in &self.blocks {
            spread.apply(&now, &mut wide);
            wide.iter_mut().for_each(rectify);
            mix.apply(&wide, &mut mixed);
            for (value, change) in now.iter_mut().zip(&mixed) {
                *value += change;
            }
        }
        let mut logits = vec![0.0; steps * self.last.outputs];
        self.last.apply(&now, &mut logits);
        let mut heard = Activations::default();
        for step in logits.chunks_exact(2 * FRAMES_A_STEP) {
            for frame in step.chunks_exact(2) {
                heard.beat.push(order::logistic(frame[0]));
                heard.downbeat.push(order::logistic(frame[1]));
            }
        }
        heard.beat.truncate(features.frames);
        heard.downbeat.truncate(features.frames);
        heard
    }
}

fn rectify(value: &mut f32) {
    *value = value.max(LEAK * *value);
}

impl Convolution {
    /// Of every step of `from` (`inputs` values each) a step of `to` (`outputs` values each); zeros lie
    /// beyond the ends.
    fn apply(&self, from: &[f32], to: &mut [f32]) {
        let steps = to.len() / self.outputs;
        let centre = self.taps.len() / 2;
        for (at, out) in to.chunks_exact_mut(self.outputs).enumerate() {
            out.copy_from_slice(&self.bias);
            for (tap, matrix) in self.taps.iter().enumerate() {
                let source = (at + tap * self.dilation).checked_sub(centre * self.dilation);
                let Some(source) = source.filter(|source| *source < steps) else {
                    continue;
                };
                let values = &from[source * self.inputs..][..self.inputs];
                match <&mut [f32; CHANNELS]>::try_from(&mut *out) {
                    Ok(out) => multiply_wide(values, matrix, out),
                    Err(_) => multiply(values, matrix, out),
                }
            }
        }
    }
}

/// Adds `values` times `matrix` to `out`.
fn multiply(values: &[f32], matrix: &[f32], out: &mut [f32]) {
    for (value, row) in values.iter().zip(matrix.chunks_exact(out.len())) {
        for (sum, weight) in out.iter_mut().zip(row) {
            *sum += value * weight;
        }
    }
}

/// The same, with the sums in registers.
fn multiply_wide(values: &[f32], matrix: &[f32], out: &mut [f32; CHANNELS]) {
    let (rows, _) = matrix.as_chunks::<CHANNELS>();
    let mut sums = *out;
    for (value, row) in values.iter().zip(rows) {
        for (sum, weight) in sums.iter_mut().zip(row) {
            *sum += value * weight;
        }
    }
    *out = sums;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_convolution_is_the_sum_of_its_taps() {
        let convolution = Convolution {
            inputs: 1,
            outputs: 1,
            dilation: 2,
            taps: vec![vec![1.0], vec![10.0], vec![100.0]],
            bias: vec![0.5],
        };
        let mut to = [0.0; 5];
        convolution.apply(&[1.0, 2.0, 3.0, 4.0, 5.0], &mut to);
        assert_eq!(to, [310.5, 420.5, 531.5, 42.5, 53.5]);
    }
}
