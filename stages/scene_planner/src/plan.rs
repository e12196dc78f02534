//! The director's plan from what was heard and what was asked for: pure, and the same for the same input.

use model::analysis::{AudioAnalysis, MoodWord};
use model::plan::ScenePlan;
use model::style::Style;

use crate::colours::Scheme;
use crate::places::{self, Places};
use crate::shots;
use crate::theme::{self, Theme};
use crate::transitions;

/// Plans the film that `asked` for in words and perhaps a named look. `seed` chooses among the endlessly
/// many films that fit.
pub fn direct(asked: (&str, Option<Style>), heard: &AudioAnalysis, seed: u64) -> ScenePlan {
    let (prompt, style) = asked;
    let theme = theme::read(prompt);
    let scene = theme
        .scenes
        .first()
        .copied()
        .unwrap_or(model::look::SceneKind::Nebula);
    let scheme =
        Scheme::of_film(&theme, scene, heard.mood, heard.harmony.key).in_style(style, &theme);
    let places = places::choose(
        &theme,
        scheme,
        (&heard.sections, heard.clip_grid.len()),
        seed,
    );
    let shots = shots::plan(&heard.clip_grid, &heard.sections, &places, &theme);
    ScenePlan {
        summary: summary((&theme, style), &places, heard),
        palette: scheme.palette(),
        transitions: transitions::plan(&shots, heard),
        places: places.places,
        heard_words: theme.heard,
        shots,
    }
}

