//! Loudness by EBU R128, and where nothing sounds.

use ebur128::{EbuR128, Mode};
use model::Seconds;
use model::sound::{Loudness, Silence, SilencePlace};

use crate::level::FRAME_RATE;

mod range;

/// A frame is silent so far under the song's loud parts (−60 dB) …
const UNDER_LOUD: f32 = 1e-3;
/// … and under this amplitude (−70 dBFS), which is the absolute gate of R128.
const INAUDIBLE: f32 = 3.16e-4;
/// Shorter silences are rests between notes, in seconds.
const SHORTEST: f64 = 0.5;

/// Measures loudness block by block, in the song's own channels and rate.
///
/// ITU-R BS.1770-4, annexes 1 and 2, and EBU R128, as the `ebur128` crate has them; the range is ours.
pub struct Meter {
    /// `None` where the shape is not one that R128 knows.
    ebu: Option<EbuR128>,
    channels: u32,
    /// Frames of a tenth of a second, and how many of the present one were taken.
    tenth: usize,
    taken: usize,
    /// LUFS of each tenth of a second.
    tenths: Vec<f64>,
}

impl Meter {
    /// For 1 or 2 `channels` at `rate` Hz.
    pub fn new(channels: u16, rate: u32) -> Self {
        let channels = u32::from(channels);
        Self {
            ebu: EbuR128::new(channels, rate, Mode::I | Mode::TRUE_PEAK).ok(),
            channels,
            tenth: rate as usize / 10,
            taken: 0,
            tenths: Vec::new(),
        }
    }

    /// Takes interleaved `samples` of whole frames.
    pub fn take(&mut self, mut samples: &[f32]) {
        let channels = self.channels as usize;
        while let Some(meter) = self.ebu.as_mut().filter(|_| !samples.is_empty()) {
            let frames = (samples.len() / channels).min(self.tenth - self.taken);
            let (now, rest) = samples.split_at(frames * channels);
            // Only samples that are no whole frames can fail; half a measure would be a wrong one.
            if frames == 0 || meter.add_frames_f32(now).is_err() {
                self.ebu = None;
                return;
            }
            samples = rest;
            self.taken += frames;
            if self.taken == self.tenth {
                self.taken = 0;
                let lufs = meter.loudness_window(100);
                self.tenths.push(lufs.unwrap_or(f64::NEG_INFINITY));
            }
        }
    }

    /// What it all measured. A mono song is measured as the one loudspeaker it is, not as two.
    pub fn read(&self) -> Loudness {
        let Some(meter) = &self.ebu else {
            return Loudness::default();
        };
        let integrated = meter.loudness_global().ok();
        let peaks = (0..self.channels).filter_map(|channel| meter.true_peak(channel).ok());
        let peak = peaks.fold(0.0_f64, f64::max);
        Loudness {
            integrated: integrated.filter(|lufs| lufs.is_finite()),
            range: range::of(&self.tenths),
            true_peak: (peak > 0.0).then(|| 20.0 * peak.log10()),
        }
    }
}

/// Where nothing sounds for at least half a second. `level` is the effective amplitude of each frame of
/// 10 ms, `loud` that of the loud parts, `duration` in seconds.
pub fn silences(level: &[f32], loud: f32, duration: f64) -> Vec<Silence> {
    let gate = if loud > 0.0 {
        (loud * UNDER_LOUD).min(INAUDIBLE)
    } else {
        INAUDIBLE
    };
    let mut spans = Vec::new();
    let mut began = None;
    for (frame, value) in level.iter().chain([&f32::INFINITY]).enumerate() {
        match (began, *value <= gate) {
            (None, true) => began = Some(frame),
            (Some(from), false) => {
                spans.push((from, frame));
                began = None;
            }
            _ => {}
        }
    }
    let time = |frame: usize| frame as f64 / f64::from(FRAME_RATE);
    let silences = spans.into_iter().map(|(from, to)| {
        // A frame reaches 10 ms to either side: sound begins within the last silent one.
        let start = if from == 0 { 0.0 } else { time(from - 1) };
        let end = if to == level.len() {
            duration
        } else {
            time(to)
        };
        let place = match (from == 0, to == level.len()) {
            (true, true) => SilencePlace::Whole,
            (true, false) => SilencePlace::Head,
            (false, true) => SilencePlace::Tail,
            (false, false) => SilencePlace::Inside,
        };
        Silence {
            start: Seconds(start),
            end: Seconds(end.min(duration)),
            place,
        }
    });
    silences
        .filter(|silence| silence.end.0 - silence.start.0 >= SHORTEST)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(decibels: f64, seconds: u32) -> Vec<f32> {
        let amplitude = 10.0_f64.powf(decibels / 20.0);
        let sample = |at: u32| {
            let phase = std::f64::consts::TAU * 1_000.0 * f64::from(at) / 48_000.0;
            (amplitude * phase.sin()) as f32
        };
        (0..48_000 * seconds).map(sample).collect()
    }

    #[test]
    fn a_stereo_sine_of_1_khz_at_minus_23_dbfs_is_minus_23_lufs() {
        let mut meter = Meter::new(2, 48_000);
        let both: Vec<f32> = sine(-23.0, 20).iter().flat_map(|x| [*x, *x]).collect();
        for block in both.chunks(960) {
            meter.take(block);
        }
        let heard = meter.read();
        // EBU Tech 3341, test case 1: ±0.1 LU.
        assert!((heard.integrated.unwrap() + 23.0).abs() < 0.1, "{heard:?}");
        assert!((heard.true_peak.unwrap() + 23.0).abs() < 0.2, "{heard:?}");
        assert!(heard.range < 0.1, "{heard:?}");
    }

    #[test]
    fn a_step_of_ten_decibels_is_a_range_of_ten_units() {
        let mut meter = Meter::new(2, 48_000);
        for level in [-20.0, -30.0] {
            let both: Vec<f32> = sine(level, 20).iter().flat_map(|x| [*x, *x]).collect();
            meter.take(&both);
        }
        // EBU Tech 3342, test case 1: ±1 LU.
        assert!((meter.read().range - 10.0).abs() < 1.0);
    }

    #[test]
    fn silence_has_no_loudness_and_no_peak() {
        let mut meter = Meter::new(1, 44_100);
        meter.take(&vec![0.0; 44_100 * 5]);
        assert_eq!(meter.read(), Loudness::default());
        assert_eq!(Meter::new(2, 44_100).read(), Loudness::default());
    }

    #[test]
    fn silences_are_found_at_head_inside_and_at_the_tail() {
        let level = [
            vec![0.0; 100],
            vec![0.1; 200],
            vec![0.0; 70],
            vec![0.1; 100],
            vec![0.0; 30],
            vec![0.1; 50],
            vec![1e-6; 80],
        ]
        .concat();
        let found = silences(&level, 0.1, 6.3);
        let places: Vec<SilencePlace> = found.iter().map(|silence| silence.place).collect();
        assert_eq!(
            places,
            [SilencePlace::Head, SilencePlace::Inside, SilencePlace::Tail]
        );
        assert!((found[1].start.0 - 3.0).abs() < 0.02);
        assert_eq!(found[2].end.0, 6.3);
        assert_eq!(
            silences(&[0.0; 300], 0.0, 3.0)[0].place,
            SilencePlace::Whole
        );
    }

    #[test]
    fn a_quiet_master_is_not_silent() {
        assert!(silences(&[0.004; 500], 0.005, 5.0).is_empty());
    }
}
