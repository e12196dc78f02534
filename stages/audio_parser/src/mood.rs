//! How a song feels, by rules. A heuristic: it says so by its confidence.

use model::analysis::{Mood, MoodWord};

use crate::features::Features;
use crate::key::Key;
use crate::level::FRAME_RATE;
use crate::onset::Onsets;
use crate::order;

/// Valence and arousal (J. Russell, "A Circumplex Model of Affect", 1980) by rules. Arousal rises with
/// tempo, onsets a second, brightness and density; valence with a major key, tempo and brightness: the
/// cues of P. Juslin and P. Laukka, Psychological Bulletin 129 (2003), table 7, weights ours. Silence is
/// calm.
pub fn of(features: &Features, onsets: &Onsets, bpm: f64, key: Option<Key>) -> Mood {
    let seconds = features.frames as f32 / FRAME_RATE as f32;
    let rate = onsets
        .strength
        .iter()
        .filter(|value| **value > 0.35)
        .count() as f32
        / 4.0
        / seconds.max(1.0);
    let power = |band: usize| {
        let squares = features.bands[band].iter().map(|value| value * value);
        squares.sum::<f32>()
    };
    let all = power(0) + power(1) + power(2);
    if all <= 0.0 {
        return word(0.0, -1.0, 0.0);
    }
    // Amplitudes, about 0.02 for dull and 0.3 for bright songs.
    let bright = ((power(2) / all).sqrt() - 0.15) / 0.15;
    let tempo = if bpm > 0.0 {
        ((bpm / 110.0).ln() / 0.45) as f32
    } else {
        -0.5
    };
    let busy = (rate - 2.5) / 2.0;
    let loud = order::percentile(&features.level, 0.95).max(1e-6);
    let dense = (order::percentile(&features.level, 0.4) / loud - 0.4) / 0.25;
    let arousal = 0.35 * tempo + 0.3 * busy + 0.2 * bright + 0.25 * dense;
    let mode = key.map_or(0.0, |key| key.brightness * 4.0);
    let valence = 0.6 * mode.clamp(-1.0, 1.0) + 0.25 * tempo + 0.15 * bright;
    let sure = key.map_or(0.2, |key| 0.3 + 0.5 * key.confidence);
    word(valence.tanh(), arousal.tanh(), sure)
}

fn word(valence: f32, arousal: f32, sure: f32) -> Mood {
    let primary = match (valence > 0.0, arousal > 0.0) {
        (true, true) => MoodWord::Energetic,
        (false, true) => MoodWord::Dark,
        (true, false) if valence > 0.25 => MoodWord::Bright,
        (_, false) => MoodWord::Calm,
    };
    // Near the middle any word is a guess.
    let clear = (valence * valence + arousal * arousal).sqrt().min(1.0);
    Mood {
        primary,
        secondary: None,
        valence,
        arousal,
        confidence: (sure * (0.4 + 0.6 * clear)).clamp(0.0, 1.0),
    }
}
