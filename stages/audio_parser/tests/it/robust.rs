//! Odd, damaged and senseless files: something sensible is heard, or it is said what is wrong.

use std::f64::consts::TAU;

use audio_parser::hearing::Hearing;
use media::audio::AudioError;
use testkit::sound;

use crate::anything::heard;

/// Two seconds with clicks every half second.
const MP3: &[u8] = include_bytes!("../../../../common/media/fixtures/clicks.mp3");
const FLAC: &[u8] = include_bytes!("../../../../common/media/fixtures/clicks.flac");
/// Longer than any of the songs here.
const LONG: f64 = 60.0;

/// How samples are written.
#[derive(Clone, Copy)]
enum Depth {
    Bits16,
    Bits24,
    Float,
}

/// A WAV file of `channels` at `rate` Hz.
fn wav(rate: u32, channels: u16, depth: Depth, interleaved: impl Iterator<Item = f32>) -> Vec<u8> {
    let (tag, bits) = match depth {
        Depth::Bits16 => (1_u16, 16_u16),
        Depth::Bits24 => (1, 24),
        Depth::Float => (3, 32),
    };
    let scaled =
        |sample: f32, scale: f32| (sample * scale).round().clamp(-scale, scale - 1.0) as i32;
    let data: Vec<u8> = interleaved
        .flat_map(|sample| match depth {
            Depth::Bits16 => scaled(sample, 32_768.0).to_le_bytes()[..2].to_vec(),
            Depth::Bits24 => scaled(sample, 8_388_608.0).to_le_bytes()[..3].to_vec(),
            Depth::Float => sample.to_le_bytes().to_vec(),
        })
        .collect();
    let block = channels * (bits / 8);
    let head = [
        b"RIFF".as_slice(),
        &(36 + data.len() as u32).to_le_bytes(),
        b"WAVEfmt \x10\0\0\0",
        &tag.to_le_bytes(),
        &channels.to_le_bytes(),
        &rate.to_le_bytes(),
        &(rate * u32::from(block)).to_le_bytes(),
        &block.to_le_bytes(),
        &bits.to_le_bytes(),
        b"data",
        &(data.len() as u32).to_le_bytes(),
    ];
    [head.concat(), data].concat()
}

/// Clicks of a kilohertz, 120 a minute.
fn clicks(rate: u32, seconds: f64) -> impl Iterator<Item = f32> {
    (0..(seconds * f64::from(rate)) as u32).map(move |at| {
        let since = f64::from(at % (rate / 2)) / f64::from(rate);
        (0.8 * (-since * 150.0).exp() * (TAU * 1_000.0 * since).sin()) as f32
    })
}

fn noise() -> impl FnMut() -> f32 {
    let mut state = 1_u32;
    move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / f32::from(1_u16 << 15) / 256.0 - 1.0
    }
}

fn has_120_bpm(name: &str, hearing: &Hearing) {
    let bpm = hearing.tempo().bpm;
    assert!((bpm - 120.0).abs() < 0.2, "{name}: {bpm} bpm");
    let on_clicks = hearing.beats().iter().filter(|beat| {
        let place = beat.time.0 / 0.5;
        (place - place.round()).abs() * 0.5 < 0.02
    });
    let share = on_clicks.count() as f64 / hearing.beats().len() as f64;
    assert!(share > 0.95, "{name}: {share} of the beats");
}

#[test]
fn clicks_are_heard_in_every_shape_that_is_accepted() {
    let song = || clicks(44_100, 12.0);
    let mut at = 0_u32;
    let mut sprinkled = |sample: f32| {
        at += 1;
        match at % 4_999 {
            7 => f32::NAN,
            8 => f32::INFINITY,
            9 => f32::NEG_INFINITY,
            _ => sample,
        }
    };
    let eight = clicks(48_000, 12.0).flat_map(|sample| [sample; 8]);
    let out_of_phase = song().flat_map(|sample| [sample, -sample]);
    for (name, file) in [
        (
            "8 kHz mono",
            wav(8_000, 1, Depth::Bits16, clicks(8_000, 12.0)),
        ),
        (
            "192 kHz",
            wav(192_000, 1, Depth::Bits24, clicks(192_000, 12.0)),
        ),
        ("8 channels", wav(48_000, 8, Depth::Bits16, eight)),
        (
            "clipped",
            wav(
                44_100,
                1,
                Depth::Bits16,
                song().map(|x| (30.0 * x).clamp(-1.0, 1.0)),
            ),
        ),
        (
            "beyond full scale",
            wav(44_100, 1, Depth::Float, song().map(|x| 1e6 * x)),
        ),
        (
            "hardly audible",
            wav(44_100, 1, Depth::Float, song().map(|x| 3e-3 * x)),
        ),
        (
            "not numbers",
            wav(44_100, 1, Depth::Float, song().map(&mut sprinkled)),
        ),
        ("out of phase", wav(44_100, 2, Depth::Bits16, out_of_phase)),
        (
            "an offset",
            wav(44_100, 1, Depth::Bits16, song().map(|x| 0.5 * x + 0.4)),
        ),
    ] {
        has_120_bpm(name, &heard(&file, LONG).expect(name));
    }
}

