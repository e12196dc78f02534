//! Where every clip lies in the film, in whole frames: pure, and checked before anything is joined.
//!
//! `prompt_generator` settled the frames ([`model::timeline`]); here they are held against each other, so
//! that no clip can shift what follows it.

use model::clip::{Clip, ClipInstruction, ClipPrompts, Clips};
use model::plan::TransitionKind;
use model::timeline::Span;
use model::{ClipIndex, FrameRate, Seconds};

/// Clips that tile the film: each begins where the one before ends, the first at frame 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    entries: Vec<Entry>,
    frames: u64,
    rate: FrameRate,
}

/// A clip in its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The frames that its file holds, which begin with the transition into it.
    pub file: Span,
    /// The frame at which it follows the clip before.
    pub cut: u64,
    /// How the clip before goes over into it.
    pub transition: TransitionKind,
    /// For how many frames, from the begin of its file on; 0 for a cut.
    pub transition_frames: u32,
    /// The clip.
    pub clip: Clip,
}

/// Why clips make no film.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TimelineError {
    /// There is nothing to join.
    #[error("the film has no clips")]
    Empty,
    /// Clips are missing, or there are some that nobody asked for.
    #[error("there are {clips} clips for {instructions} instructions")]
    Count {
        /// How many there are.
        clips: usize,
        /// How many were asked for.
        instructions: usize,
    },
    /// A clip stands where another should.
    #[error("clip {found} stands in the place of clip {expected}")]
    Order {
        /// The place.
        expected: ClipIndex,
        /// What stands there.
        found: ClipIndex,
    },
    /// A clip is longer or shorter than it was asked to be.
    #[error("clip {clip} has {frames} frames; {expected} were asked for")]
    Length {
        /// The clip.
        clip: ClipIndex,
        /// What it has.
        frames: u32,
        /// What it should have.
        expected: u32,
    },
    /// There is a gap before a clip, or an overlap.
    #[error("clip {clip} begins at frame {found}; the clips before it end at frame {expected}")]
    Gap {
        /// The clip.
        clip: ClipIndex,
        /// Where the ones before end.
        expected: u64,
        /// Where it begins.
        found: u64,
    },
    /// The transition into a clip does not fit into its file.
    #[error("the transition into clip {clip} has {frames} frames; there is room for {room}")]
    Transition {
        /// The clip.
        clip: ClipIndex,
        /// How long the transition is.
        frames: u32,
        /// How many frames the file has.
        room: u32,
    },
    /// The clips together are not as long as the song.
    #[error("the clips have {frames} frames; the song of {song} has {expected}")]
    Song {
        /// The sum over the clips.
        frames: u64,
        /// The nearest number of frames to the song's length.
        expected: u64,
        /// The song's length.
        song: Seconds,
    },
}

impl Timeline {
    /// Lays the clips out as they were asked for, and checks that they tile the song.
    pub fn of(
        prompts: &ClipPrompts,
        clips: &Clips,
        rate: FrameRate,
        song: Seconds,
    ) -> Result<Self, TimelineError> {
        if prompts.clips.len() != clips.clips.len() {
            return Err(TimelineError::Count {
                clips: clips.clips.len(),
                instructions: prompts.clips.len(),
            });
        }
        let mut frames = 0;
        let mut entries = Vec::with_capacity(clips.clips.len());
        for (place, (asked, clip)) in (0..)
            .map(ClipIndex)
            .zip(prompts.clips.iter().zip(&clips.clips))
        {
            for found in [asked.index, clip.index] {
                if found != place {
                    return Err(TimelineError::Order {
                        expected: place,
                        found,
                    });
                }
            }
            let entry = placed(asked, clip)?;
            if entry.file.first != frames {
                return Err(TimelineError::Gap {
                    clip: place,
                    expected: frames,
                    found: entry.file.first,
                });
            }
            frames = entry.file.end();
            entries.push(entry);
        }
        let expected = rate.frame_at(song);
        match frames {
            0 => Err(TimelineError::Empty),
            _ if frames != expected => Err(TimelineError::Song {
                frames,
                expected,
                song,
            }),
            _ => Ok(Self {
                entries,
                frames,
                rate,
            }),
        }
    }

