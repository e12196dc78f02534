//! A shot for every slot of the clip grid: where, how the view moves, how much is going on.

use model::Seconds;
use model::analysis::{ClipSlot, Section, SectionKind};
use model::look::{CameraMove, Variant};
use model::plan::Shot;

use crate::places::Places;
use crate::theme::Theme;

/// One shot a slot, in order. `sections` must not be empty.
pub(crate) fn plan(
    grid: &[ClipSlot],
    sections: &[Section],
    places: &Places,
    theme: &Theme,
) -> Vec<Shot> {
    let mut shots: Vec<Shot> = Vec::with_capacity(grid.len());
    // At which place the song is at home, and how many shots it has been so.
    let (mut home, mut stay) = (usize::MAX, 0);
    for slot in grid {
        let section = section_at(sections, slot);
        let before = shots.last().map(|shot| shot.camera);
        let energy = sections.get(section).map_or(0.5, |section| section.energy);
        let intensity = (energy + 0.2 * theme.pace as f32).clamp(0.0, 1.0);
        let goes_home = places.of_section.get(section).copied().unwrap_or(0);
        stay = if goes_home == home { stay + 1 } else { 0 };
        home = goes_home;
        let at = place_of(home, stay, places.places.len(), intensity);
        let (Some(place), Some(own)) = (places.places.get(at), places.places.get(home)) else {
            continue;
        };
        let camera = camera(intensity, slot.index.0, before);
        let usual = variant(sections.get(section), intensity, slot.index.0);
        shots.push(Shot {
            clip: slot.index,
            start: slot.start,
            end: slot.end,
            section,
            place: place.id.clone(),
            description: format!("{}, {}", place.description, in_words(camera)),
            // Where there is but one scene, elsewhere is another side of it.
            variant: match usual {
                Variant::Turned if at != home && place.scene == own.scene => Variant::Full,
                _ if at != home && place.scene == own.scene => Variant::Turned,
                usual => usual,
            },
            camera,
            intensity,
        });
    }
    shots
}

/// The index of the section that holds the middle of a slot: edges may lie on the boundary itself.
fn section_at(sections: &[Section], slot: &ClipSlot) -> usize {
    let middle = Seconds(f64::midpoint(slot.start.0, slot.end.0));
    sections
        .iter()
        .position(|section| middle < section.end)
        .unwrap_or(sections.len().saturating_sub(1))
}

/// Of the shots that a film stays at one home: where much is going on every third looks elsewhere, where less
/// is the last two of five do, at each of the `count` places in turn, so that nothing stands still.
fn place_of(home: usize, stay: usize, count: usize, intensity: f32) -> usize {
    let (of, from) = if intensity > 0.66 { (3, 2) } else { (5, 3) };
    if count < 2 || stay % of < from {
        return home;
    }
    (home + 1 + stay / of % (count - 1)) % count
}

/// The appearance that suits the section: choruses full, verses calm, bridges turned round, beginnings and
/// ends only hinted at. Where much is going on, every fourth shot is another one.
fn variant(section: Option<&Section>, intensity: f32, clip: u32) -> Variant {
    let usual = match section.map(|section| section.kind) {
        Some(SectionKind::Chorus | SectionKind::Drop) | None => Variant::Full,
        Some(SectionKind::Verse) => Variant::Calm,
        Some(SectionKind::Bridge | SectionKind::Break) => Variant::Turned,
        Some(SectionKind::Intro | SectionKind::Outro) => Variant::Bare,
    };
    match usual {
        Variant::Full if intensity > 0.6 && clip % 4 == 3 => Variant::Turned,
        Variant::Calm if intensity > 0.5 && clip % 4 == 3 => Variant::Full,
        usual => usual,
    }
}

/// A move that suits the intensity, and is not the one before.
fn camera(intensity: f32, clip: u32, before: Option<CameraMove>) -> CameraMove {
    use CameraMove::{Hold, PanLeft, PanRight, PullOut, PushIn, Rise};
    let moves: &[CameraMove] = match intensity {
        calm if calm < 0.33 => &[Hold, PullOut, PanRight, Rise],
        medium if medium < 0.66 => &[PanLeft, PushIn, Rise, PanRight],
        _ => &[PushIn, PanRight, PullOut, PanLeft],
    };
    let turn = clip as usize % moves.len();
    let (earlier, from_here) = moves.split_at(turn);
    let chosen = from_here
        .iter()
        .chain(earlier)
        .find(|candidate| Some(**candidate) != before);
    chosen.copied().unwrap_or(Hold)
}

fn in_words(camera: CameraMove) -> &'static str {
    match camera {
        CameraMove::Hold => "seen from a still camera",
        CameraMove::PushIn => "the camera moving slowly closer",
        CameraMove::PullOut => "the camera drawing slowly away",
        CameraMove::PanLeft => "the camera gliding to the left",
        CameraMove::PanRight => "the camera gliding to the right",
        CameraMove::Rise => "the camera rising",
    }
}
