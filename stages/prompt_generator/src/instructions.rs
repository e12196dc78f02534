//! One instruction a shot: frames, beats, words, scene parameters and the still of its place.

use model::analysis::AudioAnalysis;
use model::clip::{ClipInstruction, ClipPrompts, Joints, LeadIn};
use model::lettering::{Letters, Role};
use model::look::SceneParameters;
use model::plan::{Place, ScenePlan, Shot, TransitionKind};
use model::reference::{ReferenceImage, ReferenceImages};
use model::style::Style;
use model::timeline::{self, Slot, TimelineError, Wanted};
use model::{FrameRate, Seconds};

use crate::{cues, wording};

/// How strongly pictures answer to the music unless the user says otherwise.
const REACTIVITY: f32 = 0.7;

/// Why no instructions can be written.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum InstructionsError {
    /// The plan's times hold no frames.
    #[error("laying the shots on frames")]
    Frames(#[from] TimelineError),
    /// A shot names a place that the plan does not have.
    #[error("clip {clip} takes place at {place:?}, which is not in the plan")]
    UnknownPlace {
        /// The clip.
        clip: model::ClipIndex,
        /// The place it names.
        place: String,
    },
}

/// What the instructions are written from.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a> {
    /// The user's words.
    pub prompt: &'a str,
    /// What the user calls the film, if anything.
    pub title: Option<&'a str>,
    /// Which words are to be on its picture.
    pub letters: Letters,
    /// What was heard.
    pub heard: &'a AudioAnalysis,
    /// The director's plan.
    pub plan: &'a ScenePlan,
    /// The stills; a place without one is described in words alone.
    pub references: &'a ReferenceImages,
    /// The named look, if one was asked for.
    pub style: Option<Style>,
    /// The film's frame rate.
    pub rate: FrameRate,
}

/// Writes the instructions of a whole film; their frames tile it.
pub fn write(sources: &Sources<'_>) -> Result<ClipPrompts, InstructionsError> {
    let shots = &sources.plan.shots;
    let slots = slots(sources)?;
    let mut clips: Vec<ClipInstruction> = Vec::with_capacity(shots.len());
    for (shot, slot) in shots.iter().zip(&slots) {
        let clip = instruction(shot, slot, clips.last(), sources)?;
        clips.push(clip);
    }
    let length = (sources.heard.duration, sources.rate);
    let (title, lyrics) = (sources.title, sources.heard.lyrics.as_ref());
    let title = title.filter(|_| sources.letters.has(Role::Title));
    let lyrics = lyrics.filter(|_| sources.letters.has(Role::Lyric));
    let cues = cues::of_film(title, lyrics, length);
    for index in 0..clips.len() {
        let (before, rest) = clips.split_at_mut(index);
        if let Some(clip) = rest.first_mut() {
            clip.lettering = cues::over(&cues, sources.plan, clip.file(), before);
        }
    }
    Ok(ClipPrompts {
        clips,
        frames: slots.last().map_or(0, |slot| slot.span.end()),
    })
}

/// Where each shot lies, with the plan's transitions as far as there is room for them.
fn slots(sources: &Sources<'_>) -> Result<Vec<Slot>, TimelineError> {
    let plan = sources.plan;
    let starts: Vec<Seconds> = plan.shots.iter().map(|shot| shot.start).collect();
    let into = |shot: &Shot| {
        let planned = plan
            .transitions
            .iter()
            .find(|transition| transition.to_clip == shot.clip);
        Wanted {
            kind: planned.map_or(TransitionKind::Cut, |transition| transition.kind),
            duration: planned.map_or(Seconds(0.0), |transition| transition.duration),
        }
    };
    let wanted: Vec<Wanted> = plan.shots.iter().skip(1).map(into).collect();
    timeline::lay_out(&starts, sources.heard.duration, sources.rate, &wanted)
}

fn instruction(
    shot: &Shot,
    slot: &Slot,
    before: Option<&ClipInstruction>,
    sources: &Sources<'_>,
) -> Result<ClipInstruction, InstructionsError> {
    let place = sources
        .plan
        .places
        .iter()
        .find(|place| place.id == shot.place)
        .ok_or_else(|| InstructionsError::UnknownPlace {
            clip: shot.clip,
            place: shot.place.0.clone(),
        })?;
    let beats = beats_within(shot, sources.heard);
    let still = still_of(place, sources.references);
    Ok(ClipInstruction {
        index: shot.clip,
        start: shot.start,
        end: shot.end,
        first_frame: slot.span.first,
        frames: slot.span.count,
        joints: joints(slot, before),
        prompt: wording::coloured(
            wording::styled(
                wording::prompt(
                    sources.prompt,
                    shot,
                    place.palette,
                    sources.heard,
                    beats.len(),
                ),
                sources.style,
            ),
            still.map_or(&[], |still| &still.colours),
        ),
        negative_prompt: wording::NEGATIVE.to_owned(),
        beats,
        scene: scene(shot, place),
        reference: still.map(|still| still.image.clone()),
        lettering: None,
    })
}