fn summary(
    (theme, style): (&Theme, Option<Style>),
    places: &Places,
    heard: &AudioAnalysis,
) -> String {
    let scenes: Vec<&str> = places
        .places
        .iter()
        .map(|place| place.description.as_str())
        .collect();
    let mood = match heard.mood.primary {
        MoodWord::Energetic => "an energetic",
        MoodWord::Bright => "a bright",
        MoodWord::Dark => "a dark",
        MoodWord::Calm => "a calm",
    };
    let pace = match heard.tempo.bpm {
        bpm if bpm > 0.0 => format!(" at {bpm:.0} beats a minute"),
        _ => String::new(),
    };
    let why = if theme.heard.is_empty() {
        "No word of the prompt named a picture that is known here, so its wording chose one."
            .to_owned()
    } else {
        format!("Chosen by the words: {}.", theme.heard.join(", "))
    };
    let look = match style {
        Some(style) => format!(" In the look {style}."),
        None => String::new(),
    };
    format!(
        "For {mood} song{pace}: {}.{look} {why}",
        scenes.join("; then ")
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use model::analysis::{Beat, ClipSlot, Edge, Mood, Section, SectionKind, Tempo};
    use model::harmony::Harmony;
    use model::look::SceneKind;
    use model::sound::Loudness;
    use model::{ArtifactKey, ArtifactRef, ClipIndex, Seconds, Stored};

    use super::*;

    /// A song of four sections of eight seconds, with a clip every two.
    fn heard() -> AudioAnalysis {
        let kinds = [
            SectionKind::Intro,
            SectionKind::Verse,
            SectionKind::Chorus,
            SectionKind::Outro,
        ];
        let section = |(n, kind): (usize, SectionKind)| Section {
            label: ["A", "B", "C", "A"][n].to_owned(),
            kind,
            start: Seconds(8.0 * n as f64),
            end: Seconds(8.0 * (n + 1) as f64),
            energy: [0.2, 0.5, 0.9, 0.2][n],
            confidence: 1.0,
            kind_confidence: 1.0,
            beat_confidence: None,
            bpm: None,
            alternates: Vec::new(),
        };
        let slot = |n: u32| ClipSlot {
            index: ClipIndex(n),
            start: Seconds(2.0 * f64::from(n)),
            end: Seconds(2.0 * f64::from(n + 1)),
            edge: if n == 0 { Edge::Start } else { Edge::Downbeat },
        };
        AudioAnalysis {
            analyser: "test".to_owned(),
            duration: Seconds(32.0),
            tempo: Tempo {
                bpm: 120.0,
                confidence: 1.0,
                alternates: vec![],
            },
            beats_per_bar: 4,
            beats: (0..64)
                .map(|n| Beat {
                    time: Seconds(0.5 * f64::from(n)),
                    downbeat: n % 4 == 0,
                })
                .collect(),
            sections: kinds.into_iter().enumerate().map(section).collect(),
            novelty: Vec::new(),
            harmony: Harmony::default(),
            loudness: Loudness::default(),
            silences: Vec::new(),
            mood: Mood {
                primary: MoodWord::Bright,
                secondary: None,
                valence: 0.4,
                arousal: 0.1,
                confidence: 0.8,
            },
            clip_grid: (0..16).map(slot).collect(),
            lyrics: None,
            peaks: vec![],
            envelopes: Stored::new(curves()),
        }
    }

    fn curves() -> ArtifactRef {
        ArtifactRef {
            key: ArtifactKey::try_from("envelopes.json".to_owned()).unwrap(),
            length: 2,
            sha256: "0".repeat(64),
        }
    }

    #[test]
    fn every_slot_gets_a_shot_with_its_times_and_a_transition_between_each_two() {
        let heard = heard();
        let plan = direct(("a city at night", None), &heard, 1);

        assert_eq!(plan.shots.len(), heard.clip_grid.len());
        for (shot, slot) in plan.shots.iter().zip(&heard.clip_grid) {
            assert_eq!(
                (shot.clip, shot.start, shot.end),
                (slot.index, slot.start, slot.end)
            );
            assert!(plan.places.iter().any(|place| place.id == shot.place));
        }
        assert_eq!(plan.transitions.len(), plan.shots.len() - 1);
        let cuts = plan.transitions.iter();
        let cuts = cuts.filter(|transition| transition.kind == model::plan::TransitionKind::Cut);
        assert!(
            cuts.count() * 10 >= plan.transitions.len() * 6,
            "most are cuts"
        );
    }

    #[test]
    fn the_camera_never_does_the_same_twice_in_a_row() {
        let plan = direct(("a city at night", None), &heard(), 1);
        for pair in plan.shots.windows(2) {
            assert_ne!(pair[0].camera, pair[1].camera);
        }
    }

    #[test]
    fn no_five_shots_in_a_row_are_of_one_place() {
        let mut heard = heard();
        heard.sections.truncate(1);
        heard.sections[0].end = Seconds(32.0);
        for prompt in [
            "ink in water",
            "a pine forest at dawn, a river and its birds",
        ] {
            let plan = direct((prompt, None), &heard, 1);
            for five in plan.shots.windows(5) {
                assert!(
                    five.iter().any(|shot| shot.place != five[0].place),
                    "{prompt}"
                );
            }
            let home = &plan.shots[0].place;
            let at_home = plan.shots.iter().filter(|shot| shot.place == *home);
            assert!(at_home.count() * 2 > plan.shots.len(), "{prompt}");
        }
    }

    #[test]
    fn loud_sections_are_intense_and_quiet_ones_are_not() {
        let plan = direct(("a city at night", None), &heard(), 1);
        assert!(plan.shots[9].intensity > plan.shots[1].intensity + 0.4);
    }

    #[test]
    fn the_same_input_gives_the_same_plan_and_another_seed_other_places() {
        let prompt = "slow ink in water";
        assert_eq!(
            direct((prompt, None), &heard(), 1),
            direct((prompt, None), &heard(), 1)
        );
        let seeds = |seed| {
            direct((prompt, None), &heard(), seed)
                .places
                .iter()
                .map(|p| p.seed)
                .collect::<Vec<_>>()
        };
        assert_ne!(seeds(1), seeds(2));
    }

    #[test]
    fn a_word_of_the_prompt_changes_what_is_seen() {
        let scenes = |prompt: &str| {
            direct((prompt, None), &heard(), 1)
                .places
                .iter()
                .map(|place| place.scene)
                .collect::<BTreeSet<_>>()
        };
        assert!(scenes("northern lights over the ice").contains(&SceneKind::Aurora));
        assert!(!scenes("northern lights over the ice, no city").contains(&SceneKind::NeonCity));
    }

    #[test]
    fn the_summary_names_the_words_that_decided() {
        let plan = direct(("a lonely astronaut among the stars", None), &heard(), 1);
        assert!(plan.summary.contains("astronaut"), "{}", plan.summary);
    }

    #[test]
    fn a_named_look_colours_every_place_and_is_told() {
        let plan = |style| direct(("slow ink in water", style), &heard(), 1);
        let (plain, noir) = (plan(None), plan(Some(Style::Noir)));
        assert!(noir.summary.contains("look noir"), "{}", noir.summary);
        assert_eq!(plain.shots, noir.shots);
        for (before, after) in plain.places.iter().zip(&noir.places) {
            assert_eq!(before.scene, after.scene);
            assert_ne!(before.palette, after.palette);
        }
    }
}
