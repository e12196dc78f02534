//! Where the film takes place: an anchor that the choruses share, a home for the verses, and somewhere
//! else for what comes only once.

use model::analysis::{Section, SectionKind};
use model::look::{SceneKind, Texture};
use model::plan::{Place, PlaceId};

use crate::colours::Scheme;
use crate::motifs;
use crate::theme::{Theme, fnv1a};

/// The places of a film, and which section is where.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Places {
    /// At least one.
    pub(crate) places: Vec<Place>,
    /// Index into `places`, one a section.
    pub(crate) of_section: Vec<usize>,
}

/// A part that a place plays in the film.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Part {
    /// The first scene asked for, where the song is at home.
    Anchor,
    /// The second: another side of it.
    Other,
    /// The third: seen once.
    Elsewhere,
}

/// A film of so many clips has somewhere else to look.
const CLIPS_FOR_TWO: usize = 5;

/// Gives every section a place. Sections of one label share theirs, so that what returns in the song
/// returns in the picture. A film of some `clips` has two places at least, though its song be of one part.
pub(crate) fn choose(
    theme: &Theme,
    scheme: Scheme,
    (sections, clips): (&[Section], usize),
    seed: u64,
) -> Places {
    let parts: Vec<Part> = sections
        .iter()
        .map(|section| part_of(section, sections))
        .collect();
    let mut used: Vec<Part> = Vec::new();
    for part in &parts {
        if !used.contains(part) {
            used.push(*part);
        }
    }
    let wanted = if clips >= CLIPS_FOR_TWO { 2 } else { 1 };
    for part in [Part::Anchor, Part::Other] {
        if used.len() < wanted && !used.contains(&part) {
            used.push(part);
        }
    }
    let places = used
        .iter()
        .enumerate()
        .map(|(n, part)| place(*part, n, theme, scheme, seed));
    let index = |part: &Part| used.iter().position(|known| known == part).unwrap_or(0);
    Places {
        places: places.collect(),
        of_section: parts.iter().map(index).collect(),
    }
}

/// Sections with the chorus' label, or as loud as it, are at the anchor; quiet verses at the other
/// place; bridges and breaks elsewhere. A song without a chorus has its most frequent label as anchor.
fn part_of(section: &Section, sections: &[Section]) -> Part {
    let loudest_kind =
        |wanted: &Section| matches!(wanted.kind, SectionKind::Chorus | SectionKind::Drop);
    let has_chorus = sections.iter().any(loudest_kind);
    match section.kind {
        SectionKind::Chorus | SectionKind::Drop => Part::Anchor,
        SectionKind::Bridge | SectionKind::Break => Part::Elsewhere,
        _ if has_chorus => Part::Other,
        SectionKind::Verse | SectionKind::Intro | SectionKind::Outro => {
            let first = sections.first().map(|first| first.label.as_str());
            if Some(section.label.as_str()) == first {
                Part::Anchor
            } else {
                Part::Other
            }
        }
    }
}

fn place(part: Part, number: usize, theme: &Theme, scheme: Scheme, seed: u64) -> Place {
    let (rank, degrees, lightness) = match part {
        Part::Anchor => (0, 0.0, 0.01),
        Part::Other => (1, -16.0, -0.02),
        Part::Elsewhere => (2, 28.0, 0.0),
    };
    let scene = scene_of_rank(theme, rank);
    let id = format!("place-{}", number + 1);
    Place {
        seed: fnv1a(seed ^ theme.fingerprint, &id),
        description: description(scene).to_owned(),
        scene,
        motifs: motifs::over(scene, theme),
        texture: if theme.film >= 0.5 {
            Texture::Film
        } else {
            Texture::Clean
        },
        palette: scheme.varied(degrees, lightness).palette(),
        id: PlaceId(id),
    }
}

/// The scene of that rank, or the best of those that were not ruled out.
fn scene_of_rank(theme: &Theme, rank: usize) -> SceneKind {
    let last = theme.scenes.last().copied().unwrap_or(SceneKind::Nebula);
    theme.scenes.get(rank).copied().unwrap_or(last)
}

