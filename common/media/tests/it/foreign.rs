//! Foreign clips, as video models and cameras give them, made ours.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use media::ffmpeg::{ConformError, Conforming};
use media::house;
use model::FrameRate;
use model::format::{FrameSize, Quality, VideoFormat};
use tempfile::tempdir;
use tokio_util::sync::CancellationToken;

use crate::pictures::{FORMAT, FRAME, decoded, ffmpeg};

const PIXELS: usize = 160 * 90;

/// Runs ffmpeg in `folder`; whether it succeeded.
async fn runs(folder: &Path, line: &str) -> bool {
    let mut words: Vec<String> = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            letter => words.last_mut().unwrap().push(letter),
        }
    }
    let output = tokio::process::Command::new(tools::ffmpeg().unwrap())
        .current_dir(folder)
        .args(["-v", "error", "-nostdin", "-y"])
        .args(words.iter().filter(|word| !word.is_empty()))
        .stdin(Stdio::null())
        .output();
    output.await.unwrap().status.success()
}

/// A foreign clip that ffmpeg makes in `folder` by these arguments.
async fn made(folder: &Path, arguments: &str, name: &str) -> PathBuf {
    assert!(
        runs(folder, &format!("{arguments} {name}")).await,
        "{arguments}"
    );
    folder.join(name)
}

async fn conformed(
    foreign: &Path,
    format: VideoFormat,
    frames: u32,
) -> Result<Vec<u8>, ConformError> {
    let out = foreign.with_extension("ours.mp4");
    let wanted = Conforming {
        format,
        quality: Quality::Standard,
        frames,
    };
    let cancel = CancellationToken::new();
    ffmpeg().conform(foreign, wanted, &out, &cancel).await?;
    // Said once more by the test itself.
    house::check_clip(&out, format, frames).unwrap();
    Ok(decoded(&out).await)
}

/// Mean of a plane over a part of the picture in sixteenths: from column to column, from row to row.
fn mean(frame: &[u8], plane: usize, columns: (usize, usize), rows: (usize, usize)) -> i32 {
    let (width, height, from) = match plane {
        0 => (160, 90, 0),
        1 => (80, 45, PIXELS),
        _ => (80, 45, PIXELS + PIXELS / 4),
    };
    let (mut sum, mut count) = (0, 0);
    for y in rows.0 * height / 16..rows.1 * height / 16 {
        for x in columns.0 * width / 16..columns.1 * width / 16 {
            sum += i32::from(frame[from + y * width + x]);
            count += 1;
        }
    }
    sum / count.max(1)
}

#[tokio::test]
async fn a_clip_of_another_size_rate_and_length_keeps_the_contract_exactly() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let model = made(
        path,
        "-f lavfi -i testsrc2=s=832x480:r=16:d=2 -f lavfi -i sine=d=2 -c:v libx264 -c:a aac",
        "model.mp4",
    )
    .await;
    let tall = made(
        path,
        "-f lavfi -i testsrc2=s=120x200:r=25:d=1 -c:v libx264 -g 12",
        "tall.mkv",
    )
    .await;
    let ntsc = VideoFormat {
        size: FrameSize {
            width: 90,
            height: 160,
        },
        rate: FrameRate {
            numerator: 30_000,
            denominator: 1_001,
        },
    };
    // As long, stretched, cut, and shown more than once.
    for frames in [60, 66, 31, 1, 145] {
        let pictures = conformed(&model, FORMAT, frames).await.unwrap();
        assert_eq!(pictures.len(), FRAME * frames as usize);
    }
    for foreign in [&model, &tall] {
        conformed(foreign, ntsc, 40).await.unwrap();
    }
}

#[tokio::test]
async fn frames_without_an_even_step_get_one_and_motion_goes_on_in_every_turn() {
    let folder = tempdir().unwrap();
    // White rises from black over one second, its frames at odd times.
    let uneven = made(
        folder.path(),
        "-f lavfi -i color=black:s=160x90:r=30:d=1 -vf 'geq=lum=N*7+16:cb=128:cr=128,select=not(eq(mod(n\\,3)\\,1))' \
         -fps_mode vfr -c:v libx264 -qp 10",
        "uneven.mkv",
    )
    .await;
    let pictures = conformed(&uneven, FORMAT, 30).await.unwrap();
    let light: Vec<i32> = pictures
        .chunks(FRAME)
        .map(|frame| mean(frame, 0, (2, 14), (2, 14)))
        .collect();
    assert!(
        light.windows(2).all(|pair| pair[1] >= pair[0] - 2),
        "{light:?}"
    );
    assert!(light[25] - light[5] > 100, "{light:?}");

    let pictures = conformed(&uneven, FORMAT, 75).await.unwrap();
    let light: Vec<i32> = pictures
        .chunks(FRAME)
        .map(|frame| mean(frame, 0, (2, 14), (2, 14)))
        .collect();
    let falls = light
        .windows(2)
        .filter(|pair| pair[1] < pair[0] - 2)
        .count();
    assert!(
        (3..20).contains(&falls),
        "it begins anew in a dissolve: {light:?}"
    );
    let still = light
        .windows(9)
        .filter(|run| run.iter().max() == run.iter().min())
        .count();
    assert_eq!(still, 0, "it never stands: {light:?}");
}

