//! How a song feels, by rules. A heuristic: it says so by its confidence.

use model::analysis::{Mood, MoodWord};

use crate::features::Features;
use crate::key;
use crate::level::FRAME_RATE;
use crate::onset::Onsets;
use crate::order;

/// Where each word lies: valence and arousal, of norm 1.
const WORDS: [(MoodWord, f32, f32); 4] = [
    (MoodWord::Energetic, 0.5, 0.866),
    (MoodWord::Bright, 0.966, -0.259),
    (MoodWord::Calm, 0.0, -1.0),
    (MoodWord::Dark, -0.985, 0.174),
];
/// A second word is given if it fits this much as well as the first.
const NEARLY: f32 = 0.6;

/// What a mood is made of; each about −1 to 1 over usual songs, 0 for an average one.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
struct Cues {
    /// Tempo against 110 bpm.
    tempo: f32,
    /// Onsets a second.
    busy: f32,
    /// Share of treble.
    bright: f32,
    /// How near to the loudest the song is most of the time.
    dense: f32,
    /// Major against minor.
    mode: f32,
    /// How sure of the key, 0–1.
    sure: f32,
}

/// Valence and arousal (J. Russell, "A Circumplex Model of Affect", 1980) by rules. Arousal rises with
/// tempo, onsets a second, brightness and density; valence with a major key, tempo and brightness: the
/// cues of P. Juslin and P. Laukka, Psychological Bulletin 129 (2003), table 7, weights ours. Silence is
/// calm. How loud the file is does not count: that is the mastering's.
pub fn of(features: &Features, onsets: &Onsets, bpm: f64, key: &key::Found) -> Mood {
    let power = |band: usize| {
        let squares = features.bands[band].iter().map(|value| value * value);
        squares.sum::<f32>()
    };
    let all = power(0) + power(1) + power(2);
    if all <= 0.0 {
        return word(0.0, -1.0, 0.0);
    }
    let seconds = features.frames as f32 / FRAME_RATE as f32;
    let strong = onsets.strength.iter().filter(|value| **value > 0.35);
    // An onset is strong for about four frames.
    let rate = strong.count() as f32 / 4.0 / seconds.max(1.0);
    let loud = order::percentile(&features.level, 0.95).max(1e-6);
    judged(&Cues {
        tempo: if bpm > 0.0 {
            ((bpm / 110.0).ln() / 0.45) as f32
        } else {
            -0.5
        },
        busy: (rate - 2.5) / 2.0,
        // Amplitudes, about 0.02 for dull and 0.3 for bright songs.
        bright: ((power(2) / all).sqrt() - 0.15) / 0.15,
        dense: (order::percentile(&features.level, 0.4) / loud - 0.4) / 0.25,
        mode: (key.brightness * 4.0).clamp(-1.0, 1.0),
        sure: key.key.map_or(0.0, |guess| guess.probability),
    })
}

fn judged(cues: &Cues) -> Mood {
    let arousal = 0.35 * cues.tempo + 0.3 * cues.busy + 0.2 * cues.bright + 0.25 * cues.dense;
    let valence = 0.6 * cues.mode + 0.25 * cues.tempo + 0.15 * cues.bright;
    word(valence.tanh(), arousal.tanh(), 0.3 + 0.5 * cues.sure)
}

/// The word whose direction is nearest, and the next if it fits nearly as well.
fn word(valence: f32, arousal: f32, sure: f32) -> Mood {
    let mut fits = WORDS.map(|(word, v, a)| (word, valence * v + arousal * a));
    fits.sort_by(|a, b| b.1.total_cmp(&a.1));
    let [(primary, best), (second, next), ..] = fits;
    // Near the middle any word is a guess.
    let clear = valence.hypot(arousal).min(1.0);
    Mood {
        primary,
        secondary: (best > 0.0 && next >= NEARLY * best).then_some(second),
        valence,
        arousal,
        confidence: (sure * (0.4 + 0.6 * clear)).clamp(0.0, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cues(tempo: f32, busy: f32, bright: f32, dense: f32, mode: f32) -> Cues {
        Cues {
            tempo,
            busy,
            bright,
            dense,
            mode,
            sure: 0.8,
        }
    }

    #[test]
    fn the_four_corners_have_their_words() {
        for (cues, expected) in [
            // Major, fast, busy, dense.
            (cues(0.7, 1.0, 0.5, 0.6, 1.0), MoodWord::Energetic),
            // Major, easy.
            (cues(-0.1, -0.3, 0.4, -0.3, 1.0), MoodWord::Bright),
            // Minor, of middle tempo, dull.
            (cues(0.0, 0.2, -0.6, 0.3, -1.0), MoodWord::Dark),
            // Neither mode, slow, few onsets, much rest.
            (cues(-1.0, -1.0, -0.5, -0.8, 0.3), MoodWord::Calm),
        ] {
            assert_eq!(judged(&cues).primary, expected, "{cues:?}");
        }
    }

    #[test]
    fn minor_slow_and_quiet_is_dark_and_calm() {
        let mood = judged(&cues(-0.9, -0.8, -0.6, -0.6, -1.0));
        let words = [Some(mood.primary), mood.secondary];
        assert!(words.contains(&Some(MoodWord::Calm)), "{mood:?}");
        assert!(words.contains(&Some(MoodWord::Dark)), "{mood:?}");
        assert!(mood.valence < -0.3 && mood.arousal < -0.3);
    }

    #[test]
    fn nothing_at_all_is_calm_and_unsure() {
        let mood = of(
            &Features::default(),
            &Onsets::default(),
            0.0,
            &key::Found::default(),
        );
        assert_eq!(mood.primary, MoodWord::Calm);
        assert_eq!(mood.confidence, 0.0);
    }
}
