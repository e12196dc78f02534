//! What `audio_parser` heard: the document that every later stage obeys.

use serde::{Deserialize, Serialize};

use crate::harmony::Harmony;
use crate::lyrics::Lyrics;
use crate::music::Envelopes;
use crate::sound::{Loudness, Silence};
use crate::{ClipIndex, Seconds, Stored};

/// Timing, structure and mood of a song, and the clip grid. All times lie in `[0, duration]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AudioAnalysis {
    /// The analyser that made it; an analysis of another version is not reused.
    pub analyser: String,
    /// Length of the canonical audio: its sample count over its rate.
    pub duration: Seconds,
    /// Beats a minute.
    pub tempo: Tempo,
    /// Beats a bar, from 2 to 7.
    pub beats_per_bar: u8,
    /// Every beat, ascending. Empty where nothing pulses.
    pub beats: Vec<Beat>,
    /// Tiles `[0, duration]`.
    pub sections: Vec<Section>,
    /// Where the song turns into something new, ascending; there are about twice as many as sections.
    #[serde(default)]
    pub novelty: Vec<NoveltyPeak>,
    /// Tuning, keys and chords.
    #[serde(default)]
    pub harmony: Harmony,
    /// How loud it is.
    #[serde(default)]
    pub loudness: Loudness,
    /// Where nothing sounds for a while: head, tail and gaps, ascending.
    #[serde(default)]
    pub silences: Vec<Silence>,
    /// How it feels.
    pub mood: Mood,
    /// Tiles `[0, duration]`: the slots that clips fill.
    pub clip_grid: Vec<ClipSlot>,
    /// What is sung, where the job asked for words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lyrics: Option<Lyrics>,
    /// About 1 000 peaks (0–1) over the song, evenly spaced: the waveform to draw.
    pub peaks: Vec<f32>,
    /// Curves for the renderer.
    pub envelopes: Stored<Envelopes>,
}

/// How fast the song goes, and how sure that is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tempo {
    /// Beats a minute, 40–240; 0 where nothing pulses.
    pub bpm: f64,
    /// 0–1.
    pub confidence: f64,
    /// Other tempi that the song could be counted in (half, double …), likeliest first.
    pub alternates: Vec<f64>,
}

/// One beat.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Beat {
    /// When it falls.
    pub time: Seconds,
    /// Whether it opens a bar.
    pub downbeat: bool,
}

/// A part of the song.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// Parts with the same label sound alike: `A`, `B`, …
    pub label: String,
    /// What the part seems to be.
    pub kind: SectionKind,
    /// Where it begins.
    pub start: Seconds,
    /// Where it ends, which is where the next begins.
    pub end: Seconds,
    /// How much is going on, 0–1, relative to the song.
    pub energy: f32,
    /// How sure the boundary at `start` is, 0–1; 1 for the begin of the song.
    pub confidence: f32,
    /// How sure the kind is, 0–1.
    #[serde(default)]
    pub kind_confidence: f32,
    /// How sure the beats within are, 0–1; `None` where nobody has judged that.
    #[serde(default)]
    pub beat_confidence: Option<f32>,
    /// Beats a minute within; `None` where nothing pulses or nobody has judged that.
    #[serde(default)]
    pub bpm: Option<f64>,
    /// Other tempi that the part could be counted in, likeliest first.
    #[serde(default)]
    pub alternates: Vec<f64>,
}

/// An instant at which the song turns into something new.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NoveltyPeak {
    /// When: on a downbeat where there are any, else on a beat.
    pub time: Seconds,
    /// 0–1, of the song's strongest.
    pub strength: f32,
}

/// What a part of a song seems to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SectionKind {
    /// The quiet begin.
    Intro,
    /// Tells the story.
    Verse,
    /// Repeats and is loud.
    Chorus,
    /// Comes once, late.
    Bridge,
    /// Nearly nothing goes on.
    Break,
    /// Everything comes back at once.
    Drop,
    /// The quiet end.
    Outro,
}

/// How the song feels, by rules from tempo, loudness, brightness and mode; a heuristic.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Mood {
    /// The word for it.
    pub primary: MoodWord,
    /// The word that fits nearly as well, where one does.
    #[serde(default)]
    pub secondary: Option<MoodWord>,
    /// Sad to happy, −1 to 1.
    pub valence: f32,
    /// Calm to excited, −1 to 1.
    pub arousal: f32,
    /// 0–1.
    pub confidence: f32,
}

/// The four corners of mood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoodWord {
    /// Excited, rather happy than sad.
    Energetic,
    /// Happy, rather calm than excited.
    Bright,
    /// Sad.
    Dark,
    /// Calm, neither happy nor sad.
    Calm,
}

/// One slot of the clip grid.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClipSlot {
    /// Its place, from 0.
    pub index: ClipIndex,
    /// Where it begins.
    pub start: Seconds,
    /// Where it ends, which is where the next begins.
    pub end: Seconds,
    /// What its begin lies on.
    pub edge: Edge,
}

/// What an edge of the clip grid lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edge {
    /// The begin of the song.
    Start,
    /// The first beat of a bar.
    Downbeat,
    /// A beat.
    Beat,
    /// A strong onset, where there is no beat.
    Onset,
    /// Even time, where nothing is heard.
    Time,
}
