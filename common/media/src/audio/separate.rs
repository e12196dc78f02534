//! Decoding in a process of its own: a file made to break a decoder breaks that process only.
//!
//! The process is given a song by its arguments and answers with one line of JSON. It is bounded in CPU
//! time, address space and what it writes, has no environment, no network and no other programs, and is
//! killed when nobody waits for it any more. What ends it from within (a bound, an abort, a crash) is the file's fault; what ends it
//! from without is ours.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus, Stdio};
use std::sync::Once;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tools::child::{self, Bounds, Misdeed};

use super::confine::confine;
use super::{AudioError, AudioKind, Canonical, Limits, canonicalise};

/// Ten minutes of MP3 take about 3 s on a slow machine, and 10 MB of memory.
const CPU_SECONDS: u64 = 10;
/// Mostly the program itself and its libraries.
const ADDRESS_SPACE: u64 = 512 << 20;
/// CPU time is bounded; this is for a machine too busy to give it.
const DEADLINE: Duration = Duration::from_mins(1);
/// Canonical audio at its largest, bytes a second.
const BYTES_A_SECOND: f64 = 48_000.0 * 2.0 * 2.0;
/// More than any answer, and than any last words that help.
const MOST_SAID: u64 = 16 * 1024;

/// Canonicalises songs in processes that it starts.
#[derive(Debug, Clone)]
pub struct SeparateDecoder {
    program: PathBuf,
    arguments: Vec<OsString>,
    cpu_seconds: u64,
    address_space: u64,
    deadline: Duration,
}

impl SeparateDecoder {
    /// `program`, started with `arguments` and then those of [`decode_for_parent`], to which it has to
    /// pass them on.
    pub fn new(program: PathBuf, arguments: Vec<OsString>) -> Self {
        Self {
            program,
            arguments,
            cpu_seconds: CPU_SECONDS,
            address_space: ADDRESS_SPACE,
            deadline: DEADLINE,
        }
    }

    /// With other bounds than 10 s of CPU, 512 MB of address space and 60 s of waiting.
    #[must_use]
    pub fn bounded(mut self, cpu_seconds: u64, address_space: u64, deadline: Duration) -> Self {
        self.cpu_seconds = cpu_seconds;
        self.address_space = address_space;
        self.deadline = deadline;
        self
    }

    /// Does what [`canonicalise`] does. Dropped before its end, it kills the process.
    pub async fn canonicalise(
        &self,
        source: &Path,
        destination: &Path,
        limits: &Limits,
    ) -> Result<Canonical, AudioError> {
        let answer = tokio::time::timeout(self.deadline, self.ask(source, destination, limits));
        let answer = answer.await.unwrap_or(Err(AudioError::Late {
            seconds: self.deadline.as_secs(),
        }));
        if answer.is_err() {
            // What a killed process has written is of no use; the error that matters is the answer.
            let _ = tokio::fs::remove_file(destination).await;
        }
        answer
    }

    async fn ask(
        &self,
        source: &Path,
        destination: &Path,
        limits: &Limits,
    ) -> Result<Canonical, AudioError> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .args([source, destination])
            .args([limits.min_seconds, limits.max_seconds].map(|limit| limit.to_string()))
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let bounds = Bounds {
            cpu_seconds: self.cpu_seconds,
            address_space: self.address_space,
            file_size: (limits.max_seconds.max(1.0) * BYTES_A_SECOND) as u64 + 4_096,
        };
        let failed = |why: String| AudioError::Decoder {
            path: self.program.clone(),
            why,
        };
        let mut child =
            child::spawn_within(command, bounds).map_err(|error| failed(error.to_string()))?;
        let (stdout, stderr) = (child.take_stdout(), child.take_stderr());
        let (said, words, status) = tokio::join!(all_of(stdout), all_of(stderr), child.wait());
        let status = status.map_err(|error| failed(error.to_string()))?;
        if let Some(fault) = fault_of(status) {
            return Err(fault);
        }
        let said: Said = serde_json::from_slice(&said).map_err(|error| {
            let words = String::from_utf8_lossy(&words);
            failed(format!("{status}, {error}; {}", words.trim()))
        })?;
        if let Some(why) = said.open {
            OPEN.call_once(|| {
                tracing::warn!(
                    why,
                    "songs are decoded in a process that could open connections: the kernel has no filter \
                     of system calls for it"
                );
            });
        }
        said.verdict.into_result(&self.program)
    }
}

/// It is said once that decoders are not confined.
static OPEN: Once = Once::new();

