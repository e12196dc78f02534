//! Clips: exact, in the house format, and gone without a trace where they are not wanted.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use media::ffmpeg::{Ffmpeg, FfmpegError};
use media::house::{self, ClipError};
use media::mp4;
use model::FrameRate;
use model::format::{FrameSize, Quality, VideoFormat};
use tempfile::tempdir;
use tokio_util::sync::CancellationToken;

use crate::pictures::{FORMAT, FRAME, clip, decoded, ffmpeg, number_of, numbered};

fn names_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[tokio::test]
async fn a_clip_of_any_length_has_exactly_its_frames_in_the_house_format() {
    let scratch = tempdir().unwrap();
    for frames in [1, 2, 3, 4, 7, 61] {
        let made = clip(scratch.path(), frames * 10, frames).await;
        let video = house::check_clip(&made.file, FORMAT, made.frames).unwrap();
        assert_eq!(video.frames as usize, frames);
        let pictures = decoded(&made.file).await;
        let numbers: Vec<usize> = pictures.chunks(FRAME).map(number_of).collect();
        assert_eq!(numbers, (frames * 10..frames * 11).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn every_rate_keeps_a_constant_step_at_every_quality() {
    let scratch = tempdir().unwrap();
    let rates = FrameRate::NAMED.iter().zip(Quality::ALL.iter().cycle());
    for ((_, rate), quality) in rates {
        let format = VideoFormat {
            rate: *rate,
            ..FORMAT
        };
        let file = scratch.path().join("clip.mp4");
        let mut encoder = ffmpeg()
            .encode_clip(format, *quality, &file, CancellationToken::new())
            .unwrap();
        for number in 0..11 {
            encoder.write(&numbered(number)).await.unwrap();
        }
        encoder.finish().await.unwrap();
        house::check_clip(&file, format, 11).unwrap();
    }
}

#[tokio::test]
async fn the_same_frames_give_the_same_bytes() {
    let (one, other) = (tempdir().unwrap(), tempdir().unwrap());
    let (a, b) = (
        clip(one.path(), 5, 20).await,
        clip(other.path(), 5, 20).await,
    );
    assert_eq!(fs::read(a.file).unwrap(), fs::read(b.file).unwrap());
}

#[tokio::test]
async fn a_clip_that_is_not_as_asked_for_is_refused_with_every_reason() {
    let scratch = tempdir().unwrap();
    let made = clip(scratch.path(), 0, 5).await;
    let other = VideoFormat {
        size: FrameSize {
            width: 320,
            height: 180,
        },
        ..FORMAT
    };
    let error = house::check_clip(&made.file, other, 6).unwrap_err();
    let words = error.to_string();
    assert!(matches!(error, ClipError::Faults(_)));
    assert!(
        words.contains("the size") && words.contains("5 instead of 6"),
        "{words}"
    );
}

#[tokio::test]
async fn a_frame_of_another_size_is_refused() {
    let scratch = tempdir().unwrap();
    let file = scratch.path().join("clip.mp4");
    let mut encoder = ffmpeg()
        .encode_clip(FORMAT, Quality::Standard, &file, CancellationToken::new())
        .unwrap();
    let error = encoder.write(&[0; 100]).await.unwrap_err();
    assert!(matches!(
        error,
        FfmpegError::FrameLength {
            length: 100,
            expected: FRAME
        }
    ));
}

#[tokio::test]
async fn what_ffmpeg_cannot_do_is_told_in_its_own_words() {
    let scratch = tempdir().unwrap();
    let file = scratch.path().join("nowhere/clip.mp4");
    let mut encoder = ffmpeg()
        .encode_clip(FORMAT, Quality::Standard, &file, CancellationToken::new())
        .unwrap();
    let mut outcome = Ok(());
    while outcome.is_ok() {
        outcome = encoder.write(&numbered(1)).await; // until the pipe breaks
    }
    let error = outcome.unwrap_err();
    assert!(
        error.to_string().contains("No such file or directory"),
        "{error}"
    );
}

#[tokio::test]
async fn a_cancelled_clip_is_gone_within_two_seconds_and_leaves_no_file() {
    let scratch = tempdir().unwrap();
    let file = scratch.path().join("clip.mp4");
    let cancel = CancellationToken::new();
    let mut encoder = ffmpeg()
        .encode_clip(FORMAT, Quality::Standard, &file, cancel.clone())
        .unwrap();
    for number in 0..300 {
        encoder.write(&numbered(number)).await.unwrap();
    }
    let begin = Instant::now();
    cancel.cancel();
    let error = encoder.write(&numbered(0)).await.unwrap_err();
    assert!(matches!(error, FfmpegError::Cancelled), "{error}");
    // Two seconds are the promise; a machine with other work to do may take longer.
    assert!(begin.elapsed() < Duration::from_secs(6));
    let error = encoder.finish().await.unwrap_err();
    assert!(matches!(error, FfmpegError::Cancelled), "{error}");
    assert_eq!(names_in(scratch.path()), Vec::<String>::new());
}

/// A program that takes ffmpeg's place: it reads nothing, does nothing, and never ends.
fn hanging(scratch: &Path) -> Ffmpeg {
    acting(scratch, "exec sleep 600").patient_for(Duration::from_millis(400))
}

/// A program in place of ffmpeg that does what `line` says to the shell.
fn acting(scratch: &Path, line: &str) -> Ffmpeg {
    let program = scratch.join("ffmpeg");
    // Written by a process of its own: one that another test starts meanwhile would hold it open.
    let written = std::process::Command::new("sh")
        .args([
            "-c",
            r#"printf '#!/bin/sh\n%s\n' "$1" > "$0"; chmod 755 "$0""#,
        ])
        .arg(&program)
        .arg(line)
        .status();
    assert!(written.unwrap().success());
    Ffmpeg::at(program)
}

#[tokio::test]
async fn an_ffmpeg_that_does_nothing_any_more_is_killed_and_named() {
    let scratch = tempdir().unwrap();
    let file = scratch.path().join("clip.mp4");
    let ffmpeg = hanging(scratch.path());
    let mut encoder = ffmpeg
        .encode_clip(FORMAT, Quality::Standard, &file, CancellationToken::new())
        .unwrap();
    let mut outcome = Ok(());
    while outcome.is_ok() {
        outcome = encoder.write(&numbered(1)).await; // until the pipe is full
    }
    let error = outcome.unwrap_err();
    assert!(matches!(error, FfmpegError::Hangs { .. }), "{error}");

    let song = ffmpeg
        .encode_song(&file, &file, Quality::Standard, &CancellationToken::new())
        .await;
    let error = song.unwrap_err();
    assert!(matches!(error, FfmpegError::Hangs { .. }), "{error}");
    assert_eq!(names_in(scratch.path()), ["ffmpeg"]);
}

#[tokio::test]
async fn a_killed_ffmpeg_is_told_from_one_that_fails() {
    for (end, was_killed) in [
        ("kill -KILL $$", true),
        ("kill -TERM $$", true),
        ("exit 1", false),
    ] {
        let scratch = tempdir().unwrap();
        let file = scratch.path().join("song.m4a");
        let ffmpeg = acting(scratch.path(), end);
        let song = ffmpeg
            .encode_song(&file, &file, Quality::Standard, &CancellationToken::new())
            .await;
        assert_eq!(song.unwrap_err().was_killed(), was_killed, "{end}");
    }
}

#[tokio::test]
async fn a_clip_cut_off_in_the_middle_is_no_clip() {
    let scratch = tempdir().unwrap();
    let made = clip(scratch.path(), 0, 30).await;
    let bytes = fs::read(&made.file).unwrap();
    for length in [0, 7, 100, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&made.file, &bytes[..length]).unwrap();
        assert!(
            mp4::read(&made.file).is_err(),
            "{length} of {} bytes",
            bytes.len()
        );
    }
}
