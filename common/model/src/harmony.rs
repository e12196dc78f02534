//! Pitch as `audio_parser` hears it: tuning, keys and chords over time.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Seconds;

/// Tuning, keys and chords of a song. The default is that of a song in which nothing is pitched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Harmony {
    /// The A above middle C in Hz, from 427 to 453: within half a semitone of 440. 440 where it cannot be
    /// told.
    pub tuning: f64,
    /// The key of the whole song; `None` where nothing is pitched or no key stands out.
    pub key: Option<KeyGuess>,
    /// The next likeliest keys of the whole song, likeliest first, at most three.
    pub alternates: Vec<KeyGuess>,
    /// Keys over time, ascending, without overlap; gaps are where no key stands out. One span unless the
    /// song modulates.
    pub keys: Vec<KeySpan>,
    /// Chords, tiling `[0, duration]`: one a bar or half a bar at the finest, equal neighbours joined.
    /// Empty where nothing is pitched.
    pub chords: Vec<ChordSpan>,
}

impl Default for Harmony {
    fn default() -> Self {
        Self {
            tuning: 440.0,
            key: None,
            alternates: Vec::new(),
            keys: Vec::new(),
            chords: Vec::new(),
        }
    }
}

/// A tonic and a mode, written `C# minor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The tonic.
    pub tonic: PitchClass,
    /// Major or minor.
    pub mode: Mode,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.tonic, self.mode)
    }
}

/// A key and how likely it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KeyGuess {
    /// The key.
    #[serde(flatten)]
    pub key: Key,
    /// 0–1; over all 24 keys it sums to 1.
    pub probability: f32,
}

/// A stretch of the song in one key.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KeySpan {
    /// Where it begins.
    pub start: Seconds,
    /// Where it ends.
    pub end: Seconds,
    /// Its key.
    #[serde(flatten)]
    pub key: Key,
    /// 0–1.
    pub confidence: f32,
}

/// A stretch of the song on one chord.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChordSpan {
    /// Where it begins.
    pub start: Seconds,
    /// Where it ends, which is where the next begins.
    pub end: Seconds,
    /// The triad; `None` where there is none.
    pub chord: Option<Chord>,
    /// 0–1.
    pub confidence: f32,
}

/// A triad: a root, and a major or minor third.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Chord {
    /// The root.
    pub root: PitchClass,
    /// The third.
    pub mode: Mode,
}

/// `C`, `F#m`.
impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.mode {
            Mode::Major => "",
            Mode::Minor => "m",
        };
        write!(f, "{}{mode}", self.root)
    }
}

/// The two modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// With a major third.
    Major,
    /// With a minor third.
    Minor,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Major => "major",
            Self::Minor => "minor",
        })
    }
}

/// One of the twelve semitones of the octave, by its usual name: C, C#, D, Eb, E, F, F#, G, Ab, A, Bb, B.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub struct PitchClass(u8);

const NAMES: [&str; 12] = [
    "C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B",
];

impl PitchClass {
    /// So many semitones above C, in any octave.
    pub fn above_c(semitones: usize) -> Self {
        Self((semitones % 12) as u8)
    }

    /// Semitones above C, 0–11.
    pub fn semitones(self) -> usize {
        usize::from(self.0)
    }

    /// Its usual name.
    pub fn name(self) -> &'static str {
        NAMES.get(self.semitones()).copied().unwrap_or("C")
    }
}

impl fmt::Display for PitchClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<PitchClass> for &'static str {
    fn from(class: PitchClass) -> Self {
        class.name()
    }
}

impl TryFrom<String> for PitchClass {
    type Error = UnknownPitchClass;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        match NAMES.iter().position(|known| *known == name) {
            Some(semitones) => Ok(Self::above_c(semitones)),
            None => Err(UnknownPitchClass { name }),
        }
    }
}

/// No pitch class is called so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no pitch class is called \"{name}\"; they are C, C#, D, Eb, E, F, F#, G, Ab, A, Bb, B")]
pub struct UnknownPitchClass {
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_as_musicians_write_it() {
        let key = Key {
            tonic: PitchClass::above_c(13),
            mode: Mode::Minor,
        };
        assert_eq!(key.to_string(), "C# minor");
        let chord = Chord {
            root: key.tonic,
            mode: key.mode,
        };
        assert_eq!(chord.to_string(), "C#m");
    }

    #[test]
    fn a_guess_is_one_flat_object_and_reads_back() {
        let guess = KeyGuess {
            key: Key {
                tonic: PitchClass::above_c(10),
                mode: Mode::Major,
            },
            probability: 0.5,
        };
        let json = serde_json::to_string(&guess).unwrap();
        assert_eq!(json, r#"{"tonic":"Bb","mode":"major","probability":0.5}"#);
        assert_eq!(serde_json::from_str::<KeyGuess>(&json).unwrap(), guess);
        assert!(serde_json::from_str::<PitchClass>("\"H\"").is_err());
    }
}