fn joints(slot: &Slot, before: Option<&ClipInstruction>) -> Joints {
    let lead_in = match slot.transition {
        TransitionKind::Cut => None,
        kind => before.map(|before| LeadIn {
            kind,
            scene: before.scene,
            seen: before.seen(),
        }),
    };
    Joints {
        before: slot.before,
        after: slot.after,
        yields: slot.yields,
        lead_in,
    }
}

/// The clip's picture. Its seed differs from its neighbours', so that every cut is seen as one, while
/// scene and palette stay those of the place.
fn scene(shot: &Shot, place: &Place) -> SceneParameters {
    SceneParameters {
        scene: place.scene,
        seed: splitmix64(place.seed.wrapping_add(u64::from(shot.clip.0))),
        variant: shot.variant,
        motifs: place.motifs,
        texture: place.texture,
        palette: place.palette,
        camera: shot.camera,
        intensity: shot.intensity,
        reactivity: REACTIVITY,
    }
}

fn beats_within(shot: &Shot, heard: &AudioAnalysis) -> Vec<Seconds> {
    let times = heard.beats.iter().map(|beat| beat.time);
    let inside = times.filter(|time| (shot.start..shot.end).contains(time));
    inside.map(|time| Seconds(time.0 - shot.start.0)).collect()
}

fn still_of<'a>(place: &Place, references: &'a ReferenceImages) -> Option<&'a ReferenceImage> {
    let mut images = references.images.iter();
    images.find(|image| image.place == place.id)
}