/// The other side: decodes as `arguments` say (source, destination, shortest and longest length in
/// seconds) and writes its verdict to `answer`. Returns 0 where a verdict was written, whatever it is.
pub fn decode_for_parent(
    arguments: impl Iterator<Item = OsString>,
    answer: &mut impl Write,
) -> ExitCode {
    let arguments: Vec<OsString> = arguments.collect();
    let [source, destination, min, max] = arguments.as_slice() else {
        return ExitCode::from(2);
    };
    let seconds = |text: &OsString| text.to_str().and_then(|text| text.parse().ok());
    let (Some(min_seconds), Some(max_seconds)) = (seconds(min), seconds(max)) else {
        return ExitCode::from(2);
    };
    // A panic within the decoder is caught and is a verdict; its message would only fill a pipe.
    std::panic::set_hook(Box::new(|_| {}));
    let limits = Limits {
        min_seconds,
        max_seconds,
    };
    let open = confine().err();
    let decoded = canonicalise(Path::new(source), Path::new(destination), &limits);
    let verdict = Verdict::from(decoded);
    let said = Said { verdict, open };
    let written = serde_json::to_writer(&mut *answer, &said).is_ok() && answer.flush().is_ok();
    ExitCode::from(u8::from(!written))
}

/// What the process says.
#[derive(Debug, Serialize, Deserialize)]
struct Said {
    verdict: Verdict,
    /// Why the network is open to it, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    open: Option<String>,
}

/// What came of the song: [`canonicalise`]'s result in words that cross a pipe.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Song {
        sample_rate: u32,
        channels: u16,
        samples: u64,
    },
    Unsupported {
        found: String,
    },
    Unreadable {
        kind: AudioKind,
        why: String,
    },
    Broken,
    TooShort {
        seconds: f64,
        min: f64,
    },
    TooLong {
        max: f64,
    },
    SampleRate {
        hz: u32,
    },
    ChannelCount {
        count: usize,
    },
    /// Our fault, with its chain of reasons.
    Failed {
        why: String,
    },
}

impl From<Result<Canonical, AudioError>> for Verdict {
    fn from(result: Result<Canonical, AudioError>) -> Self {
        match result {
            Ok(song) => Self::Song {
                sample_rate: song.sample_rate,
                channels: song.channels,
                samples: song.samples,
            },
            Err(AudioError::Unsupported { found }) => Self::Unsupported { found },
            Err(AudioError::Unreadable { kind, why }) => Self::Unreadable { kind, why },
            Err(AudioError::Broken | AudioError::TooCostly { .. }) => Self::Broken,
            Err(AudioError::TooShort { seconds, min }) => Self::TooShort { seconds, min },
            Err(AudioError::TooLong { max }) => Self::TooLong { max },
            Err(AudioError::SampleRate { hz }) => Self::SampleRate { hz },
            Err(AudioError::ChannelCount { count }) => Self::ChannelCount { count },
            Err(error) => Self::Failed { why: chain(&error) },
        }
    }
}

impl Verdict {
    fn into_result(self, program: &Path) -> Result<Canonical, AudioError> {
        Err(match self {
            Self::Song {
                sample_rate,
                channels,
                samples,
            } => {
                return Ok(Canonical {
                    sample_rate,
                    channels,
                    samples,
                });
            }
            Self::Unsupported { found } => AudioError::Unsupported { found },
            Self::Unreadable { kind, why } => AudioError::Unreadable { kind, why },
            Self::Broken => AudioError::Broken,
            Self::TooShort { seconds, min } => AudioError::TooShort { seconds, min },
            Self::TooLong { max } => AudioError::TooLong { max },
            Self::SampleRate { hz } => AudioError::SampleRate { hz },
            Self::ChannelCount { count } => AudioError::ChannelCount { count },
            Self::Failed { why } => AudioError::Decoder {
                path: program.to_owned(),
                why,
            },
        })
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// What the file has done to the process, if it is the file's fault.
fn fault_of(status: ExitStatus) -> Option<AudioError> {
    let what = match child::misdeed(status)? {
        Misdeed::CpuTime => "time",
        Misdeed::Abort => "memory",
        Misdeed::FileSize => "room on the disk",
        Misdeed::Crash => return Some(AudioError::Broken),
    };
    Some(AudioError::TooCostly { what })
}

/// Reads to the end, and keeps the begin of it.
async fn all_of(pipe: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut said = Vec::new();
    let Some(mut pipe) = pipe else {
        return said;
    };
    // A pipe that breaks has no more to say, which is what its end means, too.
    let _ = (&mut pipe).take(MOST_SAID).read_to_end(&mut said).await;
    let _ = tokio::io::copy(&mut pipe, &mut tokio::io::sink()).await;
    said
}
