//! What is heard of a song, and the whole core in one call, without async or a clock.

use std::path::Path;

use media::audio::AudioError;
use model::analysis::{AudioAnalysis, Beat, ClipSlot, Mood, NoveltyPeak, Section, Tempo};
use model::corrections::Corrections;
use model::harmony::{self, Harmony};
use model::lyrics::Lyrics;
use model::music::Envelopes;
use model::sound::{Loudness, Silence};
use model::{FrameRate, Seconds, Stored};
use serde::Serialize;

use crate::sound;

/// Names this analyser in its results; raised whenever it hears differently.
pub const ANALYSER: &str = "beatreel-3";

/// What was heard of a song. As JSON it is the analysis without its curves.
#[derive(Debug, Clone, Serialize)]
pub struct Hearing {
    pub(crate) duration: Seconds,
    pub(crate) tempo: Tempo,
    pub(crate) beats_per_bar: u8,
    pub(crate) beats: Vec<Beat>,
    pub(crate) sections: Vec<Section>,
    pub(crate) novelty: Vec<NoveltyPeak>,
    pub(crate) harmony: Harmony,
    pub(crate) loudness: Loudness,
    pub(crate) silences: Vec<Silence>,
    pub(crate) mood: Mood,
    pub(crate) clip_grid: Vec<ClipSlot>,
    pub(crate) peaks: Vec<f32>,
    /// Words, once [`Sound::sing`](sound::Sound::sing) was given some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lyrics: Option<Lyrics>,
    /// The curves, to be stored beside the analysis.
    #[serde(skip)]
    pub envelopes: Envelopes,
}

impl Hearing {
    /// The document, once the curves are stored.
    pub fn into_analysis(self, envelopes: Stored<Envelopes>) -> AudioAnalysis {
        AudioAnalysis {
            analyser: ANALYSER.to_owned(),
            duration: self.duration,
            tempo: self.tempo,
            beats_per_bar: self.beats_per_bar,
            beats: self.beats,
            sections: self.sections,
            novelty: self.novelty,
            harmony: self.harmony,
            loudness: self.loudness,
            silences: self.silences,
            mood: self.mood,
            clip_grid: self.clip_grid,
            lyrics: self.lyrics,
            peaks: self.peaks,
            envelopes,
        }
    }

    /// How long it is.
    pub const fn duration(&self) -> Seconds {
        self.duration
    }

    /// How many beats a bar has.
    pub const fn beats_per_bar(&self) -> u8 {
        self.beats_per_bar
    }

    /// The key of the whole song, where one stands out.
    pub fn key(&self) -> Option<harmony::Key> {
        self.harmony.key.map(|guess| guess.key)
    }

    /// Tuning, keys and chords.
    pub const fn harmony(&self) -> &Harmony {
        &self.harmony
    }

    /// How loud it is.
    pub const fn loudness(&self) -> Loudness {
        self.loudness
    }

    /// Where nothing sounds.
    pub fn silences(&self) -> &[Silence] {
        &self.silences
    }

    /// How it feels.
    pub const fn mood(&self) -> Mood {
        self.mood
    }

    /// The waveform to draw: see [`AudioAnalysis::peaks`].
    pub fn peaks(&self) -> &[f32] {
        &self.peaks
    }

    /// Every beat, ascending.
    pub fn beats(&self) -> &[Beat] {
        &self.beats
    }

    /// How fast it goes.
    pub fn tempo(&self) -> &Tempo {
        &self.tempo
    }

    /// Its parts.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The slots that clips fill.
    pub fn clip_grid(&self) -> &[ClipSlot] {
        &self.clip_grid
    }
}

/// A step of the work. Corrections repeat those from [`Step::Pulse`] on, as far as they need to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// How loud it is: the first pass over the file.
    Level,
    /// What each frame sounds like: the second pass.
    Features,
    /// Where something begins.
    Onsets,
    /// Where beats and downbeats probably fall.
    Network,
    /// Tempo and beats.
    Pulse,
    /// Downbeats and metre.
    Bars,
    /// Sections.
    Structure,
    /// The slots that clips fill.
    ClipGrid,
    /// Key, chords and mood.
    Mood,
    /// The curves for the renderer.
    Envelopes,
}

/// Who is told how hearing goes on. A closure from progress to "go on" is one.
pub trait Observer {
    /// How far it is (0–1); false stops it.
    fn progress(&mut self, part: f64) -> bool;

    /// A step begins, and with it the one before ends.
    fn begin(&mut self, _step: Step) {}
}

impl<F: FnMut(f64) -> bool> Observer for F {
    fn progress(&mut self, part: f64) -> bool {
        self(part)
    }
}

/// Hears the canonical file at `path`, with curves for a film of `rate`. The observer may stop it: the
/// result is then `None`.
///
/// Memory: about 50 kB a second of song for what is heard, and as much again while beats are decoded.
pub fn hear(
    path: &Path,
    rate: FrameRate,
    mut observer: impl Observer,
) -> Result<Option<Hearing>, AudioError> {
    let Some(sound) = sound::listen(path, &mut observer)? else {
        return Ok(None);
    };
    let mut sound = sound.for_film(rate);
    Ok(sound.hear(&Corrections::default(), &mut observer))
}
