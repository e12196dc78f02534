//! The curves that pictures move by.

use model::music::Envelopes;

use crate::features::{Features, SPLIT_STEP};
use crate::level::FRAME_RATE;
use crate::order;

/// "About a second" of smoothing for the energy.
const ENERGY_RADIUS: usize = FRAME_RATE as usize / 2;
/// A pulse falls to a twentieth in 300 ms.
const PULSE_SECONDS: f64 = 0.3;
/// A band falls by half in 100 ms, so that drums are seen.
const FALL: f32 = 0.933;
/// The song's own loudest.
const LOUDEST: f64 = 0.98;

/// The curves of a song with these `features`, `beats` in seconds and, of those, which open bars: one value
/// for each picture of a film of `rate` pictures a second.
pub fn curves(features: &Features, beats: &[f64], downbeats: &[bool], rate: f64) -> Envelopes {
    let openings: Vec<f64> = beats
        .iter()
        .zip(downbeats)
        .filter_map(|(time, opens)| opens.then_some(*time))
        .collect();
    let pictures = Pictures {
        rate,
        frames: features.frames,
    };
    let drawn = |band: &[f32]| pictures.bytes(&falling(band));
    let [bass, mid, treble] = features.bands.each_ref().map(|band| drawn(band));
    let frames = |curve: &[f32]| -> Vec<f32> {
        let each = curve.iter().flat_map(|value| [*value; SPLIT_STEP]);
        each.take(features.frames).collect()
    };
    Envelopes {
        rate_hz: rate,
        energy: pictures.bytes(&energy(features)),
        bass,
        mid,
        treble,
        percussive: drawn(&frames(&features.split.percussive)),
        harmonic: drawn(&frames(&features.split.harmonic)),
        beat: pictures.pulses(beats),
        downbeat: pictures.pulses(&openings),
    }
}

/// How much is going on, one value a frame of 10 ms, 0–1: loudness (square root of amplitude, about how
/// it is felt), smoothed over a second, 1 at the song's own loudest.
pub fn energy(features: &Features) -> Vec<f32> {
    let felt: Vec<f32> = features.level.iter().map(|level| level.sqrt()).collect();
    let smooth = order::moving_mean(&felt, ENERGY_RADIUS);
    let loudest = order::percentile(&smooth, LOUDEST);
    let scale = if loudest > 0.0 { 1.0 / loudest } else { 0.0 };
    smooth
        .iter()
        .map(|value| (value * scale).min(1.0))
        .collect()
}

/// Rises at once, falls slowly; 1 at the song's own loudest.
fn falling(band: &[f32]) -> Vec<f32> {
    let loudest = order::percentile(band, LOUDEST);
    let scale = if loudest > 0.0 { 1.0 / loudest } else { 0.0 };
    let mut held = 0.0_f32;
    band.iter()
        .map(|value| {
            held = (value * scale).min(1.0).max(held * FALL);
            held
        })
        .collect()
}

/// The pictures of a film: picture `k` is shown from `k / rate` seconds on.
struct Pictures {
    rate: f64,
    /// Frames of 10 ms that the song has.
    frames: usize,
}

impl Pictures {
    fn count(&self) -> usize {
        (self.frames as f64 * self.rate / f64::from(FRAME_RATE)).ceil() as usize
    }

    /// One byte for each picture: the greatest of the frames of `curve` while it is shown.
    fn bytes(&self, curve: &[f32]) -> Vec<u8> {
        let first = |picture: usize| {
            let frame = (picture as f64 * f64::from(FRAME_RATE) / self.rate).round() as usize;
            frame.min(curve.len())
        };
        let shown = (0..self.count()).map(|picture| {
            let from = first(picture);
            let frames = &curve[from..first(picture + 1).max((from + 1).min(curve.len()))];
            frames.iter().fold(0.0_f32, |most, value| most.max(*value))
        });
        shown.map(|value| (value * 255.0).round() as u8).collect()
    }

    /// 255 on the picture nearest to each of `times`, falling to 0.
    fn pulses(&self, times: &[f64]) -> Vec<u8> {
        let mut values = vec![0_u8; self.count()];
        for time in times {
            let first = (time * self.rate).round() as usize;
            for (at, value) in values.iter_mut().enumerate().skip(first) {
                let since = (at as f64 / self.rate - time).max(0.0);
                if since > PULSE_SECONDS {
                    break;
                }
                let height = (-3.0 * since / PULSE_SECONDS).exp() * (1.0 - since / PULSE_SECONDS);
                *value = (*value).max((255.0 * height).round() as u8);
            }
            if let Some(value) = values.get_mut(first) {
                *value = 255;
            }
        }
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pulse_is_full_on_its_beat_and_gone_after_300_ms() {
        let pictures = Pictures {
            rate: 50.0,
            frames: 200,
        };
        let values = pictures.pulses(&[1.003]);
        assert_eq!(values.len(), 100);
        assert_eq!(values[49], 0, "nothing before the beat");
        assert_eq!(values[50], 255);
        assert!(values[55] < 255 && values[55] > 0);
        assert_eq!(values[66], 0);
    }

    #[test]
    fn at_any_rate_each_picture_has_a_value_and_no_frame_is_lost() {
        for rate in [24.0, 25.0, 30_000.0 / 1_001.0, 30.0, 50.0, 60.0, 120.0] {
            let pictures = Pictures {
                rate,
                frames: 1_000,
            };
            assert_eq!(pictures.count(), (10.0 * rate).ceil() as usize);
            for loud in [0, 1, 2, 333, 500, 998] {
                let mut curve = vec![0.0; 1_000];
                curve[loud] = 1.0;
                let values = pictures.bytes(&curve);
                assert_eq!(values.len(), pictures.count());
                let at = values.iter().position(|value| *value == 255);
                let shown = at.expect("it is seen") as f64 / rate;
                let late = shown - loud as f64 / 100.0;
                assert!(late.abs() <= 1.0 / rate + 0.005, "{late} s at {rate}");
            }
        }
    }

    #[test]
    fn silence_moves_nothing() {
        let features = Features {
            frames: 500,
            level: vec![0.0; 500],
            bands: [const { Vec::new() }; 3].map(|_: Vec<f32>| vec![0.0; 500]),
            ..Features::default()
        };
        let curves = curves(&features, &[], &[], 50.0);
        for curve in [&curves.energy, &curves.bass, &curves.treble, &curves.beat] {
            assert_eq!(curve.len(), 250);
            assert!(curve.iter().all(|value| *value == 0));
        }
    }

    #[test]
    fn loud_and_quiet_masters_move_alike() {
        let of = |gain: f32| {
            let level: Vec<f32> = (0..1_000).map(|at| gain * (at % 100) as f32).collect();
            let features = Features {
                frames: level.len(),
                bands: [level.clone(), level.clone(), level.clone()],
                level,
                ..Features::default()
            };
            curves(&features, &[], &[], 50.0)
        };
        assert_eq!(of(0.5), of(0.001));
    }
}
