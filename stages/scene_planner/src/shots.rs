//! A shot for every slot of the clip grid: where, how the view moves, how much is going on.

use model::Seconds;
use model::analysis::{ClipSlot, Section, SectionKind};
use model::look::{CameraMove, Variant};
use model::plan::{Place, Shot};

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
    for slot in grid {
        let section = section_at(sections, slot);
        let before = shots.last().map(|shot| shot.camera);
        let energy = sections.get(section).map_or(0.5, |section| section.energy);
        let intensity = (energy + 0.2 * theme.pace as f32).clamp(0.0, 1.0);
        let Some(place) = place_of(slot, section, places, intensity) else {
            continue;
        };
        let camera = camera(intensity, slot.index.0, before);
        shots.push(Shot {
            clip: slot.index,
            start: slot.start,
            end: slot.end,
            section,
            place: place.id.clone(),
            description: format!("{}, {}", place.description, in_words(camera)),
            variant: variant(sections.get(section), intensity, slot.index.0),
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

/// The section's place. Where much is going on, every third shot looks over at another place, so that a
/// chorus does not stand still.
fn place_of<'a>(
    slot: &ClipSlot,
    section: usize,
    places: &'a Places,
    intensity: f32,
) -> Option<&'a Place> {
    let home = places.of_section.get(section).copied().unwrap_or(0);
    let count = places.places.len();
    let away = intensity > 0.66 && slot.index.0 % 3 == 2 && count > 1;
    places
        .places
        .get(if away { (home + 1) % count } else { home })
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
