//! Many channels folded into one or two.

/// The gains of one input channel towards left and right.
type Gains = [f32; 2];

const LEFT: Gains = [1.0, 0.0];
const RIGHT: Gains = [0.0, 1.0];
/// −3 dB, as ITU-R BS.775-3 table 2 has it for centre and surrounds.
const CENTRE: Gains = [0.707, 0.707];
const SURROUND_LEFT: Gains = [0.707, 0.0];
const SURROUND_RIGHT: Gains = [0.0, 0.707];
/// Effects of films; a song keeps its bass in the other channels.
const LFE: Gains = [0.0, 0.0];
/// Samples that are louder than 60 dB above full scale are clipped. Files of floats may hold any number, and
/// with the greatest a Fourier transform overflows.
const LOUDEST: f32 = 1_000.0;

/// Folds interleaved frames of `channels_in` (1–8, in the order that WAV and FLAC share) into mono or
/// stereo.
pub(super) struct Fold {
    gains: Vec<Gains>,
}

impl Fold {
    pub(super) fn new(channels_in: usize) -> Self {
        let layout: &[Gains] = match channels_in {
            3 => &[LEFT, RIGHT, CENTRE],
            4 => &[LEFT, RIGHT, SURROUND_LEFT, SURROUND_RIGHT],
            5 => &[LEFT, RIGHT, CENTRE, SURROUND_LEFT, SURROUND_RIGHT],
            6 => &[LEFT, RIGHT, CENTRE, LFE, SURROUND_LEFT, SURROUND_RIGHT],
            7 => &[
                LEFT,
                RIGHT,
                CENTRE,
                LFE,
                CENTRE,
                SURROUND_LEFT,
                SURROUND_RIGHT,
            ],
            8 => &[
                LEFT,
                RIGHT,
                CENTRE,
                LFE,
                SURROUND_LEFT,
                SURROUND_RIGHT,
                SURROUND_LEFT,
                SURROUND_RIGHT,
            ],
            // Mono and stereo stay as they are.
            _ => &[],
        };
        // All channels at full scale must not clip.
        let loudest: f32 = layout.iter().map(|[left, _]| left).sum();
        let gains = layout
            .iter()
            .map(|[left, right]| [left / loudest, right / loudest])
            .collect();
        Self { gains }
    }

    /// Appends the folded frames of `interleaved` to `out`; what is not a number becomes silence.
    pub(super) fn append(&self, interleaved: &[f32], out: &mut Vec<f32>) {
        let number = |sample: f32| {
            if sample.is_finite() {
                sample.clamp(-LOUDEST, LOUDEST)
            } else {
                0.0
            }
        };
        if self.gains.is_empty() {
            out.extend(interleaved.iter().map(|sample| number(*sample)));
            return;
        }
        for frame in interleaved.chunks_exact(self.gains.len()) {
            let mut sums = [0.0_f32; 2];
            for (sample, [left, right]) in frame.iter().zip(&self.gains) {
                sums[0] += number(*sample) * left;
                sums[1] += number(*sample) * right;
            }
            out.extend(sums);
        }
    }
}
