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

use std::path::PathBuf;

use media::audio::AudioError;
use model::analysis::AudioAnalysis;
use model::handoff::{Heard, Song};
use model::{EventBody, StageKind};
use runtime::config::{ConfigError, Vars};
use runtime::{Stage, StageContext, StageError, StageResultExt};
use tokio::sync::mpsc;

use hearing::Hearing;

/// The code of a job whose song cannot be heard.
const AUDIO_ANALYSIS_ERROR: &str = "AUDIO_ANALYSIS_ERROR";

/// The stage. It needs no settings of its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct AudioParser;

impl AudioParser {
    /// The stage as configured.
    pub fn from_config(_vars: &Vars) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl Stage for AudioParser {
    const KIND: StageKind = StageKind::AudioParser;
    type Input = Song;
    type Output = Heard;

    async fn run(&self, song: Song, cx: &StageContext) -> Result<Heard, StageError> {
        let file = cx.scratch().join("song.wav");
        cx.artifacts()
            .fetch(&song.audio, &file)
            .await
            .map_err(|error| {
                if error.is_lasting() {
                    StageError::fatal("fetching the song", error)
                } else {
                    StageError::retry("fetching the song", error)
                }
            })?;
        cx.progress(0.02);
        let heard = hear(file, cx).await?;
        cx.checkpoint()?;
        let envelopes = cx.store("envelopes.json", &heard.envelopes).await?;
        let analysis = heard.into_analysis(envelopes);
        let stored = cx.store("analysis.json", &analysis).await?;
        cx.emit(results(&analysis));
        cx.progress(1.0);
        Ok(Heard { analysis: stored })
    }
}

/// Runs the core on a thread of its own, which stops soon after the task does.
async fn hear(file: PathBuf, cx: &StageContext) -> Result<Hearing, StageError> {
    let (sender, mut steps) = mpsc::unbounded_channel();
    let stop = cx.cancelled();
    let rate = cx.job().format.rate;
    let work = tokio::task::spawn_blocking(move || {
        // Nobody listens any more once the task is dropped: then there is nothing to hear for.
        hearing::hear(&file, rate, |part| {
            !stop.is_cancelled() && sender.send(part).is_ok()
        })
    });
    while let Some(part) = steps.recv().await {
        cx.progress(0.02 + 0.96 * part);
    }
    let heard = work.await.or_retry("listening to the song")?;
    match heard {
        Ok(Some(hearing)) => Ok(hearing),
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
