//! Draws and encodes side by side: one thread draws, ffmpeg encodes, two pictures go back and forth.

use std::path::Path;

use media::ffmpeg::{ClipEncoder, Ffmpeg, FfmpegError};
use model::format::{Quality, VideoFormat};
use model::look::SceneParameters;
use model::music::Envelopes;
use runtime::{StageContext, StageError, StageResultExt};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio_util::sync::CancellationToken;
use visuals::{Picture, Renderer};

/// Pictures of a clip: one is drawn while the other is encoded. At 1080p each has 3 MB.
const PICTURES: usize = 2;

/// What is to be drawn.
pub(crate) struct Shot {
    pub(crate) scene: SceneParameters,
    pub(crate) format: VideoFormat,
    pub(crate) quality: Quality,
    pub(crate) first_frame: u64,
    pub(crate) frames: u32,
    pub(crate) envelopes: Envelopes,
}

/// Draws the shot and encodes it to `file`. Ends soon after the task is cancelled, or dropped.
pub(crate) async fn to_file(
    ffmpeg: &Ffmpeg,
    shot: Shot,
    file: &Path,
    cx: &StageContext,
) -> Result<(), StageError> {
    let frames = shot.frames;
    let cancel = cx.cancelled();
    let encoder = ffmpeg
        .encode_clip(shot.format, shot.quality, file, cancel.clone())
        .map_err(sorted)?;
    let (drawn_sender, drawn) = mpsc::channel(PICTURES);
    let (blank_sender, blank) = mpsc::channel(PICTURES);
    for _ in 0..PICTURES {
        let picture = Picture::new(shot.format.size);
        blank_sender
            .try_send(picture)
            .or_fatal("preparing pictures")?; // there is room for all
    }
    let drawing = tokio::task::spawn_blocking(move || draw(&shot, blank, &drawn_sender, &cancel));
    let encoded = encode(encoder, drawn, &blank_sender, |done| {
        cx.progress(f64::from(done) / f64::from(frames));
    });
    let encoded = encoded.await.map_err(sorted);
    drop(blank_sender); // wakes the drawing thread where the encoder has given up
    drawing.await.or_retry("drawing the clip")?;
    cx.checkpoint()?; // a cancelled drawing ends early, and a short clip is no news then
    encoded
}

/// Runs on a thread of its own. Ends early when nobody takes its pictures, or wants them.
fn draw(
    shot: &Shot,
    mut blank: Receiver<Picture>,
    drawn: &Sender<Picture>,
    cancel: &CancellationToken,
) {
    let mut renderer = Renderer::new(&shot.scene, shot.format, shot.first_frame, shot.frames);
    for frame in 0..shot.frames {
        let Some(mut picture) = blank.blocking_recv() else {
            return;
        };
        if cancel.is_cancelled() {
            return;
        }
        let time = shot
            .format
            .rate
            .time_of(shot.first_frame + u64::from(frame));
        renderer.render(frame, &shot.envelopes.at(time), &mut picture);
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

fn sorted(error: FfmpegError) -> StageError {
    match error {
        FfmpegError::Cancelled => StageError::Cancelled,
        error => StageError::retry("encoding the clip", error),
    }
}
