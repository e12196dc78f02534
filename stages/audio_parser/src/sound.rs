//! A song listened to once, from which it is heard with one correction after another.

use std::path::Path;

use media::audio::{AudioError, CanonicalWav};
use model::analysis::{Beat, Section, Tempo};
use model::corrections::{Corrections, TempoCorrection};
use model::harmony::Harmony;
use model::lyrics::text::Written;
use model::sound::{Loudness, Silence};
use model::{FrameRate, Seconds};

use crate::clip_grid::{self, Lengths, Song};
use crate::downbeats::{self, Bars};
use crate::features::{self, Features, SLOW_STEP};
use crate::hearing::{Hearing, Observer, Step};
use crate::level::FRAME_RATE;
use crate::lyrics::timing;
use crate::network::{Activations, Network};
use crate::onset::{self, Onsets};
use crate::structure::{self, Part};
use crate::tempo::{self, Pace, Pulse};
use crate::{chords, corrections, envelope, key, level, loudness, mood};

/// The expensive part, which no correction changes: both passes over the canonical file at `path`.
pub fn listen(path: &Path, observer: &mut impl Observer) -> Result<Option<Sound>, AudioError> {
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
        film: FrameRate::FPS_30,
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
    /// How many pictures a second the curves are for.
    film: FrameRate,
    /// Beats and bars as we hear them, once they were asked for.
    uncorrected: Option<(Pulse, Bars)>,
}

impl Sound {
    /// The same, to be heard for a film of `rate`.
    #[must_use]
    pub fn for_film(self, rate: FrameRate) -> Self {
        Self { film: rate, ..self }
    }

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
        let mut bars = corrections::barred(bars, corrections);
        self.hush(&mut pulse, &mut bars);
        Some((pulse, bars))
    }

    /// Takes out the beats of long silences. They were counted on until here, so that bars go on behind a
    /// silence as they went before it.
    fn hush(&self, pulse: &mut Pulse, bars: &mut Bars) {
        let heard = tempo::outside_silences(&pulse.times, &self.frame.silences);
        let mut kept = heard.iter().copied();
        pulse.times.retain(|_| kept.next().unwrap_or(true));
        let mut kept = heard.iter().copied();
        bars.downbeats.retain(|_| kept.next().unwrap_or(true));
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
        let spans: Vec<(f64, f64)> = form.parts.iter().map(|part| part.span).collect();
        let paces = tempo::of_parts(&spans, &pulse.times, (features, onsets, &self.activations));
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
            sections: form.parts.into_iter().zip(paces).map(section).collect(),
            novelty: form.novelty,
            harmony,
            loudness: frame.loudness,
            silences: frame.silences.clone(),
            mood,
            clip_grid,
            peaks: frame.peaks.clone(),
            lyrics: None,
            envelopes: envelope::curves(features, &pulse.times, &bars.downbeats, self.film.fps()),
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

fn section((part, pace): (Part, Pace)) -> Section {
    Section {
        label: part.label,
        kind: part.kind,
        start: Seconds(part.span.0),
        end: Seconds(part.span.1),
        energy: part.energy,
        confidence: part.confidence,
        kind_confidence: part.kind_confidence,
        beat_confidence: pace.confidence,
        bpm: pace.bpm,
        alternates: pace.alternates,
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
