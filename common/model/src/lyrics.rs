//! What is sung, on the song's clock.

pub mod text;
pub mod transcript;

use serde::{Deserialize, Serialize};

use crate::{ArtifactRef, Seconds};

/// Longest text of lyrics that is taken, in bytes.
pub const LONGEST: usize = 64 * 1024;

/// The words of a song. All times lie in `[0, duration]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Lyrics {
    /// Where the words and their times come from.
    pub source: LyricsSource,
    /// How sure the times are, 0–1: 1 where they were given, far less where text was laid over sections.
    pub confidence: f32,
    /// Lines by their begins, ascending.
    pub lines: Vec<Line>,
    /// What went otherwise than asked, for people: each a sentence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Where words and times come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LyricsSource {
    /// Nobody gave any.
    #[default]
    None,
    /// A text with the time of each line, or of each word.
    Timed,
    /// A text without times: they are guessed from the sections.
    Guessed,
    /// A model of speech heard them.
    Transcribed,
}

/// A line, as it is sung in one breath.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The line as it was written.
    pub text: String,
    /// When its first word begins.
    pub start: Seconds,
    /// When its last word ends.
    pub end: Seconds,
    /// Its words, ascending.
    pub words: Vec<Word>,
}

/// A word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// The word with the marks that cling to it.
    pub text: String,
    /// When it begins.
    pub start: Seconds,
    /// When it ends.
    pub end: Seconds,
    /// Whether its begin was given, and not found by us.
    pub given: bool,
}

/// Where a job is to have its words from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LyricsWish {
    /// From this text: UTF-8 that [`text::Written`] reads.
    Given(ArtifactRef),
    /// From the song, by a provider.
    Transcribe,
}
