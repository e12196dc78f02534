//! One child process, kept running: started, watched, started again with growing patience, ended gently.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::Command;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tools::child::{self, Child};

/// The wait before the first new start; it doubles with each that does not last.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A process that has run this long is taken for sound again.
const SOUND_AFTER: Duration = Duration::from_secs(20);

/// A process to keep running.
#[derive(Clone)]
pub(super) struct Process {
    /// What it is called.
    pub(super) name: String,
    /// What is started, with which arguments.
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    /// Its whole environment: nothing is inherited.
    pub(super) environment: Vec<(String, String)>,
    /// Where its output goes.
    pub(super) log: PathBuf,
    /// How long it may take to end when asked.
    pub(super) grace: Duration,
}

/// What happened to a process.
#[derive(Debug)]
pub(super) enum News {
    Started {
        name: String,
        pid: u32,
    },
    /// It ended without being asked, or could not be started at all: the program may be being replaced,
    /// or the system short of something for a moment.
    Ended {
        name: String,
        how: String,
        again_in: Duration,
        log: PathBuf,
    },
}

impl Process {
    /// The same under another name, with a log of its own.
    pub(super) fn named(&self, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            log: self.log.with_file_name(format!("{name}.log")),
            ..self.clone()
        }
    }

    /// Keeps it running until `stop` is raised, then ends it: by asking, or at once when `kill` is raised.
    pub(super) async fn keep(
        self,
        stop: CancellationToken,
        kill: CancellationToken,
        news: UnboundedSender<News>,
    ) {
        let mut pause = FIRST_PAUSE;
        while !stop.is_cancelled() && !kill.is_cancelled() {
            let started = Instant::now();
            let how = match self.start() {
                Ok(mut child) => {
                    if let Some(pid) = child.id() {
                        // Nobody hears news any more once draining has begun, here and below.
                        let _unheard = news.send(News::Started {
                            name: self.name.clone(),
                            pid,
                        });
                    }
                    tokio::select! {
                        ended = child.wait() => ended.map_or_else(|error| error.to_string(), told),
                        () = stop.cancelled() => return self.end(child, &kill).await,
                    }
                }
                Err(error) => format!("cannot be started ({error})"),
            };
            if started.elapsed() > SOUND_AFTER {
                pause = FIRST_PAUSE;
            }
            let _unheard = news.send(News::Ended {
                name: self.name.clone(),
                how,
                again_in: pause,
                log: self.log.clone(),
            });
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn start(&self) -> io::Result<Child> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)?;
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        child::spawn(command)
    }

    async fn end(&self, mut child: Child, kill: &CancellationToken) {
        // However it ends, it is gone afterwards: dropping the handle kills what is left.
        tokio::select! {
            _ended = child.stop(self.grace) => {}
            () = kill.cancelled() => {
                child.kill();
                let _ended = child.wait().await;
            }
        }
    }
}

fn told(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with code {code}"),
        (None, Some(signal)) => format!("was killed (signal {signal})"),
        (None, None) => "ended".to_owned(),
    }
}

/// The last lines of a log.
pub(super) fn last_words(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().rev().take(12).collect();
    let lines: Vec<_> = lines
        .into_iter()
        .rev()
        .map(|line| format!("    {line}"))
        .collect();
    if lines.is_empty() {
        format!("    (none in {})", log.display())
    } else {
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::{self, UnboundedReceiver};

    use super::*;

    struct Kept {
        stop: CancellationToken,
        kill: CancellationToken,
        news: UnboundedReceiver<News>,
        task: tokio::task::JoinHandle<()>,
        scratch: tempfile::TempDir,
    }

    fn shell(script: &str) -> Kept {
        kept("/bin/sh".into(), script, tempfile::tempdir().unwrap())
    }

    fn kept(program: PathBuf, script: &str, scratch: tempfile::TempDir) -> Kept {
        let process = Process {
            name: "shell".to_owned(),
            program,
            arguments: vec!["-c".to_owned(), script.to_owned()],
            environment: vec![("ROLE".to_owned(), "test".to_owned())],
            log: scratch.path().join("log"),
            grace: Duration::from_secs(20),
        };
        let (sender, news) = mpsc::unbounded_channel();
        let (stop, kill) = (CancellationToken::new(), CancellationToken::new());
        let task = tokio::spawn(process.keep(stop.clone(), kill.clone(), sender));
        Kept {
            stop,
            kill,
            news,
            task,
            scratch,
        }
    }

    #[tokio::test]
    async fn what_ends_is_started_again_later_and_later() {
        let mut kept = shell("echo $ROLE $HOME; exit 3");
        let mut pauses = Vec::new();
        while pauses.len() < 2 {
            if let Some(News::Ended { how, again_in, .. }) = kept.news.recv().await {
                assert_eq!(how, "ended with code 3");
                pauses.push(again_in);
            }
        }
        assert_eq!(pauses, [FIRST_PAUSE, 2 * FIRST_PAUSE]);
        kept.stop.cancel();
        kept.task.await.unwrap();
        // Of our own environment it has seen nothing.
        assert_eq!(
            last_words(&kept.scratch.path().join("log")),
            "    test\n    test"
        );
    }

    #[tokio::test]
    async fn a_program_that_is_away_for_a_moment_is_started_once_it_is_back() {
        let scratch = tempfile::tempdir().unwrap();
        let program = scratch.path().join("sh");
        let mut kept = kept(program.clone(), "exec /bin/sleep 60", scratch);
        let Some(News::Ended { how, again_in, .. }) = kept.news.recv().await else {
            panic!("it cannot have been started")
        };
        assert!(how.starts_with("cannot be started"), "{how}");
        assert_eq!(again_in, FIRST_PAUSE);
        std::os::unix::fs::symlink("/bin/sh", program).unwrap();
        while !matches!(kept.news.recv().await, Some(News::Started { .. })) {}
        kept.stop.cancel();
        kept.task.await.unwrap();
    }

    #[tokio::test]
    async fn it_is_asked_to_end_and_killed_when_there_is_no_time() {
        let mut kept = shell("trap 'echo bye; exit 0' TERM; echo up; /bin/sleep 60 & wait");
        let Some(News::Started { .. }) = kept.news.recv().await else {
            panic!("started")
        };
        let log = kept.scratch.path().join("log");
        let says_up = async || {
            fs::read_to_string(&log)
                .ok()
                .filter(|text| text.contains("up"))
        };
        testkit::eventually("the shell is up", Duration::from_secs(20), says_up).await;
        kept.stop.cancel();
        kept.task.await.unwrap();
        assert!(last_words(&log).ends_with("bye"));

        let mut deaf = shell("trap '' TERM; echo up; /bin/sleep 60");
        let Some(News::Started { pid, .. }) = deaf.news.recv().await else {
            panic!("started")
        };
        let log = deaf.scratch.path().join("log");
        let is_deaf = async || {
            fs::read_to_string(&log)
                .ok()
                .filter(|text| text.contains("up"))
        };
        testkit::eventually("the shell is deaf", Duration::from_secs(20), is_deaf).await;
        deaf.stop.cancel();
        deaf.kill.cancel();
        deaf.task.await.unwrap();
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }
}
