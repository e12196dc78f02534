//! Songs as we decode them, beside what ffmpeg, which cuts the film, makes of the same file.
//!
//! Lengths are equal to the sample, nothing is early or late by a sample, and samples differ by a unit or
//! two of 16 bits at most; where the rate has to be changed, by less than 60 dB below the song.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use media::audio::{self, CanonicalWav, Limits};
use tempfile::TempDir;

/// One unit of 16 bits.
const UNIT: f32 = 1.0 / 32_768.0;
/// Ours is rounded to 16 bits, which is half a unit.
const ROUNDING: f32 = 0.51 * UNIT;
/// Two decoders of one MP3 differ in the order of their sums.
const MP3: f32 = 1.0 * UNIT;
/// Where a rate is changed, two good filters differ by so much; 60 dB below the song.
const RESAMPLED_DECIBELS: f64 = -60.0;

/// Frames at either end that filters reach beyond.
const ENDS: usize = 2_000;

/// A file to decode, and what there is to compare with.
struct Case {
    folder: TempDir,
    file: PathBuf,
    rate: u32,
    channels: u16,
    /// Frames that were encoded.
    frames: usize,
}

/// Interleaved samples and how many channels they have.
struct Sound {
    rate: u32,
    channels: usize,
    samples: Vec<f32>,
}

impl Sound {
    fn frames(&self) -> usize {
        self.samples.len() / self.channels
    }

    fn channel(&self, channel: usize) -> Vec<f32> {
        let samples = self.samples.iter().skip(channel);
        samples.step_by(self.channels).copied().collect()
    }
}

/// `seconds` of notes below three quarters of the band, with bursts that repeat nowhere, other ones in
/// each channel.
fn music(rate: u32, channels: u16, seconds: f64) -> Vec<f32> {
    let frames = (seconds * f64::from(rate)) as usize;
    let top = 0.75 * f64::from(rate.min(48_000)) / 2.0;
    let mut samples = Vec::with_capacity(frames * usize::from(channels));
    for at in 0..frames {
        let time = at as f64 / f64::from(rate);
        for channel in 0..channels {
            let shift = f64::from(channel);
            // A sweep up to the top and back, a low note, and a swell that never repeats in two seconds.
            let turns = (0.5 + 0.1 * shift) * time;
            let swept = top * (0.5 * time - (std::f64::consts::TAU * turns).sin() / 8.0);
            let swell = 0.5 + 0.5 * (7.0 * time * time + shift).sin();
            let value = 0.4 * swell * (std::f64::consts::TAU * swept).sin()
                + 0.2 * (std::f64::consts::TAU * (110.0 + 30.0 * shift) * time).sin();
            samples.push(value as f32);
        }
    }
    samples
}

fn ffmpeg(arguments: &[&str]) -> Vec<u8> {
    let program = tools::ffmpeg().expect("an ffmpeg");
    let output = Command::new(program)
        .args(["-v", "error", "-nostdin", "-y"])
        .args(arguments)
        .output()
        .expect("ffmpeg starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ffmpeg {arguments:?}: {said}");
    output.stdout
}

impl Case {
    /// Music of this shape, encoded by ffmpeg as `encoding` says.
    fn new(rate: u32, channels: u16, extension: &str, encoding: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let raw = folder.path().join("song.raw");
        let samples = music(rate, channels, 2.345);
        let bytes: Vec<u8> = samples.iter().flat_map(|x| x.to_le_bytes()).collect();
        fs::write(&raw, bytes).unwrap();
        let file = folder.path().join("song").with_added_extension(extension);
        let (hz, count) = (rate.to_string(), channels.to_string());
        let mut arguments = vec!["-f", "f32le", "-ar", &hz, "-ac", &count, "-i"];
        arguments.push(raw.to_str().unwrap());
        arguments.extend(encoding);
        arguments.push(file.to_str().unwrap());
        ffmpeg(&arguments);
        Self {
            frames: samples.len() / usize::from(channels),
            folder,
            file,
            rate,
            channels,
        }
    }

