//! Module 8: joins the clips on absolute frame numbers and muxes the song once.
//!
//! No picture is touched: clips are checked, joined by copying, and the finished file is measured, by its
//! index and decoded, against the plan before anyone sees it. Start reading at [`timeline`], the pure
//! part; [`inspect`] is what a film has to stand.

mod best_frame;
pub mod captions;
mod chapters;
mod excerpt;
mod exchange;
mod gather;
pub mod inspect;
mod mend;
mod outputs;
pub mod pictures;
pub mod report;
mod shapes;
pub mod sound;
mod steps;
mod storyboard;
pub mod timeline;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use captions::Cue;
use inspect::Expected;
use media::ffmpeg::{Excerpt, Ffmpeg, FfmpegError, Still, Storyboard};
use media::film::{self, FilmError, FilmParts, JoinedClip};
use media::mp4::{self, Movie, TimedText};
use model::analysis::AudioAnalysis;
use model::clip::{Clip, Clips};
use model::film::{COMPOSED, Composed, Film, FilmReport, OutputFile, StageTime};
use model::handoff::{Instructed, ToCompose};
use model::plan::TransitionKind;
use model::timeline::Span;
use model::{ArtifactRef, StageKind};
use pictures::Seen;
use report::Findings;
use runtime::{ConfigError, Stage, StageContext, StageError, StageResultExt, Vars};
use sound::Heard;
use steps::Steps;
use timeline::Timeline;

/// Share of the stage's time that goes by until the clips are joined.
const JOINED: f64 = 0.4;
/// … until the film has been watched and heard.
const WATCHED: f64 = 0.85;

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

    /// Decodes the film once: every frame is looked at, and what the storyboard asks for lies in the
    /// scratch folder.
    async fn watch(
        &self,
        film: &Path,
        board: &Storyboard,
        timeline: &Timeline,
        cx: &StageContext,
    ) -> Result<Seen, StageError> {
        let watched = self
            .ffmpeg
            .watch(film, board, cx.scratch(), &cx.cancelled())
            .await;
        let miniatures = watched.map_err(|error| sorted("watching the film", error))?;
        let entries = timeline.entries().iter().skip(1);
        let hard = entries.filter(|entry| entry.transition == TransitionKind::Cut);
        let (cuts, rate): (Vec<u64>, _) = (hard.map(|entry| entry.cut).collect(), timeline.rate());
        let look = move || pictures::watch(BufReader::new(File::open(miniatures)?), rate, &cuts);
        let seen = tokio::task::spawn_blocking(look).await;
        seen.or_retry("watching the film")?
            .or_retry("watching the film")
    }

    /// Decodes the sound of the film and the song, and compares them.
    async fn listen(
        &self,
        film: &Path,
        song: &Path,
        cx: &StageContext,
    ) -> Result<Heard, StageError> {
        let files: [PathBuf; 2] = ["song.pcm", "film.pcm"].map(|name| cx.scratch().join(name));
        for (from, to) in [song, film].into_iter().zip(&files) {
            let heard = self.ffmpeg.listen(from, to, &cx.cancelled()).await;
            heard.map_err(|error| sorted("listening to the film", error))?;
        }
        let sample_rate = cx.job().song.sample_rate;
        let [song, film] = files;
        let compare = move || sound::compare(&song, &film, sample_rate);
        let heard = tokio::task::spawn_blocking(compare).await;
        heard
            .or_retry("listening to the film")?
            .or_retry("listening to the film")
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

    /// Looks at and listens to the whole film: it has to be as planned.
    async fn verify(
        &self,
        (film, song): (&Path, &Path),
        (timeline, board): (&Timeline, &Storyboard),
        analysis: &AudioAnalysis,
        cx: &StageContext,
    ) -> Result<(Seen, Heard), StageError> {
        let (seen, heard) = tokio::try_join!(
            self.watch(film, board, timeline, cx),
            self.listen(film, song, cx),
        )?;
        let song = &cx.job().song;
        inspect::decoded(&seen, &heard, timeline, song, &analysis.silences)
            .or_fatal("inspecting the film")?;
        cx.progress(WATCHED);
        Ok((seen, heard))
    }

    async fn looped(&self, film: &Path, span: Span, cx: &StageContext) -> Result<(), StageError> {
        let excerpt = Excerpt {
            format: cx.job().format,
            span,
        };
        let file = cx.scratch().join(outputs::LOOP);
        let taken = self
            .ffmpeg
            .excerpt(film, excerpt, &file, &cx.cancelled())
            .await;
        taken.map_err(|error| sorted("taking the loop", error))
    }

    /// What lies beside a film: its poster, and everything else. `best` is its finest frame.
    async fn beside(
        &self,
        film: &Path,
        beside: outputs::Beside<'_>,
        best: u64,
        cx: &StageContext,
    ) -> Result<(ArtifactRef, Vec<OutputFile>), StageError> {
        let poster = self.poster(film, best, cx).await?;
        let span = excerpt::looped(beside.timeline, &beside.analysis.beats, best);
        self.looped(film, span, cx).await?;
        Ok((poster, outputs::store(beside, cx).await?))
    }

    /// The film in one shape, and the clips as they are in it.
    async fn film(
        &self,
        input: &Instructed,
        clips: &Clips,
        cx: &StageContext,
    ) -> Result<(Film, Vec<Clip>), StageError> {
        let mut steps = Steps::begin(cx);
        let prompts = cx.load(&input.prompts).await?;
        let analysis: AudioAnalysis = cx.load(&input.analysis).await?;
        let job = cx.job();
        let timeline = Timeline::of(&prompts, clips, job.format.rate, job.song.duration())
            .or_fatal("laying out the film")?;
        let sources = gather::Sources {
            ffmpeg: &self.ffmpeg,
            timeline: &timeline,
            prompts: &prompts,
            envelopes: &input.envelopes,
            cx,
        };
        let (gathered, song) = gather::all(sources).await?;
        steps.done("gather");
        let film = cx.scratch().join("film.mp4");
        let chapters = chapters::of(&analysis.sections);
        let cues = captions::of(analysis.lyrics.as_ref(), job.song.duration());
        let material = Material {
            clips: &gathered.files,
            sound: &song.sound,
            chapters: &chapters,
            cues: &cues,
        };
        let measured = join(&timeline, material, &film, cx).await?;
        steps.done("join");
        let board = storyboard::plan(&timeline, job.format);
        let (files, plan) = ((film.as_path(), song.wav.as_path()), (&timeline, &board));
        let (seen, heard) = self.verify(files, plan, &analysis, cx).await?;
        steps.done("verify");
        let beside = outputs::Beside {
            board: &board,
            timeline: &timeline,
            analysis: &analysis,
            cues: &cues,
        };
        let best = best_frame::of(&prompts.clips);
        let (poster, outputs) = self.beside(&film, beside, best, cx).await?;
        let video = cx.store_file("film.mp4", &film).await?;
        steps.done("store");
        let findings = Findings {
            timeline: &timeline,
            measured,
            seen: &seen,
            heard: &heard,
            song: &job.song,
            analysis: &analysis,
            cues: cues.len() as u32,
            clips: &gathered.clips,
            made: input.base.as_ref().map(|base| base.anew.clone()),
            stages: times_before(cx).await,
            cost: cx.spent().await?,
            replaced: gathered.replaced,
        };
        let report = report::of(findings, &video, &song.stored, outputs, steps.into_times());
        let film = reported(report, (video, poster), cx).await?;
        Ok((film, gathered.clips))
    }
}

