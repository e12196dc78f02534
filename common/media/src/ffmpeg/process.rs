//! One run of ffmpeg: started, listened to, waited for or ended.

use std::path::Path;
use std::process::{ExitStatus, Stdio};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{ChildStdin, Command};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tools::child::{self, Child};

use super::{FfmpegError, GRACE};

/// How much of what ffmpeg says is kept: enough for its last few complaints.
const TAIL: usize = 4096;

/// A running ffmpeg; killed when dropped.
#[derive(Debug)]
pub(super) struct Process {
    doing: &'static str,
    child: Child,
    words: JoinHandle<String>,
}

impl Process {
    /// Starts `command`, of which `program` is the program.
    pub(super) fn start(
        doing: &'static str,
        mut command: Command,
        program: &Path,
    ) -> Result<Self, FfmpegError> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = child::spawn(command).map_err(|source| FfmpegError::Start {
            program: program.to_owned(),
            source,
        })?;
        let stderr = child.take_stderr();
        let words = tokio::spawn(async move {
            match stderr {
                Some(stderr) => tail_of(stderr).await,
                None => String::new(),
            }
        });
        Ok(Self {
            doing,
            child,
            words,
        })
    }

    /// The pipe to its input; once.
    pub(super) fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.take_stdin()
    }

    /// Waits for its end, which has to be a success.
    pub(super) async fn finish(mut self, cancel: &CancellationToken) -> Result<(), FfmpegError> {
        drop(self.child.take_stdin());
        let ended = tokio::select! {
            biased;
            () = cancel.cancelled() => None,
            status = self.child.wait() => Some(status),
        };
        let Some(status) = ended else {
            return Err(self.cancel().await);
        };
        let status = status.map_err(lost)?;
        if status.success() {
            Ok(())
        } else {
            Err(self.failure(status).await)
        }
    }

    /// Ends it, whatever it does. The error is [`FfmpegError::Cancelled`] unless even that failed.
    pub(super) async fn cancel(mut self) -> FfmpegError {
        drop(self.child.take_stdin());
        match self.child.stop(GRACE).await {
            Ok(_) => FfmpegError::Cancelled,
            Err(source) => lost(source),
        }
    }

    /// Why it no longer takes input: it has ended, or is about to.
    pub(super) async fn broken(mut self) -> FfmpegError {
        match self.child.stop(GRACE).await {
            Ok(status) => self.failure(status).await,
            Err(source) => lost(source),
        }
    }

    async fn failure(self, status: ExitStatus) -> FfmpegError {
        let words = self.words.await.unwrap_or_else(|error| error.to_string());
        FfmpegError::Failed {
            doing: self.doing,
            status,
            words: words.trim().to_owned(),
        }
    }
}

fn lost(source: std::io::Error) -> FfmpegError {
    FfmpegError::Io {
        doing: "waiting for",
        path: "ffmpeg".into(),
        source,
    }
}

/// Reads to the end and keeps the last [`TAIL`] bytes, so that the writer never waits for us.
async fn tail_of(mut stderr: impl AsyncRead + Unpin) -> String {
    let mut tail = Vec::with_capacity(2 * TAIL);
    // A pipe that breaks has no more to say, which is what its end means, too.
    while let Ok(1..) = stderr.read_buf(&mut tail).await {
        let surplus = tail.len().saturating_sub(TAIL);
        tail.drain(..surplus);
    }
    String::from_utf8_lossy(&tail).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_last_words_are_kept() {
        let mut said = "blah ".repeat(100_000);
        said.push_str("the end");
        let tail = tail_of(said.as_bytes()).await;
        assert_eq!(tail.len(), TAIL);
        assert!(tail.ends_with("the end"));
    }
}
