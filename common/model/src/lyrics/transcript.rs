//! What a model of speech heard sung: words with times, as it told them.

use serde::{Deserialize, Serialize};

use super::text::{Written, WrittenLine};
use crate::Usd;

/// How sure times are where a model says nothing about it, 0–1: whisper's are off by some tenths of a
/// second in songs.
const UNTOLD: f32 = 0.6;

/// A whole song, as one answer of a provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// The model.
    pub model: String,
    /// The language that it heard, by its own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Lines by their begins, each with at least a word.
    pub lines: Vec<HeardLine>,
    /// What it cost.
    pub cost: Usd,
}

/// A stretch that the model told as one. All times in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeardLine {
    /// When it begins.
    pub start: f64,
    /// When it ends, not before it begins.
    pub end: f64,
    /// How sure the words are, 0–1, where the model says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
    /// The words, each with its begin where the model told it.
    pub words: Vec<(String, Option<f64>)>,
}

impl Transcript {
    /// As if somebody had written it down with its times.
    pub fn written(&self) -> Written {
        let line = |line: &HeardLine| WrittenLine {
            start: Some(line.start),
            end: Some(line.end),
            words: line.words.clone(),
        };
        Written {
            lines: self.lines.iter().map(line).collect(),
        }
    }

    /// How sure the whole is, 0–1: the mean over its lines.
    pub fn confidence(&self) -> f32 {
        let told = self
            .lines
            .iter()
            .map(|line| line.confidence.unwrap_or(UNTOLD));
        told.sum::<f32>() / self.lines.len().max(1) as f32
    }
}
