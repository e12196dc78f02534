//! Harmonic pitch classes and the tuning of a song.

use realfft::num_complex::Complex;

use crate::chroma::Chroma;

/// Parts of a semitone that are kept apart until the tuning is known.
const PARTS: usize = 3;
const BINS: usize = 12 * PARTS;
/// Peaks in this range (Hz) are folded: above it are mostly cymbals.
const RANGE: (f32, f32) = (60.0, 5_000.0);
/// Peaks in this range (Hz) tell the tuning.
const TUNING_RANGE: (f32, f32) = (100.0, 2_000.0);
/// A peak may be a fundamental, or the second to fifth harmonic of one: semitones below, and weight.
const HARMONICS: [(f32, f32); 5] = [
    (0.0, 1.0),
    (12.0, 0.6),
    (19.019_55, 0.36),
    (24.0, 0.216),
    (27.863_137, 0.129_6),
];
/// Less agreement than this between peaks says nothing about tuning.
const LEAST_AGREEMENT: f64 = 0.05;

/// Folds spectra into harmonic pitch classes.
///
/// E. Gómez, "Tonal Description of Music Audio Signals", doctoral thesis, UPF 2006, §3.2–3.5: spectral
/// peaks, tuning by the mean deviation from semitones, a weight by the distance to the semitone, and
/// a share for the notes of which a peak may be a harmonic, falling by 0.6 each.
pub struct PitchFolder {
    bin_hz: f32,
    first: usize,
    last: usize,
    /// Sum of the peaks' deviations from semitones as unit vectors, and of their weights.
    deviation: Complex<f64>,
    weight: f64,
    frames: Vec<[f32; BINS]>,
}

impl PitchFolder {
    /// For windows of `size` samples at `rate` Hz.
    pub fn new(rate: u32, size: usize) -> Self {
        let bin_hz = rate as f32 / size as f32;
        Self {
            bin_hz,
            first: ((RANGE.0 / bin_hz) as usize).max(2),
            last: ((RANGE.1 / bin_hz) as usize).min(size / 2 - 2),
            deviation: Complex::new(0.0, 0.0),
            weight: 0.0,
            frames: Vec::new(),
        }
    }

    /// Takes the magnitudes of one frame. `gain` sets where the log of a peak's strength begins to bend.
    pub fn take(&mut self, magnitudes: &[f32], gain: f32) {
        let mut bins = [0.0; BINS];
        for bin in self.first..=self.last {
            let (left, peak, right) = (magnitudes[bin - 1], magnitudes[bin], magnitudes[bin + 1]);
            if peak <= left || peak < right {
                continue;
            }
            let curve = left - 2.0 * peak + right;
            let shift = if curve < 0.0 {
                0.5 * (left - right) / curve
            } else {
                0.0
            };
            let hz = (bin as f32 + shift) * self.bin_hz;
            let pitch = 69.0 + 12.0 * (hz / 440.0).log2();
            let strength = (1.0 + gain * peak).ln();
            if hz > TUNING_RANGE.0 && hz < TUNING_RANGE.1 {
                let angle = std::f64::consts::TAU * f64::from(pitch);
                let weight = f64::from(strength);
                self.deviation += Complex::from_polar(weight, angle);
                self.weight += weight;
            }
            for (below, share) in HARMONICS {
                spread(&mut bins, pitch - below, strength * share);
            }
        }
        self.frames.push(bins);
    }

    /// How far the song is from A440 in semitones (−0.5 to 0.5), 0 where that cannot be told; and its
    /// pitch classes in that tuning, one value a frame.
    pub fn finish(self) -> (f32, Vec<Chroma>) {
        let agreement = self.deviation.norm() / self.weight.max(f64::MIN_POSITIVE);
        let tuning = if agreement > LEAST_AGREEMENT {
            (self.deviation.arg() / std::f64::consts::TAU) as f32
        } else {
            0.0
        };
        let weights = [-1.0_f32, 0.0, 1.0].map(|part| part / PARTS as f32);
        let tuned = self.frames.iter().map(|bins| {
            let mut chroma = [0.0; 12];
            for (class, value) in chroma.iter_mut().enumerate() {
                for off in weights {
                    let nearness = 0.5 + 0.5 * (std::f32::consts::TAU * off).cos();
                    *value += nearness * at(bins, class as f32 + tuning + off);
                }
            }
            chroma
        });
        (tuning, tuned.collect())
    }
}

/// Shares `strength` between the two bins next to `pitch`.
fn spread(bins: &mut [f32; BINS], pitch: f32, strength: f32) {
    let place = (pitch * PARTS as f32).rem_euclid(BINS as f32);
    let low = place.floor();
    let share = place - low;
    let low = low as usize % BINS;
    bins[low] += strength * (1.0 - share);
    bins[(low + 1) % BINS] += strength * share;
}

/// What lies at `pitch`, between two bins by their distances.
fn at(bins: &[f32; BINS], pitch: f32) -> f32 {
    let place = (pitch * PARTS as f32).rem_euclid(BINS as f32);
    let low = place.floor();
    let share = place - low;
    let low = low as usize % BINS;
    bins[low] * (1.0 - share) + bins[(low + 1) % BINS] * share
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spectrum::Spectrum;

    /// What is folded of notes (MIDI numbers) of ten harmonics each, in a tuning `cents` off A440.
    fn folded(notes: &[f32], cents: f32) -> (f32, Chroma) {
        let mut spectrum = Spectrum::new(8_192);
        let mut folder = PitchFolder::new(44_100, 8_192);
        let samples: Vec<f32> = (0..8_192)
            .map(|at| {
                let tones = notes.iter().flat_map(|note| {
                    let hz = 440.0 * ((note - 69.0 + cents / 100.0) / 12.0).exp2();
                    (1..=10_u8).map(move |harmonic| (hz, f32::from(harmonic)))
                });
                let phase = |hz: f32| std::f32::consts::TAU * hz * at as f32 / 44_100.0;
                tones
                    .map(|(hz, harmonic)| phase(hz * harmonic).sin() / harmonic / 10.0)
                    .sum()
            })
            .collect();
        folder.take(spectrum.of(&samples), 100.0);
        let (tuning, chroma) = folder.finish();
        (tuning, chroma[0])
    }

    #[test]
    fn the_tuning_of_a_chord_is_heard_within_five_cents() {
        for cents in [-40.0, -20.0, 0.0, 15.0, 35.0] {
            let (tuning, _) = folded(&[60.0, 64.0, 67.0], cents);
            // The harmonics lie up to 14 cents off their semitones, and pull a little.
            assert!((100.0 * tuning - cents).abs() < 5.0, "{cents}: {tuning}");
        }
    }

    #[test]
    fn the_notes_of_a_chord_are_its_strongest_pitch_classes_in_any_tuning() {
        for cents in [-40.0, 0.0, 35.0] {
            let (_, chroma) = folded(&[50.0, 57.0, 62.0, 65.0], cents);
            let mut order: Vec<usize> = (0..12).collect();
            order.sort_by(|a, b| chroma[*b].total_cmp(&chroma[*a]));
            order.truncate(3);
            order.sort_unstable();
            assert_eq!(order, [2, 5, 9], "{cents}: {chroma:?}");
        }
    }

    #[test]
    fn silence_has_no_pitch_and_the_usual_tuning() {
        let mut folder = PitchFolder::new(44_100, 8_192);
        folder.take(&vec![0.0; 4_097], 100.0);
        assert_eq!(folder.finish(), (0.0, vec![[0.0; 12]]));
    }
}
