//! Raw frames in, a clip in the house format out.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use model::format::{Quality, VideoFormat};
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio_util::sync::CancellationToken;

use super::{Ffmpeg, FfmpegError, Process, keep, output};
use crate::house;
use crate::part_file::PartFile;

/// An ffmpeg that encodes one clip. Takes frames as fast as x264 does; holds none of them itself.
///
/// Dropped before [`Self::finish`], it leaves neither a process nor a file.
#[derive(Debug)]
pub struct ClipEncoder {
    /// `None` once ffmpeg has failed or was cancelled.
    running: Option<(Process, ChildStdin)>,
    frame_length: usize,
    part: PartFile,
    out: PathBuf,
    cancel: CancellationToken,
}

/// How a clip is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClipEncoding {
    /// Size and rate.
    pub format: VideoFormat,
    /// With how much care.
    pub quality: Quality,
    /// A frame that is a key frame as well, besides those that every clip has.
    pub key_frame: Option<u32>,
}

impl Ffmpeg {
    /// Starts to encode a clip of `format` into the file `out`. Within a tokio runtime.
    pub fn encode_clip(
        &self,
        format: VideoFormat,
        quality: Quality,
        out: &Path,
        cancel: CancellationToken,
    ) -> Result<ClipEncoder, FfmpegError> {
        let encoding = ClipEncoding {
            format,
            quality,
            key_frame: None,
        };
        self.encode(encoding, out, cancel)
    }

    /// The same with all that can be said of the encoding.
    pub fn encode(
        &self,
        encoding: ClipEncoding,
        out: &Path,
        cancel: CancellationToken,
    ) -> Result<ClipEncoder, FfmpegError> {
        let ClipEncoding {
            format,
            quality,
            key_frame,
        } = encoding;
        let part = PartFile::of(out);
        let mut command = self.command();
        command
            .args(house::raw_input(format))
            .args(["-protocol_whitelist", "file,pipe", "-i", "pipe:0"])
            .args(house::encoding(format, quality))
            .stdin(Stdio::piped());
        if let Some(frame) = key_frame {
            command
                .arg("-force_key_frames")
                .arg(format!("expr:eq(n,{frame})"));
        }
        output(&mut command, part.path());
        let mut process = Process::start("encoding a clip", command, self)?;
        let stdin = process.take_stdin().ok_or_else(|| FfmpegError::Start {
            program: self.program.clone(),
            source: std::io::ErrorKind::BrokenPipe.into(),
        })?;
        Ok(ClipEncoder {
            running: Some((process, stdin)),
            frame_length: house::frame_length(format.size),
            part,
            out: out.to_owned(),
            cancel,
        })
    }
}

/// Why a frame was not taken.
enum Stopped {
    Cancelled,
    Broken,
    Hanging,
}

impl ClipEncoder {
    /// Encodes one frame: planar yuv420p, 8 bits, bt709 in limited range, without padding.
    ///
    /// After an error every further call gives an error.
    pub async fn write(&mut self, frame: &[u8]) -> Result<(), FfmpegError> {
        if frame.len() != self.frame_length {
            return Err(FfmpegError::FrameLength {
                length: frame.len(),
                expected: self.frame_length,
            });
        }
        let (process, stdin) = self.running.as_mut().ok_or(FfmpegError::Cancelled)?;
        let stopped = tokio::select! {
            biased;
            () = self.cancel.cancelled() => Stopped::Cancelled,
            written = stdin.write_all(frame) => match written {
                Ok(()) => return Ok(()),
                Err(_) => Stopped::Broken,
            },
            () = process.hangs() => Stopped::Hanging,
        };
        Err(self.give_up(stopped).await)
    }

    /// No more frames: waits until the file is whole and lets it appear.
    pub async fn finish(mut self) -> Result<(), FfmpegError> {
        let (process, stdin) = self.running.take().ok_or(FfmpegError::Cancelled)?;
        drop(stdin);
        process.finish(&self.cancel).await?;
        keep(self.part, &self.out)
    }

    async fn give_up(&mut self, stopped: Stopped) -> FfmpegError {
        match self.running.take() {
            None => FfmpegError::Cancelled,
            Some((process, stdin)) => {
                drop(stdin);
                match stopped {
                    Stopped::Cancelled => process.cancel().await,
                    Stopped::Broken => process.broken().await, // ffmpeg knows why
                    Stopped::Hanging => process.hanging().await,
                }
            }
        }
    }
}
