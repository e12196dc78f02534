//! What is accepted, what is refused, and that no header is believed.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::*;

/// Two seconds, mono, 44.1 kHz: clicks at 0.25, 0.75, 1.25 and 1.75 s.
const MP3: &[u8] = include_bytes!("../../fixtures/clicks.mp3");
const FLAC: &[u8] = include_bytes!("../../fixtures/clicks.flac");
const CLICKS: [f64; 4] = [0.25, 0.75, 1.25, 1.75];
const CLICK_SAMPLES: u64 = 88_200;

struct Song {
    shape: Canonical,
    samples: Vec<f32>,
}

impl Song {
    fn frame(&self, index: usize) -> &[f32] {
        let channels = usize::from(self.shape.channels);
        &self.samples[index * channels..(index + 1) * channels]
    }
}

fn heard_within(bytes: &[u8], limits: &Limits) -> Result<Song, AudioError> {
    let scratch = tempfile::tempdir().unwrap();
    let (source, canonical): (PathBuf, PathBuf) =
        (scratch.path().join("in"), scratch.path().join("out.wav"));
    std::fs::write(&source, bytes).unwrap();
    let shape = canonicalise(&source, &canonical, limits);
    assert_eq!(
        shape.is_ok(),
        canonical.exists(),
        "nothing half written stays"
    );
    let shape = shape?;
    let mut reader = CanonicalWav::open(&canonical).unwrap();
    assert_eq!(reader.shape(), shape, "the file is what was reported");
    let (mut samples, mut block) = (Vec::new(), Vec::new());
    while {
        reader.read_block(1_000, &mut block).unwrap();
        !block.is_empty()
    } {
        samples.extend_from_slice(&block);
    }
    Ok(Song { shape, samples })
}

fn heard(bytes: &[u8]) -> Result<Song, AudioError> {
    heard_within(
        bytes,
        &Limits {
            min_seconds: 0.0,
            max_seconds: 60.0,
        },
    )
}

fn why_refused(bytes: &[u8]) -> String {
    match heard(bytes) {
        Ok(song) => panic!("accepted as {:?}", song.shape),
        Err(error) => {
            assert!(error.is_about_the_file(), "{error:?}");
            let mut text = error.code().to_owned();
            write!(text, ": {error}").unwrap();
            text
        }
    }
}

/// A WAV file with the given format tag, channels, rate, bits, and data.
fn wav(tag: u16, channels: u16, rate: u32, bits: u16, data: &[u8]) -> Vec<u8> {
    let block = channels.wrapping_mul(bits / 8);
    let fmt = [
        &tag.to_le_bytes()[..],
        &channels.to_le_bytes(),
        &rate.to_le_bytes(),
        &rate.wrapping_mul(u32::from(block)).to_le_bytes(),
        &block.to_le_bytes(),
        &bits.to_le_bytes(),
    ]
    .concat();
    [
        b"RIFF".as_slice(),
        &(36 + data.len() as u32).to_le_bytes(),
        b"WAVEfmt \x10\0\0\0",
        &fmt,
        b"data",
        &(data.len() as u32).to_le_bytes(),
        data,
    ]
    .concat()
}

fn wav16(channels: u16, rate: u32, samples: impl IntoIterator<Item = i16>) -> Vec<u8> {
    let data: Vec<u8> = samples.into_iter().flat_map(i16::to_le_bytes).collect();
    wav(1, channels, rate, 16, &data)
}

fn wav_f32(rate: u32, samples: impl IntoIterator<Item = f32>) -> Vec<u8> {
    let data: Vec<u8> = samples.into_iter().flat_map(f32::to_le_bytes).collect();
    wav(3, 1, rate, 32, &data)
}

fn ramp(count: usize) -> impl Iterator<Item = i16> {
    (0..count).map(|index| (index * 37 % 65_536) as u16 as i16)
}

fn replaced(bytes: &[u8], at: usize, with: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at..at + with.len()].copy_from_slice(with);
    bytes
}

fn find(bytes: &[u8], needle: &[u8]) -> usize {
    bytes
        .windows(needle.len())
        .position(|window| window == needle)
        .unwrap()
}

