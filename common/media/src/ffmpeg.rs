//! ffmpeg as a child process: encodes clips and the song, watches films, takes posters.
//!
//! Every file appears by one rename once it is whole. A raised token ends the process within a
//! second and removes what it had written. No text of a user ever stands in a filter.

mod clip_encoder;
mod conform;
mod excerpt;
mod foreign;
mod poster;
mod process;
mod song;
mod watch;

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

pub use clip_encoder::{ClipEncoder, ClipEncoding};
pub use conform::{ConformError, Conforming};
pub use excerpt::Excerpt;
pub use poster::Still;
use process::Process;
pub use tools::ToolError;
use tools::child::Bounds;
pub use watch::{MINIATURE, Storyboard};

use crate::part_file::PartFile;

/// How long a cancelled ffmpeg may take to end by itself. It writes the end of a file that nobody
/// wants; a second leaves room within the two in which a cancelled job has to be quiet.
const GRACE: Duration = Duration::from_secs(1);

/// How long an ffmpeg that has work may do nothing at all before it is taken for hanging.
const PATIENCE: Duration = Duration::from_secs(20);
/// Signals that come from outside (signal(7)): the bounds of a child end it by others.
const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;
/// What one run may take of the machine. Far above what a film of ten minutes at 2160p needs, and below
/// what would take the machine down.
const BOUNDS: Bounds = Bounds {
    cpu_seconds: 4 * 60 * 60,
    address_space: 16 << 30,
    file_size: 16 << 30,
};

/// An ffmpeg on this machine.
#[derive(Debug, Clone)]
pub struct Ffmpeg {
    program: PathBuf,
    patience: Duration,
    version: Arc<OnceCell<String>>,
}

/// Why ffmpeg gave no file.
#[derive(Debug, thiserror::Error)]
pub enum FfmpegError {
    /// It could not be started.
    #[error("starting {program:?}")]
    Start {
        /// The program.
        program: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It ended with a failure.
    #[error("ffmpeg failed while {doing} ({status}): {words}")]
    Failed {
        /// What it was to do.
        doing: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// Its last words.
        words: String,
    },
    /// A file or pipe could not be used.
    #[error("{doing} {path:?}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A frame has another length than the format says.
    #[error("a frame has {length} bytes; {expected} are expected")]
    FrameLength {
        /// What came.
        length: usize,
        /// What was expected.
        expected: usize,
    },
    /// It did nothing any more, and was killed.
    #[error("ffmpeg hangs while {doing}: it has used no processor for {} s", patience.as_secs())]
    Hangs {
        /// What it was to do.
        doing: &'static str,
        /// How long that was watched.
        patience: Duration,
    },
    /// The token was raised.
    #[error("cancelled")]
    Cancelled,
}

impl FfmpegError {
    /// Whether somebody else ended it: the kernel for want of memory, an operator. Its own bounds end it by
    /// other signals.
    #[must_use]
    pub fn was_killed(&self) -> bool {
        let Self::Failed { status, .. } = self else {
            return false;
        };
        matches!(status.signal(), Some(SIGKILL | SIGTERM))
    }
}

impl Ffmpeg {
    /// The ffmpeg that [`tools::ffmpeg`] finds or fetches. Blocks.
    pub fn find() -> Result<Self, ToolError> {
        Ok(Self::at(tools::ffmpeg()?))
    }

    /// The ffmpeg at `program`, which has to be fit, or else the one of [`Self::find`]. Blocks.
    pub fn at_or_found(program: Option<PathBuf>) -> Result<Self, ToolError> {
        match program {
            Some(program) => Ok(Self::at(tools::ffmpeg_at(program)?)),
            None => Self::find(),
        }
    }

    /// The ffmpeg at `program`, whatever that may be.
    pub fn at(program: PathBuf) -> Self {
        Self {
            program,
            patience: PATIENCE,
            version: Arc::default(),
        }
    }

    /// The same, taken for hanging after `patience` (20 s).
    #[must_use]
    pub fn patient_for(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// All that it tells of its version, its build and its libraries. It is asked once.
    pub async fn version(&self) -> Result<&str, FfmpegError> {
        let version = self
            .version
            .get_or_try_init(|| self.asked_version())
            .await?;
        Ok(version)
    }

    async fn asked_version(&self) -> Result<String, FfmpegError> {
        let answer = Command::new(&self.program)
            .arg("-version")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await;
        let answer = answer.map_err(|source| FfmpegError::Start {
            program: self.program.clone(),
            source,
        })?;
        if !answer.status.success() {
            return Err(FfmpegError::Failed {
                doing: "telling its version",
                status: answer.status,
                words: String::from_utf8_lossy(&answer.stderr).trim().to_owned(),
            });
        }
        Ok(String::from_utf8_lossy(&answer.stdout).trim().to_owned())
    }

    /// A command that asks nothing, says only what is wrong, and opens nothing but files and pipes.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args([
            "-hide_banner",
            "-nostats",
            "-loglevel",
            "warning",
            "-nostdin",
            "-y",
        ]);
        command
    }

    /// Runs `command` to its end; what it wrote to the part file becomes `out`.
    ///
    /// The part file is the last argument of the command.
    async fn make(
        &self,
        doing: &'static str,
        mut command: Command,
        out: &Path,
        cancel: &CancellationToken,
    ) -> Result<(), FfmpegError> {
        let part = PartFile::of(out);
        output(&mut command, part.path());
        Process::start(doing, command, self)?.finish(cancel).await?;
        keep(part, out)
    }
}

/// Lets a file appear that is whole.
fn keep(part: PartFile, out: &Path) -> Result<(), FfmpegError> {
    let kept = part.keep_as(out);
    kept.map_err(|source| FfmpegError::Io {
        doing: "renaming the part file of",
        path: out.to_owned(),
        source,
    })
}

/// Adds an input file, which must not lead to anything but files.
fn input(command: &mut Command, file: &Path) {
    command
        .args(["-protocol_whitelist", "file,pipe", "-i"])
        .arg(protected(file));
}

/// Adds the output file, the last argument of a command.
fn output(command: &mut Command, file: &Path) {
    command.arg(protected(file));
}

/// The file as ffmpeg cannot misread it: a name such as `concat:a|b` or `-i` is a file, too.
fn protected(file: &Path) -> std::ffi::OsString {
    let mut name = std::ffi::OsString::from("file:");
    name.push(OsStr::new(file));
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_end_of_a_command_takes_a_file_for_an_option_or_a_protocol() {
        let mut command = Command::new("ffmpeg");
        input(&mut command, Path::new("concat:a|b"));
        output(&mut command, Path::new("-n"));
        let words: Vec<&OsStr> = command.as_std().get_args().collect();
        assert_eq!(
            words,
            [
                "-protocol_whitelist",
                "file,pipe",
                "-i",
                "file:concat:a|b",
                "file:-n"
            ]
        );
    }
}
