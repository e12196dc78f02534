//! A job with its documents in a store of its own.

use std::path::Path;

use media::ffmpeg::Ffmpeg;
use model::clip::{ClipInstruction, Joints};
use model::format::{FrameSize, VideoFormat};
use model::handoff::{ClipTask, Instructed, Song};
use model::lettering::{Cue, CueWord, Face, Lettering, Role};
use model::look::{CameraMove, Palette, SceneKind, SceneParameters, Srgb, Texture, Variant};
use model::music::Envelopes;
use model::timeline::Span;
use model::{
    ArtifactKey, ArtifactRef, ClipIndex, EventBody, FrameRate, JobBrief, JobId, JobOptions,
    RunNumber, Seconds, Stored, TaskId, Usd, UserId,
};
use runtime::{Artifacts, StageContext};
use tempfile::TempDir;
use tokio::sync::mpsc::UnboundedReceiver;
use uuid::Uuid;

/// Small, so that drawing and encoding take no time.
pub(crate) const FORMAT: VideoFormat = VideoFormat {
    size: FrameSize {
        width: 160,
        height: 90,
    },
    rate: FrameRate::FPS_30,
};

pub(crate) fn ffmpeg() -> Ffmpeg {
    Ffmpeg::find().unwrap()
}

pub(crate) struct Studio {
    root: TempDir,
    artifacts: Artifacts,
    job: JobBrief,
}

impl Studio {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let url = format!("file://{}/store", root.path().display());
        let id = JobId::new(Uuid::new_v4());
        let song = Song {
            audio: artifact(id, "song.wav"),
            sample_rate: 44_100,
            channels: 1,
            samples: 441_000,
        };
        let job = JobBrief {
            id,
            user: UserId::new(Uuid::new_v4()),
            run: RunNumber::FIRST,
            prompt: "a slow flight over dark water, towards a city of light"
                .to_owned()
                .try_into()
                .unwrap(),
            title: None,
            song,
            format: FORMAT,
            options: JobOptions::default(),
            seed: 1,
            budget: Usd::ZERO,
        };
        Self {
            artifacts: Artifacts::open(&url).unwrap(),
            root,
            job,
        }
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn context(&self) -> (StageContext, UnboundedReceiver<EventBody>) {
        let task = TaskId::of_clip(self.job.id, self.job.run, ClipIndex(1));
        StageContext::detached(self.job.clone(), task, self.artifacts.clone()).unwrap()
    }

    /// The task of a clip that begins with the film's frame `first_frame`.
    pub(crate) async fn task(&self, first_frame: u64, frames: u32) -> ClipTask {
        let curve: Vec<u8> = (0..=255).collect();
        let envelopes = Envelopes {
            rate_hz: 30.0,
            energy: curve.clone(),
            bass: curve.clone(),
            mid: curve.clone(),
            treble: curve.clone(),
            percussive: curve.clone(),
            harmonic: curve.clone(),
            beat: curve.clone(),
            downbeat: curve,
        };
        let key = ArtifactKey::of_job(self.job.id, "run-1/envelopes.json").unwrap();
        let film = Instructed {
            analysis: Stored::new(artifact(self.job.id, "analysis.json")),
            envelopes: self.artifacts.put_json(&key, &envelopes).await.unwrap(),
            prompts: Stored::new(artifact(self.job.id, "prompts.json")),
            clips: 2,
            base: None,
        };
        ClipTask {
            instruction: instruction(first_frame, frames),
            shape: 0,
            film,
        }
    }
}

/// A title over the film's first second.
pub(crate) fn title(text: &str) -> Lettering {
    Lettering {
        face: Face::Grotesk,
        palette: instruction(0, 1).scene.palette,
        begun: Vec::new(),
        cues: vec![Cue {
            role: Role::Title,
            seen: Span {
                first: 0,
                count: 30,
            },
            words: vec![CueWord {
                text: text.to_owned(),
                sung: None,
            }],
        }],
    }
}

/// A reference to something that this stage never reads.
fn artifact(job: JobId, name: &str) -> ArtifactRef {
    ArtifactRef {
        key: ArtifactKey::of_job(job, name).unwrap(),
        length: 0,
        sha256: "0".repeat(64),
    }
}

fn instruction(first_frame: u64, frames: u32) -> ClipInstruction {
    let rate = FORMAT.rate;
    ClipInstruction {
        index: ClipIndex(1),
        start: rate.time_of(first_frame),
        end: rate.time_of(first_frame + u64::from(frames)),
        first_frame,
        frames,
        joints: Joints::default(),
        prompt: "dark water".to_owned(),
        negative_prompt: "text".to_owned(),
        beats: vec![Seconds(0.0)],
        scene: SceneParameters {
            scene: SceneKind::Nebula,
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
        },
        reference: None,
        lettering: None,
    }
}
