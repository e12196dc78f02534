//! Every built-in scene as a short film of its own: drawn, encoded, and checked like any other film.
//!
//! A scene's film has four bars at 120 beats a minute: intro, verse, chorus and bridge, each in the variant
//! that the planner gives it. As in a song's film, the chorus is cut twice as often as the verse.

use std::path::Path;

use anyhow::Context;
use fearless_simd::Level;
use media::ffmpeg::Ffmpeg;
use model::FrameRate;
use model::analysis::SectionKind;
use model::format::{FrameSize, Quality, VideoFormat};
use model::look::{CameraMove, SceneKind, SceneParameters, Variant};
use model::music::MusicAt;
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use visuals::{Picture, Renderer};

use super::film::{self, Heard};
use super::small;
use super::verdicts::{self, Verdict};
use super::words;
use crate::samples;

const FPS: u32 = 30;
/// Frames of a bar.
const BAR: u32 = 60;

/// A shot of a scene's film.
struct Shot {
    kind: SectionKind,
    frames: u32,
    variant: Variant,
    camera: CameraMove,
    /// How much is going on, in the music and in the picture.
    energy: f32,
}

const SHOTS: [Shot; 5] = [
    Shot {
        kind: SectionKind::Intro,
        frames: BAR,
        variant: Variant::Bare,
        camera: CameraMove::PullOut,
        energy: 0.35,
    },
    Shot {
        kind: SectionKind::Verse,
        frames: BAR,
        variant: Variant::Calm,
        camera: CameraMove::PanRight,
        energy: 0.5,
    },
    Shot {
        kind: SectionKind::Chorus,
        frames: BAR / 2,
        variant: Variant::Full,
        camera: CameraMove::PanLeft,
        energy: 0.95,
    },
    Shot {
        kind: SectionKind::Chorus,
        frames: BAR / 2,
        variant: Variant::Full,
        camera: CameraMove::PushIn,
        energy: 0.95,
    },
    Shot {
        kind: SectionKind::Bridge,
        frames: BAR,
        variant: Variant::Turned,
        camera: CameraMove::PanRight,
        energy: 0.6,
    },
];

/// All checks of a scene, its clips in `size`.
pub(super) fn check(
    (ffmpeg, runtime): (&Ffmpeg, &Handle),
    scene: SceneKind,
    size: FrameSize,
    scratch: &Path,
) -> anyhow::Result<Vec<Verdict>> {
    let file = scratch.join(format!("{scene}.mp4"));
    encode((ffmpeg, runtime), scene, size, &file)?;
    let seen = film::look(&file)?;
    let palette = samples::parameters(scene, SEED).palette;
    let mut verdicts = verdicts::of(&seen, &heard(), Some(&palette));
    verdicts.push(same_bytes(scene));
    verdicts.push(words::swapped(scene)?);
    std::fs::remove_file(&file).context("clearing up")?;
    Ok(verdicts)
}

/// Which picture of its kind is looked at, and in which of the palettes.
const SEED: u64 = 4;

fn parameters(scene: SceneKind, shot: &Shot, index: u64) -> SceneParameters {
    let base = samples::parameters(scene, SEED);
    SceneParameters {
        seed: base.seed + index * 1_000,
        variant: shot.variant,
        camera: shot.camera,
        intensity: shot.energy,
        ..base
    }
}

/// What is heard at a frame of a shot: the beat is as strong everywhere, everything else is not.
fn music(shot: &Shot, frame: u32) -> MusicAt {
    let music = samples::music(f64::from(frame) / f64::from(FPS));
    let level = 0.4 + 0.6 * shot.energy;
    MusicAt {
        energy: shot.energy,
        bass: music.bass * level,
        treble: music.treble * level,
        percussive: music.percussive * level,
        harmonic: music.harmonic * level,
        ..music
    }
}