/// Asserts the clicks' times, to 1 ms: an MP3 smears them a little.
fn assert_clicks(song: &Song) {
    for click in CLICKS {
        let rate = f64::from(song.shape.sample_rate);
        let (from, to) = (
            ((click - 0.1) * rate) as usize,
            ((click + 0.1) * rate) as usize,
        );
        let loudest = (from..to).fold(0.0_f32, |most, at| most.max(song.frame(at)[0].abs()));
        let onset = (from..to)
            .find(|at| song.frame(*at)[0].abs() > loudest * 0.3)
            .unwrap();
        let late = onset as f64 / rate - click;
        assert!(late.abs() < 1e-3, "the click at {click} s is {late} s late");
    }
}

#[test]
fn sixteen_bit_at_a_canonical_rate_comes_through_bit_by_bit() {
    for (channels, rate) in [(1, 44_100), (2, 44_100), (1, 48_000), (2, 48_000)] {
        let song = heard(&wav16(channels, rate, ramp(20_000))).unwrap();
        assert_eq!(song.shape.samples, 20_000 / u64::from(channels));
        assert_eq!(song.shape.sample_rate, rate);
        assert_eq!(song.shape.channels, channels);
        let expected = ramp(20_000).map(|sample| f32::from(sample) / 32_768.0);
        assert!(song.samples.iter().copied().eq(expected));
    }
}

#[test]
fn every_width_of_sample_is_read() {
    let half: [(u16, u16, Vec<u8>); 5] = [
        (1, 8, vec![192]),
        (1, 24, vec![0, 0, 0x40]),
        (1, 32, vec![0, 0, 0, 0x40]),
        (3, 32, 0.5_f32.to_le_bytes().to_vec()),
        (3, 64, 0.5_f64.to_le_bytes().to_vec()),
    ];
    for (tag, bits, sample) in half {
        let song = heard(&wav(tag, 1, 44_100, bits, &sample.repeat(500))).unwrap();
        assert_eq!(song.shape.samples, 500, "{bits} bits");
        assert!(
            song.samples
                .iter()
                .all(|sample| (sample - 0.5).abs() < 1e-3)
        );
    }
}

#[test]
fn the_length_is_what_is_there_whatever_the_header_says() {
    let file = wav16(1, 44_100, ramp(5_000));
    let size = find(&file, b"data") + 4;
    for claim in [0, 1_000_000_000, u32::MAX] {
        let song = heard(&replaced(&file, size, &claim.to_le_bytes())).unwrap();
        assert_eq!(song.shape.samples, 5_000, "claimed {claim}");
    }
    let truncated = &file[..file.len() - 1_001];
    assert_eq!(heard(truncated).unwrap().shape.samples, 4_499);
}

#[test]
fn what_is_not_a_number_becomes_silence_and_what_is_too_loud_is_clipped() {
    let samples = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -7.0, 0.25];
    let song = heard(&wav_f32(44_100, samples)).unwrap();
    let full = 32_767.0 / 32_768.0;
    assert_eq!(song.samples, [0.0, 0.0, 0.0, full, -1.0, 0.25]);
}

#[test]
fn impossible_rates_and_channel_counts_are_refused() {
    for rate in [0, 1, 7_999, 192_001, u32::MAX] {
        let refusal = why_refused(&wav16(1, rate, ramp(100)));
        assert!(refusal.starts_with("audio-unreadable"), "{refusal}");
    }
    for channels in [0, 9, 65_535] {
        let refusal = why_refused(&wav16(channels, 44_100, ramp(70_000)));
        assert!(refusal.starts_with("audio-unreadable"), "{refusal}");
    }
    let bits = why_refused(&wav(1, 1, 44_100, 0, &[0; 100]));
    assert!(bits.starts_with("audio-unreadable"), "{bits}");
}

#[test]
fn other_files_are_refused_by_name() {
    let table: [(&[u8], &str); 8] = [
        (b"", "the file is empty"),
        (b"OggS\0\x02 and so on", "an Ogg file"),
        (b"\0\0\0\x20ftypM4A ....", "an MP4 or M4A file"),
        (b"FORM....AIFF", "an AIFF file"),
        (
            b"#EXTM3U\n#EXT-X-VERSION:3\nfile:///etc/passwd\n",
            "a text file",
        ),
        (b"\xff\xf1\x50\x80\x03\x1f\xfc", "an AAC file"),
        (b"RIFF\0\0\0\0AVI LIST", "a RIFF file other than WAV"),
        (&[0xfe; 300], "of an unknown type"),
    ];
    for (bytes, name) in table {
        let refusal = why_refused(bytes);
        assert!(refusal.starts_with("audio-unsupported: "), "{refusal}");
        assert!(refusal.contains(name), "{refusal}");
    }
}

