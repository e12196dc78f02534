//! What making a clip holds in memory. Alone in its process, so that the process's peak is this test's.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests fail the test"
)]

use media::ffmpeg::Ffmpeg;
use model::clip::{ClipInstruction, Joints, LeadIn};
use model::format::{Quality, Resolution, VideoFormat};
use model::lettering::{Cue, CueWord, Face, Lettering, Role};
use model::look::{CameraMove, Palette, SceneKind, SceneParameters, Srgb, Texture, Variant};
use model::music::Envelopes;
use model::plan::TransitionKind;
use model::timeline::Span;
use model::{ClipIndex, FrameRate, Seconds};
use render::{Shot, to_file};
use tokio_util::sync::CancellationToken;

/// The most that this process has held at any time, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
    kilobytes.expect("a peak").parse::<usize>().unwrap() * 1024
}

fn scene(scene: SceneKind) -> SceneParameters {
    SceneParameters {
        scene,
        seed: 3,
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

/// A clip with a transition into it and a line over all of it: nothing a clip can have is missing.
fn shot(frames: u32) -> Shot {
    let curve: Vec<u8> = (0..=255).collect();
    Shot {
        instruction: ClipInstruction {
            index: ClipIndex(1),
            start: Seconds(0.0),
            end: Seconds(0.0),
            first_frame: 110,
            frames,
            joints: Joints {
                before: 10,
                after: 0,
                yields: 0,
                lead_in: Some(LeadIn {
                    kind: TransitionKind::Crossfade,
                    scene: scene(SceneKind::Bauhaus),
                    seen: Span {
                        first: 90,
                        count: 30,
                    },
                }),
            },
            prompt: String::new(),
            negative_prompt: String::new(),
            beats: vec![],
            scene: scene(SceneKind::Ridges),
            reference: None,
            lettering: Some(Lettering {
                face: Face::Grotesk,
                palette: scene(SceneKind::Ridges).palette,
                begun: Vec::new(),
                cues: vec![Cue {
                    role: Role::Lyric,
                    seen: Span {
                        first: 100,
                        count: frames,
                    },
                    words: vec![CueWord {
                        text: "over the dark water".to_owned(),
                        sung: None,
                    }],
                }],
            }),
        },
        format: VideoFormat {
            size: Resolution::P480.size(),
            rate: FrameRate::FPS_30,
        },
        quality: Quality::Draft,
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

#[tokio::test]
async fn a_clip_holds_what_its_size_asks_however_long_it_is() {
    let ffmpeg = Ffmpeg::find().unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let made = async |frames| {
        let file = scratch.path().join("clip.mp4");
        let cancel = CancellationToken::new();
        to_file(&ffmpeg, shot(frames), &file, cancel, |_| {})
            .await
            .unwrap();
        peak()
    };
    let before = peak();
    let (short, long) = (made(24).await, made(240).await);
    // As `video_generator` states it, with an allowance for what the allocator keeps.
    let pixels = 854 * 480;
    let stated = render::bytes_held(Resolution::P480.size());
    assert!(stated < pixels * 32, "{stated}");
    assert!(
        short - before < stated + (8 << 20),
        "{} of {stated}",
        short - before
    );
    assert!(long - short < 4 << 20, "it grew by {}", long - short);
}
