//! Pictures that carry their number, so that a decoded frame tells which one it was.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use media::ffmpeg::Ffmpeg;
use media::film::JoinedClip;
use model::FrameRate;
use model::format::{FrameSize, Quality, VideoFormat};
use tokio_util::sync::CancellationToken;

/// Small, so that a test encodes hundreds of frames in no time.
pub(crate) const FORMAT: VideoFormat = VideoFormat {
    size: FrameSize {
        width: 160,
        height: 90,
    },
    rate: FrameRate::FPS_30,
};

const WIDTH: usize = 160;
const LUMA: usize = 160 * 90;
/// Bytes of a frame.
pub(crate) const FRAME: usize = LUMA * 3 / 2;
/// Each bar is one bit.
const BAR: usize = WIDTH / 10;

pub(crate) fn ffmpeg() -> Ffmpeg {
    Ffmpeg::find().expect("an ffmpeg")
}

/// Ten bars, white for each bit of `number` that is set, grey chroma.
pub(crate) fn numbered(number: usize) -> Vec<u8> {
    let luma = (0..LUMA).map(|at| {
        if number >> (at % WIDTH / BAR) & 1 == 1 {
            220
        } else {
            30
        }
    });
    luma.chain(std::iter::repeat_n(128, FRAME - LUMA)).collect()
}

/// The number of a decoded frame.
pub(crate) fn number_of(frame: &[u8]) -> usize {
    let middle = 45 * WIDTH;
    let bit = |bar: usize| usize::from(frame[middle + bar * BAR + BAR / 2] > 125) << bar;
    (0..10).map(bit).sum()
}

/// A clip of frames that carry the numbers from `first`.
pub(crate) async fn clip(directory: &Path, first: usize, frames: usize) -> JoinedClip {
    let file = directory.join(format!("clip-{first}.mp4"));
    let cancel = CancellationToken::new();
    let mut encoder = ffmpeg()
        .encode_clip(FORMAT, Quality::Standard, &file, cancel)
        .unwrap();
    for number in first..first + frames {
        encoder.write(&numbered(number)).await.unwrap();
    }
    encoder.finish().await.unwrap();
    JoinedClip {
        file,
        frames: frames as u32,
    }
}

/// All frames of a file, decoded, one after the other.
pub(crate) async fn decoded(file: &Path) -> Vec<u8> {
    output(
        file,
        &[
            "-map",
            "0:v",
            "-fps_mode",
            "passthrough",
            "-f",
            "rawvideo",
            "-pix_fmt",
            "yuv420p",
        ],
    )
    .await
}

/// The sound of a file as 16-bit mono.
pub(crate) async fn heard(file: &Path) -> Vec<i16> {
    let bytes = output(file, &["-map", "0:a", "-f", "s16le", "-ac", "1"]).await;
    bytes
        .chunks_exact(2)
        .map(|pair| i16::from_le_bytes([pair[0], pair[1]]))
        .collect()
}

/// The same by its time stamps: from the instant 0 on, where the picture begins, whatever lies before.
pub(crate) async fn heard_from_zero(file: &Path) -> Vec<i16> {
    let arguments = ["-map", "0:a", "-copyts", "-af", "aresample=first_pts=0"];
    let bytes = output(
        file,
        &[&arguments[..], &["-f", "s16le", "-ac", "1"]].concat(),
    )
    .await;
    let (pairs, _) = bytes.as_chunks::<2>();
    pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
}

async fn output(file: &Path, arguments: &[&str]) -> Vec<u8> {
    let program: PathBuf = tools::ffmpeg().unwrap();
    let output = tokio::process::Command::new(program)
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(file)
        .args(arguments)
        .arg("pipe:1")
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}
