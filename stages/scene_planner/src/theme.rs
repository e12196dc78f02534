//! What the words of a prompt ask for: each known word votes, unknown ones still count.

use model::look::SceneKind;

use crate::vocabulary::{self, Meaning, Tone};

/// A prompt as the planner understands it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Theme {
    /// The scenes asked for, most votes first; never empty. Where no word spoke for any, all that were not
    /// ruled out, in an order of the prompt's own.
    pub(crate) scenes: Vec<SceneKind>,
    /// Hues named, in the order of the words, in degrees of OKLCH; where none is named, those of the
    /// things that are.
    pub(crate) hues: Vec<f64>,
    /// −1 (night) to 1 (daylight).
    pub(crate) lightness: f64,
    /// −1 (grey, faded) to 1 (neon).
    pub(crate) vividness: f64,
    /// −1 (slow) to 1 (fast).
    pub(crate) pace: f64,
    /// The words that decided something, as they were written.
    pub(crate) heard: Vec<String>,
    /// A number that any change of the prompt's words changes.
    pub(crate) fingerprint: u64,
}

/// Words after which the next known word is ruled out rather than asked for.
const NEGATIONS: [&str; 7] = ["no", "not", "without", "never", "except", "ohne", "sin"];

/// How many words a negation reaches over: "no big city" rules out the city.
const REACH: usize = 2;

/// Reads a prompt. Scenes that no word votes for are ordered by the prompt's fingerprint, so that two
/// prompts without a known word still differ.
pub(crate) fn read(prompt: &str) -> Theme {
    let words: Vec<String> = words_of(prompt);
    let fingerprint = words
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, word| fnv1a(hash, word));
    let mut votes = SceneKind::ALL.map(|kind| (kind, 0.0_f64));
    let mut theme = Theme {
        scenes: Vec::new(),
        hues: Vec::new(),
        lightness: 0.0,
        vividness: 0.0,
        pace: 0.0,
        heard: Vec::new(),
        fingerprint,
    };
    let mut tints = Vec::new();
    let mut negated_for = 0_usize;
    for word in &words {
        if NEGATIONS.contains(&word.as_str()) {
            negated_for = REACH;
            continue;
        }
        let meanings = vocabulary::meanings(word);
        if meanings.is_empty() {
            negated_for = negated_for.saturating_sub(1);
            continue;
        }
        let sign = if negated_for > 0 { -1.0 } else { 1.0 };
        negated_for = 0;
        theme.heard.push(word.clone());
        for meaning in meanings {
            match meaning {
                Meaning::Tint(hue) if sign > 0.0 => push_new(&mut tints, *hue),
                meaning => weigh(&mut theme, &mut votes, *meaning, sign),
            }
        }
    }
    if theme.hues.is_empty() {
        theme.hues = tints;
    }
    theme.scenes = ranked(&votes, fingerprint);
    theme.lightness = theme.lightness.clamp(-1.0, 1.0);
    theme.vividness = theme.vividness.clamp(-1.0, 1.0);
    theme.pace = theme.pace.clamp(-1.0, 1.0);
    theme
}

fn weigh(theme: &mut Theme, votes: &mut [(SceneKind, f64)], meaning: Meaning, sign: f64) {
    match meaning {
        Meaning::Scene(kind, weight) => {
            for (_, vote) in votes.iter_mut().filter(|(candidate, _)| *candidate == kind) {
                *vote += sign * weight;
            }
        }
        Meaning::Hue(hue) if sign > 0.0 => push_new(&mut theme.hues, hue),
        // What is not wanted names no colour.
        Meaning::Hue(_) | Meaning::Tint(_) => {}
        Meaning::Tone(Tone::Lightness, by) => theme.lightness += sign * by,
        Meaning::Tone(Tone::Vividness, by) => theme.vividness += sign * by,
        Meaning::Tone(Tone::Pace, by) => theme.pace += sign * by,
    }
}

fn push_new(hues: &mut Vec<f64>, hue: f64) {
    if !hues.contains(&hue) {
        hues.push(hue);
    }
}

/// A scene with fewer votes than this share of the best one's was not asked for, only brushed against.
const ASKED_FOR: f64 = 0.25;

