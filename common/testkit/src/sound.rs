//! Synthetic sound whose every beat is known.

use std::f32::consts::TAU;
use std::io::Cursor;

/// CD rate, so that a test hears what intake would make of most uploads.
const SAMPLE_RATE: u32 = 44_100;

/// Mono sound, samples in −1 to 1.
#[derive(Debug, Clone)]
pub struct Sound {
    /// The samples.
    pub samples: Vec<f32>,
    /// Samples a second.
    pub sample_rate: u32,
}

impl Sound {
    /// As a WAV file: 16-bit PCM, mono.
    pub fn wav(&self) -> Vec<u8> {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: self.sample_rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut bytes, spec).expect("a fixed, valid format");
        for sample in &self.samples {
            let value = (sample.clamp(-1.0, 1.0) * 32_767.0).round() as i16;
            writer.write_sample(value).expect("memory takes all");
        }
        writer.finalize().expect("memory takes all");
        bytes.into_inner()
    }

    /// Its length in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(self.sample_rate)
    }

    fn silence(seconds: f64) -> Self {
        let samples = (seconds * f64::from(SAMPLE_RATE)).round() as usize;
        Self {
            samples: vec![0.0; samples],
            sample_rate: SAMPLE_RATE,
        }
    }

    /// Adds `voice`, a function of the seconds since `start`, for `seconds` or up to the end.
    fn add(&mut self, start: f64, seconds: f64, mut voice: impl FnMut(f32) -> f32) {
        let rate = f64::from(self.sample_rate);
        let first = (start * rate).round() as usize;
        let count = (seconds * rate).round() as usize;
        for (n, sample) in self.samples.iter_mut().skip(first).take(count).enumerate() {
            *sample += voice((n as f64 / rate) as f32);
        }
    }
}

/// A click on every beat, the first at 0 s, every fourth one louder and higher.
pub fn click_track(bpm: f64, seconds: f64) -> Sound {
    let mut sound = Sound::silence(seconds);
    let beat = 60.0 / bpm;
    for n in 0..(seconds / beat).ceil() as u32 {
        let (level, hz) = if n % 4 == 0 {
            (0.9, 1_600.0)
        } else {
            (0.6, 1_000.0)
        };
        sound.add(f64::from(n) * beat, 0.03, |t| {
            level * (-150.0 * t).exp() * (TAU * hz * t).sin()
        });
    }
    sound
}

/// A sine at half of full level.
pub fn tone(hz: f32, seconds: f64) -> Sound {
    let mut sound = Sound::silence(seconds);
    // The phase is reduced in f64: a float's would be audibly wrong after some minutes.
    let rate = f64::from(SAMPLE_RATE);
    for (n, sample) in sound.samples.iter_mut().enumerate() {
        let turns = (n as f64 * f64::from(hz) / rate).fract() as f32;
        *sample = 0.5 * (TAU * turns).sin();
    }
    sound
}

/// A song at 120 beats a minute in four: chords alone for four bars, then bass and drums come in for
/// eight, and so on in turns of 8 s and 16 s. The first beat is at 0 s.
pub fn song(seconds: f64) -> Sound {
    const BEAT: f64 = 0.5;
    /// Roots of the chords, one a bar, in Hz: A minor, F, C, G.
    const ROOTS: [f32; 4] = [110.0, 87.31, 130.81, 98.0];
    let mut sound = Sound::silence(seconds);
    let mut noise = Noise(0x2545_f491);
    for (beat, time) in (0_u32..)
        .map(|n| (n, f64::from(n) * BEAT))
        .take_while(|(_, time)| *time < seconds)
    {
        let loud = time % 24.0 >= 8.0;
        let bar = beat as usize / 4;
        let root = ROOTS.iter().cycle().nth(bar % 4).copied().unwrap_or(110.0);
        if beat % 4 == 0 {
            add_chord(&mut sound, time, root, if loud { 0.05 } else { 0.03 });
        }
        if loud {
            add_drums(&mut sound, &mut noise, beat, time);
            sound.add(time, BEAT, |t| {
                0.25 * (-4.0 * t).exp() * (TAU * root * 0.5 * t).sin()
            });
        }
    }
    sound
}

