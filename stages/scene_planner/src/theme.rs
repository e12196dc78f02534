//! What the words of a prompt ask for: each known word votes, unknown ones still count.

use model::look::{Motif, SceneKind};

use crate::vocabulary::{self, Meaning, Tone};

/// A prompt as the planner understands it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Theme {
    /// The scenes asked for, most votes first; never empty. Where no word spoke for any, all that were not
    /// ruled out, in an order of the prompt's own.
    pub(crate) scenes: Vec<SceneKind>,
    /// Hues named, in the order of the words, in degrees of OKLCH.
    pub(crate) hues: Vec<f64>,
    /// Those of the things that are named, which count where no colour is.
    pub(crate) tints: Vec<f64>,
    /// Motifs asked for, most votes first.
    pub(crate) motifs: Vec<Motif>,
    /// Motifs ruled out.
    pub(crate) without: Vec<Motif>,
    /// How much like film it is to look: 0.5 and more is film.
    pub(crate) film: f64,
    /// What the words that are not known turn the hues by, in degrees: so that they change the picture too.
    pub(crate) drift: f64,
    /// −1 (night) to 1 (daylight).
    pub(crate) lightness: f64,
    /// −1 (grey, faded) to 1 (neon).
    pub(crate) vividness: f64,
    /// −1 (slow) to 1 (fast).
    pub(crate) pace: f64,
    /// −1 (cold) to 1 (warm).
    pub(crate) warmth: f64,
    /// The words that decided something, as they were written.
    pub(crate) heard: Vec<String>,
    /// A number that any change of the prompt's words changes.
    pub(crate) fingerprint: u64,
}

/// Words after which the next known word is ruled out rather than asked for.
const NEGATIONS: [&str; 14] = [
    "no", "not", "without", "never", "except", "avoid", "ohne", "kein", "keine", "sin", "sans",
    "pas", "sem", "não",
];

/// How many words a negation reaches over: "no big city" rules out the city.
const REACH: usize = 2;

/// Reads a prompt. Scenes that no word votes for are ordered by the prompt's fingerprint, so that two
/// prompts without a known word still differ.
pub(crate) fn read(prompt: &str) -> Theme {
    let words: Vec<String> = words_of(prompt);
    let fingerprint = words
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, word| fnv1a(hash, word));
    let mut votes = Votes {
        scenes: SceneKind::ALL.map(|kind| (kind, 0.0)),
        motifs: Motif::ALL.map(|motif| (motif, 0.0)),
    };
    let mut unknown = 0_u64;
    let mut theme = Theme {
        scenes: Vec::new(),
        hues: Vec::new(),
        tints: Vec::new(),
        motifs: Vec::new(),
        without: Vec::new(),
        film: 0.0,
        drift: 0.0,
        lightness: 0.0,
        vividness: 0.0,
        pace: 0.0,
        warmth: 0.0,
        heard: Vec::new(),
        fingerprint,
    };
    let mut negated_for = 0_usize;
    for word in &words {
        if NEGATIONS.contains(&word.as_str()) {
            negated_for = REACH;
            continue;
        }
        let meanings = vocabulary::meanings(word);
        if meanings.is_empty() {
            negated_for = negated_for.saturating_sub(1);
            unknown = fnv1a(unknown, word);
            continue;
        }
        let sign = if negated_for > 0 { -1.0 } else { 1.0 };
        negated_for = 0;
        theme.heard.push(word.clone());
        for meaning in meanings {
            match meaning {
                Meaning::Tint(hue) if sign > 0.0 => push_new(&mut theme.tints, *hue),
                meaning => weigh(&mut theme, &mut votes, *meaning, sign),
            }
        }
    }
    theme.scenes = ranked(&votes.scenes, fingerprint);
    (theme.motifs, theme.without) = chosen(votes.motifs);
    theme.drift = (unknown % 25) as f64 - if unknown == 0 { 0.0 } else { 12.0 };
    theme.lightness = theme.lightness.clamp(-1.0, 1.0);
    theme.vividness = theme.vividness.clamp(-1.0, 1.0);
    theme.pace = theme.pace.clamp(-1.0, 1.0);
    theme.warmth = theme.warmth.clamp(-1.0, 1.0);
    theme
}