/// What a listener would make of that music.
fn heard() -> Heard {
    let seconds = |frame: u32| f64::from(frame) / f64::from(FPS);
    let mut heard = Heard::default();
    let mut from = 0;
    for shot in &SHOTS {
        let to = from + shot.frames;
        heard.sections.push((seconds(from), seconds(to), shot.kind));
        from = to;
    }
    let beats = (0..from).step_by(BAR as usize / 4);
    heard.beats = beats.map(seconds).collect();
    heard
}

/// Draws the film and encodes it, as stage 7 does.
fn encode(
    (ffmpeg, runtime): (&Ffmpeg, &Handle),
    scene: SceneKind,
    size: FrameSize,
    file: &Path,
) -> anyhow::Result<()> {
    let format = VideoFormat {
        size,
        rate: FrameRate::FPS_30,
    };
    let _entered = runtime.enter();
    let stop = CancellationToken::new();
    let mut encoder = ffmpeg.encode_clip(format, Quality::default(), file, stop)?;
    let mut picture = Picture::new(size);
    for (index, shot) in (0_u64..).zip(&SHOTS) {
        let parameters = parameters(scene, shot, index);
        let mut renderer = Renderer::new(&parameters, format, index * 1_000, shot.frames);
        for frame in 0..shot.frames {
            renderer.render(frame, &music(shot, frame), &mut picture);
            runtime.block_on(encoder.write(picture.as_bytes()))?;
        }
    }
    runtime.block_on(encoder.finish())?;
    Ok(())
}

/// The same frames at every SIMD level of this machine, on one thread and on two: their hashes are equal.
fn same_bytes(scene: SceneKind) -> Verdict {
    let mut ways = Vec::new();
    for level in Renderer::levels() {
        for threads in [1, 2] {
            ways.push((name_of(level), threads, hash(scene, level, threads)));
        }
    }
    let first = ways.first().map_or("", |(_, _, hash)| hash).to_owned();
    let other = ways.iter().find(|(_, _, hash)| *hash != first);
    let levels: Vec<&str> = Renderer::levels().into_iter().map(name_of).collect();
    let value = match other {
        None => format!("{first} by {} on 1 and 2 threads", levels.join(", ")),
        Some((level, threads, hash)) => {
            format!("{first}, but {hash} by {level} on {threads} threads")
        }
    };
    Verdict::new(
        "the same bytes",
        (other.is_none(), ways.len() as f64),
        value,
        "equal on every SIMD level and number of threads",
    )
}

fn name_of(level: Level) -> &'static str {
    if level.as_avx512().is_some() {
        "AVX-512"
    } else if level.as_avx2().is_some() {
        "AVX2"
    } else if level.as_sse2().is_some() {
        "SSE2"
    } else {
        "scalar code"
    }
}

/// The head of the SHA-256 of two frames of each shot, small.
fn hash(scene: SceneKind, level: Level, threads: usize) -> String {
    let format = VideoFormat {
        size: FrameSize {
            width: 320,
            height: 180,
        },
        rate: FrameRate::FPS_30,
    };
    let mut hasher = Sha256::new();
    for (index, shot) in (0_u64..).zip(&SHOTS) {
        let renderer = Renderer::new(&parameters(scene, shot, index), format, 300, shot.frames);
        let mut renderer = renderer.at_level(level).on_threads(threads);
        for frame in 0..2 {
            // A new one each time: a level that draws nothing must not be given what another drew.
            let mut picture = Picture::new(format.size);
            renderer.render(frame, &music(shot, frame), &mut picture);
            hasher.update(picture.as_bytes());
        }
    }
    let mut text = hex::encode(hasher.finalize());
    text.truncate(16);
    text
}

/// One frame of a scene, small.
pub(super) fn glance(parameters: &SceneParameters) -> small::Small {
    let format = VideoFormat {
        size: FrameSize {
            width: 2 * small::ACROSS as u32,
            height: 2 * small::DOWN as u32,
        },
        rate: FrameRate::FPS_30,
    };
    let mut picture = Picture::new(format.size);
    let mut renderer = Renderer::new(parameters, format, 0, BAR);
    renderer.render(0, &samples::music(0.0), &mut picture);
    small::small(&picture)
}
