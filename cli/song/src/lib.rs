//! The demo's own song: one minute at an exact tempo, made from a number, so nobody holds a right in it.
//!
//! A crate of its own only so that it is optimised in dev builds as well: the rest of the cli compiles
//! six times as fast without that. It must not know jobs or films. `score` decides which notes are
//! played, `voices` turns one note into sound, `space` places sound in a room, and this file mixes.

#![expect(
    clippy::indexing_slicing,
    reason = "signal code: every index is bounded by the length of the buffer it walks"
)]

mod oscillators;
mod score;
mod space;
mod voices;

use std::io::{self, Cursor};

use score::{Part, Score};
use space::Stereo;

/// Samples a second.
pub const SAMPLE_RATE: u32 = 44_100;
/// Beats a minute: at 128, a bar of four lasts 1.875 s and thirty-two of them one minute, exactly.
pub const TEMPO: f64 = 128.0;
/// Length in samples a channel.
pub const SAMPLES: usize = 60 * SAMPLE_RATE as usize;

/// A finished stereo mix, every sample within −1 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Song {
    /// What the left ear hears.
    pub left: Vec<f32>,
    /// What the right ear hears, as long as the left.
    pub right: Vec<f32>,
}

/// Plays the song of `seed`. The same seed gives the same samples.
pub fn play(seed: u64) -> Song {
    let score = Score::compose(seed);
    let mut noise = fastrand::Rng::with_seed(seed ^ 0x5eed);
    let [mut drums, mut low, mut wide, mut melody] = [(); 4].map(|()| Stereo::silence(SAMPLES));
    for note in &score.notes {
        let bus = match note.part {
            Part::Kick | Part::Clap | Part::Hat | Part::OpenHat | Part::Crash | Part::Riser => {
                &mut drums
            }
            Part::Bass => &mut low,
            Part::Pad => &mut wide,
            Part::Pluck | Part::Lead => &mut melody,
        };
        voices::play(note, &mut noise, bus);
    }
    // The kick makes room for itself: that is what makes such music breathe.
    let kicks = score.times_of(Part::Kick);
    space::duck(&mut low, &kicks, 0.75);
    space::duck(&mut wide, &kicks, 0.6);
    space::duck(&mut melody, &kicks, 0.25);
    // Three sixteenths: it never falls on the beat.
    space::echo(&mut melody, (0.75 * samples_a_beat()) as usize, 0.38);

    let mut mix = Stereo::silence(SAMPLES);
    for (bus, dry, wet) in [
        (&drums, 1.0, 0.06),
        (&low, 0.9, 0.0),
        (&wide, 0.8, 0.3),
        (&melody, 0.9, 0.28),
    ] {
        mix.add(bus, dry);
        if wet > 0.0 {
            mix.add(&space::reverb(bus), wet);
        }
    }
    space::finish(mix)
}

impl Song {
    /// The song as a WAV file, 16-bit.
    pub fn wav(&self) -> io::Result<Vec<u8>> {
        let format = hound::WavSpec {
            channels: 2,
            sample_rate: SAMPLE_RATE,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut bytes = Cursor::new(Vec::with_capacity(44 + self.left.len() * 4));
        let mut writer = hound::WavWriter::new(&mut bytes, format).map_err(io::Error::other)?;
        for (left, right) in self.left.iter().zip(&self.right) {
            for sample in [left, right] {
                let level = (sample * f32::from(i16::MAX)).round() as i16;
                writer.write_sample(level).map_err(io::Error::other)?;
            }
        }
        writer.finalize().map_err(io::Error::other)?;
        Ok(bytes.into_inner())
    }
}

/// Samples from one beat to the next; no whole number.
fn samples_a_beat() -> f64 {
    f64::from(SAMPLE_RATE) * 60.0 / TEMPO
}

#[cfg(test)]
mod tests {
    use model::analysis::SectionKind;

    use std::sync::LazyLock;

    use super::*;

    /// Played once for all tests.
    static SONG: LazyLock<Song> = LazyLock::new(|| play(1));

    fn level_of(song: &Song, bars: std::ops::Range<usize>) -> f64 {
        let bar = (4.0 * samples_a_beat()) as usize;
        let part = bars.start * bar..bars.end * bar;
        let squares: f64 = song.left[part.clone()]
            .iter()
            .zip(&song.right[part])
            .map(|(l, r)| f64::from(l * l + r * r) / 2.0)
            .sum();
        10.0 * (squares / ((bars.end - bars.start) * bar) as f64).log10()
    }

    #[test]
    fn it_lasts_a_minute_neither_clips_nor_clicks_and_choruses_are_louder_than_verses() {
        let song = &*SONG;
        assert_eq!((song.left.len(), song.right.len()), (SAMPLES, SAMPLES));
        let peak = song
            .left
            .iter()
            .chain(&song.right)
            .fold(0.0f32, |peak, s| peak.max(s.abs()));
        assert!((0.8..0.99).contains(&peak), "peak {peak}");
        assert!(song.left[SAMPLES - 1].abs() < 1e-3, "it ends in silence");
        assert_ne!(song.left, song.right, "it is stereo");

        let levels: Vec<_> = score::bars_of_sections()
            .map(|(kind, bars)| (kind, level_of(song, bars)))
            .collect();
        let loudest_of = |kind: SectionKind| {
            levels
                .iter()
                .filter(|(k, _)| *k == kind)
                .map(|(_, level)| *level)
                .fold(-99.0, f64::max)
        };
        let chorus = loudest_of(SectionKind::Chorus);
        assert!(chorus > loudest_of(SectionKind::Verse) + 3.0, "{levels:?}");
        assert!(chorus > loudest_of(SectionKind::Break) + 5.0, "{levels:?}");
        assert!(chorus > -18.0, "{levels:?}");
    }

    #[test]
    fn a_kick_is_heard_on_the_beats_of_a_chorus() {
        let song = &*SONG;
        let chorus = score::bars_of_sections().find(|(kind, _)| *kind == SectionKind::Chorus);
        let first_beat = chorus.unwrap().1.start * 4;
        for beat in first_beat..first_beat + 8 {
            let at = (beat as f64 * samples_a_beat()).round() as usize;
            let energy =
                |part: std::ops::Range<usize>| song.left[part].iter().map(|s| s * s).sum::<f32>();
            assert!(
                energy(at..at + 2_000) > 1.5 * energy(at - 2_000..at),
                "beat {beat}"
            );
        }
    }

    #[test]
    fn a_seed_is_a_song() {
        assert_eq!(Score::compose(7), Score::compose(7));
        assert_ne!(Score::compose(7), Score::compose(8));
    }

    #[test]
    fn the_file_holds_every_sample() {
        let song = Song {
            left: vec![0.5, -1.0],
            right: vec![0.0, 1.0],
        };
        let mut wav = hound::WavReader::new(Cursor::new(song.wav().unwrap())).unwrap();
        let samples: Vec<i16> = wav.samples().map(Result::unwrap).collect();
        assert_eq!(samples, [16_384, 0, -32_767, 32_767]);
    }
}
