//! The words that the planner knows, and what each votes for. Plurals and simple endings are folded.

use model::look::SceneKind;
use model::look::SceneKind::{Aurora, Bauhaus, Ink, Nebula, NeonCity, Ridges};

/// One thing that a word can mean.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Meaning {
    /// A vote for a scene, 1 for a plain one.
    Scene(SceneKind, f64),
    /// A colour that is named, in degrees of OKLCH hue.
    Hue(f64),
    /// A colour that comes with the thing: water is blue, unless colours are named.
    Tint(f64),
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
}

use Meaning::{Hue, Scene, Tint, Tone as Shift};
use Tone::{Lightness, Pace, Vividness};

/// What `word` (lower case) means; empty for a word that is not known.
pub(crate) fn meanings(word: &str) -> &'static [Meaning] {
    let exact = |word: &str| {
        WORDS
            .iter()
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

/// Synonyms, separated by spaces, beside what they mean.
const WORDS: &[(&str, &[Meaning])] = &[
    // Space.
    (
        "space galaxy galaxies cosmos cosmic universe interstellar nebula orbit astronaut planet",
        &[Scene(Nebula, 2.0), Shift(Lightness, -0.2)],
    ),
    (
        "star constellation celestial heaven eternity infinite infinity",
        &[Scene(Nebula, 1.2)],
    ),
    ("void alien rocket comet meteor", &[Scene(Nebula, 1.2)]),
    (
        "dream fantasy magic surreal psychedelic trippy",
        &[Scene(Nebula, 0.6), Scene(Ink, 0.6)],
    ),
    (
        "moon moonlight",
        &[
            Scene(Aurora, 0.6),
            Scene(Nebula, 0.5),
            Shift(Lightness, -0.2),
        ],
    ),
    // Land.
    (
        "mountain hill ridge valley canyon peak alps landscape",
        &[Scene(Ridges, 2.0)],
    ),
    (
        "desert dune prairie horizon meadow field",
        &[Scene(Ridges, 1.4)],
    ),
    (
        "sunset sunrise dawn dusk sundown",
        &[Scene(Ridges, 1.3), Tint(55.0)],
    ),
    (
        "road journey travel wander wanderer hike freedom west country",
        &[Scene(Ridges, 0.9)],
    ),
    (
        "forest tree wood nature wild earth",
        &[Scene(Ridges, 1.0), Tint(150.0)],
    ),
    (
        "sun sunny summer sunshine sunlight",
        &[Scene(Ridges, 0.8), Shift(Lightness, 0.3)],
    ),
    ("autumn fall harvest", &[Scene(Ridges, 0.6), Tint(50.0)]),
    (
        "fog mist haze",
        &[Scene(Ridges, 0.6), Scene(Ink, 0.5), Shift(Vividness, -0.3)],
    ),
    // City.
    (
        "city cities urban street downtown skyline metropolis skyscraper tokyo",
        &[Scene(NeonCity, 2.0)],
    ),
    (
        "neon cyberpunk synthwave outrun",
        &[Scene(NeonCity, 1.6), Shift(Vividness, 0.6)],
    ),
    (
        "car drive driving highway taxi motorbike traffic",
        &[Scene(NeonCity, 1.1), Shift(Pace, 0.2)],
    ),
    (
        "rain raining rainy wet",
        &[Scene(NeonCity, 0.9), Shift(Lightness, -0.2)],
    ),
    (
        "night midnight nocturnal",
        &[Scene(NeonCity, 0.6), Shift(Lightness, -0.4)],
    ),
    (
        "club party dance dancing disco rave dancefloor",
        &[Scene(NeonCity, 0.8), Shift(Pace, 0.4)],
    ),
    (
        "retro eighties 80s arcade",
        &[Scene(NeonCity, 0.7), Scene(Bauhaus, 0.4)],
    ),
    (
        "robot machine future futuristic digital cyber",
        &[Scene(NeonCity, 0.8)],
    ),
    // Geometry.
    (
        "geometric geometry bauhaus shape circle square triangle abstract",
        &[Scene(Bauhaus, 2.0)],
    ),
    (
        "poster graphic minimal minimalist swiss pattern mosaic collage",
        &[Scene(Bauhaus, 1.4)],
    ),
    (
        "paper print design modern modernist cubist",
        &[Scene(Bauhaus, 1.1)],
    ),
    (
        "playful funky jazz jazzy groove quirky toy",
        &[Scene(Bauhaus, 0.9), Shift(Vividness, 0.2)],
    ),
    // North.
    (
        "aurora borealis northern polar arctic",
        &[Scene(Aurora, 2.0)],
    ),
    (
        "winter snow ice icy frozen frost glacier",
        &[Scene(Aurora, 1.4), Tint(225.0)],
    ),
    (
        "lake mirror reflection still stillness",
        &[Scene(Aurora, 1.1), Shift(Pace, -0.3)],
    ),
    (
        "north scandinavia norway iceland christmas",
        &[Scene(Aurora, 1.0)],
    ),
    // Fluids.
    (
        "ink smoke fluid liquid underwater watercolor watercolour",
        &[Scene(Ink, 2.0)],
    ),
    (
        "ocean sea wave tide river water",
        &[Scene(Ink, 1.1), Tint(230.0)],
    ),
    (
        "paint painting brush flow drift float",
        &[Scene(Ink, 0.9), Shift(Pace, -0.2)],
    ),
    (
        "memory love heart tear lonely melancholy melancholic ghost soul",
        &[Scene(Ink, 0.7)],
    ),
    (
        "fire flame burn ember lava",
        &[Scene(Ink, 0.7), Tint(45.0), Shift(Vividness, 0.3)],
    ),
    (
        "storm thunder lightning",
        &[Scene(Ink, 0.6), Scene(Ridges, 0.4), Shift(Lightness, -0.3)],
    ),
    // Colours.
    ("red crimson scarlet ruby blood", &[Hue(27.0)]),
    ("orange amber copper rust", &[Hue(55.0)]),
    ("gold golden", &[Hue(85.0)]),
    ("yellow lemon", &[Hue(105.0)]),
    ("green emerald jade lime", &[Hue(150.0)]),
    ("teal turquoise", &[Hue(190.0)]),
    ("cyan aqua", &[Hue(210.0)]),
    ("blue azure navy cobalt", &[Hue(255.0)]),
    ("indigo", &[Hue(275.0)]),
    ("violet purple lavender lilac", &[Hue(300.0)]),
    ("magenta fuchsia", &[Hue(330.0)]),
    ("pink rose coral", &[Hue(5.0)]),
    // Tone.
    (
        "dark noir black gloomy shadow grim haunted",
        &[Shift(Lightness, -0.5)],
    ),
    (
        "bright light white luminous radiant airy day",
        &[Shift(Lightness, 0.5)],
    ),
    ("warm cozy cosy", &[Tint(60.0)]),
    ("cold cool chilly", &[Tint(230.0)]),
    (
        "vivid colorful colourful saturated electric glowing glow",
        &[Shift(Vividness, 0.5)],
    ),
    (
        "pastel muted faded vintage old dusty grey gray monochrome silver",
        &[Shift(Vividness, -0.6)],
    ),
    (
        "slow slowly calm gentle quiet peaceful serene soft tender",
        &[Shift(Pace, -0.5)],
    ),
    (
        "fast frantic energetic wild intense explosive powerful rush",
        &[Shift(Pace, 0.5)],
    ),
];

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
    fn every_scene_can_be_asked_for() {
        for kind in SceneKind::ALL {
            let asks = |meaning: &Meaning| matches!(meaning, Scene(scene, weight) if *scene == kind && *weight >= 2.0);
            assert!(
                WORDS.iter().any(|(_, meanings)| meanings.iter().any(asks)),
                "{kind}"
            );
        }
    }
}