#[test]
fn a_file_that_ends_before_its_audio_is_unreadable() {
    for file in [&FLAC[..30], &FLAC[..46], &wav16(1, 44_100, ramp(10))[..30]] {
        let refusal = why_refused(file);
        assert!(refusal.starts_with("audio-unreadable"), "{refusal}");
    }
    let empty = wav16(1, 44_100, []);
    assert!(heard(&empty).is_err(), "no samples are no song");
}

#[test]
fn songs_outside_the_limits_are_refused_and_decoding_stops_there() {
    let limits = Limits {
        min_seconds: 1.0,
        max_seconds: 1.5,
    };
    let of = |samples| heard_within(&wav16(1, 44_100, ramp(samples)), &limits);
    assert!(matches!(of(44_099), Err(AudioError::TooShort { .. })));
    assert_eq!(of(44_100).unwrap().shape.samples, 44_100);
    assert_eq!(of(66_150).unwrap().shape.samples, 66_150);
    assert!(matches!(of(66_151), Err(AudioError::TooLong { max: 1.5 })));
}

#[test]
fn an_mp3_has_the_length_and_the_clicks_of_its_original() {
    let song = heard(MP3).unwrap();
    assert_eq!(song.shape.samples, CLICK_SAMPLES);
    assert_clicks(&song);
}

#[test]
fn a_flac_is_its_original() {
    let song = heard(FLAC).unwrap();
    assert_eq!(song.shape.samples, CLICK_SAMPLES);
    assert_clicks(&song);
}

#[test]
fn an_mp3_that_lies_about_its_length_is_heard_whole() {
    let count = find(MP3, b"Info") + 8;
    for claim in [1_u32, 30, 4_000_000_000] {
        let song = heard(&replaced(MP3, count, &claim.to_be_bytes())).unwrap();
        let longer = song.shape.samples - CLICK_SAMPLES;
        assert!(
            longer < 2 * 1_152,
            "claimed {claim}: {longer} samples too many"
        );
        assert_clicks(&song);
    }
}

#[test]
fn tags_are_skipped_by_their_own_size() {
    let size = 3_000_000_u32;
    let synchsafe = [21, 14, 7, 0].map(|shift| (size >> shift & 0x7f) as u8);
    let tag = [
        b"ID3\x04\0\0".as_slice(),
        &synchsafe,
        &vec![0xff; size as usize],
    ]
    .concat();
    for song in [MP3, FLAC] {
        let tagged = heard(&[&tag, song].concat()).unwrap();
        assert_eq!(tagged.shape.samples, CLICK_SAMPLES);
        assert_clicks(&tagged);
    }
    let beyond_the_end = [b"ID3\x04\0\0\x7f\x7f\x7f\x7f".as_slice(), MP3].concat();
    assert_eq!(heard(&beyond_the_end).unwrap().shape.samples, CLICK_SAMPLES);
}

#[test]
fn a_flac_may_claim_any_length_and_carry_any_picture() {
    let total = 4 + 4 + 13;
    let lying = replaced(FLAC, total, &[FLAC[total] & 0xf0, 0, 0, 0, 9]);
    assert_eq!(heard(&lying).unwrap().shape.samples, CLICK_SAMPLES);
    let padding = [1, 0, 0, 0].repeat(50_000);
    let padded = [&FLAC[..42], &padding, &FLAC[42..]].concat();
    assert_eq!(heard(&padded).unwrap().shape.samples, CLICK_SAMPLES);
    let endless_picture = [&FLAC[..42], &[6, 0xff, 0xff, 0xff], &FLAC[42..]].concat();
    assert!(why_refused(&endless_picture).starts_with("audio-unreadable"));
}

#[test]
fn damaged_packets_become_silence_so_that_nothing_moves() {
    let mut damaged = MP3.to_vec();
    // Behind the first click, before the second: the header of one frame stays, its inside goes.
    let frame = (0x20c..damaged.len() - 1)
        .find(|at| damaged[*at] == 0xff && damaged[*at + 1] == 0xfb)
        .unwrap();
    damaged[frame + 4..frame + 90].fill(0xff);
    let song = heard(&damaged).unwrap();
    assert_eq!(song.shape.samples, CLICK_SAMPLES);
}