/// The motifs asked for, most votes first, and those ruled out.
fn chosen(mut votes: [(Motif, f64); Motif::ALL.len()]) -> (Vec<Motif>, Vec<Motif>) {
    votes.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let wanted = |wanted: fn(f64) -> bool| {
        let motifs = votes.iter().filter(move |(_, vote)| wanted(*vote));
        motifs.map(|(motif, _)| *motif).collect()
    };
    (wanted(|vote| vote >= 0.5), wanted(|vote| vote < 0.0))
}

/// Votes so far.
struct Votes {
    scenes: [(SceneKind, f64); SceneKind::ALL.len()],
    motifs: [(Motif, f64); Motif::ALL.len()],
}

fn weigh(theme: &mut Theme, votes: &mut Votes, meaning: Meaning, sign: f64) {
    match meaning {
        Meaning::Scene(kind, weight) => {
            let mut scenes = votes.scenes.iter_mut();
            if let Some((_, vote)) = scenes.find(|(candidate, _)| *candidate == kind) {
                *vote += sign * weight;
            }
        }
        Meaning::Motif(motif, weight) => {
            let mut motifs = votes.motifs.iter_mut();
            if let Some((_, vote)) = motifs.find(|(candidate, _)| *candidate == motif) {
                *vote += sign * weight;
            }
        }
        Meaning::Film(by) => theme.film += sign * by,
        Meaning::Hue(hue) if sign > 0.0 => push_new(&mut theme.hues, hue),
        // What is not wanted names no colour.
        Meaning::Hue(_) | Meaning::Tint(_) => {}
        Meaning::Tone(Tone::Lightness, by) => theme.lightness += sign * by,
        Meaning::Tone(Tone::Vividness, by) => theme.vividness += sign * by,
        Meaning::Tone(Tone::Pace, by) => theme.pace += sign * by,
        Meaning::Tone(Tone::Warmth, by) => theme.warmth += sign * by,
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
        let ocean = read("waves on the ocean");
        assert!(ocean.hues.is_empty());
        assert_eq!(ocean.tints.len(), 1);
    }

    #[test]
    fn a_scene_that_nobody_asked_for_does_not_appear() {
        assert_eq!(
            read("ink and smoke, marbled ink, then a memory of colour").scenes,
            [SceneKind::Ink]
        );
    }

    #[test]
    fn a_prompt_without_a_known_word_still_has_scenes_and_its_own_fingerprint() {
        let (one, other) = (read("qwertz asdf"), read("qwertz asdg"));
        assert_eq!(one.scenes.len(), SceneKind::ALL.len());
        assert_ne!(one.fingerprint, other.fingerprint);
    }

    /// Prompts as people write them, and the scene that each describes.
    const PROMPTS: [(&str, SceneKind); 51] = [
        (
            "a lonely astronaut drifts through a dying galaxy",
            SceneKind::Nebula,
        ),
        (
            "supernova and cosmic dust, the universe being born",
            SceneKind::Nebula,
        ),
        ("rocket through the void of space", SceneKind::Nebula),
        (
            "golden mountain ridges at dawn, a long hike",
            SceneKind::Ridges,
        ),
        (
            "alps in the evening, valley after valley",
            SceneKind::Ridges,
        ),
        ("sunset over the hills of my hometown", SceneKind::Ridges),
        ("neon city at night, driving downtown", SceneKind::NeonCity),
        ("cyberpunk tokyo street with traffic", SceneKind::NeonCity),
        (
            "synthwave skyline, fast cars and purple haze",
            SceneKind::NeonCity,
        ),
        (
            "geometric shapes, circles and triangles in primary colours",
            SceneKind::Bauhaus,
        ),
        ("a playful jazz collage of squares", SceneKind::Bauhaus),
        ("minimalist swiss pattern", SceneKind::Bauhaus),
        ("northern lights above a frozen lake", SceneKind::Aurora),
        ("arctic winter, aurora borealis", SceneKind::Aurora),
        ("ink in water, black smoke unfolding", SceneKind::Ink),
        ("marbled watercolour paint that flows", SceneKind::Ink),
        (
            "moonlit ocean, slow waves, a ship far away",
            SceneKind::Ocean,
        ),
        (
            "surf and beach, endless summer by the sea",
            SceneKind::Ocean,
        ),
        (
            "storm at sea, the sailor and the lighthouse",
            SceneKind::Ocean,
        ),
        ("red silk and velvet, a sensual slow dance", SceneKind::Silk),
        ("satin ribbon in the wind, elegant", SceneKind::Silk),
        ("pop-art comic dots, punk poster", SceneKind::Halftone),
        ("a printed zine, halftone and ska", SceneKind::Halftone),
        (
            "flying above the clouds, wings of an angel",
            SceneKind::Clouds,
        ),
        ("sky and clouds, soaring weightless", SceneKind::Clouds),
        ("rain on the window, missing you", SceneKind::Rain),
        ("raindrops and an umbrella in november", SceneKind::Rain),
        ("a topographic map of unknown terrain", SceneKind::Contours),
        ("an expedition with map and compass", SceneKind::Contours),
        ("sahara dunes, a caravan of camels", SceneKind::Dunes),
        ("desert heat, sand and mirage", SceneKind::Dunes),
        ("psychedelic kaleidoscope trance", SceneKind::Tunnel),
        ("falling into a hypnotic vortex", SceneKind::Tunnel),
        ("deep forest, pine trees and fog", SceneKind::Forest),
        ("a wolf in the woods at dawn", SceneKind::Forest),
        ("liquid chrome and mercury", SceneKind::Chrome),
        ("glossy metallic mirror, y2k fashion", SceneKind::Chrome),
        (
            "a network of thoughts, data and connection",
            SceneKind::Constellation,
        ),
        ("constellation of the zodiac", SceneKind::Constellation),
        ("stars over the quiet ocean and the tide", SceneKind::Ocean),
        ("winter night, snow and ice on the lake", SceneKind::Aurora),
        (
            "eine Stadt bei Nacht, Regen auf der Straße",
            SceneKind::NeonCity,
        ),
        ("langsame Wellen am Meer", SceneKind::Ocean),
        ("das Licht im Wald zwischen den Bäumen", SceneKind::Forest),
        ("una ciudad de noche", SceneKind::NeonCity),
        ("el desierto y sus dunas", SceneKind::Dunes),
        ("la mer et les vagues", SceneKind::Ocean),
        ("montagnes au coucher du soleil", SceneKind::Ridges),
        ("chuva na janela", SceneKind::Rain),
        ("as estrelas e o espaço", SceneKind::Nebula),
        (
            "stars, but no city and no rain, only the galaxy",
            SceneKind::Nebula,
        ),
    ];

    #[test]
    fn of_fifty_prompts_nine_in_ten_have_the_scene_they_describe_among_the_first_two() {
        let missed: Vec<_> = PROMPTS
            .iter()
            .filter(|(prompt, scene)| !read(prompt).scenes.iter().take(2).any(|kind| kind == scene))
            .map(|(prompt, scene)| (prompt, scene, read(prompt).scenes))
            .collect();
        assert!(missed.len() <= PROMPTS.len() / 10, "{missed:?}");
    }

    #[test]
    fn motifs_and_textures_are_asked_for_and_ruled_out() {
        use Motif::{Birds, Rain, Snow};
        assert_eq!(read("falling snow").motifs, [Snow]);
        assert!(read("birds over the sea").motifs.contains(&Birds));
        assert!(read("a city without rain").without.contains(&Rain));
        assert!(read("an old vintage film").film >= 0.5);
        assert!(read("clean lines").film < 0.5);
    }

    #[test]
    fn an_unknown_word_turns_the_hues() {
        let drifts =
            ["qwertz", "asdfgh", "yxcvbn", "poiuzt"].map(|word| read(word).drift.to_bits());
        assert!(drifts.iter().any(|drift| *drift != drifts[0]), "{drifts:?}");
        assert_eq!(read("ocean").drift, 0.0);
    }
}
