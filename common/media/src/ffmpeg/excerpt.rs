//! Some frames of a film as a small film of their own, without sound.

use std::path::Path;

use model::format::VideoFormat;
use model::timeline::Span;
use tokio_util::sync::CancellationToken;

use super::{Ffmpeg, FfmpegError, input};

/// Which frames of a film.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Excerpt {
    /// The film's format.
    pub format: VideoFormat,
    /// The frames.
    pub span: Span,
}

impl Ffmpeg {
    /// Writes some frames of `film` as an MP4, at most 480 pixels on its longer side.
    pub async fn excerpt(
        &self,
        film: &Path,
        excerpt: Excerpt,
        out: &Path,
        cancel: &CancellationToken,
    ) -> Result<(), FfmpegError> {
        let Excerpt { format, span } = excerpt;
        let scale = if format.size.width >= format.size.height {
            r"scale=min(480\,iw):-2"
        } else {
            r"scale=-2:min(480\,ih)"
        };
        // Seeking gives the first frame that is not before the time: half a frame early is exact.
        let time = (format.rate.time_of(span.first).0 - 0.5 / format.rate.fps()).max(0.0);
        let mut command = self.command();
        command.args(["-ss", &format!("{time:.6}")]);
        input(&mut command, film);
        command
            .args([
                "-map",
                "0:v:0",
                "-frames:v",
                &span.count.to_string(),
                "-vf",
                scale,
            ])
            .args([
                "-c:v", "libx264", "-preset", "veryfast", "-crf", "26", "-pix_fmt", "yuv420p",
            ])
            .args([
                "-map_metadata",
                "-1",
                "-map_chapters",
                "-1",
                "-fflags",
                "+bitexact",
            ])
            .args(["-flags:v", "+bitexact", "-threads", "1"])
            .args(["-movflags", "+faststart", "-f", "mp4"]);
        self.make("taking the excerpt", command, out, cancel).await
    }
}
