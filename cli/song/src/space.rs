//! Where sound is: the stereo bus, side-chain, echo, reverb, and the last stage of the mix.

use super::{SAMPLE_RATE, Song};

/// Two channels of equal length.
pub(super) struct Stereo {
    pub(super) left: Vec<f32>,
    pub(super) right: Vec<f32>,
}

impl Stereo {
    pub(super) fn silence(samples: usize) -> Self {
        Self {
            left: vec![0.0; samples],
            right: vec![0.0; samples],
        }
    }

    /// Adds the whole of `other`.
    pub(super) fn add(&mut self, other: &Self, gain: f32) {
        for (own, their) in [
            (&mut self.left, &other.left),
            (&mut self.right, &other.right),
        ] {
            for (own, their) in own.iter_mut().zip(their) {
                *own += their * gain;
            }
        }
    }
}

/// Makes the bus quiet by `depth` (0–1) at each of `hits` (samples), back within a third of a second.
pub(super) fn duck(bus: &mut Stereo, hits: &[usize], depth: f32) {
    let recovery = SAMPLE_RATE as usize / 3;
    for (index, hit) in hits.iter().enumerate() {
        let next = hits.get(index + 1).copied().unwrap_or(bus.left.len());
        for at in *hit..(hit + recovery).min(next).min(bus.left.len()) {
            let back = (at - hit) as f32 / recovery as f32;
            let gain = 1.0 - depth * (1.0 - back) * (1.0 - back);
            bus.left[at] *= gain;
            bus.right[at] *= gain;
        }
    }
}

/// Echoes that jump from side to side, each `feedback` as loud as the one before.
pub(super) fn echo(bus: &mut Stereo, delay: usize, feedback: f32) {
    for at in delay..bus.left.len() {
        let (left, right) = (bus.left[at - delay], bus.right[at - delay]);
        bus.left[at] += right * feedback;
        bus.right[at] += left * feedback;
    }
}

/// A small hall after Schroeder: four combs side by side, two all-passes in a row, other lengths left
/// than right.
pub(super) fn reverb(bus: &Stereo) -> Stereo {
    Stereo {
        left: hall(&bus.left, 0),
        right: hall(&bus.right, 23),
    }
}

fn hall(input: &[f32], spread: usize) -> Vec<f32> {
    let mut sum = vec![0.0; input.len()];
    for delay in [1_557, 1_617, 1_491, 1_422] {
        comb(input, delay + spread, &mut sum);
    }
    for delay in [556, 225] {
        all_pass(&mut sum, delay + spread);
    }
    sum
}

fn comb(input: &[f32], delay: usize, sum: &mut [f32]) {
    const FEEDBACK: f32 = 0.82;
    const DAMPING: f32 = 0.35;
    let mut line = vec![0.0; delay];
    let (mut place, mut dull) = (0, 0.0);
    for (sample, sum) in input.iter().zip(sum) {
        let out: f32 = line[place];
        dull = out + (dull - out) * DAMPING;
        line[place] = sample + dull * FEEDBACK;
        place = (place + 1) % delay;
        *sum += out * 0.25;
    }
}

fn all_pass(signal: &mut [f32], delay: usize) {
    let mut line = vec![0.0; delay];
    let mut place = 0;
    for sample in signal {
        let late: f32 = line[place];
        let input = *sample;
        line[place] = input + late * 0.5;
        place = (place + 1) % delay;
        *sample = late - input;
    }
}

/// Rounds off peaks, brings the loudest to −1 dB, and fades the last moment out.
pub(super) fn finish(mut mix: Stereo) -> Song {
    const CEILING: f32 = 0.891;
    let fade = SAMPLE_RATE as usize / 4;
    let samples = mix.left.len();
    for channel in [&mut mix.left, &mut mix.right] {
        for sample in channel.iter_mut() {
            *sample = (*sample * 0.9).tanh();
        }
    }
    let peak = mix
        .left
        .iter()
        .chain(&mix.right)
        .fold(1e-6f32, |peak, sample| peak.max(sample.abs()));
    for channel in [&mut mix.left, &mut mix.right] {
        for (at, sample) in channel.iter_mut().enumerate() {
            let tail = ((samples - at - 1) as f32 / fade as f32).min(1.0);
            *sample *= CEILING / peak * tail;
        }
    }
    Song {
        left: mix.left,
        right: mix.right,
    }
}