    /// The same, its bytes changed.
    fn changed(self, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut bytes = fs::read(&self.file).unwrap();
        change(&mut bytes);
        fs::write(&self.file, bytes).unwrap();
        self
    }

    fn ours(&self) -> Sound {
        let canonical = self.folder.path().join("canonical.wav");
        audio::canonicalise(&self.file, &canonical, &Limits::default()).unwrap();
        read(&canonical)
    }

    /// As ffmpeg decodes it, in our rate and our number of channels; at 16 bits where it folds channels,
    /// since it keeps what clips otherwise.
    fn theirs(&self) -> Sound {
        let rate = match self.rate {
            44_100 => 44_100,
            _ => 48_000,
        };
        let channels = self.channels.min(2);
        let (hz, count) = (rate.to_string(), channels.to_string());
        let mut arguments = vec!["-i", self.file.to_str().unwrap()];
        let folded = self.channels > 2;
        let format = if folded { "s16le" } else { "f32le" };
        arguments.extend(["-f", format, "-ar", &hz, "-ac", &count, "-"]);
        let bytes = ffmpeg(&arguments);
        let samples = if folded {
            let (samples, _) = bytes.as_chunks::<2>();
            let number = |bytes: &[u8; 2]| f32::from(i16::from_le_bytes(*bytes)) * UNIT;
            samples.iter().map(number).collect()
        } else {
            let (samples, _) = bytes.as_chunks::<4>();
            samples.iter().map(|x| f32::from_le_bytes(*x)).collect()
        };
        Sound {
            rate,
            channels: usize::from(channels),
            samples,
        }
    }
}

fn read(path: &Path) -> Sound {
    let mut reader = CanonicalWav::open(path).unwrap();
    let shape = reader.shape();
    let mut samples = Vec::new();
    reader
        .read_block(shape.samples as usize, &mut samples)
        .unwrap();
    Sound {
        rate: shape.sample_rate,
        channels: usize::from(shape.channels),
        samples,
    }
}

/// By how many samples `ours` comes after `theirs`: where the cross-correlation of what lies around the
/// middle is greatest.
fn lag(ours: &[f32], theirs: &[f32]) -> i64 {
    const REACH: usize = 1_500; // more than the delay of any encoder
    const WINDOW: usize = 2_048;
    let from = theirs.len().min(ours.len()) / 2 - WINDOW / 2;
    let theirs = &theirs[from..from + WINDOW];
    let likeness = |shift: &usize| {
        let ours = &ours[from + shift - REACH..][..WINDOW];
        let products = ours.iter().zip(theirs).map(|(a, b)| f64::from(a * b));
        products.sum::<f64>() / ours.iter().map(|a| f64::from(a * a)).sum::<f64>().sqrt()
    };
    let best = (0..=2 * REACH).max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    best.unwrap() as i64 - REACH as i64
}

fn decibels_of_difference(ours: &[f32], theirs: &[f32]) -> f64 {
    let power =
        |values: &mut dyn Iterator<Item = f32>| values.map(|x| f64::from(x).powi(2)).sum::<f64>();
    let difference = power(&mut ours.iter().zip(theirs).map(|(a, b)| a - b));
    10.0 * (difference / power(&mut theirs.iter().copied())).log10()
}

