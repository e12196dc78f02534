//! What a job looks like to its owner, as JSON.

use std::collections::BTreeMap;

use model::film::{FilmReport, ShapedFilm};
use model::format::{AspectRatio, FrameSize, Quality, Resolution};
use model::job::{JobStatus, StageStatus};
use model::lettering::Letters;
use model::lyrics::LyricsWish;
use model::style::Style;
use model::{ArtifactRef, Event, EventBody, JobBrief, JobId, Seconds, StageKind, Usd};
use serde::Serialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::app::App;
use crate::job::{Job, StageState};
use crate::openapi::schema;
use crate::signed_url::Disposition;
use crate::store::Queue;

/// `GET /jobs/{id}`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct JobView {
    #[schema(value_type = String, format = "uuid")]
    job_id: JobId,
    #[schema(value_type = schema::JobStatus)]
    status: JobStatus,
    #[schema(value_type = Option<schema::Stage>)]
    current_stage: Option<StageKind>,
    progress: u8,
    #[schema(value_type = Option<f64>)]
    estimated_remaining: Option<Seconds>,
    #[schema(value_type = f64)]
    estimated_cost: Usd,
    #[schema(value_type = f64)]
    total_cost: Usd,
    video_url: Option<String>,
    poster_url: Option<String>,
    /// A playlist (HLS) of what is finished, from the first clip on; it grows while the job runs.
    playlist_url: Option<String>,
    error_message: Option<String>,
    error_code: Option<String>,
    title: Option<String>,
    user_prompt: String,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    updated_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    completed_at: Option<OffsetDateTime>,
    #[schema(value_type = BTreeMap<String, StageView>)]
    stages: BTreeMap<StageKind, StageView>,
    #[schema(value_type = f64)]
    duration: Seconds,
    clips: ClipsView,
    /// When it is cancelled by itself, if it has not ended.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    cancel_at: Option<OffsetDateTime>,
    webhook_url: Option<String>,
    options: OptionsView,
    /// The pass of the job: 1, and one more for each time that its film is changed.
    run: u32,
    /// The pass that made the film that is shown; null where there is none yet.
    version: Option<u32>,
    /// While it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<QueueView>,
    /// What was measured of the finished film, and what was made of it; where one job is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    film: Option<Value>,
}

/// What was asked for, or holds where nothing was.
#[derive(Debug, Serialize, ToSchema)]
struct OptionsView {
    #[schema(value_type = Option<schema::Resolution>)]
    resolution: Option<Resolution>,
    #[schema(value_type = Option<schema::AspectRatio>)]
    aspect_ratio: Option<AspectRatio>,
    /// Further shapes in which the film is made.
    outputs: Vec<ShapeView>,
    /// Pixels a line of the film.
    width: u32,
    /// Lines of the film.
    height: u32,
    #[schema(value_type = schema::FrameRate)]
    fps: String,
    #[schema(value_type = schema::Quality)]
    quality: Quality,
    #[schema(value_type = Option<schema::Style>)]
    style: Option<Style>,
    #[schema(value_type = schema::Lettering)]
    lettering: Letters,
    /// As text: numbers of JavaScript cannot hold all of it.
    seed: String,
    /// In dollars.
    #[schema(value_type = f64)]
    max_cost: Usd,
    /// `half`, `double`, or beats a minute.
    tempo: Option<String>,
    beat_offset: f64,
    downbeat_shift: i32,
    beats_per_bar: Option<u8>,
    #[schema(value_type = Option<schema::LyricsFrom>)]
    lyrics: Option<&'static str>,
}

impl OptionsView {
    fn of(brief: &JobBrief) -> Self {
        let format = brief.format;
        let quality = brief.options.quality;
        let (resolution, aspect_ratio) = quality.asked_for(format.size).unzip();
        let corrections = brief.options.corrections;
        Self {
            resolution,
            aspect_ratio,
            outputs: brief
                .options
                .outputs
                .iter()
                .map(|size| ShapeView::of(*size, quality))
                .collect(),
            width: format.size.width,
            height: format.size.height,
            fps: format.rate.to_string(),
            quality,
            style: brief.options.style,
            lettering: brief.options.lettering,
            seed: brief.seed.to_string(),
            max_cost: brief.budget,
            tempo: corrections.corrected_tempo().map(|tempo| tempo.to_string()),
            beat_offset: corrections.corrected_offset(),
            downbeat_shift: corrections.corrected_shift(),
            beats_per_bar: corrections.corrected_beats_per_bar(),
            lyrics: brief.options.lyrics.as_ref().map(|wish| match wish {
                LyricsWish::Given(_) => "given",
                LyricsWish::Transcribe => "transcribe",
            }),
        }
    }
}