/// Spreads neighbouring numbers over all 64 bits.
///
/// SplitMix64: Steele, Lea & Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014, fig. 14.
fn splitmix64(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use model::analysis::{Beat, Mood, MoodWord, Tempo};
    use model::harmony::Harmony;
    use model::look::{CameraMove, Palette, SceneKind, Srgb, Texture, Variant};
    use model::plan::PlaceId;
    use model::sound::Loudness;
    use model::{ArtifactKey, ArtifactRef, ClipIndex, Stored};

    use super::*;

    fn artifact(key: &str) -> ArtifactRef {
        let key = ArtifactKey::try_from(key.to_owned()).unwrap();
        ArtifactRef {
            key,
            length: 2,
            sha256: "0".repeat(64),
        }
    }

    fn heard() -> AudioAnalysis {
        AudioAnalysis {
            analyser: "test".to_owned(),
            duration: Seconds(8.0),
            tempo: Tempo {
                bpm: 120.0,
                confidence: 1.0,
                alternates: vec![],
            },
            beats_per_bar: 4,
            beats: (0..16)
                .map(|n| Beat {
                    time: Seconds(0.5 * f64::from(n)),
                    downbeat: n % 4 == 0,
                })
                .collect(),
            sections: vec![],
            novelty: Vec::new(),
            harmony: Harmony::default(),
            loudness: Loudness::default(),
            silences: Vec::new(),
            mood: Mood {
                primary: MoodWord::Calm,
                secondary: None,
                valence: 0.0,
                arousal: 0.0,
                confidence: 1.0,
            },
            clip_grid: vec![],
            lyrics: None,
            peaks: vec![],
            envelopes: Stored::new(artifact("envelopes.json")),
        }
    }

    fn plan() -> ScenePlan {
        let grey = Srgb([9, 9, 9]);
        let palette = Palette {
            deep: grey,
            shade: grey,
            tone: grey,
            light: grey,
            accent: grey,
        };
        let shot = |n: u32| Shot {
            clip: ClipIndex(n),
            start: Seconds(2.0 * f64::from(n)),
            end: Seconds(2.0 * f64::from(n + 1)),
            section: 0,
            place: PlaceId("place-1".to_owned()),
            description: "a lake".to_owned(),
            variant: Variant::Full,
            camera: CameraMove::Hold,
            intensity: 0.5,
        };
        ScenePlan {
            summary: String::new(),
            heard_words: vec![],
            palette,
            places: vec![Place {
                id: PlaceId("place-1".to_owned()),
                description: "a lake".to_owned(),
                scene: SceneKind::Aurora,
                seed: 7,
                motifs: [None; 2],
                texture: Texture::Clean,
                palette,
            }],
            shots: (0..4).map(shot).collect(),
            transitions: vec![],
        }
    }

    fn written(plan: &ScenePlan) -> Result<ClipPrompts, InstructionsError> {
        write(&sources(plan, &heard()))
    }

    fn sources<'a>(plan: &'a ScenePlan, heard: &'a AudioAnalysis) -> Sources<'a> {
        const NO_STILLS: &ReferenceImages = &ReferenceImages { images: Vec::new() };
        Sources {
            prompt: "still water",
            title: Some("Night"),
            letters: Letters::All,
            heard,
            plan,
            references: NO_STILLS,
            style: Some(Style::Pastel),
            rate: FrameRate::FPS_30,
        }
    }

    #[test]
    fn a_clip_knows_its_frames_its_beats_and_its_words() {
        let prompts = written(&plan()).unwrap();
        assert_eq!(prompts.frames, 240);

        let second = &prompts.clips[1];
        assert_eq!((second.first_frame, second.frames), (60, 60));
        assert_eq!(second.beats, [0.0, 0.5, 1.0, 1.5].map(Seconds));
        assert!(
            ["A lake", "still water", "pastel"]
                .iter()
                .all(|words| second.prompt.contains(words)),
            "{}",
            second.prompt
        );
    }

    #[test]
    fn a_model_is_told_the_colours_that_the_still_shows() {
        let references = ReferenceImages {
            images: vec![ReferenceImage {
                place: PlaceId("place-1".to_owned()),
                image: artifact("still.png"),
                size: model::format::Resolution::P720.size(),
                colours: vec![model::reference::Swatch {
                    colour: Srgb([16, 32, 48]),
                    share: 0.612,
                }],
            }],
        };
        let plan = plan();
        let prompts = write(&Sources {
            references: &references,
            ..sources(&plan, &heard())
        });
        let clip = &prompts.unwrap().clips[0];
        assert!(clip.prompt.contains("#102030 (61 %)"), "{}", clip.prompt);
        assert_eq!(clip.reference, Some(artifact("still.png")));
    }

    #[test]
    fn the_title_is_written_over_every_clip_that_shows_a_frame_of_it() {
        let clips = written(&plan()).unwrap().clips;
        let written: Vec<bool> = clips.iter().map(|clip| clip.lettering.is_some()).collect();
        assert_eq!(written, [true, true, true, false]); // until 4.8 s
        let letters = |index: usize| clips[index].lettering.as_ref().unwrap();
        assert_eq!(letters(0).cues, letters(1).cues);
        // It began in the first clip, and looks in the others as it did there.
        assert_eq!(letters(0).begun, []);
        for index in [1, 2] {
            assert_eq!(letters(index).begun.len(), 1);
            assert_eq!(letters(index).begun[0].scene, clips[0].scene);
            assert_eq!(letters(index).begun[0].file, clips[0].file());
        }
        let bare = write(&Sources {
            letters: Letters::Lyrics,
            ..sources(&plan(), &heard())
        });
        let mut clips = bare.unwrap().clips.into_iter();
        assert!(clips.all(|clip| clip.lettering.is_none()));
    }

    #[test]
    fn neighbouring_clips_of_one_place_share_their_scene_but_not_their_seed() {
        let prompts = written(&plan()).unwrap();
        for pair in prompts.clips.windows(2) {
            assert_eq!(pair[0].scene.scene, pair[1].scene.scene);
            assert_ne!(pair[0].scene.seed, pair[1].scene.seed);
        }
    }

    #[test]
    fn the_plans_transitions_are_drawn_with_the_clip_after_them() {
        let mut plan = plan();
        plan.transitions = vec![model::plan::Transition {
            from_clip: ClipIndex(1),
            to_clip: ClipIndex(2),
            kind: TransitionKind::Crossfade,
            duration: Seconds(0.5),
            rationale: String::new(),
        }];
        let clips = written(&plan).unwrap().clips;
        let spans: Vec<_> = clips.iter().map(ClipInstruction::file).collect();
        let spans = spans.iter().map(|span| (span.first, span.count));
        assert_eq!(
            spans.collect::<Vec<_>>(),
            [(0, 60), (60, 53), (113, 67), (180, 60)]
        );
        let lead_in = clips[2].joints.lead_in.unwrap();
        assert_eq!(
            (lead_in.kind, lead_in.scene),
            (TransitionKind::Crossfade, clips[1].scene)
        );
        assert_eq!(lead_in.seen, clips[1].seen());
        assert_eq!(clips[2].lead_in_frames(), 14);
        let others = [0, 1, 3].map(|clip: usize| clips[clip].lead_in_frames());
        assert_eq!(others, [0, 0, 0]);
    }

    #[test]
    fn a_shot_at_a_place_that_is_not_planned_is_refused() {
        let mut plan = plan();
        plan.shots[2].place = PlaceId("nowhere".to_owned());
        let error = written(&plan).unwrap_err();
        assert_eq!(
            error.to_string(),
            "clip 2 takes place at \"nowhere\", which is not in the plan"
        );
    }
}