/// Length, lag and samples of our decoding, against ffmpeg's of the same file.
fn check(name: &str, case: &Case, tolerance: f32) {
    let (ours, theirs) = (case.ours(), case.theirs());
    assert_eq!(ours.rate, theirs.rate, "{name}");
    assert_eq!(ours.channels, theirs.channels, "{name}");
    let resampled = ours.rate != case.rate;
    // Resamplers round the length as they like.
    let most_longer = usize::from(resampled);
    let difference = ours.frames().abs_diff(theirs.frames());
    assert!(
        difference <= most_longer,
        "{name}: {} frames, {} by ffmpeg",
        ours.frames(),
        theirs.frames()
    );
    for channel in 0..ours.channels {
        let (ours, theirs) = (ours.channel(channel), theirs.channel(channel));
        assert_eq!(lag(&ours, &theirs), 0, "{name}, channel {channel}");
        if resampled {
            // What lies beyond the ends is silence for us, a mirror image for ffmpeg.
            let inside = ENDS..ours.len().min(theirs.len()) - ENDS;
            let decibels = decibels_of_difference(&ours[inside.clone()], &theirs[inside]);
            assert!(
                decibels < RESAMPLED_DECIBELS,
                "{name}, channel {channel}: {decibels:.1} dB"
            );
        } else {
            let pairs = ours.iter().zip(&theirs);
            let most = pairs.fold(0.0_f32, |most, (a, b)| {
                most.max((a - b.clamp(-1.0, 1.0)).abs())
            });
            assert!(
                most <= tolerance,
                "{name}, channel {channel}: {:.2} units apart",
                most / UNIT
            );
        }
    }
}

/// The same, and as long as what was encoded.
fn check_gapless(name: &str, case: &Case, tolerance: f32) {
    check(name, case, tolerance);
    let expected =
        (case.frames as f64 * f64::from(case.ours().rate) / f64::from(case.rate)).round();
    assert_eq!(case.ours().frames(), expected as usize, "{name}");
}

#[test]
fn an_mp3_of_any_rate_is_as_long_as_its_original_and_sounds_as_ffmpeg_has_it() {
    for rate in [
        8_000, 11_025, 12_000, 16_000, 22_050, 32_000, 44_100, 48_000,
    ] {
        for channels in [1, 2] {
            let bits = if rate < 16_000 { "32k" } else { "96k" };
            let case = Case::new(rate, channels, "mp3", &["-c:a", "libmp3lame", "-b:a", bits]);
            check_gapless(&format!("{rate} Hz, {channels} channels"), &case, MP3);
        }
    }
}

/// At 24 kHz ffmpeg 5 and others let a band begin at line 330, where ISO 13818-3 and encoders have 332: what sounds there is off by as much as it is loud. So the original is what there is to compare
/// with; the encoder makes it a little softer.
#[test]
fn an_mp3_of_24_khz_is_as_its_original() {
    const SOFTER: f32 = 0.95;
    let encoded = Case::new(24_000, 1, "mp3", &["-c:a", "libmp3lame", "-b:a", "96k"]).ours();
    let original = Case::new(24_000, 1, "wav", &["-c:a", "pcm_s24le"]).ours();
    assert_eq!(encoded.frames(), original.frames());
    let expected: Vec<f32> = original.samples.iter().map(|x| SOFTER * x).collect();
    assert_eq!(lag(&encoded.samples, &expected), 0);
    let decibels = decibels_of_difference(&encoded.samples, &expected);
    assert!(decibels < -40.0, "{decibels:.1} dB");
}

#[test]
fn an_mp3_of_variable_or_joint_bits_is_as_its_original_too() {
    for (name, options) in [
        ("variable", ["-q:a", "2"].as_slice()),
        ("average", &["-abr", "1", "-b:a", "128k"]),
        ("joint", &["-joint_stereo", "1", "-b:a", "64k"]),
        (
            "with a cover's tag",
            &["-metadata", "title=A song", "-id3v2_version", "4"],
        ),
    ] {
        let encoding = [&["-c:a", "libmp3lame"], options].concat();
        check_gapless(name, &Case::new(44_100, 2, "mp3", &encoding), MP3);
    }
}

