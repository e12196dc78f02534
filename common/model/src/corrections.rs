//! What a user hears otherwise than we did: corrections of tempo, beats and bars.

use serde::{Deserialize, Serialize};

/// Corrections of one song. Each is optional; none changes what it does not name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked", into = "Unchecked")]
pub struct Corrections {
    tempo: Option<TempoCorrection>,
    offset: f64,
    shift: i32,
    beats_per_bar: Option<u8>,
}

/// How the tempo is corrected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TempoCorrection {
    /// Every second beat is one.
    Half,
    /// There is another beat between each two.
    Double,
    /// About so many beats a minute.
    Bpm(f64),
}

/// Corrections that cannot be meant.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CorrectionError {
    /// A tempo that no music has.
    #[error("a tempo is half, double, or from 30 to 300 beats a minute")]
    Tempo,
    /// A move of more than any beat is long.
    #[error("beats can be moved by at most 2 seconds, either way")]
    Offset,
    /// A move of more than any bar is long.
    #[error("downbeats can be moved by at most 6 beats, either way")]
    Shift,
    /// A metre that is not counted.
    #[error("a bar has 2 to 7 beats")]
    BeatsPerBar,
}

impl TempoCorrection {
    fn new(bpm: f64) -> Result<Self, CorrectionError> {
        if (30.0..=300.0).contains(&bpm) {
            Ok(Self::Bpm(bpm))
        } else {
            Err(CorrectionError::Tempo)
        }
    }
}

/// As it is read.
impl std::fmt::Display for TempoCorrection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Half => f.pad("half"),
            Self::Double => f.pad("double"),
            Self::Bpm(bpm) => write!(f, "{bpm}"),
        }
    }
}

/// `half`, `double` or beats a minute.
impl std::str::FromStr for TempoCorrection {
    type Err = CorrectionError;

    fn from_str(text: &str) -> Result<Self, CorrectionError> {
        match text {
            "half" => Ok(Self::Half),
            "double" => Ok(Self::Double),
            _ => Self::new(text.parse().map_err(|_| CorrectionError::Tempo)?),
        }
    }
}

impl Corrections {
    /// With another tempo.
    #[must_use]
    pub const fn tempo(self, tempo: Option<TempoCorrection>) -> Self {
        Self { tempo, ..self }
    }

    /// With beats that fall so many seconds later, or earlier where negative.
    pub fn offset(self, offset: f64) -> Result<Self, CorrectionError> {
        if offset.abs() <= 2.0 {
            Ok(Self { offset, ..self })
        } else {
            Err(CorrectionError::Offset)
        }
    }

    /// With bars that open so many beats later, or earlier where negative.
    pub fn shift(self, shift: i32) -> Result<Self, CorrectionError> {
        if shift.unsigned_abs() <= 6 {
            Ok(Self { shift, ..self })
        } else {
            Err(CorrectionError::Shift)
        }
    }

    /// With bars of so many beats.
    pub const fn beats_per_bar(self, count: Option<u8>) -> Result<Self, CorrectionError> {
        match count {
            None | Some(2..=7) => Ok(Self {
                beats_per_bar: count,
                ..self
            }),
            Some(_) => Err(CorrectionError::BeatsPerBar),
        }
    }

    /// The other tempo.
    pub const fn corrected_tempo(&self) -> Option<TempoCorrection> {
        self.tempo
    }

    /// How much later beats fall, in seconds.
    pub const fn corrected_offset(&self) -> f64 {
        self.offset
    }

    /// How many beats later bars open.
    pub const fn corrected_shift(&self) -> i32 {
        self.shift
    }

    /// The other metre.
    pub const fn corrected_beats_per_bar(&self) -> Option<u8> {
        self.beats_per_bar
    }

    /// Whether nothing is corrected.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The form on the wire.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tempo: Option<WireTempo>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    offset: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shift: Option<i32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    beats_per_bar: Option<u8>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum WireTempo {
    Bpm(f64),
    Word(String),
}

impl TryFrom<Unchecked> for Corrections {
    type Error = CorrectionError;

    fn try_from(wire: Unchecked) -> Result<Self, CorrectionError> {
        let tempo = wire.tempo.map(|tempo| match tempo {
            WireTempo::Bpm(bpm) => TempoCorrection::new(bpm),
            WireTempo::Word(word) => word.parse(),
        });
        Self::default()
            .tempo(tempo.transpose()?)
            .offset(wire.offset.unwrap_or_default())?
            .shift(wire.shift.unwrap_or_default())?
            .beats_per_bar(wire.beats_per_bar)
    }
}

impl From<Corrections> for Unchecked {
    fn from(corrections: Corrections) -> Self {
        Self {
            tempo: corrections.tempo.map(|tempo| match tempo {
                TempoCorrection::Half => WireTempo::Word("half".to_owned()),
                TempoCorrection::Double => WireTempo::Word("double".to_owned()),
                TempoCorrection::Bpm(bpm) => WireTempo::Bpm(bpm),
            }),
            offset: (corrections.offset != 0.0).then_some(corrections.offset),
            shift: (corrections.shift != 0).then_some(corrections.shift),
            beats_per_bar: corrections.beats_per_bar,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corrections_are_read_and_written_as_a_person_would() {
        for text in [
            "{}",
            r#"{"tempo":"half"}"#,
            r#"{"tempo":128.5,"offset":-0.02,"shift":1,"beats_per_bar":3}"#,
        ] {
            let read: Corrections = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), text);
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_what_can() {
        for (text, reason) in [
            (r#"{"tempo":"thrice"}"#, "half, double, or from 30 to 300"),
            (r#"{"tempo":900}"#, "half, double, or from 30 to 300"),
            (r#"{"offset":30}"#, "at most 2 seconds"),
            (r#"{"shift":-9}"#, "at most 6 beats"),
            (r#"{"beats_per_bar":1}"#, "2 to 7 beats"),
            (r#"{"tmepo":"half"}"#, "unknown field `tmepo`"),
        ] {
            let error = serde_json::from_str::<Corrections>(text).unwrap_err();
            assert!(error.to_string().contains(reason), "{text}: {error}");
        }
        assert!(Corrections::default().offset(f64::NAN).is_err());
    }
}
