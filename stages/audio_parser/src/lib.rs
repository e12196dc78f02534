//! Module 3: hears tempo, beats, sections and energy, and lays the clip grid.
//!
//! [`hearing::hear`] is the core; [`sound`] has its order: two passes over the canonical file, then curves
//! only. The stage around it fetches the song and stores what was heard. The core must not know async, messages or
//! a clock; start reading there.
#![expect(
    clippy::indexing_slicing,
    reason = "signal code indexes slices whose shapes it makes"
)]

pub mod beats;
pub mod chords;
pub mod chroma;
pub mod clip_grid;
pub mod corrections;
pub mod downbeats;
pub mod envelope;
pub mod features;
pub mod hearing;
pub mod hpss;
mod kept;
pub mod key;
pub mod level;
pub mod loudness;
pub mod lyrics;
pub mod mood;
pub mod network;
pub mod onset;
pub mod order;
pub mod pitch;
pub mod refine;
pub mod sound;
pub mod spectrum;
pub mod structure;
pub mod tempo;
mod words;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use media::audio::AudioError;
use model::analysis::AudioAnalysis;
use model::handoff::{Heard, Song};
use model::{EventBody, StageKind};
use providers::{OpenAiSpeech, Speech, SpeechSettings};
use runtime::config::{ConfigError, Vars};
use runtime::{Stage, StageContext, StageError, StageResultExt};
use tokio::sync::mpsc;

use hearing::Hearing;
use kept::Kept;
use sound::Sound;
use words::Words;

/// The code of a job whose song cannot be heard.
const AUDIO_ANALYSIS_ERROR: &str = "AUDIO_ANALYSIS_ERROR";

/// The stage, with the provider of words if one is configured.
#[derive(Debug, Clone, Default)]
pub struct AudioParser {
    speech: Option<Arc<dyn Speech>>,
    kept: Arc<Kept>,
}

impl AudioParser {
    /// The stage as configured: see [`SpeechSettings`].
    pub fn from_config(vars: &Vars) -> Result<Self, ConfigError> {
        let client = SpeechSettings::from_vars(vars).map(OpenAiSpeech::new);
        let client = client.transpose().unwrap_or_else(|error| {
            vars.note("OPENAI_BASE_URL", format!("cannot be spoken to: {error}"));
            None
        });
        vars.check(Self {
            speech: client.map(|client| Arc::new(client) as _),
            kept: Arc::default(),
        })
    }
}

impl Stage for AudioParser {
    const KIND: StageKind = StageKind::AudioParser;
    type Input = Song;
    type Output = Heard;

    async fn run(&self, song: Song, cx: &StageContext) -> Result<Heard, StageError> {
        let file = cx.scratch().join("song.wav");
        let known = self.kept.take(&song.audio.sha256);
        let wishes = cx.job().options.lyrics.as_ref();
        if known.is_none() || wishes.is_some() {
            fetch(&song, &file, cx).await?;
        }
        cx.progress(0.02);
        let words = words::of_job(self.speech.as_ref(), &song, &file, cx).await?;
        let (sound, heard) = hear(file, known, words, cx).await?;
        self.kept.put(&song.audio.sha256, sound);
        cx.checkpoint()?;
        let envelopes = cx.store("envelopes.json", &heard.envelopes).await?;
        let analysis = heard.into_analysis(envelopes);
        let stored = cx.store("analysis.json", &analysis).await?;
        cx.emit(results(&analysis));
        cx.progress(1.0);
        Ok(Heard { analysis: stored })
    }
}

async fn fetch(song: &Song, file: &Path, cx: &StageContext) -> Result<(), StageError> {
    let fetched = cx.artifacts().fetch(&song.audio, file).await;
    fetched.map_err(|error| {
        if error.is_lasting() {
            StageError::fatal("fetching the song", error)
        } else {
            StageError::retry("fetching the song", error)
        }
    })
}

/// Runs the core on a thread of its own, which stops soon after the task does. What is `known` of the
/// song already is not listened to again.
async fn hear(
    file: PathBuf,
    known: Option<Sound>,
    words: Words,
    cx: &StageContext,
) -> Result<(Sound, Hearing), StageError> {
    let (sender, mut steps) = mpsc::unbounded_channel();
    let stop = cx.cancelled();
    let (rate, corrections) = (cx.job().format.rate, cx.job().options.corrections);
    let work = tokio::task::spawn_blocking(move || {
        // Nobody listens any more once the task is dropped: then there is nothing to hear for.
        let mut going_on = |part: f64| !stop.is_cancelled() && sender.send(part).is_ok();
        let sound = match known {
            Some(sound) => Some(sound),
            None => sound::listen(&file, &mut going_on)?,
        };
        let Some(sound) = sound else {
            return Ok(None);
        };
        let mut sound = sound.for_film(rate);
        let hearing = sound.hear(&corrections, &mut going_on);
        Ok(hearing.map(|mut hearing| {
            words.sing(&sound, &mut hearing);
            (sound, hearing)
        }))
    });
    while let Some(part) = steps.recv().await {
        cx.progress(0.02 + 0.96 * part);
    }
    let heard = work.await.or_retry("listening to the song")?;
    match heard {
        Ok(Some(heard)) => Ok(heard),
        Ok(None) => Err(StageError::Cancelled),
        Err(error @ AudioError::Io(_)) => Err(StageError::retry("reading the song", error)),
        Err(error) => Err(StageError::fatal("reading the song", error)),
    }
    .map_err(|error| error.coded(AUDIO_ANALYSIS_ERROR))
}

fn results(analysis: &AudioAnalysis) -> EventBody {
    EventBody::AudioParserResults {
        bpm: analysis.tempo.bpm,
        duration: analysis.duration,
        beat_count: analysis.beats.len() as u32,
        beats_per_bar: analysis.beats_per_bar,
        song_structure: analysis.sections.clone(),
        mood: analysis.mood,
        clip_boundaries_count: analysis.clip_grid.len() as u32,
    }
}
