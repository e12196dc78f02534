//! The words that the planner knows, and what each votes for. Plurals and simple endings are folded.

mod english;
mod others;

use model::look::{Motif, SceneKind};

/// One thing that a word can mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Meaning {
    /// A vote for a scene, 1 for a plain one.
    Scene(SceneKind, f64),
    /// A colour that is named, in degrees of OKLCH hue.
    Hue(f64),
    /// A colour that comes with the thing: water is blue, unless colours are named.
    Tint(f64),
    /// A vote for a motif, 1 for a plain one.
    Motif(Motif, f64),
    /// How much like film it looks.
    Film(f64),
    /// A shift of tone.
    Tone(Tone, f64),
}

/// What a word can shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Night to daylight.
    Lightness,
    /// Faded to neon.
    Vividness,
    /// Slow to fast.
    Pace,
    /// Cold to warm.
    Warmth,
}

/// Synonyms, separated by spaces, beside what they mean.
type Words = &'static [(&'static str, &'static [Meaning])];

/// What `word` (lower case) means; empty for a word that is not known.
pub(crate) fn meanings(word: &str) -> &'static [Meaning] {
    let exact = |word: &str| {
        english::WORDS
            .iter()
            .chain(english::QUALITIES)
            .chain(others::WORDS)
            .find(|(words, _)| words.split(' ').any(|known| known == word))
            .map(|(_, m)| *m)
    };
    let endings = ["s", "es", "ing", "ed", "y", "ly"];
    exact(word)
        .or_else(|| {
            let stems = endings
                .iter()
                .filter_map(|ending| word.strip_suffix(ending));
            stems.filter(|stem| stem.len() >= 3).find_map(exact)
        })
        .unwrap_or(&[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plurals_and_endings_mean_what_their_stem_means() {
        assert_eq!(meanings("mountains"), meanings("mountain"));
        assert_eq!(meanings("glowing"), meanings("glow"));
        assert!(meanings("xyzzy").is_empty());
        assert!(meanings("s").is_empty());
    }

    #[test]
    fn every_scene_and_every_motif_can_be_asked_for() {
        let all = || {
            english::WORDS
                .iter()
                .chain(english::QUALITIES)
                .flat_map(|(_, meanings)| *meanings)
        };
        for kind in SceneKind::ALL {
            let asks = |meaning: &Meaning| matches!(meaning, Meaning::Scene(scene, weight) if *scene == kind && *weight >= 2.0);
            assert!(all().any(asks), "{kind}");
        }
        for wanted in Motif::ALL {
            let asks =
                |meaning: &Meaning| matches!(meaning, Meaning::Motif(motif, _) if *motif == wanted);
            assert!(all().any(asks), "{wanted:?}");
        }
    }

    #[test]
    fn no_word_stands_twice() {
        let mut seen = std::collections::BTreeSet::new();
        let tables = [english::WORDS, english::QUALITIES, others::WORDS];
        let words = tables
            .into_iter()
            .flatten()
            .flat_map(|(words, _)| words.split(' '));
        for word in words {
            assert!(seen.insert(word), "{word}");
        }
        let english = [english::WORDS, english::QUALITIES].into_iter().flatten();
        let themes: usize = english.map(|(words, _)| words.split(' ').count()).sum();
        assert!(themes >= 120, "{themes} English words");
        assert!(
            seen.len() - themes >= 80,
            "{} words of other languages",
            seen.len() - themes
        );
    }
}