/// What is to be seen in a scene, for people and for image models.
pub(crate) fn description(scene: SceneKind) -> &'static str {
    match scene {
        SceneKind::Nebula => "clouds of glowing gas and a few sharp stars in deep space",
        SceneKind::Ridges => "mountain ridges one behind the other in the haze, under a low sun",
        SceneKind::NeonCity => "a city at night, its lit windows mirrored in a wet street",
        SceneKind::Bauhaus => "circles, arcs and bars of flat colour on a grid of paper",
        SceneKind::Aurora => "curtains of northern light over a still lake",
        SceneKind::Ink => "ink that unfolds slowly in water",
        SceneKind::Ocean => "the open sea under a low moon, its path of light on the waves",
        SceneKind::Silk => "folds of lit silk that move slowly over one another",
        SceneKind::Halftone => "a printed poster in dots of two inks",
        SceneKind::Clouds => "a flight over a sea of clouds towards a low sun",
        SceneKind::Rain => "lights out of focus behind a window with rain on it",
        SceneKind::Contours => "the contour lines of a map of unknown land",
        SceneKind::Dunes => "dunes with sharp crests under a wide sky",
        SceneKind::Tunnel => "a kaleidoscopic passage of light",
        SceneKind::Forest => "tree trunks in the mist, with shafts of light between them",
        SceneKind::Chrome => "slow waves of liquid metal that mirror a room of light",
        SceneKind::Constellation => "points of light in the dark, joined by fine lines",
    }
}

#[cfg(test)]
mod tests {
    use model::Seconds;
    use model::analysis::{Mood, MoodWord};

    use super::*;
    use crate::theme;

    fn section(label: &str, kind: SectionKind) -> Section {
        Section {
            label: label.to_owned(),
            kind,
            start: Seconds(0.0),
            end: Seconds(1.0),
            energy: 0.5,
            confidence: 1.0,
            kind_confidence: 1.0,
            beat_confidence: None,
            bpm: None,
            alternates: Vec::new(),
        }
    }

    fn places_of(sections: &[Section]) -> Places {
        let theme = theme::read("stars over a city at night, mountains beyond");
        let mood = Mood {
            primary: MoodWord::Calm,
            secondary: None,
            valence: 0.0,
            arousal: 0.0,
            confidence: 0.0,
        };
        let scheme = Scheme::of_film(&theme, theme.scenes[0], mood, None);
        choose(&theme, scheme, (sections, 2), 1)
    }

    #[test]
    fn choruses_share_a_place_and_bridges_break_away() {
        use SectionKind::{Bridge, Chorus, Verse};
        let song = [
            ("A", Verse),
            ("B", Chorus),
            ("A", Verse),
            ("C", Bridge),
            ("B", Chorus),
        ];
        let places = places_of(&song.map(|(label, kind)| section(label, kind)));

        let at = &places.of_section;
        assert_eq!(at[1], at[4]);
        assert_eq!(at[0], at[2]);
        assert_eq!(places.places.len(), 3);
        assert_ne!(places.places[at[1]].scene, places.places[at[0]].scene);
        assert_ne!(places.places[at[3]].scene, places.places[at[1]].scene);
    }

    #[test]
    fn a_long_song_of_one_part_has_somewhere_else_to_look() {
        let theme = theme::read("stars over a city at night, mountains beyond");
        let mood = Mood {
            primary: MoodWord::Calm,
            secondary: None,
            valence: 0.0,
            arousal: 0.0,
            confidence: 0.0,
        };
        let scheme = Scheme::of_film(&theme, theme.scenes[0], mood, None);
        let song = [section("A", SectionKind::Verse)];
        let places = choose(&theme, scheme, (&song, 9), 1);
        assert_eq!(places.of_section, [0]);
        assert_eq!(places.places.len(), 2);
        assert_ne!(places.places[0].scene, places.places[1].scene);
        assert_eq!(choose(&theme, scheme, (&song, 3), 1).places.len(), 1);
    }

    #[test]
    fn a_song_without_sections_still_takes_place_somewhere() {
        assert_eq!(places_of(&[]).places.len(), 1);
    }
}
