//! How each shot goes over into the next: cuts, but for what the song gives a reason for.
//!
//! Editors cut hard three or four times out of five. What is more than a cut marks a new section, by how
//! the energy turns there, and now and then a change of place within one.

use model::Seconds;
use model::analysis::{AudioAnalysis, Edge, Section, SectionKind};
use model::plan::{Shot, Transition, TransitionKind};

/// A turn of a section's energy (0–1) that is heard as a rise or a fall.
const TURN: f32 = 0.22;
/// Above this a section is driving, below the other it is calm.
const DRIVING: f32 = 0.7;
const CALM: f32 = 0.35;
/// Every so many cuts within a driving or a calm section go over more softly, or with a push.
const NOW_AND_THEN: u32 = 4;

/// One fewer than shots.
pub(crate) fn plan(shots: &[Shot], heard: &AudioAnalysis) -> Vec<Transition> {
    let pairs = shots.iter().zip(shots.iter().skip(1));
    let with_slots = pairs.zip(heard.clip_grid.iter().skip(1));
    with_slots
        .map(|((from, to), slot)| {
            let (kind, why) = chosen(from, to, heard).unwrap_or((TransitionKind::Cut, ""));
            let rationale = match kind {
                TransitionKind::Cut => of_cut(from, to, slot.edge),
                _ => why,
            };
            Transition {
                from_clip: from.clip,
                to_clip: to.clip,
                kind,
                duration: duration(kind, heard.tempo.bpm),
                rationale: rationale.to_owned(),
            }
        })
        .collect()
}

/// What is more than a cut, where there is a reason for it.
fn chosen(from: &Shot, to: &Shot, heard: &AudioAnalysis) -> Option<(TransitionKind, &'static str)> {
    let before = heard.sections.get(from.section)?;
    let after = heard.sections.get(to.section)?;
    if from.section != to.section {
        return Some(into_section(before, after));
    }
    if !to.clip.0.is_multiple_of(NOW_AND_THEN) || from.place == to.place {
        return None;
    }
    match after.energy {
        driving if driving > DRIVING => Some((
            TransitionKind::Push,
            "the driving part pushes on to another place",
        )),
        calm if calm < CALM => Some((
            TransitionKind::Crossfade,
            "the calm part drifts to another place",
        )),
        _ => None,
    }
}

fn into_section(before: &Section, after: &Section) -> (TransitionKind, &'static str) {
    let turn = after.energy - before.energy;
    match after.kind {
        SectionKind::Drop => (TransitionKind::ZoomPunch, "everything comes back at once"),
        _ if turn > TURN && after.energy > DRIVING => {
            (TransitionKind::Flash, "a loud part begins with a start")
        }
        SectionKind::Outro | SectionKind::Break => {
            (TransitionKind::FadeThroughDark, "the song withdraws")
        }
        _ if turn < -TURN => (TransitionKind::Crossfade, "a quieter part begins"),
        SectionKind::Bridge => (TransitionKind::LumaWipe, "the bridge breaks with what was"),
        _ if before.kind == SectionKind::Intro => {
            (TransitionKind::LumaWipe, "the intro opens into the song")
        }
        _ if after.energy < DRIVING => (TransitionKind::Crossfade, "a new section begins"),
        _ => (TransitionKind::Cut, ""),
    }
}

fn of_cut(from: &Shot, to: &Shot, edge: Edge) -> &'static str {
    match (from.section == to.section, edge) {
        (false, _) => "a new section begins",
        (true, Edge::Downbeat) => "a bar begins",
        (true, Edge::Beat) => "on the beat",
        (true, Edge::Onset) => "on a strong onset, as there is no beat here",
        (true, Edge::Start | Edge::Time) => "nothing is heard to cut on; even time",
    }
}

/// In beats, so that it begins and ends with the music's breath, and within what eyes are used to.
fn duration(kind: TransitionKind, bpm: f64) -> Seconds {
    let beat = if bpm > 0.0 { 60.0 / bpm } else { 0.5 };
    Seconds(match kind {
        TransitionKind::Cut => 0.0,
        TransitionKind::Crossfade | TransitionKind::LumaWipe => (1.5 * beat).clamp(0.4, 1.0),
        TransitionKind::FadeThroughDark => (2.0 * beat).clamp(0.6, 1.2),
        TransitionKind::Push | TransitionKind::ZoomPunch => (0.75 * beat).clamp(0.25, 0.45),
        TransitionKind::Flash => (0.5 * beat).clamp(0.2, 0.3),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(kind: SectionKind, energy: f32) -> Section {
        Section {
            label: "A".to_owned(),
            kind,
            start: Seconds(0.0),
            end: Seconds(8.0),
            energy,
            confidence: 1.0,
            kind_confidence: 1.0,
            beat_confidence: None,
            bpm: None,
            alternates: Vec::new(),
        }
    }

    #[test]
    fn a_new_section_is_entered_as_its_energy_turns() {
        let check = |before: (SectionKind, f32), after: (SectionKind, f32), expected| {
            let (kind, _) = into_section(&section(before.0, before.1), &section(after.0, after.1));
            assert_eq!(kind, expected, "{before:?} {after:?}");
        };
        let verse = (SectionKind::Verse, 0.5);
        check(verse, (SectionKind::Drop, 0.9), TransitionKind::ZoomPunch);
        check(verse, (SectionKind::Chorus, 0.9), TransitionKind::Flash);
        check(
            verse,
            (SectionKind::Outro, 0.2),
            TransitionKind::FadeThroughDark,
        );
        check(verse, (SectionKind::Bridge, 0.2), TransitionKind::Crossfade);
        check(verse, (SectionKind::Bridge, 0.6), TransitionKind::LumaWipe);
        check((SectionKind::Intro, 0.4), verse, TransitionKind::LumaWipe);
        check(
            (SectionKind::Chorus, 0.8),
            (SectionKind::Chorus, 0.8),
            TransitionKind::Cut,
        );
    }

    #[test]
    fn only_what_is_no_cut_takes_time() {
        for kind in TransitionKind::ALL {
            for bpm in [0.0, 60.0, 127.3, 240.0] {
                let Seconds(seconds) = duration(kind, bpm);
                assert_eq!(seconds == 0.0, kind == TransitionKind::Cut);
                assert!((0.0..=1.2).contains(&seconds));
            }
        }
    }
}
