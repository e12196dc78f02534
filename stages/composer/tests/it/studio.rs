//! A job with its song, clips and documents in a store of its own.

use std::path::{Path, PathBuf};

use media::ffmpeg::Ffmpeg;
use model::analysis::{AudioAnalysis, Beat, Mood, MoodWord, Section, SectionKind, Tempo};
use model::clip::{Clip, ClipInstruction, ClipPrompts, ClipSource, Clips, Joints};
use model::format::{FrameSize, Quality, VideoFormat};
use model::handoff::{Instructed, Song, ToCompose};
use model::harmony::Harmony;
use model::look::{CameraMove, Palette, SceneKind, SceneParameters, Srgb, Texture, Variant};
use model::music::Envelopes;
use model::sound::Loudness;
use model::{
    ArtifactKey, ArtifactRef, ClipIndex, EventBody, FrameRate, JobBrief, JobId, JobOptions,
    RunNumber, Seconds, StageKind, Stored, TaskId, Usd, UserId,
};
use runtime::{Artifacts, StageContext};
use tempfile::TempDir;
use testkit::sound::Sound;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Small, so that encoding takes no time.
const FORMAT: VideoFormat = VideoFormat {
    size: FrameSize {
        width: 64,
        height: 36,
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
    pub(crate) async fn new(sound: &Sound) -> Self {
        let root = tempfile::tempdir().unwrap();
        let url = format!("file://{}/store", root.path().display());
        let artifacts = Artifacts::open(&url).unwrap();
        let id = JobId::new(Uuid::new_v4());
        let key = ArtifactKey::of_job(id, "song.wav").unwrap();
        let song = Song {
            audio: artifacts.put_bytes(&key, sound.wav().into()).await.unwrap(),
            sample_rate: sound.sample_rate,
            channels: 1,
            samples: sound.samples.len() as u64,
        };
        let prompt = "a slow flight over dark water, towards a city of light";
        let job = JobBrief {
            id,
            user: UserId::new(Uuid::new_v4()),
            run: RunNumber::FIRST,
            prompt: prompt.to_owned().try_into().unwrap(),
            title: Some("Dark water".to_owned()),
            song,
            format: FORMAT,
            options: JobOptions::default(),
            seed: 1,
            budget: Usd::ZERO,
        };
        Self {
            root,
            artifacts,
            job,
        }
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn context(&self) -> (StageContext, UnboundedReceiver<EventBody>) {
        let task = TaskId::of_stage(StageKind::Composer, self.job.id, self.job.run);
        StageContext::detached(self.job.clone(), task, self.artifacts.clone()).unwrap()
    }

    /// What the composer takes for clips between these times.
    pub(crate) async fn input(&self, boundaries: &[f64]) -> ToCompose {
        self.input_with(boundaries, 0).await
    }

    /// The same with a last clip that lacks a frame in its file, not in its document.
    pub(crate) async fn input_with_a_clip_too_short(&self, boundaries: &[f64]) -> ToCompose {
        self.input_with(boundaries, 1).await
    }

    async fn input_with(&self, boundaries: &[f64], missing: u32) -> ToCompose {
        let mut asked = Vec::new();
        let mut made = Vec::new();
        for (index, pair) in (0..).map(ClipIndex).zip(boundaries.windows(2)) {
            let [start, end] = *pair else {
                unreachable!("windows of two")
            };
            let instruction = instruction(index, start, end);
            let last = index.0 as usize + 2 == boundaries.len();
            let frames = instruction.frames - if last { missing } else { 0 };
            let clip = Clip {
                index,
                video: self.clip(index, frames).await,
                frames: instruction.frames,
                source: ClipSource::Builtin,
                elapsed: Seconds(0.1),
                cpu: None,
            };
            asked.push(instruction);
            made.push(clip);
        }
        let frames = asked.iter().map(|clip| u64::from(clip.frames)).sum();
        let clips = asked.len() as u32;
        let prompts = ClipPrompts {
            clips: asked,
            frames,
        };
        let film = Instructed {
            analysis: self.document("analysis.json", &self.analysis()).await,
            envelopes: self.document("envelopes.json", &envelopes()).await,
            prompts: self.document("prompts.json", &prompts).await,
            clips,
        };
        let clips = self.document("clips.json", &Clips { clips: made }).await;
        ToCompose { film, clips }
    }

    /// A clip in which the light rises.
    async fn clip(&self, index: ClipIndex, frames: u32) -> ArtifactRef {
        let file: PathBuf = self.root().join(format!("{index}.mp4"));
        let cancel = CancellationToken::new();
        let mut encoder = ffmpeg()
            .encode_clip(FORMAT, Quality::Standard, &file, cancel)
            .unwrap();
        for frame in 0..frames {
            let mut picture = vec![(16 + frame % 200) as u8; 64 * 36];
            picture.resize(64 * 36 * 3 / 2, 128);
            encoder.write(&picture).await.unwrap();
        }
        encoder.finish().await.unwrap();
        let key = ArtifactKey::of_job(self.job.id, &format!("clips/{index}.mp4")).unwrap();
        self.artifacts.put_file(&key, &file).await.unwrap()
    }

    async fn document<T: serde::Serialize>(&self, name: &str, document: &T) -> Stored<T> {
        let key = ArtifactKey::of_job(self.job.id, &format!("run-1/{name}")).unwrap();
        self.artifacts.put_json(&key, document).await.unwrap()
    }

    /// Beats twice a second.
    fn analysis(&self) -> AudioAnalysis {
        let duration = self.job.song.duration();
        let beats = (0..(duration.0 * 2.0) as u32).map(|beat| Beat {
            time: Seconds(f64::from(beat) / 2.0),
            downbeat: beat.is_multiple_of(4),
        });
        AudioAnalysis {
            analyser: "test".to_owned(),
            duration,
            tempo: Tempo {
                bpm: 120.0,
                confidence: 1.0,
                alternates: Vec::new(),
            },
            beats_per_bar: 4,
            beats: beats.collect(),
            sections: sections(duration),
            novelty: Vec::new(),
            harmony: Harmony::default(),
            loudness: Loudness::default(),
            silences: Vec::new(),
            mood: Mood {
                primary: MoodWord::Calm,
                secondary: None,
                valence: 0.0,
                arousal: 0.0,
                confidence: 0.0,
            },
            clip_grid: Vec::new(),
            lyrics: None,
            peaks: Vec::new(),
            envelopes: Stored::new(self.job.song.audio.clone()),
        }
    }
}

/// Two halves.
fn sections(duration: Seconds) -> Vec<Section> {
    let section = |(kind, start, end)| Section {
        label: "A".to_owned(),
        kind,
        start: Seconds(start),
        end: Seconds(end),
        energy: 0.5,
        confidence: 1.0,
        kind_confidence: 1.0,
        beat_confidence: None,
        bpm: None,
        alternates: Vec::new(),
    };
    let half = duration.0 / 2.0;
    let halves = [
        (SectionKind::Verse, 0.0, half),
        (SectionKind::Chorus, half, duration.0),
    ];
    halves.into_iter().map(section).collect()
}

fn envelopes() -> Envelopes {
    let curve: Vec<u8> = (0..=255).collect();
    Envelopes {
        rate_hz: 30.0,
        energy: curve.clone(),
        bass: curve.clone(),
        mid: curve.clone(),
        treble: curve.clone(),
        beat: curve.clone(),
        downbeat: curve.clone(),
        harmonic: curve.clone(),
        percussive: curve,
    }
}

fn instruction(index: ClipIndex, start: f64, end: f64) -> ClipInstruction {
    let (start, end) = (Seconds(start), Seconds(end));
    let first_frame = FORMAT.rate.frame_at(start);
    let colour = Srgb([0; 3]);
    ClipInstruction {
        index,
        start,
        end,
        first_frame,
        frames: (FORMAT.rate.frame_at(end) - first_frame) as u32,
        joints: Joints::default(),
        prompt: String::new(),
        negative_prompt: String::new(),
        beats: Vec::new(),
        scene: SceneParameters {
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
        },
        reference: None,
        lettering: None,
    }
}
