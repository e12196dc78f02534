//! The song with a click on each beat, to hear whether they are right.

use std::f64::consts::TAU;
use std::path::Path;

use anyhow::Context;
use media::audio::{AudioError, CanonicalWav, CanonicalWriter};
use model::analysis::Beat;

/// How long a click lasts, in seconds.
const LENGTH: f64 = 0.06;
/// How fast it fades: to a hundredth in its length.
const FADE: f64 = 76.0;
/// Pitches in Hz: a beat, and the fifth above its octave where a bar opens.
const BEAT: f64 = 1_000.0;
const DOWNBEAT: f64 = 1_500.0;
const LOUDNESS: f64 = 0.55;
/// The song steps back so that clicks are heard over the loudest master.
const SONG: f32 = 0.5;
/// Samples a channel that are mixed at once.
const BLOCK: usize = 16 * 1024;

/// Writes the song in `canonical` with a click at each of `beats` to `path`, as WAV. A click begins on
/// the sample that is nearest to its beat.
pub(super) fn write(path: &Path, canonical: &Path, beats: &[Beat]) -> anyhow::Result<()> {
    mix(path, canonical, beats).with_context(|| format!("writing {}", path.display()))
}

fn mix(path: &Path, canonical: &Path, beats: &[Beat]) -> Result<(), AudioError> {
    let mut song = CanonicalWav::open(canonical)?;
    let shape = song.shape();
    let rate = f64::from(shape.sample_rate);
    let length = (LENGTH * rate) as usize;
    let channels = usize::from(shape.channels.max(1));
    let mut clicks: Vec<(usize, f64)> = beats
        .iter()
        .map(|beat| {
            let pitch = if beat.downbeat { DOWNBEAT } else { BEAT };
            ((beat.time.0 * rate).round() as usize, pitch)
        })
        .collect();
    let mut writer = CanonicalWriter::create(path, shape.sample_rate, shape.channels)?;
    let (mut at, mut block) = (0, Vec::new());
    loop {
        song.read_block(BLOCK, &mut block)?;
        if block.is_empty() {
            break;
        }
        let end = at + block.len() / channels;
        for (sample, frame) in (at..end).zip(block.chunks_exact_mut(channels)) {
            let sounding = clicks.iter().take_while(|(start, _)| *start <= sample);
            let click: f64 = sounding
                .map(|(start, pitch)| click(sample - start, *pitch, rate))
                .sum();
            for value in frame {
                *value = SONG * *value + click as f32;
            }
        }
        at = end;
        writer.write(&block)?;
        clicks.retain(|(start, _)| start + length > at);
    }
    writer.finish().map(|_| ())
}

/// The value of a click so many samples after its begin. It begins at once, at full height.
fn click(samples: usize, pitch: f64, rate: f64) -> f64 {
    let seconds = samples as f64 / rate;
    if seconds > LENGTH {
        return 0.0;
    }
    LOUDNESS * (-FADE * seconds).exp() * (TAU * pitch * seconds).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Seconds;

    /// Samples at which something begins after silence.
    fn onsets(samples: &[f32]) -> Vec<usize> {
        let mut quiet = LENGTH_IN_SAMPLES;
        let mut found = Vec::new();
        for (at, value) in samples.iter().enumerate() {
            if value.abs() > 0.2 && quiet >= LENGTH_IN_SAMPLES / 2 {
                found.push(at);
            }
            quiet = if value.abs() > 0.01 { 0 } else { quiet + 1 };
        }
        found
    }

    const LENGTH_IN_SAMPLES: usize = 480;

    /// Half-waves of the first 5 ms behind a sample.
    fn crossings(samples: &[f32], from: usize) -> usize {
        let signs = samples[from..from + 240].windows(2);
        signs
            .filter(|pair| (pair[0] > 0.0) != (pair[1] > 0.0))
            .count()
    }

    #[test]
    fn each_click_begins_on_the_sample_of_its_beat_and_is_higher_where_a_bar_opens() {
        let scratch = tempfile::tempdir().unwrap();
        let (song, out) = (
            scratch.path().join("song.wav"),
            scratch.path().join("out.wav"),
        );
        let mut writer = CanonicalWriter::create(&song, 48_000, 2).unwrap();
        writer.write(&vec![0.0; 2 * 48_000 * 3]).unwrap();
        writer.finish().unwrap();
        let times = [0.0, 0.341_34, 0.777_777, 1.5, 2.999_9];
        let beats: Vec<Beat> = times
            .iter()
            .enumerate()
            .map(|(at, time)| Beat {
                time: Seconds(*time),
                downbeat: at % 2 == 1,
            })
            .collect();

        write(&out, &song, &beats).unwrap();

        let mut mixed = CanonicalWav::open(&out).unwrap();
        assert_eq!(mixed.shape().samples, 3 * 48_000);
        let mut both = Vec::new();
        mixed.read_block(3 * 48_000, &mut both).unwrap();
        let left: Vec<f32> = both.iter().step_by(2).copied().collect();
        let expected = times.map(|time| (time * 48_000.0).round() as usize);
        assert_eq!(onsets(&left), expected);
        assert_eq!(crossings(&left, expected[0]), 10, "1 kHz");
        assert_eq!(crossings(&left, expected[1]), 15, "1.5 kHz");
    }
}
