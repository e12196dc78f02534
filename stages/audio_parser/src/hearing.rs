//! The whole core in order: from a canonical file to what was heard, without async or a clock.

use std::path::Path as FilePath;

use media::audio::{AudioError, CanonicalWav};
use model::analysis::{AudioAnalysis, Beat, ClipSlot, Mood, NoveltyPeak, Section, Tempo};
use model::harmony::{self, Harmony};
use model::music::Envelopes;
use model::sound::{Loudness, Silence};
use model::{Seconds, Stored};
use serde::Serialize;

use crate::clip_grid::{self, Lengths, Song};
use crate::downbeats::{self, Bars};
use crate::features::{self, Features, SLOW_STEP};
use crate::level::FRAME_RATE;
use crate::network::Network;
use crate::onset::{self, Onsets};
use crate::structure::{self, Part};
use crate::tempo::{self, Pulse};
use crate::{chords, envelope, key, level, loudness, mood};

/// Names this analyser in its results; raised whenever it hears differently.
pub const ANALYSER: &str = "beatreel-2";

/// What was heard of a song. As JSON it is the analysis without its curves.
#[derive(Debug, Clone, Serialize)]
pub struct Hearing {
    duration: Seconds,
    tempo: Tempo,
    beats_per_bar: u8,
    beats: Vec<Beat>,
    sections: Vec<Section>,
    novelty: Vec<NoveltyPeak>,
    harmony: Harmony,
    loudness: Loudness,
    silences: Vec<Silence>,
    mood: Mood,
    clip_grid: Vec<ClipSlot>,
    peaks: Vec<f32>,
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

/// Hears the canonical file at `path`. `progress` (0–1) is told between steps, and may stop it by giving
/// false: the result is then `None`.
///
/// Takes about 0.5 CPU seconds and 0.1 MB a minute of song, and some 60 kB a second of decoding tempi.
pub fn hear(
    path: &FilePath,
    mut progress: impl FnMut(f64) -> bool,
) -> Result<Option<Hearing>, AudioError> {
    let level = level::measure(&mut CanonicalWav::open(path)?)?;
    let mut song = CanonicalWav::open(path)?;
    let duration = song.shape().seconds();
    let heard = features::listen(&mut song, &level, |part| progress(0.05 + 0.55 * part))?;
    let Some(features) = heard else {
        return Ok(None);
    };
    let onsets = onset::strength(&features, level.loud);
    let activations = Network::built_in().hear(&features);
    if !progress(0.75) {
        return Ok(None);
    }
    let pulse = tempo::pulse(&features, &onsets, &activations, duration);
    let bars = downbeats::find(&pulse.times, &features, &onsets, &activations);
    if !progress(0.95) {
        return Ok(None);
    }
    Ok(Some(put_together(
        &features,
        &onsets,
        &pulse,
        &bars,
        Frame {
            duration,
            silences: loudness::silences(&features.level, level.loud, duration),
            loudness: level.loudness,
            peaks: level.peaks,
        },
    )))
}

/// What is known without listening to music.
struct Frame {
    duration: f64,
    silences: Vec<Silence>,
    loudness: Loudness,
    peaks: Vec<f32>,
}

fn put_together(
    features: &Features,
    onsets: &Onsets,
    pulse: &Pulse,
    bars: &Bars,
    frame: Frame,
) -> Hearing {
    let duration = frame.duration;
    let beats: Vec<(f64, bool)> = pulse
        .times
        .iter()
        .copied()
        .zip(bars.downbeats.iter().copied())
        .collect();
    let energy = envelope::energy(features);
    let form = structure::form(features, &beats, &energy, duration);
    let starts: Vec<(f64, _)> = form
        .parts
        .iter()
        .map(|part| (part.span.0, part.kind))
        .collect();
    let clip_grid = clip_grid::lay(&Song {
        duration,
        beats: &beats,
        onsets: &onset::strong(onsets),
        sections: &starts,
        energy: &energy,
        lengths: Lengths::Any,
    });
    let key = key::of_song(&features.pitch);
    Hearing {
        duration: Seconds(duration),
        tempo: Tempo {
            bpm: pulse.bpm,
            confidence: pulse.confidence,
            alternates: pulse.alternates.clone(),
        },
        beats_per_bar: bars.beats_per_bar,
        beats: beats
            .iter()
            .map(|(time, downbeat)| Beat {
                time: Seconds(*time),
                downbeat: *downbeat,
            })
            .collect(),
        sections: form.parts.into_iter().map(section).collect(),
        novelty: form.novelty,
        loudness: frame.loudness,
        silences: frame.silences,
        mood: mood::of(features, onsets, pulse.bpm, &key),
        harmony: harmony_of(features, key, &beats, duration),
        clip_grid,
        peaks: frame.peaks,
        envelopes: envelope::curves(features, &pulse.times, &bars.downbeats),
    }
}

fn section(part: Part) -> Section {
    Section {
        label: part.label,
        kind: part.kind,
        start: Seconds(part.span.0),
        end: Seconds(part.span.1),
        energy: part.energy,
        confidence: part.confidence,
        kind_confidence: part.kind_confidence,
        beat_confidence: None,
        bpm: None,
    }
}

fn harmony_of(
    features: &Features,
    key: key::Found,
    beats: &[(f64, bool)],
    duration: f64,
) -> Harmony {
    let rate = f64::from(FRAME_RATE) / SLOW_STEP as f64;
    Harmony {
        tuning: 440.0 * (f64::from(features.tuning) / 12.0).exp2(),
        key: key.key,
        alternates: key.alternates,
        keys: key::over_time(&features.pitch, rate, duration),
        chords: chords::over_time((&features.pitch, &features.bass), rate, beats, duration),
    }
}
