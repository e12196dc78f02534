//! Stages that do what a test says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures::future::BoxFuture;
use model::StageKind;
use model::clip::{Clip, ClipInstruction, ClipPrompts, ClipSource, Clips, Joints};
use model::film::{Film, FilmReport};
use model::handoff::{ClipMade, ClipTask, Heard, Instructed, Planned, Referenced, ToCompose};
use model::look::{CameraMove, Palette, SceneKind, SceneParameters, Srgb, Texture, Variant};
use model::{ClipIndex, Stored};
use runtime::{Stage, StageContext, StageError, StageResultExt};
use tokio::sync::Notify;

use crate::bench::{reference, seconds};

type Behaviour =
    dyn for<'a> Fn(u32, &'a StageContext) -> BoxFuture<'a, Result<(), StageError>> + Send + Sync;

/// Plans by doing what it is told, by call (1 for the first).
#[derive(Clone)]
pub(crate) struct Planner {
    calls: Arc<AtomicU32>,
    behaviour: Arc<Behaviour>,
}

impl Planner {
    pub(crate) fn new<F>(
        behaviour: impl Fn(u32, &StageContext) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), StageError>> + Send + 'static,
    {
        Self {
            calls: Arc::default(),
            behaviour: Arc::new(move |call, cx| Box::pin(behaviour(call, cx))),
        }
    }

    /// One that uses what the context offers while it works.
    pub(crate) fn buying(
        behaviour: impl for<'a> Fn(u32, &'a StageContext) -> BoxFuture<'a, Result<(), StageError>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self {
            calls: Arc::default(),
            behaviour: Arc::new(behaviour),
        }
    }

    pub(crate) fn willing() -> Self {
        Self::new(|_, _| async { Ok(()) })
    }

    /// Says when it has begun, and then never ends.
    pub(crate) fn stuck(begun: &Arc<Notify>) -> Self {
        let begun = Arc::clone(begun);
        Self::new(move |_, _| {
            begun.notify_one();
            std::future::pending()
        })
    }

    pub(crate) fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }
}

impl Stage for Planner {
    const KIND: StageKind = StageKind::ScenePlanner;
    type Input = Heard;
    type Output = Planned;

    async fn run(&self, input: Heard, cx: &StageContext) -> Result<Planned, StageError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        (self.behaviour)(call, cx).await?;
        Ok(Planned {
            analysis: input.analysis,
            plan: Stored::new(reference("plan.json")),
        })
    }
}

/// Writes instructions for so many clips.
pub(crate) struct Prompter(pub(crate) u32);

impl Stage for Prompter {
    const KIND: StageKind = StageKind::PromptGenerator;
    type Input = Referenced;
    type Output = Instructed;

    async fn run(&self, input: Referenced, cx: &StageContext) -> Result<Instructed, StageError> {
        let clips: Vec<_> = (0..self.0).map(instruction).collect();
        let frames = clips.iter().map(|clip| u64::from(clip.frames)).sum();
        let prompts = cx
            .store("prompts.json", &ClipPrompts { clips, frames })
            .await?;
        Ok(Instructed {
            analysis: input.analysis,
            envelopes: Stored::new(reference("envelopes.json")),
            prompts,
            clips: self.0,
        })
    }
}

fn instruction(index: u32) -> ClipInstruction {
    ClipInstruction {
        index: ClipIndex(index),
        start: seconds(f64::from(index)),
        end: seconds(f64::from(index + 1)),
        first_frame: u64::from(index) * 30,
        frames: 30,
        joints: Joints::default(),
        prompt: format!("clip {index}"),
        negative_prompt: String::new(),
        beats: vec![],
        scene: SceneParameters {
            scene: SceneKind::Ink,
            seed: u64::from(index),
            variant: Variant::Full,
            motifs: [None; 2],
            texture: Texture::Clean,
            palette: Palette {
                deep: Srgb([0; 3]),
                shade: Srgb([50; 3]),
                tone: Srgb([100; 3]),
                light: Srgb([200; 3]),
                accent: Srgb([255, 0, 0]),
            },
            camera: CameraMove::Hold,
            intensity: 0.5,
            reactivity: 0.5,
        },
        reference: None,
        lettering: None,
    }
}

/// Makes clips, and counts how many.
#[derive(Clone, Default)]
pub(crate) struct Clipper {
    pub(crate) made: Arc<AtomicU32>,
}

impl Stage for Clipper {
    const KIND: StageKind = StageKind::VideoGenerator;
    type Input = ClipTask;
    type Output = ClipMade;

    async fn run(&self, input: ClipTask, cx: &StageContext) -> Result<ClipMade, StageError> {
        cx.progress(0.5);
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        self.made.fetch_add(1, Ordering::SeqCst);
        let index = input.instruction.index;
        let file = cx.scratch().join("clip.mp4");
        tokio::fs::write(&file, input.instruction.prompt)
            .await
            .or_retry("writing")?;
        let clip = Clip {
            index,
            video: cx.store_file(&format!("clip-{index}.mp4"), &file).await?,
            frames: input.instruction.frames,
            source: ClipSource::Builtin,
            elapsed: seconds(0.15),
            cpu: None,
        };
        Ok(ClipMade {
            clip,
            film: input.film,
        })
    }
}

/// Joins clips, and counts how often.
#[derive(Clone, Default)]
pub(crate) struct Joiner {
    pub(crate) films: Arc<AtomicU32>,
}

impl Stage for Joiner {
    const KIND: StageKind = StageKind::Composer;
    type Input = ToCompose;
    type Output = Film;

    async fn run(&self, input: ToCompose, cx: &StageContext) -> Result<Film, StageError> {
        self.films.fetch_add(1, Ordering::SeqCst);
        let Clips { clips } = cx.load(&input.clips).await?;
        let mut film = Vec::new();
        for (place, clip) in clips.iter().enumerate() {
            assert_eq!(clip.index.0 as usize, place, "clips come in order");
            let bytes = cx.artifacts().get_bytes(&clip.video).await;
            film.extend_from_slice(&bytes.or_retry("reading a clip")?);
        }
        let file = cx.scratch().join("film.mp4");
        tokio::fs::write(&file, &film).await.or_retry("writing")?;
        let video = cx.store_file("film.mp4", &file).await?;
        let report = FilmReport {
            duration: seconds(1.0),
            audio_duration: seconds(1.0),
            frames: 30,
            clips: clips.len() as u32,
            cut_frames: vec![],
            cut_to_beat_ms: None,
            length_error: seconds(0.0),
            sha256: video.sha256.clone(),
            ..FilmReport::default()
        };
        Ok(Film {
            poster: video.clone(),
            report: cx.store("report.json", &report).await?,
            video,
            duration: seconds(1.0),
            clips: clips.len() as u32,
        })
    }
}