/// Joins the clips, lays the sound under them, and measures what the file says of itself.
async fn join(
    timeline: &Timeline,
    material: Material<'_>,
    film: &Path,
    cx: &StageContext,
) -> Result<inspect::Measured, StageError> {
    let job = cx.job();
    let parts = FilmParts {
        format: job.format,
        clips: material.clips.to_vec(),
        song: material.sound.to_owned(),
        title: job.title.clone(),
        chapters: material.chapters.to_vec(),
        captions: captions::timed(material.cues),
    };
    let (file, cancel) = (film.to_owned(), cx.cancelled());
    let join = move || -> Result<Movie, FilmError> {
        film::join(&parts, &file, &cancel)?;
        mp4::read(&file).map_err(|source| FilmError::Part { path: file, source })
    };
    let joined = tokio::task::spawn_blocking(join).await;
    let movie = match joined.or_retry("joining the clips")? {
        Err(FilmError::Cancelled) => return Err(StageError::Cancelled),
        joined => joined.or_retry("joining the clips")?,
    };
    let expected = Expected {
        format: job.format,
        has_chapters: material.chapters.len() > 1,
        cues: material.cues.len() as u32,
    };
    cx.progress(JOINED);
    inspect::measure(&movie, timeline, expected, &job.song).or_fatal("inspecting the film")
}

/// The film, once its report is stored.
async fn reported(
    report: FilmReport,
    (video, poster): (ArtifactRef, ArtifactRef),
    cx: &StageContext,
) -> Result<Film, StageError> {
    cx.checkpoint()?;
    Ok(Film {
        video,
        poster,
        duration: report.duration,
        clips: report.clips,
        report: cx.store("report.json", &report).await?,
        others: Vec::new(),
    })
}

/// What a film is joined of.
#[derive(Debug, Clone, Copy)]
struct Material<'a> {
    clips: &'a [JoinedClip],
    sound: &'a Path,
    chapters: &'a [TimedText],
    cues: &'a [Cue],
}

impl Stage for Composer {
    const KIND: StageKind = StageKind::Composer;
    type Input = ToCompose;
    type Output = Film;

    async fn run(&self, input: ToCompose, cx: &StageContext) -> Result<Film, StageError> {
        let made = cx.load(&input.clips).await?.clips;
        let formats = cx.job().formats();
        let count = formats.len() as u32;
        let (mut films, mut clips) = (Vec::new(), Vec::new());
        for (shape, format) in (0..).zip(formats) {
            let own = cx.shaped(format, (shape, count));
            let own = own.or_retry("making a scratch folder")?;
            let of_shape = shapes::clips(&made, &input.film, shape);
            let (film, used) = self.film(&input.film, &of_shape, &own).await?;
            clips.extend(shapes::placed(used, &input.film, shape));
            films.push((format.size, film));
            if count > 1 {
                // One film after the other: they need room for one.
                let removed = tokio::fs::remove_dir_all(own.scratch()).await;
                removed.or_retry("removing a scratch folder")?;
            }
        }
        let composed = Composed {
            film: input.film,
            clips,
        };
        cx.store(COMPOSED, &composed).await?;
        cx.checkpoint()?;
        shapes::one(films).or_fatal("putting the films together")
    }
}

/// How long the stages before the clips took, those of them that had something to do in this pass.
async fn times_before(cx: &StageContext) -> BTreeMap<StageKind, StageTime> {
    let mut times = BTreeMap::new();
    let before = StageKind::ALL.into_iter();
    for stage in before.take_while(|stage| *stage < StageKind::VideoGenerator) {
        if let Some(time) = cx.time_of(stage).await {
            times.insert(stage, time);
        }
    }
    times
}

fn sorted(doing: &'static str, error: FfmpegError) -> StageError {
    match error {
        FfmpegError::Cancelled => StageError::Cancelled,
        error => {
            let was_killed = error.was_killed();
            StageError::of_program(doing, error, was_killed)
        }
    }
}