#[test]
fn what_is_no_music_has_no_pulse_or_an_unsure_one() {
    let mut random = noise();
    let white = (0..20 * 44_100).map(|_| 0.5 * random());
    let white = heard(&wav(44_100, 1, Depth::Bits16, white), LONG).unwrap();
    assert!(white.tempo().confidence < 0.3, "{:?}", white.tempo());
    for part in white.sections() {
        assert!(part.beat_confidence.unwrap_or(0.0) < 0.5, "{part:?}");
    }
    let silence = wav(
        44_100,
        2,
        Depth::Bits16,
        std::iter::repeat_n(0.0, 2 * 10 * 44_100),
    );
    let only_nan = wav(
        44_100,
        1,
        Depth::Float,
        std::iter::repeat_n(f32::NAN, 5 * 44_100),
    );
    let offset = wav(
        44_100,
        1,
        Depth::Bits16,
        std::iter::repeat_n(0.5, 5 * 44_100),
    );
    for file in [silence, only_nan] {
        assert!(heard(&file, LONG).unwrap().beats().is_empty());
    }
    let offset = heard(&offset, LONG).unwrap();
    assert!(offset.tempo().confidence < 0.3, "{:?}", offset.tempo());
}

#[test]
fn a_song_may_be_as_short_as_one_sample() {
    for frames in [1, 2, 100, 4_000] {
        for channels in [1_u16, 2] {
            let samples = std::iter::repeat_n(0.5, frames * usize::from(channels));
            let hearing = heard(&wav(44_100, channels, Depth::Bits16, samples), LONG).unwrap();
            assert_eq!(hearing.clip_grid().len(), 1);
        }
    }
}

#[test]
fn ten_minutes_are_heard_to_their_end() {
    let hearing = heard(&wav(8_000, 1, Depth::Bits16, clicks(8_000, 600.0)), 600.0).unwrap();
    has_120_bpm("ten minutes", &hearing);
    assert!(hearing.beats().last().unwrap().time.0 > 598.0);
    let longer = wav(8_000, 1, Depth::Bits16, clicks(8_000, 600.2));
    assert!(matches!(
        heard(&longer, 600.0),
        Err(AudioError::TooLong { .. })
    ));
}

#[test]
fn a_file_cut_off_anywhere_is_heard_as_far_as_it_goes_or_refused() {
    let plain = sound::click_track(120.0, 2.0).wav();
    for whole in [MP3, FLAC, &plain] {
        let mut longest = 0.0;
        for part in [1, 2, 4, 10, 44, 60, 100, 200, 500, 800, 999] {
            if let Ok(hearing) = heard(&whole[..whole.len() * part / 1_000], LONG) {
                let seconds = hearing.duration().0;
                assert!(
                    (longest..2.06).contains(&seconds),
                    "{part} of 1000: {seconds} s"
                );
                longest = seconds;
            }
        }
        assert!(longest > 1.8, "{longest}");
    }
    for nothing in [
        &b""[..],
        b"RIFF",
        b"fLaC",
        b"ID3",
        &[0xff; 5_000],
        &[0; 5_000],
        b"\xff\xfb\x90\x64",
    ] {
        let told = heard(nothing, LONG).expect_err("it is no song").to_string();
        assert!(told.len() > 20, "{told}");
    }
}

/// What the fuzz target does, for as long as a test may: the same files in every run.
#[test]
fn files_with_flipped_inserted_and_missing_bytes_are_heard_or_refused() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % limit.max(1) as u64) as usize
    };
    let float = wav(22_050, 1, Depth::Float, clicks(22_050, 1.0));
    let plain = wav(44_100, 2, Depth::Bits16, clicks(44_100, 0.5));
    for original in [MP3, FLAC, &plain, &float] {
        for _ in 0..30 {
            let mut bytes = original.to_vec();
            for _ in 0..=below(6) {
                // Half of the damage is done to headers.
                let among = [200, bytes.len()][below(2)].min(bytes.len());
                let at = below(among);
                match below(4) {
                    0 => bytes.insert(at, below(256) as u8),
                    1 => drop(bytes.drain(at..(at + below(40)).min(bytes.len()))),
                    _ => bytes[at] = below(256) as u8,
                }
            }
            // Both outcomes are fine; `heard` fails the test where neither comes about.
            let _ = heard(&bytes, 5.0);
        }
    }
}
