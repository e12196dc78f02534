//! One frame of a film as a JPEG.

use std::path::Path;

use model::format::VideoFormat;
use tokio_util::sync::CancellationToken;

use super::{Ffmpeg, FfmpegError, input};

/// Posters are shown beside a title, not full screen.
const WIDEST: u32 = 1280;

/// Which frame of a film.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Still {
    /// The film's format.
    pub format: VideoFormat,
    /// The frame, from 0.
    pub frame: u64,
}

impl Ffmpeg {
    /// Writes a frame of `film` as a JPEG, at most 1280 pixels wide.
    pub async fn poster(
        &self,
        film: &Path,
        still: Still,
        out: &Path,
        cancel: &CancellationToken,
    ) -> Result<(), FfmpegError> {
        let Still { format, frame } = still;
        let width = format.size.width.min(WIDEST);
        // Seeking gives the first frame that is not before the time: half a frame early is exact.
        let time = (format.rate.time_of(frame).0 - 0.5 / format.rate.fps()).max(0.0);
        let mut command = self.command();
        command.args(["-ss", &format!("{time:.6}")]);
        input(&mut command, film);
        command
            .args(["-map", "0:v:0", "-frames:v", "1", "-vf"])
            // JPEG knows no tags: its colours are bt601 in full range.
            .arg(format!(
                "scale={width}:-2:flags=lanczos:in_color_matrix=bt709:in_range=tv:\
                 out_color_matrix=bt601:out_range=pc,format=yuvj420p"
            ))
            .args([
                "-c:v",
                "mjpeg",
                "-q:v",
                "3",
                "-map_metadata",
                "-1",
                "-fflags",
                "+bitexact",
            ])
            .args(["-f", "image2", "-update", "1"]);
        self.make("taking the poster", command, out, cancel).await
    }
}
