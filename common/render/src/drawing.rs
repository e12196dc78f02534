//! The pictures of a clip's file, one after the other: the transition into it, then the clip.

use lettering::Letterer;
use model::clip::LeadIn;
use model::format::VideoFormat;
use model::lettering::Opening;
use model::music::{Envelopes, MusicAt};
use visuals::{Picture, Renderer, Transition};

use crate::Shot;

/// Draws the pictures of a file in order.
///
/// A clip is drawn alike by the task that makes it and by the one that fades out of it: with the same
/// renderer, from the first frame in which it is seen.
#[derive(Debug)]
pub struct Drawing<'a> {
    shot: &'a Shot,
    clip: Renderer,
    lead_in: Option<Leading>,
    letterer: Option<Letterer>,
    /// The file's frame that is drawn next.
    frame: u32,
    frames: u32,
}

/// The transition that a file begins with.
#[derive(Debug)]
struct Leading {
    transition: Transition,
    frames: u32,
    before: Renderer,
    /// The frame of the clip before that the file begins with.
    offset: u32,
    pictures: [Picture; 2],
}

impl<'a> Drawing<'a> {
    /// Prepares the drawing. Where the file begins with a transition, this follows the music through
    /// the whole clip before, which takes a fraction of drawing it.
    pub fn of(shot: &'a Shot) -> Self {
        let instruction = &shot.instruction;
        let (seen, format) = (instruction.seen(), shot.format);
        let lead_in = instruction.joints.lead_in;
        Self {
            clip: Renderer::new(&instruction.scene, format, seen.first, seen.count),
            lead_in: lead_in.map(|lead_in| Leading::of(&lead_in, shot)),
            letterer: letterer(shot),
            frame: 0,
            frames: instruction.file().count,
            shot,
        }
    }

    /// Whether all pictures are drawn.
    pub const fn is_whole(&self) -> bool {
        self.frame >= self.frames
    }

    /// Draws the next picture. Letters come last: over a transition they stay as they are.
    pub fn next(&mut self, picture: &mut Picture) {
        let at = self.shot.instruction.file().first + u64::from(self.frame);
        self.scene(at, picture);
        if let Some(letterer) = &mut self.letterer {
            letterer.draw(at, picture.as_bytes_mut());
        }
        self.frame += 1;
    }

    /// The picture of the film's frame `at`, without letters.
    fn scene(&mut self, at: u64, picture: &mut Picture) {
        let frame = self.frame;
        let music = music_at(&self.shot.envelopes, self.shot.format, at);
        let Some(leading) = self
            .lead_in
            .as_mut()
            .filter(|leading| frame < leading.frames)
        else {
            self.lead_in = None; // two pictures and a renderer less
            self.clip.render(frame, &music, picture);
            return;
        };
        let Leading {
            transition,
            before,
            offset,
            pictures: [from, to],
            ..
        } = leading;
        if transition.shows_from(frame) {
            before.render(*offset + frame, &music, from);
        } else {
            before.pass(*offset + frame, &music);
        }
        if transition.shows_to(frame) {
            self.clip.render(frame, &music, to);
        } else {
            self.clip.pass(frame, &music);
        }
        transition.draw(frame, from, to, picture);
    }
}

impl Leading {
    fn of(lead_in: &LeadIn, shot: &Shot) -> Self {
        let LeadIn { kind, scene, seen } = *lead_in;
        let first = shot.instruction.file().first;
        let offset = u32::try_from(first.saturating_sub(seen.first)).unwrap_or(u32::MAX);
        let mut before = Renderer::new(&scene, shot.format, seen.first, seen.count);
        for frame in 0..offset.min(seen.count) {
            let at = seen.first + u64::from(frame);
            before.pass(frame, &music_at(&shot.envelopes, shot.format, at));
        }
        let frames = shot.instruction.lead_in_frames();
        Self {
            transition: Transition::new(kind, frames, scene.palette.deep),
            frames,
            before,
            offset,
            pictures: [shot.format.size; 2].map(Picture::new),
        }
    }
}

