//! One run of ffmpeg: started, listened to, waited for or ended.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{ChildStdin, Command};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tools::child::{self, Child};

use super::{BOUNDS, Ffmpeg, FfmpegError, GRACE};

/// How much of what ffmpeg says is kept: enough for its last few complaints.
const TAIL: usize = 8192;
/// How often it is looked whether it still does something.
const LOOK: Duration = Duration::from_secs(1);

/// A running ffmpeg; killed when dropped.
#[derive(Debug)]
pub(super) struct Process {
    doing: &'static str,
    patience: Duration,
    child: Child,
    words: JoinHandle<String>,
}

impl Process {
    /// Starts `command`, which is one of `ffmpeg`'s.
    pub(super) fn start(
        doing: &'static str,
        mut command: Command,
        ffmpeg: &Ffmpeg,
    ) -> Result<Self, FfmpegError> {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let started = child::spawn_within(command, BOUNDS);
        let mut child = started.map_err(|source| FfmpegError::Start {
            program: ffmpeg.program.clone(),
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
            patience: ffmpeg.patience,
            child,
            words,
        })
    }

    /// The pipe to its input; once.
    pub(super) fn take_stdin(&mut self) -> Option<ChildStdin> {
        self.child.take_stdin()
    }

    /// Waits for its end, which has to be a success.
    pub(super) async fn finish(self, cancel: &CancellationToken) -> Result<(), FfmpegError> {
        self.finish_and_tell(cancel).await.map(drop)
    }

    /// The same; gives the last of what it said.
    pub(super) async fn finish_and_tell(
        mut self,
        cancel: &CancellationToken,
    ) -> Result<String, FfmpegError> {
        drop(self.child.take_stdin());
        let mut looks = Looks::new(self.patience);
        let status = loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Err(self.cancel().await),
                status = self.child.wait() => break status.map_err(lost)?,
                () = tokio::time::sleep(looks.period) => {}
            }
            if looks.is_idle(self.child.cpu_ticks()) {
                return Err(self.hanging().await);
            }
        };
        if status.success() {
            Ok(self.words.await.unwrap_or_default())
        } else {
            Err(self.failure(status).await)
        }
    }

    /// Completes once it has done nothing for as long as we have patience.
    pub(super) async fn hangs(&self) {
        let mut looks = Looks::new(self.patience);
        while !looks.is_idle(self.child.cpu_ticks()) {
            tokio::time::sleep(looks.period).await;
        }
    }

    /// Kills it, since it hangs.
    pub(super) async fn hanging(mut self) -> FfmpegError {
        self.child.kill();
        match self.child.wait().await {
            Ok(_) => FfmpegError::Hangs {
                doing: self.doing,
                patience: self.patience,
            },
            Err(source) => lost(source),
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

/// Looks at a child's CPU time now and then. A child that is stopped, or waits for what never comes, uses
/// none; one that runs in circles meets its bound of it.
struct Looks {
    period: Duration,
    /// How many looks in a row may find nothing done. Looks, not time: while we are stopped ourselves,
    /// nobody looks.
    most: u32,
    idle: u32,
    last: Option<u64>,
}

impl Looks {
    fn new(patience: Duration) -> Self {
        let period = LOOK.min(patience / 4).max(Duration::from_millis(1));
        Self {
            period,
            most: patience.div_duration_f64(period).ceil() as u32,
            idle: 0,
            last: None,
        }
    }

    /// Whether nothing was done in as many looks as are allowed. Where the kernel does not tell, never.
    fn is_idle(&mut self, ticks: Option<u64>) -> bool {
        let Some(ticks) = ticks else { return false };
        let same = self.last.replace(ticks) == Some(ticks);
        self.idle = if same { self.idle + 1 } else { 0 };
        self.idle >= self.most
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

    #[test]
    fn only_a_child_that_does_nothing_for_long_hangs() {
        let mut looks = Looks::new(Duration::from_secs(20));
        assert_eq!((looks.period, looks.most), (LOOK, 20));
        for ticks in [5, 5, 5, 6] {
            assert!(!looks.is_idle(Some(ticks)));
        }
        let idle: Vec<_> = (0..20).map(|_| looks.is_idle(Some(6))).collect();
        assert_eq!(idle.iter().position(|idle| *idle), Some(19));
        assert!(!looks.is_idle(None), "the kernel does not tell");
    }

    #[tokio::test]
    async fn only_the_last_words_are_kept() {
        let mut said = "blah ".repeat(100_000);
        said.push_str("the end");
        let tail = tail_of(said.as_bytes()).await;
        assert_eq!(tail.len(), TAIL);
        assert!(tail.ends_with("the end"));
    }
}