#[tokio::test]
async fn colours_of_other_standards_become_those_of_the_house() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    // Red in three ways of writing it. Ours is 63, 102, 240.
    for (name, planes, tags) in [
        (
            "sd.mp4",
            "lum=81:cb=90:cr=240",
            "-colorspace smpte170m -color_range tv",
        ),
        ("untold.mp4", "lum=81:cb=90:cr=240", ""),
        (
            "hd.mp4",
            "lum=63:cb=102:cr=240",
            "-colorspace bt709 -color_range tv",
        ),
        (
            "full.mp4",
            "lum=54:cb=99:cr=255",
            "-colorspace bt709 -color_range pc",
        ),
    ] {
        let range = if name == "full.mp4" { "pc" } else { "tv" };
        let line = format!(
            "-f lavfi -i color=black:s=160x90:r=30:d=0.2 -vf geq={planes},setparams=range={range} -c:v libx264 -qp 4 {tags}"
        );
        let foreign = made(path, &line, name).await;
        let pictures = conformed(&foreign, FORMAT, 6).await.unwrap();
        let found = [0, 1, 2].map(|plane| mean(&pictures[..FRAME], plane, (2, 14), (2, 14)));
        for (found, expected) in found.iter().zip([63, 102, 240]) {
            assert!(
                (found - expected).abs() <= 3,
                "{name}: {found:?} instead of {expected}"
            );
        }
    }
}

#[tokio::test]
async fn hdr_is_brought_under_the_ceiling() {
    let folder = tempdir().unwrap();
    // A ramp up to 10 000 nits.
    let hdr = made(
        folder.path(),
        "-f lavfi -i color=black:s=160x90:r=30:d=0.2 -vf 'format=yuv420p10le,geq=lum=64+876*X/W:cb=512:cr=512' \
         -c:v libx264 -colorspace bt2020nc -color_primaries bt2020 -color_trc smpte2084 -color_range tv",
        "hdr.mp4",
    )
    .await;
    let pictures = conformed(&hdr, FORMAT, 6).await.unwrap();
    let steps: Vec<i32> = (0..8)
        .map(|step| mean(&pictures[..FRAME], 0, (step * 2, step * 2 + 2), (4, 12)))
        .collect();
    assert!(
        steps.windows(2).all(|pair| pair[1] >= pair[0] - 1),
        "{steps:?}"
    );
    assert!(steps[0] < 30 && steps[7] > 150, "{steps:?}");
}

#[tokio::test]
async fn a_clip_that_lies_on_its_side_is_turned_upright() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    // Left half white; told to be turned by a quarter.
    let flat = "-f lavfi -i color=black:s=160x160:r=30:d=0.2 -vf geq=lum=20+210*lt(X\\,80):cb=128:cr=128 -c:v libx264 flat.mp4";
    assert!(runs(path, flat).await);
    // Older programs know the one way of telling, newer ones the other.
    let turned = runs(
        path,
        "-display_rotation:v:0 90 -i flat.mp4 -c copy turned.mp4",
    )
    .await
        || runs(
            path,
            "-i flat.mp4 -c copy -metadata:s:v:0 rotate=90 turned.mp4",
        )
        .await;
    assert!(turned);
    let pictures = conformed(&path.join("turned.mp4"), FORMAT, 6)
        .await
        .unwrap();
    let frame = &pictures[..FRAME];
    let (above, below) = (
        mean(frame, 0, (2, 14), (1, 6)),
        mean(frame, 0, (2, 14), (10, 15)),
    );
    let (left, right) = (
        mean(frame, 0, (1, 6), (2, 14)),
        mean(frame, 0, (10, 15), (2, 14)),
    );
    assert!(
        (above - below).abs() > 150 && (left - right).abs() < 20,
        "{above} {below} {left} {right}"
    );
}

#[tokio::test]
async fn a_still_stays_and_what_is_no_clip_is_told_so() {
    let folder = tempdir().unwrap();
    let path = folder.path();
    let still = made(
        path,
        "-f lavfi -i testsrc2=s=320x180:r=30 -frames:v 1",
        "still.png",
    )
    .await;
    let pictures = conformed(&still, FORMAT, 20).await.unwrap();
    assert_eq!(pictures.len(), 20 * FRAME);

    let song = made(path, "-f lavfi -i sine=d=1", "song.wav").await;
    let error = conformed(&song, FORMAT, 20).await.unwrap_err();
    assert!(matches!(error, ConformError::Ffmpeg(_)), "{error}");
    let left: Vec<_> = std::fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(
        !left
            .iter()
            .any(|name| name.to_string_lossy().contains(".part")),
        "{left:?}"
    );

    let cancel = CancellationToken::new();
    cancel.cancel();
    let wanted = Conforming {
        format: FORMAT,
        quality: Quality::Draft,
        frames: 5,
    };
    let outcome = ffmpeg()
        .conform(&still, wanted, &path.join("never.mp4"), &cancel)
        .await;
    assert!(outcome.is_err() && !path.join("never.mp4").exists());
}