/// What writes over the shot: cues that began in clips before it are as they were there.
fn letterer(shot: &Shot) -> Option<Letterer> {
    let lettering = shot.instruction.lettering.as_ref()?;
    let mut letterer = Letterer::new(lettering, shot.format);
    let file = shot.instruction.file().first;
    let mut begins: Vec<u64> = lettering.cues.iter().map(|cue| cue.seen.first).collect();
    begins.retain(|begin| *begin < file);
    begins.dedup();
    for begin in begins {
        let mut openings = lettering.begun.iter();
        let here = |opening: &&Opening| (opening.file.first..opening.file.end()).contains(&begin);
        if let Some(opening) = openings.find(here) {
            letterer.begin(begin, still(opening, begin, shot).as_bytes_mut());
        }
    }
    Some(letterer)
}

/// The film's frame `at`, as it is seen in the clip where a cue began.
fn still(opening: &Opening, at: u64, shot: &Shot) -> Picture {
    let seen = opening.seen;
    let mut renderer = Renderer::new(&opening.scene, shot.format, seen.first, seen.count);
    let last = u32::try_from(at.saturating_sub(seen.first))
        .unwrap_or(u32::MAX)
        .min(seen.count);
    let music = |frame: u32| music_at(&shot.envelopes, shot.format, seen.first + u64::from(frame));
    for frame in 0..last {
        renderer.pass(frame, &music(frame));
    }
    let mut picture = Picture::new(shot.format.size);
    renderer.render(last, &music(last), &mut picture);
    picture
}

fn music_at(envelopes: &Envelopes, format: VideoFormat, frame: u64) -> MusicAt {
    envelopes.at(format.rate.time_of(frame))
}

#[cfg(test)]
mod tests {
    use model::clip::{ClipInstruction, Joints};
    use model::format::{FrameSize, Quality};
    use model::look::{CameraMove, Palette, SceneKind, SceneParameters, Srgb, Texture, Variant};
    use model::plan::TransitionKind;
    use model::{ClipIndex, FrameRate, Seconds};

    use super::*;

    const FORMAT: VideoFormat = VideoFormat {
        size: FrameSize {
            width: 64,
            height: 36,
        },
        rate: FrameRate::FPS_30,
    };

    fn scene(scene: SceneKind) -> SceneParameters {
        SceneParameters {
            scene,
            seed: 5,
            variant: Variant::Full,
            motifs: [None; 2],
            texture: Texture::Clean,
            palette: Palette {
                deep: Srgb([8, 10, 26]),
                shade: Srgb([40, 40, 90]),
                tone: Srgb([140, 90, 160]),
                light: Srgb([240, 210, 200]),
                accent: Srgb([255, 120, 60]),
            },
            camera: CameraMove::PushIn,
            intensity: 0.6,
            reactivity: 0.8,
        }
    }

    fn shot(first_frame: u64, frames: u32, joints: Joints, kind: SceneKind) -> Shot {
        let curve: Vec<u8> = (0..=255_u8).map(|n| n.wrapping_mul(37)).collect();
        Shot {
            instruction: ClipInstruction {
                index: ClipIndex(0),
                start: Seconds(0.0),
                end: Seconds(0.0),
                first_frame,
                frames,
                joints,
                prompt: String::new(),
                negative_prompt: String::new(),
                beats: vec![],
                scene: scene(kind),
                reference: None,
                lettering: None,
            },
            format: FORMAT,
            quality: Quality::default(),
            envelopes: Envelopes {
                rate_hz: 30.0,
                energy: curve.clone(),
                bass: curve.clone(),
                mid: curve.clone(),
                treble: curve.clone(),
                beat: curve.clone(),
                downbeat: curve.clone(),
                harmonic: curve.clone(),
                percussive: curve,
            },
        }
    }

    fn pictures(shot: &Shot) -> Vec<Picture> {
        let mut drawing = Drawing::of(shot);
        let mut pictures = Vec::new();
        while !drawing.is_whole() {
            let mut picture = Picture::new(FORMAT.size);
            drawing.next(&mut picture);
            pictures.push(picture);
        }
        pictures
    }

    /// Two clips of 20 frames, and a transition of 8 at frame 20: the files have 16 and 24.
    fn pair(kind: TransitionKind) -> [Shot; 2] {
        let from = Joints {
            after: 4,
            yields: 4,
            ..Joints::default()
        };
        let from = shot(0, 20, from, SceneKind::Ink);
        let to = Joints {
            before: 4,
            lead_in: Some(LeadIn {
                kind,
                scene: from.instruction.scene,
                seen: from.instruction.seen(),
            }),
            ..Joints::default()
        };
        [from, shot(20, 20, to, SceneKind::Bauhaus)]
    }

