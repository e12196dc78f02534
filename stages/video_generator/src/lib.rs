//! Module 7: renders one clip a task, to the house format, at an exact frame count.
//!
//! A clip is a function of its instruction, the song's curves and the encoder, so it is stored under
//! the digest of those: a task that comes twice, or again in a later run, finds it there. Must not know the other
//! clips. The task of the first clip encodes the song as well, so that the film can be played from then on. Start reading at [`VideoGenerator`]'s `run`; the crate `render` draws and encodes side by side.

mod recipe;
mod sound;

use std::path::PathBuf;
use std::time::Instant;

use media::ffmpeg::{Ffmpeg, FfmpegError};
use media::house;
use model::clip::{Clip, ClipSource};
use model::format::VideoFormat;
use model::handoff::{ClipMade, ClipTask};
use model::{ArtifactKey, ArtifactRef, ClipIndex, EventBody, Seconds, StageKind};
use render::RenderError;
use runtime::{ConfigError, Stage, StageContext, StageError, StageResultExt, Vars};

/// The stage. One clip at a time is drawn and encoded on one core each; more clips at once are the
/// worker's to take. What a clip holds in memory is bounded by its size ([`render::bytes_held`], 56 MB at
/// 1080p, and ffmpeg's own beside it), not by its length. A cancelled one is gone within two seconds.
#[derive(Debug)]
pub struct VideoGenerator {
    ffmpeg: Ffmpeg,
}

impl VideoGenerator {
    /// Reads `FFMPEG_BIN` (default: the ffmpeg of the machine, or one that is fetched now). Blocks.
    pub fn from_config(vars: &Vars) -> Result<Self, ConfigError> {
        let named = vars.text("FFMPEG_BIN").map(Into::into);
        let ffmpeg = Ffmpeg::at_or_found(named).unwrap_or_else(|problem| {
            vars.note("FFMPEG_BIN", format!("is of no use: {problem}"));
            Ffmpeg::at("ffmpeg".into())
        });
        vars.check(Self { ffmpeg })
    }

    /// A generator that uses this ffmpeg.
    pub const fn new(ffmpeg: Ffmpeg) -> Self {
        Self { ffmpeg }
    }

    async fn make(
        &self,
        task: &ClipTask,
        key: &ArtifactKey,
        cx: &StageContext,
    ) -> Result<ArtifactRef, StageError> {
        let envelopes = cx.load(&task.film.envelopes).await?;
        cx.checkpoint()?;
        let file = cx.scratch().join("clip.mp4");
        let shot = render::Shot {
            instruction: task.instruction.clone(),
            format: format_of(task, cx)?,
            quality: cx.job().options.quality,
            envelopes,
        };
        let progress = |share| cx.progress(share);
        let made = render::to_file(&self.ffmpeg, shot, &file, cx.cancelled(), progress).await;
        made.map_err(sorted)?;
        check(file.clone(), task, cx).await?;
        cx.checkpoint()?;
        let stored = cx.artifacts().put_file(key, &file).await;
        stored.or_retry("storing the clip")
    }
}

impl Stage for VideoGenerator {
    const KIND: StageKind = StageKind::VideoGenerator;
    type Input = ClipTask;
    type Output = ClipMade;

    async fn run(&self, task: ClipTask, cx: &StageContext) -> Result<ClipMade, StageError> {
        let (begun, cpu_before) = (Instant::now(), cx.cpu_time());
        let instruction = &task.instruction;
        if instruction.file().count == 0 {
            return Err(StageError::fatal(
                "reading the instruction",
                "the clip has no frames",
            ));
        }
        let slot = task.film.slot(task.shape, instruction.index);
        cx.emit(EventBody::VideoGenerationStart {
            clip_index: slot,
            total_clips: task.film.clips * cx.job().formats().len() as u32,
        });
        let encoder = self
            .ffmpeg
            .version()
            .await
            .or_retry("asking for the encoder")?;
        let encoding = (format_of(&task, cx)?, cx.job().options.quality);
        let digest = recipe::digest(&task, encoding, encoder).or_fatal("naming the clip")?;
        let name = format!("clips/{digest}.mp4");
        let key = ArtifactKey::of_job(cx.job().id, &name).or_fatal("naming the clip")?;
        let clip = async {
            match made_before(&task, &key, cx).await {
                Some(video) => Ok(video),
                None => self.make(&task, &key, cx).await,
            }
        };
        let video = if slot == ClipIndex(0) {
            tokio::try_join!(clip, sound::encode(&self.ffmpeg, cx))?.0
        } else {
            clip.await?
        };
        let clip = Clip {
            index: slot,
            video,
            frames: instruction.file().count,
            source: ClipSource::Builtin,
            elapsed: Seconds(begun.elapsed().as_secs_f64()),
            cpu: cpu_before
                .zip(cx.cpu_time())
                .map(|(before, now)| Seconds(now.0 - before.0)),
        };
        Ok(ClipMade {
            clip,
            film: task.film,
        })
    }
}

/// The shape that the clip is to have.
fn format_of(task: &ClipTask, cx: &StageContext) -> Result<VideoFormat, StageError> {
    let formats = cx.job().formats();
    let format = formats.get(task.shape as usize).copied();
    format
        .ok_or_else(|| format!("the job has no shape {}", task.shape))
        .or_fatal("reading the instruction")
}

/// The clip, where it lies in the store already and is as it should be. Where anything speaks against
/// it, it is made anew: nothing is overwritten.
async fn made_before(task: &ClipTask, key: &ArtifactKey, cx: &StageContext) -> Option<ArtifactRef> {
    let video = cx.artifacts().exists(key).await.ok()??;
    let file = cx.scratch().join("before.mp4");
    cx.artifacts().fetch(&video, &file).await.ok()?;
    check(file, task, cx).await.ok()?;
    Some(video)
}

/// Reads the file's index, a few kilobytes.
async fn check(file: PathBuf, task: &ClipTask, cx: &StageContext) -> Result<(), StageError> {
    let (format, frames) = (format_of(task, cx)?, task.instruction.file().count);
    let check = move || house::check_clip(&file, format, frames).map(|_| ());
    let outcome = tokio::task::spawn_blocking(check).await;
    outcome
        .or_retry("checking the clip")?
        .or_retry("checking the clip")
}

fn sorted(error: RenderError) -> StageError {
    match error {
        RenderError::Ffmpeg(FfmpegError::Cancelled) => StageError::Cancelled,
        error => {
            let was_killed = matches!(&error, RenderError::Ffmpeg(error) if error.was_killed());
            StageError::of_program("encoding the clip", error, was_killed)
        }
    }
}