#[test]
fn other_rates_become_48_khz_of_the_same_length_and_timing() {
    for rate in [
        8_000_u32, 11_025, 22_050, 32_000, 44_101, 88_200, 96_000, 192_000,
    ] {
        let click = |index: usize| {
            let behind = (index % (rate as usize / 2)) as f64 / f64::from(rate) - 0.25;
            let tone = (behind * 1_500.0 * std::f64::consts::TAU).sin();
            let level = if behind < 0.0 {
                0.0
            } else {
                (-behind / 0.004).exp()
            };
            (tone * level * 0.8) as f32
        };
        let song = heard(&wav_f32(rate, (0..2 * rate as usize).map(click))).unwrap();
        assert_eq!(song.shape.sample_rate, 48_000);
        assert_eq!(song.shape.samples, 96_000, "from {rate} Hz");
        assert_clicks(&song);
    }
}

#[test]
fn numbers_that_no_sound_has_break_no_transform() {
    let wild = [f32::MAX, f32::MIN, f32::NAN, f32::INFINITY, 0.1, 1e30];
    let samples = wild.iter().copied().cycle().take(40_000);
    for rate in [22_050, 44_100, 96_000] {
        let song = heard(&wav_f32(rate, samples.clone())).unwrap();
        assert!(song.samples.iter().all(|sample| sample.abs() <= 1.0));
    }
}

#[test]
fn surround_is_folded_without_its_effects_channel_and_without_clipping() {
    let frame = [i16::MAX, 0, 0, i16::MAX, 0, 0];
    let song = heard(&wav16(6, 44_100, frame.repeat(100))).unwrap();
    assert_eq!(song.shape.channels, 2);
    assert!(song.frame(50)[0] > 0.3, "left stays left");
    assert!(
        song.frame(50)[1].abs() < 1e-4,
        "the effects channel is dropped"
    );
    let loud = heard(&wav16(6, 44_100, [i16::MAX; 6].repeat(100))).unwrap();
    assert!(loud.samples.iter().all(|sample| *sample <= 1.0));
}

#[test]
fn flipped_bytes_never_panic_nor_make_a_song_longer_than_its_limit() {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    let plain = wav16(2, 44_100, ramp(2_000));
    for original in [MP3, FLAC, &plain] {
        for _ in 0..60 {
            let mut bytes = original.to_vec();
            for _ in 0..=next(8) {
                let among = [128, bytes.len()][next(2)];
                let at = next(among);
                bytes[at] = next(256) as u8;
            }
            let lost = next(bytes.len() / 2);
            bytes.truncate(bytes.len() - lost);
            if let Ok(song) = heard(&bytes) {
                assert!(song.shape.seconds() <= 60.0 + 1e-3);
            }
        }
    }
}

#[test]
fn a_reader_of_canonical_audio_refuses_anything_else() {
    for file in [wav16(1, 22_050, ramp(10)), wav(1, 1, 44_100, 24, &[0; 30])] {
        let refusal = CanonicalWav::new(file.as_slice()).err();
        assert!(matches!(refusal, Some(AudioError::NotCanonical { .. })));
    }
}

#[test]
fn a_song_for_speech_is_as_long_and_sounds_at_the_same_time() {
    let folder = tempfile::tempdir().unwrap();
    let (song, out) = (
        folder.path().join("song.wav"),
        folder.path().join("speech.wav"),
    );
    // A second of silence, then a second of tone.
    let mut writer = CanonicalWriter::create(&song, 44_100, 2).unwrap();
    let sample = |n: usize| {
        let tone = (n as f32 * 440.0 * std::f32::consts::TAU / 44_100.0).sin();
        if n < 44_100 { 0.0 } else { 0.5 * tone }
    };
    let frames: Vec<f32> = (0..88_200).flat_map(|n| [sample(n), sample(n)]).collect();
    writer.write(&frames).unwrap();
    writer.finish().unwrap();

    for_speech(&song, &out, || true).unwrap();

    let mut reader = hound::WavReader::open(&out).unwrap();
    let spec = reader.spec();
    assert_eq!(
        (spec.sample_rate, spec.channels, spec.bits_per_sample),
        (16_000, 1, 16)
    );
    let heard: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    assert_eq!(heard.len(), 32_000);
    let loudest = |part: &[i16]| {
        part.iter()
            .map(|sample| sample.unsigned_abs())
            .max()
            .unwrap()
    };
    assert!(loudest(&heard[..15_900]) < 400, "the silence stays silent");
    let tone = loudest(&heard[16_100..31_900]);
    assert!((15_000..17_500).contains(&tone), "{tone}");
}