    #[test]
    fn files_of_clips_with_a_transition_between_them_tile_the_film() {
        let [from, to] = pair(TransitionKind::Crossfade);
        assert_eq!(pictures(&from).len(), 16);
        assert_eq!(pictures(&to).len(), 24);
    }

    #[test]
    fn a_clip_goes_on_in_the_next_clips_file_as_if_it_had_never_ended() {
        let [from, to] = pair(TransitionKind::Cut);
        let mut whole = from.clone();
        whole.instruction.joints.yields = 0;
        whole.instruction.frames = 24;
        whole.instruction.joints.after = 0;
        let whole = pictures(&whole);
        // A cut in the middle of eight frames: four of the first clip, then the second.
        let mixed = pictures(&to);
        assert_eq!(mixed.get(..4), whole.get(16..20));
    }

    #[test]
    fn letters_are_drawn_over_all_the_rest_in_their_frames_and_no_others() {
        use model::lettering::{Cue, CueWord, Face, Lettering, Role};
        use model::timeline::Span;

        let [_, to] = pair(TransitionKind::Crossfade);
        let mut written = to.clone();
        // The film's frames 18 to 29: the file begins with frame 16.
        written.instruction.lettering = Some(Lettering {
            face: Face::Serif,
            palette: to.instruction.scene.palette,
            begun: Vec::new(),
            cues: vec![Cue {
                role: Role::Lyric,
                seen: Span {
                    first: 18,
                    count: 12,
                },
                words: vec![CueWord {
                    text: "sung".to_owned(),
                    sung: None,
                }],
            }],
        });
        let (written, bare) = (pictures(&written), pictures(&to));
        let differ: Vec<usize> = (0..bare.len())
            .filter(|at| written.get(*at) != bare.get(*at))
            .collect();
        assert_eq!(differ, (2..14).collect::<Vec<_>>());
    }

    #[test]
    fn a_title_over_a_cut_looks_after_it_as_it_did_before() {
        use model::lettering::{Cue, CueWord, Face, Lettering, Role};
        use model::timeline::Span;

        // Light paper, then the dark: what decides about the letters is the paper, on which they began.
        let (mut paper, mut night) = (
            shot(0, 20, Joints::default(), SceneKind::Contours),
            shot(20, 20, Joints::default(), SceneKind::Constellation),
        );
        let palette = Palette {
            light: Srgb([250, 248, 244]),
            ..paper.instruction.scene.palette
        };
        paper.instruction.scene.palette = palette;
        let title = Lettering {
            face: Face::Display,
            palette,
            begun: Vec::new(),
            cues: vec![Cue {
                role: Role::Title,
                seen: Span {
                    first: 0,
                    count: 40,
                },
                words: vec![CueWord {
                    text: "OVER".to_owned(),
                    sung: None,
                }],
            }],
        };
        let bare = pictures(&night);
        let written = |night: &Shot| {
            let pairs = pictures(night).into_iter().zip(&bare);
            let light =
                |picture: &Picture| picture.luma().iter().map(|y| i64::from(*y)).sum::<i64>();
            pairs
                .map(|(with, without)| light(&with) - light(without))
                .collect::<Vec<_>>()
        };
        night.instruction.lettering = Some(title.clone());
        let alone = written(&night);
        night.instruction.lettering = Some(Lettering {
            begun: vec![Opening {
                scene: paper.instruction.scene,
                seen: paper.instruction.seen(),
                file: paper.instruction.file(),
            }],
            ..title
        });
        assert_ne!(written(&night), alone, "on their own they would be light");
    }

    #[test]
    fn after_the_transition_only_the_clip_is_seen() {
        let [_, to] = pair(TransitionKind::Crossfade);
        let mut alone = to.clone();
        alone.instruction.joints.lead_in = None;
        let (mixed, alone) = (pictures(&to), pictures(&alone));
        assert_eq!(mixed.get(8..), alone.get(8..));
        assert_ne!(mixed.get(4), alone.get(4));
    }
}
