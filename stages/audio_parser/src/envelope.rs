//! The curves that pictures move by.

use model::music::Envelopes;

use crate::features::Features;
use crate::level::FRAME_RATE;
use crate::order;

/// Values a second: a picture at 60 frames a second meets nearly every one.
const RATE: u32 = 50;
const STEP: usize = (FRAME_RATE / RATE) as usize;
/// "About a second" of smoothing for the energy.
const ENERGY_RADIUS: usize = FRAME_RATE as usize / 2;
/// A pulse falls to a twentieth in 300 ms.
const PULSE_SECONDS: f64 = 0.3;
/// A band falls by half in 100 ms, so that drums are seen.
const FALL: f32 = 0.933;
/// The song's own loudest.
const LOUDEST: f64 = 0.98;

/// The curves of a song with these `features`, `beats` in seconds and, of those, which open bars.
pub fn curves(features: &Features, beats: &[f64], downbeats: &[bool]) -> Envelopes {
    let openings: Vec<f64> = beats
        .iter()
        .zip(downbeats)
        .filter_map(|(time, opens)| opens.then_some(*time))
        .collect();
    let values = features.frames.div_ceil(STEP);
    let [bass, mid, treble] = features.bands.each_ref().map(|band| bytes(&falling(band)));
    Envelopes {
        rate_hz: f64::from(RATE),
        energy: bytes(&energy(features)),
        bass,
        mid,
        treble,
        beat: pulses(beats, values),
        downbeat: pulses(&openings, values),
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

/// One byte for each step: the greatest of its frames.
fn bytes(curve: &[f32]) -> Vec<u8> {
    curve
        .chunks(STEP)
        .map(|frames| frames.iter().fold(0.0_f32, |most, value| most.max(*value)))
        .map(|value| (value * 255.0).round() as u8)
        .collect()
}

/// 255 at each of `times`, falling to 0; `count` values.
fn pulses(times: &[f64], count: usize) -> Vec<u8> {
    let mut values = vec![0_u8; count];
    for time in times {
        let first = (time * f64::from(RATE)).round() as usize;
        for (at, value) in values.iter_mut().enumerate().skip(first) {
            let since = (at as f64 / f64::from(RATE) - time).max(0.0);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pulse_is_full_on_its_beat_and_gone_after_300_ms() {
        let values = pulses(&[1.003], 100);
        assert_eq!(values[49], 0, "nothing before the beat");
        assert_eq!(values[50], 255);
        assert!(values[55] < 255 && values[55] > 0);
        assert_eq!(values[66], 0);
    }

    #[test]
    fn silence_moves_nothing() {
        let features = Features {
            frames: 500,
            level: vec![0.0; 500],
            bands: [const { Vec::new() }; 3].map(|_: Vec<f32>| vec![0.0; 500]),
            ..Features::default()
        };
        let curves = curves(&features, &[], &[]);
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
            curves(&features, &[], &[])
        };
        assert_eq!(of(0.5), of(0.001));
    }
}