/// A song whose bars have `metre` beats of a quarter each, `bpm` a minute: a chord and a kick open each bar,
/// a second kick the latter group of 5 (3 + 2) and 7 (4 + 3) beats, and a snare strikes the other beats.
pub fn song_of_bars(metre: u32, bpm: f64, seconds: f64) -> Sound {
    const ROOTS: [f32; 4] = [110.0, 87.31, 130.81, 98.0];
    let mut sound = Sound::silence(seconds);
    let mut noise = Noise(0x2545_f491);
    let beat_seconds = 60.0 / bpm;
    for beat in 0..(seconds / beat_seconds) as u32 {
        let (bar, place) = (beat / metre, beat % metre);
        let time = f64::from(beat) * beat_seconds;
        let root = ROOTS
            .iter()
            .cycle()
            .nth(bar as usize)
            .copied()
            .unwrap_or(110.0);
        if place == 0 {
            add_chord(&mut sound, time, root, 0.05);
            sound.add(time, f64::from(metre) * beat_seconds, |t| {
                0.2 * (-1.5 * t).exp() * (TAU * root * 0.5 * t).sin()
            });
        }
        let kick = place == 0 || (metre > 4 && place == metre.div_ceil(2));
        // Kicks are those of even beats, snares those of odd ones.
        add_drums(&mut sound, &mut noise, u32::from(!kick), time);
    }
    sound
}

/// Root, fifth, octave and third above, over one bar, swelling and fading.
fn add_chord(sound: &mut Sound, time: f64, root: f32, level: f32) {
    for ratio in [2.0, 3.0, 4.0, 4.76] {
        let swell = |t: f32| (t * 8.0).min(1.0) * ((2.0 - t) * 8.0).clamp(0.0, 1.0);
        sound.add(time, 2.0, |t| {
            level * swell(t) * (TAU * root * ratio * t).sin()
        });
    }
}

/// Kick on one and three, snare on two and four, hi-hat on every eighth.
fn add_drums(sound: &mut Sound, noise: &mut Noise, beat: u32, time: f64) {
    if beat.is_multiple_of(2) {
        sound.add(time, 0.2, |t| {
            0.5 * (-18.0 * t).exp() * (TAU * (50.0 * t + 3.0 * (1.0 - (-30.0 * t).exp()))).sin()
        });
    } else {
        sound.add(time, 0.15, |t| 0.3 * (-25.0 * t).exp() * noise.next());
    }
    for eighth in [0.0, 0.25] {
        sound.add(time + eighth, 0.05, |t| {
            0.1 * (-90.0 * t).exp() * noise.next()
        });
    }
}

/// White noise by xorshift: the same every time.
struct Noise(u32);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0.cast_signed() as f32 / i32::MAX as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(samples: &[f32]) -> f32 {
        (samples.iter().map(|x| x * x).sum::<f32>() / samples.len() as f32).sqrt()
    }

    #[test]
    fn clicks_lie_on_the_beats_and_silence_between_them() {
        let clicks = click_track(120.0, 4.0);
        for beat in 0..8 {
            let at = beat * 22_050;
            assert!(level(&clicks.samples[at..at + 400]) > 0.1);
            assert_eq!(level(&clicks.samples[at + 2_000..at + 22_000]), 0.0);
        }
    }

    #[test]
    fn the_loud_part_of_a_song_is_louder_and_nothing_clips() {
        let song = song(16.0);
        let (quiet, loud) = song.samples.split_at(8 * SAMPLE_RATE as usize);
        assert!(
            level(loud) > 2.0 * level(quiet),
            "{} {}",
            level(loud),
            level(quiet)
        );
        let peak = song
            .samples
            .iter()
            .fold(0.0_f32, |peak, x| peak.max(x.abs()));
        assert!((0.3..1.0).contains(&peak), "{peak}");
    }

    #[test]
    fn a_wav_holds_every_sample() {
        let sound = tone(440.0, 1.5);
        let reader = hound::WavReader::new(Cursor::new(sound.wav())).unwrap();
        assert_eq!(reader.len(), 66_150);
        assert_eq!(sound.seconds(), 1.5);
        assert_eq!(reader.spec().sample_rate, sound.sample_rate);
    }
}