    /// The clips in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Frames of the whole film.
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// How fast they are shown.
    pub const fn rate(&self) -> FrameRate {
        self.rate
    }

    /// The frames at which one clip follows another: where each clip but the first begins.
    pub fn cuts(&self) -> impl Iterator<Item = u64> + Clone {
        self.entries.iter().skip(1).map(|entry| entry.cut)
    }
}

/// A clip in the place that it was asked for, if it is as long as that.
fn placed(asked: &ClipInstruction, clip: &Clip) -> Result<Entry, TimelineError> {
    let file = asked.file();
    if clip.frames != file.count || clip.frames == 0 {
        return Err(TimelineError::Length {
            clip: asked.index,
            frames: clip.frames,
            expected: file.count.max(1),
        });
    }
    let transition_frames = asked.lead_in_frames();
    if transition_frames > file.count {
        return Err(TimelineError::Transition {
            clip: asked.index,
            frames: transition_frames,
            room: file.count,
        });
    }
    let lead_in = asked.joints.lead_in.as_ref();
    Ok(Entry {
        file,
        cut: asked.first_frame,
        transition: lead_in.map_or(TransitionKind::Cut, |lead_in| lead_in.kind),
        transition_frames,
        clip: clip.clone(),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use model::clip::{ClipSource, Joints, LeadIn};
    use model::look::{CameraMove, Palette, SceneKind, SceneParameters, Srgb, Texture, Variant};
    use model::{ArtifactKey, ArtifactRef};
    use proptest::prelude::*;

    use super::*;

    /// Instructions and clips for a grid of boundary times, as the stages before make them.
    pub(crate) fn grid(boundaries: &[f64], rate: FrameRate) -> (ClipPrompts, Clips) {
        let colour = Srgb([0; 3]);
        let scene = SceneParameters {
            scene: SceneKind::Nebula,
            seed: 0,
            variant: Variant::Full,
            motifs: [None; 2],
            texture: Texture::Clean,
            palette: Palette {
                deep: colour,
                shade: colour,
                tone: colour,
                light: colour,
                accent: colour,
            },
            camera: CameraMove::Hold,
            intensity: 0.5,
            reactivity: 0.5,
        };
        let mut asked = Vec::new();
        let mut made = Vec::new();
        for (index, pair) in (0..).map(ClipIndex).zip(boundaries.windows(2)) {
            let (start, end) = (Seconds(pair[0]), Seconds(pair[1]));
            let first_frame = rate.frame_at(start);
            let frames = (rate.frame_at(end) - first_frame) as u32;
            asked.push(ClipInstruction {
                index,
                start,
                end,
                first_frame,
                frames,
                joints: Joints::default(),
                prompt: String::new(),
                negative_prompt: String::new(),
                beats: Vec::new(),
                scene,
                reference: None,
                lettering: None,
            });
            let video = ArtifactRef {
                key: ArtifactKey::try_from(format!("jobs/x/clips/{index}.mp4")).unwrap(),
                length: 1,
                sha256: "0".repeat(64),
            };
            made.push(Clip {
                index,
                video,
                frames,
                source: ClipSource::Builtin,
                elapsed: Seconds(0.0),
                cpu: None,
            });
        }
        let frames = asked.iter().map(|clip| u64::from(clip.frames)).sum();
        (
            ClipPrompts {
                clips: asked,
                frames,
            },
            Clips { clips: made },
        )
    }

    /// The timeline of such a grid.
    pub(crate) fn laid_out(boundaries: &[f64], rate: FrameRate) -> Timeline {
        let (prompts, clips) = grid(boundaries, rate);
        let song = Seconds(*boundaries.last().unwrap());
        Timeline::of(&prompts, &clips, rate, song).unwrap()
    }

    fn boundaries() -> impl Strategy<Value = Vec<f64>> {
        prop::collection::vec(0.1..12.0f64, 1..120).prop_map(|lengths| {
            let mut time = 0.0;
            let mut boundaries = vec![0.0];
            boundaries.extend(lengths.iter().map(|length| {
                time += length;
                time
            }));
            boundaries
        })
    }

    fn rates() -> impl Strategy<Value = FrameRate> {
        prop::sample::select(vec![
            (24, 1),
            (25, 1),
            (30, 1),
            (60, 1),
            (24_000, 1001),
            (30_000, 1001),
        ])
        .prop_map(|(numerator, denominator)| FrameRate {
            numerator,
            denominator,
        })
    }

    proptest! {
        #[test]
        fn any_grid_is_tiled_and_every_cut_is_within_half_a_frame(times in boundaries(), rate in rates()) {
            let (prompts, clips) = grid(&times, rate);
            let song = Seconds(*times.last().unwrap());
            let timeline = Timeline::of(&prompts, &clips, rate, song).unwrap();
            let half = 0.5 / rate.fps() + 1e-9;
            prop_assert!((rate.time_of(timeline.frames()).0 - song.0).abs() <= half);
            let mut end = 0;
            for (entry, start) in timeline.entries().iter().zip(&times) {
                prop_assert_eq!(entry.file.first, end);
                prop_assert!((rate.time_of(entry.cut).0 - start).abs() <= half);
                end += u64::from(entry.clip.frames);
            }
            prop_assert_eq!(end, timeline.frames());
            prop_assert_eq!(timeline.cuts().count() + 1, timeline.entries().len());
        }

        #[test]
        fn a_clip_that_differs_by_a_frame_is_refused(times in boundaries(), which in any::<prop::sample::Index>()) {
            let rate = FrameRate::FPS_30;
            let (prompts, mut clips) = grid(&times, rate);
            let at = which.index(clips.clips.len());
            clips.clips[at].frames += 1;
            let error = Timeline::of(&prompts, &clips, rate, Seconds(*times.last().unwrap())).unwrap_err();
            prop_assert!(matches!(error, TimelineError::Length { .. }), "{}", error);
        }
    }

    #[test]
    fn what_does_not_tile_the_song_is_refused() {
        let rate = FrameRate::FPS_30;
        let check = |change: fn(&mut ClipPrompts, &mut Clips), song: f64, expected: &str| {
            let (mut prompts, mut clips) = grid(&[0.0, 1.0, 2.5, 4.0], rate);
            change(&mut prompts, &mut clips);
            let error = Timeline::of(&prompts, &clips, rate, Seconds(song)).unwrap_err();
            assert_eq!(error.to_string(), expected);
        };
        check(
            |_, clips| drop(clips.clips.pop()),
            4.0,
            "there are 2 clips for 3 instructions",
        );
        check(
            |_, clips| clips.clips.swap(0, 1),
            4.0,
            "clip 1 stands in the place of clip 0",
        );
        check(
            |prompts, _| prompts.clips[1].first_frame = 31,
            4.0,
            "clip 1 begins at frame 31; the clips before it end at frame 30",
        );
        check(
            |prompts, _| {
                let seen = Span {
                    first: 0,
                    count: 100,
                };
                let scene = prompts.clips[0].scene;
                let kind = TransitionKind::Crossfade;
                prompts.clips[1].joints.lead_in = Some(LeadIn { kind, scene, seen });
            },
            4.0,
            "the transition into clip 1 has 70 frames; there is room for 45",
        );
        check(
            |_, _| (),
            4.1,
            "the clips have 120 frames; the song of 4.100 s has 123",
        );
        check(
            |prompts, clips| {
                prompts.clips.clear();
                clips.clips.clear();
            },
            0.0,
            "the film has no clips",
        );
    }
}
