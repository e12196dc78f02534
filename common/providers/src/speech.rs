//! Speech: the words that are sung in a song, with their times.

use std::path::PathBuf;

use futures::future::BoxFuture;
use model::lyrics::transcript::Transcript;
use model::{Seconds, Usd};
use tokio_util::sync::CancellationToken;

/// What is to be listened to.
#[derive(Debug, Clone, PartialEq)]
pub struct Recording {
    /// A WAV file, as `media::audio::for_speech` makes them.
    pub file: PathBuf,
    /// How long it is.
    pub duration: Seconds,
}

/// A provider that hears words.
pub trait Speech: std::fmt::Debug + Send + Sync {
    /// What a recording of that length costs.
    fn price(&self, duration: Seconds) -> Usd;

    /// Whether a key is charged once, however often the words are asked for under it.
    fn repeats(&self) -> bool;

    /// Hears the words, under an idempotency key. Once `cancel` is raised nothing more is asked for; an
    /// answer that is under way and costs money is waited for.
    fn transcribe<'a>(
        &'a self,
        recording: &'a Recording,
        key: &'a str,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Transcript, SpeechError>>;
}

/// Why no words were heard, sorted by what it means for money.
#[derive(Debug, thiserror::Error)]
pub enum SpeechError {
    /// The user asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// The recording cannot be read: nothing was sent.
    #[error("the recording cannot be read")]
    Recording(#[source] std::io::Error),
    /// More than the provider takes: nothing was heard.
    #[error("the recording has {bytes} bytes; the provider takes at most {limit}")]
    TooLarge {
        /// Its length.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The provider will not do it: nothing was paid.
    #[error("the provider refused with status {status}: {message}")]
    Refused {
        /// Its HTTP status.
        status: u16,
        /// What it said, shortened.
        message: String,
    },
    /// Not now, as often as it was asked: nothing was paid.
    #[error("the provider could not do it in {attempts} attempts; at last: {last}")]
    Busy {
        /// How often it was asked.
        attempts: u32,
        /// What was wrong the last time.
        last: String,
    },
    /// It was asked and did not answer in full: it may have been done, and charged.
    #[error("the provider was asked and its answer was lost: {why}")]
    Unknown {
        /// How it was lost.
        why: String,
    },
    /// It answered with something else than words: it was done, and charged.
    #[error("the provider's answer cannot be read: {why}")]
    Answer {
        /// What is wrong with it.
        why: String,
    },
}

impl SpeechError {
    /// Whether the provider may charge for what has failed.
    pub const fn may_cost(&self) -> bool {
        matches!(self, Self::Unknown { .. } | Self::Answer { .. })
    }
}