/// Nothing tells how much of such a file is padding: it stays, where ffmpeg leaves it, so that sound and
/// picture agree.
#[test]
fn an_mp3_without_a_gapless_tag_keeps_its_padding_as_with_ffmpeg() {
    for rate in [22_050, 44_100, 48_000] {
        let encoding = ["-c:a", "libmp3lame", "-b:a", "96k", "-write_xing", "0"];
        check(
            &format!("{rate} Hz without a tag"),
            &Case::new(rate, 2, "mp3", &encoding),
            MP3,
        );
    }
    // A tag with the number of frames, by an encoder that does not say what it padded.
    let unknown = Case::new(44_100, 2, "mp3", &["-c:a", "libmp3lame"]).changed(|bytes| {
        let at = bytes
            .windows(4)
            .position(|word| word == b"Lavc" || word == b"Lavf");
        bytes[at.expect("an encoder's name")..][..4].copy_from_slice(b"GOGO");
    });
    check("of another encoder", &unknown, MP3);
}

#[test]
fn a_wav_of_any_depth_is_exactly_what_it_was() {
    for (codec, channels, rate) in [
        ("pcm_u8", 1, 44_100),
        ("pcm_s16le", 2, 44_100),
        ("pcm_s24le", 2, 48_000),
        ("pcm_s32le", 1, 44_100),
        ("pcm_f32le", 2, 44_100),
        ("pcm_f64le", 2, 48_000),
    ] {
        let case = Case::new(rate, channels, "wav", &["-c:a", codec]);
        check_gapless(codec, &case, ROUNDING);
    }
}

#[test]
fn a_flac_of_any_depth_is_exactly_what_it_was() {
    for (format, channels, rate) in [
        ("s16", 1, 44_100),
        ("s16", 2, 48_000),
        ("s32", 2, 44_100), // 24 bits
    ] {
        let case = Case::new(
            rate,
            channels,
            "flac",
            &["-c:a", "flac", "-sample_fmt", format],
        );
        check_gapless(format, &case, ROUNDING);
    }
}

#[test]
fn odd_rates_come_out_in_time_and_in_tune() {
    for rate in [8_000, 16_000, 22_050, 32_000, 88_200, 96_000, 192_000] {
        for (extension, codec) in [("wav", "pcm_s24le"), ("flac", "flac")] {
            let case = Case::new(rate, 2, extension, &["-c:a", codec]);
            check_gapless(&format!("{rate} Hz {extension}"), &case, ROUNDING);
        }
    }
}

#[test]
fn surround_is_folded_as_ffmpeg_folds_it() {
    for channels in [6, 8] {
        for (extension, codec) in [("wav", "pcm_s16le"), ("flac", "flac")] {
            let case = Case::new(48_000, channels, extension, &["-c:a", codec]);
            // ffmpeg folds in integers of its own.
            check_gapless(
                &format!("{channels} channels, {extension}"),
                &case,
                2.0 * UNIT,
            );
        }
    }
}

#[test]
fn a_file_that_breaks_off_is_heard_up_to_there_as_by_ffmpeg() {
    for (extension, codec) in [
        ("mp3", "libmp3lame"),
        ("flac", "flac"),
        ("wav", "pcm_s16le"),
    ] {
        let case = Case::new(44_100, 2, extension, &["-c:a", codec]);
        let case = case.changed(|bytes| bytes.truncate(bytes.len() * 3 / 5 / 4 * 4));
        let (ours, theirs) = (case.ours(), case.theirs());
        // Of the packet that is cut, one may give a part and the other silence or nothing.
        let longest_packet = 4_608;
        let difference = ours.frames().abs_diff(theirs.frames());
        assert!(
            difference <= longest_packet,
            "{extension}: {difference} frames"
        );
        let whole = ours.frames().min(theirs.frames()) - longest_packet;
        let (ours, theirs) = (&ours.samples[..2 * whole], &theirs.samples[..2 * whole]);
        let pairs = ours.iter().zip(theirs);
        let most = pairs.fold(0.0_f32, |most, (a, b)| most.max((a - b).abs()));
        assert!(most <= MP3, "{extension}: {:.2} units apart", most / UNIT);
    }
}
