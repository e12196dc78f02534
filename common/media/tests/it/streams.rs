//! Streams: the same packets as segments, playable from the first on.

use std::fs;
use std::ops::Range;
use std::path::Path;

use media::mp4::{self, Packets, Part};
use model::format::Quality;
use tempfile::tempdir;
use testkit::sound;
use tokio_util::sync::CancellationToken;

use crate::pictures::{FORMAT, FRAME, clip, decoded, ffmpeg, heard, heard_from_zero, number_of};

/// The stream of clips of these lengths with a song as long as they are: what comes before the segments,
/// and each segment.
async fn stream(folder: &Path, lengths: &[usize]) -> (Vec<u8>, Vec<Vec<u8>>) {
    let frames: usize = lengths.iter().sum();
    let [wav, m4a] = ["song.wav", "song.m4a"].map(|name| folder.join(name));
    fs::write(&wav, sound::song(frames as f64 / 30.0).wav()).unwrap();
    let cancel = CancellationToken::new();
    let made = ffmpeg()
        .encode_song(&wav, &m4a, Quality::Standard, &cancel)
        .await;
    made.unwrap();
    let song = fs::read(&m4a).unwrap();
    let sound = Packets::of(&song).unwrap();

    let mut begin: Option<(Vec<u8>, u32)> = None;
    let mut segments = Vec::new();
    let mut first = 0;
    for (number, length) in lengths.iter().enumerate() {
        let file = fs::read(clip(folder, first, *length).await.file).unwrap();
        let picture = Packets::of(&file).unwrap();
        assert_eq!(picture.count(), *length);
        let (_, shown_from) = begin
            .get_or_insert_with(|| (mp4::initialisation(&picture, &sound), picture.shown_from));
        let seconds = |frame: usize| frame as f64 / 30.0;
        let last = number + 1 == lengths.len();
        let until = if last {
            f64::INFINITY
        } else {
            seconds(first + length)
        };
        let heard = sound.within(seconds(first), until);
        let picture = Part {
            tick: first as u64 * u64::from(picture.step),
            range: 0..picture.count(),
            shown_from: *shown_from,
            packets: &picture,
        };
        let sound = Part {
            tick: heard.start as u64 * u64::from(sound.step),
            range: heard,
            shown_from: sound.shown_from,
            packets: &sound,
        };
        let mut segment = mp4::segment_head(number as u32 + 1, &picture, &sound);
        segment.extend(&file[place(picture.packets.bytes(&picture.range))]);
        segment.extend(&song[place(sound.packets.bytes(&sound.range))]);
        segments.push(segment);
        first += length;
    }
    (begin.unwrap().0, segments)
}

fn place(range: Range<u64>) -> Range<usize> {
    range.start as usize..range.end as usize
}

#[tokio::test]
async fn every_prefix_of_a_stream_plays_each_of_its_frames_and_the_sound_beside_them() {
    let scratch = tempdir().unwrap();
    let lengths = [45, 7, 61, 2, 30];
    let (mut file, segments) = stream(scratch.path(), &lengths).await;
    let out = scratch.path().join("stream.mp4");
    let mut frames = 0;
    for (segment, length) in segments.iter().zip(lengths) {
        file.extend(segment);
        frames += length;
        fs::write(&out, &file).unwrap();

        let pictures = decoded(&out).await;
        let numbers: Vec<usize> = pictures.chunks(FRAME).map(number_of).collect();
        assert_eq!(numbers, (0..frames).collect::<Vec<_>>());
        let seconds = heard(&out).await.len() as f64 / 44_100.0;
        let expected = frames as f64 / f64::from(FORMAT.rate.numerator);
        assert!(
            (seconds - expected).abs() < 0.05,
            "{seconds} s of {expected} s"
        );
    }
}

#[tokio::test]
async fn the_sound_of_a_stream_is_in_time() {
    let scratch = tempdir().unwrap();
    let (mut file, segments) = stream(scratch.path(), &[45, 45, 60]).await;
    file.extend(segments.concat());
    let out = scratch.path().join("stream.mp4");
    fs::write(&out, &file).unwrap();
    let song = heard(&scratch.path().join("song.wav")).await;
    let stream = heard_from_zero(&out).await;
    for place in [10_000, 120_000] {
        let reference = &song[place..place + 40_000];
        let found = media::audio::lag(reference, &stream[place - 2_000..place + 42_000], 2_000);
        assert_eq!(found.unwrap().samples, 0);
    }
}

#[test]
fn bytes_that_are_no_movie_have_no_packets() {
    for bytes in [&b""[..], b"\0\0\0\x08moov", b"\0\0\0\x10moov\0\0\0\x08mvhd"] {
        assert!(Packets::of(bytes).is_err());
    }
}