/// A shape.
#[derive(Debug, Serialize, ToSchema)]
struct ShapeView {
    #[schema(value_type = Option<schema::AspectRatio>)]
    aspect_ratio: Option<AspectRatio>,
    /// Pixels a line.
    width: u32,
    /// Lines.
    height: u32,
}

impl ShapeView {
    fn of(size: FrameSize, quality: Quality) -> Self {
        Self {
            aspect_ratio: quality.asked_for(size).map(|(_, ratio)| ratio),
            width: size.width,
            height: size.height,
        }
    }
}

/// Where a waiting job stands.
#[derive(Debug, Serialize, ToSchema)]
struct QueueView {
    /// 1 is the next.
    position: u64,
    /// Seconds until it begins; null where the pace is not known.
    estimated_wait: Option<f64>,
}

/// One stage of a job.
#[derive(Debug, Serialize, ToSchema)]
struct StageView {
    #[schema(value_type = schema::StageStatus)]
    status: StageStatus,
    #[schema(value_type = Option<f64>)]
    duration: Option<Seconds>,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    completed_at: Option<OffsetDateTime>,
    error: Option<String>,
}

/// How many clips there are and will be.
#[derive(Debug, Serialize, ToSchema)]
struct ClipsView {
    completed: u32,
    total: Option<u32>,
}

impl JobView {
    /// As of now; the links in it are good for an hour.
    pub(crate) fn of(app: &App, job: &Job) -> Self {
        let state = &job.state;
        let error = state.error.clone();
        let film = state.film.as_ref();
        Self {
            job_id: job.brief.id,
            status: state.status,
            current_stage: state.current_stage,
            progress: state.progress,
            estimated_remaining: state.estimated_remaining,
            estimated_cost: job.estimated_cost,
            total_cost: state.total_cost,
            video_url: film.map(|film| inline(app, &film.video)),
            poster_url: film.map(|film| inline(app, &film.poster)),
            playlist_url: is_played(job).then(|| folder(app, job) + "/playlist.m3u8"),
            error_message: error.as_ref().map(|error| error.message.clone()),
            error_code: error.map(|error| error.code),
            title: job.brief.title.clone(),
            user_prompt: job.brief.prompt.as_str().to_owned(),
            created_at: job.created_at,
            updated_at: state.updated_at,
            completed_at: state.completed_at,
            stages: state
                .stages
                .iter()
                .map(|(kind, stage)| (*kind, StageView::of(stage)))
                .collect(),
            duration: state.duration,
            clips: ClipsView {
                completed: state.clips_completed,
                total: state.clips_total,
            },
            cancel_at: job.cancel_at,
            webhook_url: job.webhook_url.clone(),
            options: OptionsView::of(&job.brief),
            run: job.brief.run.0,
            version: film.map(|film| film.run.0),
            queue: None,
            film: None,
        }
    }

    /// With what was measured of its film. Files are told as links, good for an hour.
    pub(crate) fn with_film(mut self, app: &App, job: &Job, reports: &Reports) -> Self {
        self.film = reports.own.as_ref().and_then(|report| {
            let mut film = measured(app, job, (report, None))?;
            let others = reports.others.iter().map(|(shaped, report)| {
                let mut told = json!({
                    "video_url": inline(app, &shaped.video),
                    "poster_url": inline(app, &shaped.poster),
                    "film": report.as_ref().and_then(|report| measured(app, job, (report, Some(shaped.size)))),
                });
                if let (Some(members), Ok(Value::Object(shape))) =
                    (told.as_object_mut(), serde_json::to_value(ShapeView::of(shaped.size, job.brief.options.quality)))
                {
                    members.extend(shape);
                }
                told
            });
            let others = others.collect();
            film.as_object_mut()?.insert("others".to_owned(), others);
            Some(film)
        });
        self
    }

    /// With its place among those that wait.
    pub(crate) fn with_queue(mut self, queue: Option<Queue>) -> Self {
        self.queue = queue.map(|queue| QueueView {
            position: queue.position,
            estimated_wait: queue.estimated_wait,
        });
        self
    }
}

