//! Draws a clip with the built-in renderer and encodes it to the house format, side by side: one thread
//! draws, ffmpeg encodes, two pictures go back and forth.
//!
//! A clip's file begins with the transition into it, if there is one, in which the clip before is drawn
//! as well. What is drawn is [`Drawing`]; [`to_file`] encodes it. Must not know stages or the store.

mod drawing;

use std::path::Path;

pub use drawing::Drawing;
pub use lettering::VERSION as LETTERING_VERSION;
use media::ffmpeg::{ClipEncoder, ClipEncoding, Ffmpeg, FfmpegError};
use model::clip::ClipInstruction;
use model::format::{FrameSize, Quality, VideoFormat};
use model::music::Envelopes;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use visuals::Picture;

/// Pictures of a clip: one is drawn while the other is encoded. At 1080p each has 3 MB.
const PICTURES: usize = 2;

/// What making a clip of this size holds in our process at most, in bytes: two renderers of 9 bytes a pixel
/// (in a transition; else one), four pictures of one and a half, and as much as two of them for letters. That
/// is 56 MB at 1080p and 224 MB at 2160p, however long the clip is. ffmpeg beside it held at most 240 MB at
/// 1080p where it was measured.
pub const fn bytes_held(size: FrameSize) -> usize {
    const HALF_BYTES: usize = 2 * 18 + (PICTURES + 2) * 3 + 2 * 3;
    size.width as usize * size.height as usize * HALF_BYTES / 2
}

/// What is to be drawn.
#[derive(Debug, Clone)]
pub struct Shot {
    /// The clip.
    pub instruction: ClipInstruction,
    /// To which size and rate.
    pub format: VideoFormat,
    /// With how much care it is encoded.
    pub quality: Quality,
    /// The song's curves.
    pub envelopes: Envelopes,
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// It could not be encoded, or the token was raised.
    #[error(transparent)]
    Ffmpeg(#[from] FfmpegError),
    /// The drawing thread was lost.
    #[error("the drawing thread was lost")]
    Drawing(#[from] JoinError),
}

/// Draws the shot and encodes it to `file`. `progress` hears the share that is done. Ends soon after
/// `cancel` is raised, or when it is dropped.
pub async fn to_file(
    ffmpeg: &Ffmpeg,
    shot: Shot,
    file: &Path,
    cancel: CancellationToken,
    progress: impl Fn(f64),
) -> Result<(), RenderError> {
    let frames = shot.instruction.file().count;
    // A key frame at the cut itself, also where the file begins earlier: players jump to cuts.
    let cut = Some(shot.instruction.joints.before).filter(|frame| *frame > 0);
    let encoding = ClipEncoding {
        format: shot.format,
        quality: shot.quality,
        key_frame: cut,
    };
    let encoder = ffmpeg.encode(encoding, file, cancel.clone())?;
    let (drawn_sender, drawn) = mpsc::channel(PICTURES);
    let (blank_sender, blank) = mpsc::channel(PICTURES);
    for _ in 0..PICTURES {
        // There is room for all of them, and the other end is below.
        let _sent = blank_sender.try_send(Picture::new(shot.format.size));
    }
    let stop = cancel.clone();
    let drawing = tokio::task::spawn_blocking(move || draw(&shot, blank, &drawn_sender, &stop));
    let encoded = encode(encoder, drawn, &blank_sender, |done| {
        progress(f64::from(done) / f64::from(frames.max(1)));
    });
    let encoded = encoded.await;
    drop(blank_sender); // wakes the drawing thread where the encoder has given up
    drawing.await?;
    if cancel.is_cancelled() {
        // A cancelled drawing ends early, and a short clip is no news then.
        return Err(FfmpegError::Cancelled.into());
    }
    Ok(encoded?)
}

/// Runs on a thread of its own. Ends early when nobody takes its pictures, or wants them.
fn draw(
    shot: &Shot,
    mut blank: Receiver<Picture>,
    drawn: &Sender<Picture>,
    cancel: &CancellationToken,
) {
    let mut drawing = Drawing::of(shot);
    while !drawing.is_whole() {
        let Some(mut picture) = blank.blocking_recv() else {
            return;
        };
        if cancel.is_cancelled() {
            return;
        }
        drawing.next(&mut picture);
        if drawn.blocking_send(picture).is_err() {
            return;
        }
    }
}

async fn encode(
    mut encoder: ClipEncoder,
    mut drawn: Receiver<Picture>,
    blank: &Sender<Picture>,
    progress: impl Fn(u32),
) -> Result<(), FfmpegError> {
    let mut done = 0;
    while let Some(picture) = drawn.recv().await {
        encoder.write(picture.as_bytes()).await?;
        done += 1;
        progress(done);
        // After its last picture the drawing thread is gone and needs no more.
        let _last = blank.try_send(picture);
    }
    encoder.finish().await
}