/// The kinds asked for, most votes first. Where none was, all that were not ruled out; where all were,
/// all of them, since a film needs a picture.
fn ranked(votes: &[(SceneKind, f64)], fingerprint: u64) -> Vec<SceneKind> {
    let best = votes.iter().map(|(_, vote)| *vote).fold(0.0, f64::max);
    let chosen = |wanted: &dyn Fn(f64) -> bool| -> Vec<(SceneKind, f64)> {
        votes
            .iter()
            .filter(|(_, vote)| wanted(*vote))
            .copied()
            .collect()
    };
    let asked_for = chosen(&|vote| vote > 0.0 && vote >= ASKED_FOR * best);
    let not_ruled_out = chosen(&|vote| vote >= 0.0);
    let mut kinds = [asked_for, not_ruled_out, votes.to_vec()]
        .into_iter()
        .find(|kinds| !kinds.is_empty())
        .unwrap_or_default();
    kinds.sort_by(|(a, votes_a), (b, votes_b)| {
        let tie = || fnv1a(fingerprint, a.name()).cmp(&fnv1a(fingerprint, b.name()));
        votes_b.total_cmp(votes_a).then_with(tie)
    });
    kinds.into_iter().map(|(kind, _)| kind).collect()
}

/// Lower-case words without punctuation; an apostrophe or hyphen inside a word stays.
fn words_of(prompt: &str) -> Vec<String> {
    prompt
        .split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '-'))
        .map(|word| word.trim_matches(['\'', '-']).to_lowercase())
        .filter(|word| !word.is_empty())
        .collect()
}

/// FNV-1a, 64 bits: small, and the same on every machine for ever.
pub(crate) fn fnv1a(hash: u64, text: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    // The closing byte keeps "ab c" apart from "a bc".
    text.bytes().chain([0xff]).fold(hash, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scene_that_the_words_describe_comes_first() {
        let check = |prompt: &str, scene: SceneKind| {
            assert_eq!(read(prompt).scenes.first(), Some(&scene), "{prompt}");
        };
        check(
            "a lonely astronaut drifts between stars and dying galaxies",
            SceneKind::Nebula,
        );
        check(
            "driving through the city at night, neon and rain on the windscreen",
            SceneKind::NeonCity,
        );
        check(
            "golden sunset over the mountains, a long road to the horizon",
            SceneKind::Ridges,
        );
        check(
            "a frozen lake under northern lights in the arctic winter",
            SceneKind::Aurora,
        );
        check(
            "bold geometric shapes, circles and squares like a Bauhaus poster",
            SceneKind::Bauhaus,
        );
        check("ink clouds unfold in water like slow smoke", SceneKind::Ink);
    }

    #[test]
    fn a_word_after_no_or_without_rules_its_scene_out() {
        let theme = read("quiet stars above, without any city and no neon in sight tonight");
        assert!(
            !theme.scenes.contains(&SceneKind::NeonCity),
            "{:?}",
            theme.scenes
        );
        assert_eq!(theme.scenes.first(), Some(&SceneKind::Nebula));
    }

    #[test]
    fn colours_are_kept_in_the_order_of_the_words() {
        assert_eq!(read("teal and gold everywhere").hues.len(), 2);
        assert_eq!(
            read("teal and gold, teal again").hues,
            read("teal and gold").hues
        );
        assert_ne!(read("gold and teal").hues, read("teal and gold").hues);
    }

    #[test]
    fn named_colours_win_over_those_of_things() {
        assert_eq!(
            read("ink in water, deep red and gold").hues,
            read("red and gold").hues
        );
        assert_eq!(read("waves on the ocean").hues.len(), 1);
    }

    #[test]
    fn a_scene_that_nobody_asked_for_does_not_appear() {
        assert_eq!(
            read("ink in water like slow smoke, then a storm of colour").scenes,
            [SceneKind::Ink]
        );
    }

    #[test]
    fn a_prompt_without_a_known_word_still_has_scenes_and_its_own_fingerprint() {
        let (one, other) = (read("qwertz asdf"), read("qwertz asdg"));
        assert_eq!(one.scenes.len(), SceneKind::ALL.len());
        assert_ne!(one.fingerprint, other.fingerprint);
    }
}
