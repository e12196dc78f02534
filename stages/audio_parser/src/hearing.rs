//! The whole core in order: from a canonical file to what was heard, without async or a clock.

use std::path::Path as FilePath;

use media::audio::{AudioError, CanonicalWav};
use model::analysis::{AudioAnalysis, Beat, ClipSlot, Mood, NoveltyPeak, Section, Tempo};
use model::corrections::{Corrections, TempoCorrection};
use model::harmony::{self, Harmony};
use model::lyrics::Lyrics;
use model::music::Envelopes;
use model::sound::{Loudness, Silence};
use model::{Seconds, Stored};
use serde::Serialize;

use crate::clip_grid::{self, Lengths, Song};
use crate::downbeats::{self, Bars};
use crate::features::{self, Features, SLOW_STEP};
use crate::level::FRAME_RATE;
use crate::lyrics::text::Written;
use crate::lyrics::timing;
use crate::network::{Activations, Network};
use crate::onset::{self, Onsets};
use crate::structure::{self, Part};
use crate::tempo::{self, Pulse};
use crate::{chords, corrections, envelope, key, level, loudness, mood};

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
    /// Words, once [`Sound::sing`] was given some; not yet a part of the stage's document.
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

/// Hears the canonical file at `path`. The observer may stop it: the result is then `None`.
///
/// Memory: about 50 kB a second of song for what is heard, and as much again while beats are decoded.
pub fn hear(path: &FilePath, mut observer: impl Observer) -> Result<Option<Hearing>, AudioError> {
    let Some(mut sound) = listen(path, &mut observer)? else {
        return Ok(None);
    };
    Ok(sound.hear(&Corrections::default(), &mut observer))
}

/// The expensive part, which no correction changes: both passes over the canonical file at `path`.
pub fn listen(path: &FilePath, observer: &mut impl Observer) -> Result<Option<Sound>, AudioError> {
    observer.begin(Step::Level);
    let level = level::measure(&mut CanonicalWav::open(path)?)?;
    observer.begin(Step::Features);
    let mut song = CanonicalWav::open(path)?;
    let duration = song.shape().seconds();
    let progress = |part| observer.progress(0.05 + 0.55 * part);
    let Some(features) = features::listen(&mut song, &level, progress)? else {
        return Ok(None);
    };
    observer.begin(Step::Onsets);
    let onsets = onset::strength(&features, level.loud);
    observer.begin(Step::Network);
    let activations = Network::built_in().hear(&features);
    if !observer.progress(0.75) {
        return Ok(None);
    }
    Ok(Some(Sound {
        frame: Frame {
            duration,
            silences: loudness::silences(&features.level, level.loud, duration),
            loudness: level.loudness,
            peaks: level.peaks,
        },
        features,
        onsets,
        activations,
        uncorrected: None,
    }))
}

/// A song once listened to, from which it can be heard with one correction after another.
#[derive(Debug)]
pub struct Sound {
    features: Features,
    onsets: Onsets,
    activations: Activations,
    frame: Frame,
    /// Beats and bars as we hear them, once they were asked for.
    uncorrected: Option<(Pulse, Bars)>,
}

impl Sound {
    /// What is heard, with these corrections. The observer may stop it: the result is then `None`.
    pub fn hear(
        &mut self,
        corrections: &Corrections,
        observer: &mut impl Observer,
    ) -> Option<Hearing> {
        let (pulse, bars) = self.beats(corrections, observer)?;
        if !observer.progress(0.95) {
            return None;
        }
        Some(self.put_together(&pulse, &bars, observer))
    }

    /// Lays `written` on the clock of the song, whose `hearing` it becomes a part of.
    pub fn sing(&self, hearing: &mut Hearing, written: &Written) {
        let bars = hearing.beats.iter().filter(|beat| beat.downbeat);
        let downbeats: Vec<f64> = bars.map(|beat| beat.time.0).collect();
        let song = timing::Song {
            duration: self.frame.duration,
            onsets: &onset::strong(&self.onsets),
            downbeats: &downbeats,
            sections: &hearing.sections,
        };
        hearing.lyrics = Some(timing::align(written, &song));
    }

    /// Beats and bars as corrected. Only a given tempo decodes beats again, and only other beats are
    /// barred again.
    fn beats(
        &mut self,
        corrections: &Corrections,
        observer: &mut impl Observer,
    ) -> Option<(Pulse, Bars)> {
        let (mut pulse, mut bars) = match corrections.corrected_tempo() {
            Some(TempoCorrection::Bpm(bpm)) => self.decoded(Some(bpm), observer)?,
            rescaling => {
                let heard = self.uncorrected.take();
                let (pulse, bars) = heard.map_or_else(|| self.decoded(None, observer), Some)?;
                self.uncorrected = Some((pulse.clone(), bars.clone()));
                match rescaling {
                    Some(tempo) => self.barred(
                        corrections::rescaled(&pulse, &bars.downbeats, tempo),
                        observer,
                    ),
                    None => (pulse, bars),
                }
            }
        };
        let offset = corrections.corrected_offset();
        let (times, kept) = corrections::moved(&pulse.times, offset, self.frame.duration);
        pulse.times = times;
        bars.downbeats = bars.downbeats.get(kept).unwrap_or_default().to_vec();
        Some((pulse, corrections::barred(bars, corrections)))
    }

    /// Beats, near the given tempo if one is, and their bars.
    fn decoded(&self, bpm: Option<f64>, observer: &mut impl Observer) -> Option<(Pulse, Bars)> {
        observer.begin(Step::Pulse);
        let duration = self.frame.duration;
        let (features, onsets, heard) = (&self.features, &self.onsets, &self.activations);
        let pulse = match bpm {
            Some(bpm) => tempo::pulse_near(bpm, (features, onsets, heard), duration),
            None => tempo::pulse(features, onsets, heard, duration),
        };
        observer.progress(0.9).then(|| self.barred(pulse, observer))
    }

    fn barred(&self, pulse: Pulse, observer: &mut impl Observer) -> (Pulse, Bars) {
        observer.begin(Step::Bars);
        let bars = downbeats::find(
            &pulse.times,
            &self.features,
            &self.onsets,
            &self.activations,
        );
        (pulse, bars)
    }

    fn put_together(&self, pulse: &Pulse, bars: &Bars, observer: &mut impl Observer) -> Hearing {
        let (features, onsets, frame) = (&self.features, &self.onsets, &self.frame);
        observer.begin(Step::Structure);
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
        observer.begin(Step::ClipGrid);
        let clip_grid = clip_grid::lay(&Song {
            duration,
            beats: &beats,
            onsets: &onset::strong(onsets),
            sections: &starts,
            energy: &energy,
            lengths: Lengths::Any,
        });
        observer.begin(Step::Mood);
        let key = key::of_song(&features.pitch);
        let mood = mood::of(features, onsets, pulse.bpm, &key);
        let harmony = harmony_of(features, key, &beats, duration);
        observer.begin(Step::Envelopes);
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
            harmony,
            loudness: frame.loudness,
            silences: frame.silences.clone(),
            mood,
            clip_grid,
            peaks: frame.peaks.clone(),
            lyrics: None,
            envelopes: envelope::curves(features, &pulse.times, &bars.downbeats),
        }
    }
}

/// What is known without listening to music.
#[derive(Debug)]
struct Frame {
    duration: f64,
    silences: Vec<Silence>,
    loudness: Loudness,
    peaks: Vec<f32>,
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
