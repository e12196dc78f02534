//! Module 8: joins the clips on absolute frame numbers and muxes the song once.
//!
//! No picture is touched: clips are checked, joined by copying, and the finished file is measured
//! against the plan before anyone sees it. Start reading at [`timeline`], the pure part; [`inspect`]
//! is what a film has to stand.

mod best_frame;
mod gather;
pub mod inspect;
pub mod report;
pub mod timeline;

use std::path::Path;

use media::ffmpeg::{Ffmpeg, FfmpegError, FilmParts, Still};
use media::mp4;
use model::analysis::AudioAnalysis;
use model::film::Film;
use model::handoff::ToCompose;
use model::{ArtifactRef, StageKind};
use runtime::{ConfigError, Stage, StageContext, StageError, StageResultExt, Vars};
use timeline::Timeline;

/// Share of the stage's time that goes by until all clips and the song are there.
const GATHERED: f64 = 0.6;
/// … until they are joined.
const JOINED: f64 = 0.8;

/// The stage.
#[derive(Debug)]
pub struct Composer {
    ffmpeg: Ffmpeg,
}

impl Composer {
    /// Reads `FFMPEG_BIN` (default: the ffmpeg of the machine, or one that is fetched now). Blocks.
    pub fn from_config(vars: &Vars) -> Result<Self, ConfigError> {
        let named = vars.text("FFMPEG_BIN").map(Into::into);
        let ffmpeg = Ffmpeg::at_or_found(named).unwrap_or_else(|problem| {
            vars.note("FFMPEG_BIN", format!("is of no use: {problem}"));
            Ffmpeg::at("ffmpeg".into())
        });
        vars.check(Self { ffmpeg })
    }

    /// A composer that uses this ffmpeg.
    pub const fn new(ffmpeg: Ffmpeg) -> Self {
        Self { ffmpeg }
    }

    /// Joins everything to `film` and measures what came out.
    async fn compose(
        &self,
        timeline: &Timeline,
        film: &Path,
        cx: &StageContext,
    ) -> Result<inspect::Measured, StageError> {
        let job = cx.job();
        let (clips, song) = tokio::try_join!(
            gather::clips(timeline, job.format, cx, |share| cx
                .progress(share * GATHERED)),
            gather::song(&self.ffmpeg, cx),
        )?;
        let parts = FilmParts {
            format: job.format,
            clips: &clips,
            song: &song,
            title: job.title.as_deref(),
        };
        let joined = self.ffmpeg.join(parts, film, &cx.cancelled()).await;
        joined.map_err(|error| sorted("joining the clips", error))?;
        cx.progress(JOINED);
        let file = film.to_owned();
        let read = tokio::task::spawn_blocking(move || mp4::read(&file)).await;
        let movie = read
            .or_retry("reading the film")?
            .or_retry("reading the film")?;
        inspect::measure(&movie, timeline, job.format, &job.song).or_fatal("inspecting the film")
    }

    async fn poster(
        &self,
        film: &Path,
        frame: u64,
        cx: &StageContext,
    ) -> Result<ArtifactRef, StageError> {
        let file = cx.scratch().join("poster.jpg");
        let still = Still {
            format: cx.job().format,
            frame,
        };
        let taken = self
            .ffmpeg
            .poster(film, still, &file, &cx.cancelled())
            .await;
        taken.map_err(|error| sorted("taking the poster", error))?;
        cx.store_file("poster.jpg", &file).await
    }
}

impl Stage for Composer {
    const KIND: StageKind = StageKind::Composer;
    type Input = ToCompose;
    type Output = Film;

    async fn run(&self, input: ToCompose, cx: &StageContext) -> Result<Film, StageError> {
        let prompts = cx.load(&input.film.prompts).await?;
        let clips = cx.load(&input.clips).await?;
        let analysis: AudioAnalysis = cx.load(&input.film.analysis).await?;
        let song_length = cx.job().song.duration();
        let timeline = Timeline::of(&prompts, &clips, cx.job().format.rate, song_length)
            .or_fatal("laying out the film")?;

        let film = cx.scratch().join("film.mp4");
        let measured = self.compose(&timeline, &film, cx).await?;
        let video = cx.store_file("film.mp4", &film).await?;
        let poster = self
            .poster(&film, best_frame::of(&prompts.clips), cx)
            .await?;
        let report = report::of(&timeline, &measured, &analysis.beats, &video.sha256);
        cx.checkpoint()?;
        Ok(Film {
            video,
            poster,
            duration: measured.duration,
            clips: report.clips,
            report: cx.store("report.json", &report).await?,
        })
    }
}

fn sorted(doing: &'static str, error: FfmpegError) -> StageError {
    match error {
        FfmpegError::Cancelled => StageError::Cancelled,
        error => StageError::retry(doing, error),
    }
}