/// What was measured of a job's films.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    /// Of the one in the job's own shape.
    pub(crate) own: Option<FilmReport>,
    /// Of the others, where they still lie in the store.
    pub(crate) others: Vec<(ShapedFilm, Option<FilmReport>)>,
}

/// A report as the owner sees it: links in place of keys.
fn measured(
    app: &App,
    job: &Job,
    (report, shape): (&FilmReport, Option<FrameSize>),
) -> Option<Value> {
    let mut film = serde_json::to_value(report).ok()?;
    let shape = shape.map(|size| format!("/{}x{}", size.width, size.height));
    let folder = folder(app, job) + shape.as_deref().unwrap_or_default();
    let links = report.outputs.iter().map(|output| {
        let name = output.file.key.as_str().rsplit('/').next();
        let url = format!("{folder}/outputs/{}", name.unwrap_or_default());
        json!({ "kind": output.kind, "clip": output.clip, "url": url })
    });
    let links = links.collect();
    film.as_object_mut()?.insert("outputs".to_owned(), links);
    Some(film)
}

impl StageView {
    fn of(stage: &StageState) -> Self {
        Self {
            status: stage.status,
            duration: stage.duration,
            started_at: stage.started_at,
            completed_at: stage.completed_at,
            error: stage.error.clone(),
        }
    }
}

/// Whether something of the job's film can be played while it is made, and after.
pub(crate) fn is_played(job: &Job) -> bool {
    let is_made = job.state.status == JobStatus::Processing && job.state.clips_completed > 0;
    is_made || job.state.film.is_some()
}

/// The signed folder of a job's film: of the one that is shown, or else of the one in the making.
fn folder(app: &App, job: &Job) -> String {
    let shown = job.state.film.as_ref().map(|film| film.run);
    let (id, run) = (job.brief.id, shown.unwrap_or(job.brief.run));
    let ticket = app.signer.sign_folder((id, run), OffsetDateTime::now_utc());
    format!("{}/api/v1/films/{id}/{run}/{ticket}", app.base_url)
}

/// The whole state as a `progress` event: the first thing that a stream says.
pub(crate) fn state_event(app: &App, job: &Job) -> Result<Value, serde_json::Error> {
    let mut state = serde_json::to_value(JobView::of(app, job))?;
    if let Value::Object(members) = &mut state {
        members.insert("type".to_owned(), json!("progress"));
        members.insert("run".to_owned(), json!(job.brief.run));
        members.insert("stage".to_owned(), json!(job.state.current_stage));
        members.insert("timestamp".to_owned(), timestamp(job.state.updated_at));
    }
    Ok(state)
}

/// An event as its job's owner sees it: progress as folded, links in place of keys, times as elsewhere.
pub(crate) fn event(app: &App, event: &Event, folded: u8) -> Result<Value, serde_json::Error> {
    let mut wire = serde_json::to_value(event)?;
    let Value::Object(members) = &mut wire else {
        return Ok(wire);
    };
    members.insert("timestamp".to_owned(), timestamp(event.timestamp));
    match &event.body {
        EventBody::Progress { .. } => {
            members.insert("progress".to_owned(), json!(folded));
        }
        EventBody::Completed { video, poster, .. }
        | EventBody::VersionSelected { video, poster, .. } => {
            for key in ["video", "poster", "report", "others"] {
                members.remove(key);
            }
            members.insert("video_url".to_owned(), json!(inline(app, video)));
            members.insert("poster_url".to_owned(), json!(inline(app, poster)));
        }
        _ => {}
    }
    Ok(wire)
}

/// A time as it is written everywhere: finer than microseconds, many a reader cannot tell it.
pub(crate) fn timestamp(time: OffsetDateTime) -> Value {
    time.truncate_to_microsecond()
        .format(&time::format_description::well_known::Rfc3339)
        .map_or(Value::Null, Value::from)
}

fn inline(app: &App, artifact: &ArtifactRef) -> String {
    link(app, artifact, Disposition::Inline)
}

/// An absolute link to an artifact, good for an hour.
pub(crate) fn link(app: &App, artifact: &ArtifactRef, disposition: Disposition) -> String {
    let now = OffsetDateTime::now_utc();
    format!(
        "{}{}",
        app.base_url,
        app.signer.sign(&artifact.key, disposition, now)
    )
}
