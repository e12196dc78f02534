//! `POST /api/v1/jobs/{id}/fork`, and the versions of a film that come of it:
//! `GET /api/v1/jobs/{id}/versions` and `POST /api/v1/jobs/{id}/versions/{run}/select`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderName, StatusCode, header};
use model::clip::{ClipPrompts, Clips};
use model::film::{COMPOSED, Composed};
use model::handoff::{Base, ClipTask, Instructed};
use model::job::JobStatus;
use model::{
    ArtifactKey, ArtifactRef, ClipIndex, Envelope, Event, EventBody, JobBrief, JobId, RunNumber,
    StageKind, Stored, TaskId, Usd,
};
use nats::subject;
use runtime::ArtifactError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::CurrentUser;
use crate::error::{ApiError, OrFault};
use crate::extract::{JobPath, JsonBody};
use crate::fork::{self, refused};
use crate::job::Job;
use crate::openapi::schema;
use crate::signed_url::Disposition;
use crate::store::{NewPass, OutboxEntry, Version};
use crate::view;

/// Passes that a job may have. Each keeps a film.
const MOST: u32 = 100;
/// How long an answer waits for the row to show the version that was chosen.
const ROW_PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);

/// Which clip is to be made anew, and how.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ForkRequest {
    /// The stage to go on from: `video_generator`, which makes clips.
    #[schema(value_type = schema::Stage)]
    from: StageKind,
    /// The clip, from 0.
    clip: u32,
    /// What is to change: a merge patch (RFC 7396) on the clip's `prompt`, `negative_prompt` and `scene`.
    /// Without one the clip is drawn from another seed.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    patch: Option<Map<String, Value>>,
    /// The version to change; without it, the one that is shown.
    #[serde(default)]
    version: Option<u32>,
}

/// A pass that has begun.
#[derive(Serialize, ToSchema)]
pub(crate) struct Forked {
    #[schema(value_type = String, format = "uuid")]
    job_id: JobId,
    /// The pass, and the version that it will make.
    #[schema(value_type = u32)]
    run: RunNumber,
    /// The version that it changes.
    #[schema(value_type = u32)]
    base: RunNumber,
    #[schema(value_type = schema::Stage)]
    from: StageKind,
    /// The clips that are made: the one that was asked for, and the next where that begins with a
    /// transition out of it.
    #[schema(value_type = Vec<u32>)]
    clips: Vec<ClipIndex>,
    #[schema(value_type = schema::JobStatus)]
    status: JobStatus,
    #[schema(value_type = f64)]
    estimated_cost: Usd,
    status_url: String,
    stream_url: String,
    cancel_url: String,
}

/// Makes one clip of a finished film anew. Only that clip and the film are made; everything else is taken
/// over from the version that is changed, which stays. 409 while the job runs.
#[utoipa::path(
    post,
    path = "/api/v1/jobs/{job_id}/fork",
    operation_id = "forkJob",
    tag = "jobs",
    params(("job_id" = String, Path, format = "uuid", description = "The job.")),
    request_body = ForkRequest,
    responses((status = 202, description = "The next pass of the job has begun.", body = Forked, headers(("Location" = String)))),
    security(("bearer" = []))
)]
pub(crate) async fn fork(
    State(app): State<App>,
    user: CurrentUser,
    JobPath(id): JobPath,
    JsonBody(asked): JsonBody<ForkRequest>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<Forked>), ApiError> {
    const DOING: &str = "beginning a pass of a job";
    let job = app.job_of(user, id).await?;
    if !job.state.status.is_terminal() {
        return Err(ApiError::StillRunning(job.state.status));
    }
    let shown = job.state.film.as_ref().map(|film| film.run);
    let shown = shown.ok_or(ApiError::NoFilm(job.state.status))?;
    if asked.from != StageKind::VideoGenerator {
        return Err(refused(
            "from",
            "a film can be changed from video_generator on",
        ));
    }
    if job.brief.run.0 >= MOST {
        return Err(refused("from", format!("a job has at most {MOST} passes")));
    }
    let base = match asked.version.map(RunNumber) {
        Some(version) => version_of(&app, id, version).await?.run,
        None => shown,
    };
    // A task of its own: a client that hangs up must not leave half a pass behind.
    let beginning = app.tasks.spawn(begin(app.clone(), job, base, asked));
    let forked = beginning.await.or_internal(DOING)??;
    let location = [(header::LOCATION, forked.status_url.clone())];
    Ok((StatusCode::ACCEPTED, location, Json(forked)))
}

async fn begin(
    app: App,
    job: Job,
    base: RunNumber,
    asked: ForkRequest,
) -> Result<Forked, ApiError> {
    let composed = composed(&app, job.brief.id, base).await?;
    let prompts: ClipPrompts = load(&app, &composed.film.prompts).await?;
    let patch = asked.patch.unwrap_or_default();
    let (prompts, anew) = fork::patched(&prompts, ClipIndex(asked.clip), &patch)?;
    let mut brief = job.brief.clone();
    brief.run = RunNumber(job.brief.run.0.saturating_add(1));
    let film = Instructed {
        base: Some(Base {
            clips: store(
                &app,
                &brief,
                "before",
                &Clips {
                    clips: composed.clips,
                },
            )
            .await?,
            anew: anew.clone(),
        }),
        prompts: store(&app, &brief, "prompts", &prompts).await?,
        ..composed.film
    };
    let pass = new_pass(&brief, (base, anew), &prompts, &film)
        .or_internal("writing the tasks of a pass")?;
    let now = OffsetDateTime::now_utc();
    let begun = app.store.begin_pass(&pass, now).await;
    let begun = begun.or_unavailable("beginning a pass of a job")?;
    let begun = begun.ok_or(ApiError::StillRunning(JobStatus::Processing))?;
    app.wake_relay.notify_one();
    let url = format!("/api/v1/jobs/{}", brief.id);
    Ok(Forked {
        job_id: brief.id,
        run: brief.run,
        base,
        from: pass.from,
        clips: pass.anew,
        status: begun.state.status,
        // Clips are drawn by the built-in renderer.
        estimated_cost: Usd::ZERO,
        stream_url: format!("{url}/stream"),
        cancel_url: format!("{url}/cancel"),
        status_url: url,
    })
}

fn new_pass(
    brief: &JobBrief,
    (base, anew): (RunNumber, Vec<ClipIndex>),
    prompts: &ClipPrompts,
    film: &Instructed,
) -> Result<NewPass, serde_json::Error> {
    let from = StageKind::VideoGenerator;
    let begin = Event {
        job_id: brief.id,
        run: brief.run,
        timestamp: OffsetDateTime::now_utc(),
        body: EventBody::RunStarted {
            from,
            base,
            clips: anew.clone(),
        },
    };
    let shapes = brief.formats().len() as u32;
    let asked = prompts.clips.iter();
    let asked: Vec<_> = asked.filter(|clip| anew.contains(&clip.index)).collect();
    let all = (0..shapes).flat_map(|shape| asked.iter().map(move |clip| (shape, *clip)));
    let tasks = all.map(|(shape, instruction)| {
        let slot = film.slot(shape, instruction.index);
        let task = TaskId::of_clip(brief.id, brief.run, slot);
        let input = ClipTask {
            instruction: instruction.clone(),
            shape,
            film: film.clone(),
        };
        Ok(OutboxEntry {
            subject: subject::work(&task),
            payload: serde_json::to_string(&Envelope::new(brief.clone(), input))?,
        })
    });
    Ok(NewPass {
        job: brief.id,
        run: brief.run,
        base,
        from,
        clips: prompts.clips.len() as u32 * shapes,
        begin: OutboxEntry {
            subject: subject::event(&begin),
            payload: serde_json::to_string(&begin)?,
        },
        tasks: tasks.collect::<Result<_, serde_json::Error>>()?,
        anew,
    })
}

/// What the film of a pass was joined of.
async fn composed(app: &App, job: JobId, run: RunNumber) -> Result<Composed, ApiError> {
    const DOING: &str = "reading what a film is made of";
    let key = ArtifactKey::of_job(job, &format!("run-{run}/{COMPOSED}"));
    let bytes = app.artifacts.read(&key.or_internal(DOING)?).await;
    let bytes = match bytes {
        Err(ArtifactError::NotFound { .. }) => return Err(ApiError::FilmGone),
        bytes => bytes.or_unavailable(DOING)?,
    };
    serde_json::from_slice(&bytes).or_internal(DOING)
}

async fn load<T: serde::de::DeserializeOwned>(
    app: &App,
    stored: &Stored<T>,
) -> Result<T, ApiError> {
    match app.artifacts.get_json(stored).await {
        Err(error) if error.is_lasting() => Err(ApiError::FilmGone),
        document => document.or_unavailable("reading the instructions of a film"),
    }
}

/// Two requests at once may write for the same pass; one of them will begin it. So each document is named
/// by what is in it.
async fn store<T: Serialize>(
    app: &App,
    brief: &JobBrief,
    name: &str,
    document: &T,
) -> Result<Stored<T>, ApiError> {
    use sha2::{Digest, Sha256};
    const DOING: &str = "storing the documents of a pass";
    let bytes = serde_json::to_vec(document).or_internal(DOING)?;
    let digest = hex::encode(Sha256::digest(&bytes));
    let digest = digest.get(..16).unwrap_or(&digest);
    let name = format!("run-{}/{name}-{digest}.json", brief.run);
    let key = ArtifactKey::of_job(brief.id, &name).or_internal(DOING)?;
    let stored = app.artifacts.put_bytes(&key, bytes.into()).await;
    Ok(Stored::new(stored.or_unavailable(DOING)?))
}

/// A version of a film.
#[derive(Serialize, ToSchema)]
pub(crate) struct VersionView {
    /// The pass that made it.
    #[schema(value_type = u32)]
    run: RunNumber,
    #[schema(value_type = schema::JobStatus)]
    status: JobStatus,
    /// Whether it is the one that is shown.
    selected: bool,
    /// The version that it changes; null for the first.
    #[schema(value_type = Option<u32>)]
    base: Option<RunNumber>,
    /// The clips that were made anew; null where all were made.
    #[schema(value_type = Option<Vec<u32>>)]
    clips: Option<Vec<ClipIndex>>,
    video_url: Option<String>,
    poster_url: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    completed_at: Option<OffsetDateTime>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct VersionList {
    versions: Vec<VersionView>,
}

impl VersionList {
    fn of(app: &App, job: &Job, versions: Vec<Version>) -> Self {
        let shown = job.state.film.as_ref().map(|film| film.run);
        let link = |artifact: &ArtifactRef| view::link(app, artifact, Disposition::Inline);
        let versions = versions.into_iter().map(|version| VersionView {
            run: version.run,
            // What is under way stands in the job.
            status: if version.run == job.brief.run {
                job.state.status
            } else {
                version.status
            },
            selected: version.film.is_some() && Some(version.run) == shown,
            base: version.base,
            clips: version.anew,
            video_url: version.film.as_ref().map(|film| link(&film.video)),
            poster_url: version.film.as_ref().map(|film| link(&film.poster)),
            created_at: version.created_at,
            completed_at: version.completed_at,
        });
        Self {
            versions: versions.collect(),
        }
    }
}

/// The versions of a job's film, the first first. Each stays until the job is removed.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{job_id}/versions",
    operation_id = "listVersions",
    tag = "jobs",
    params(("job_id" = String, Path, format = "uuid", description = "The job.")),
    responses((status = 200, description = "Its passes that have ended, and the later ones that have not.", body = VersionList)),
    security(("bearer" = []))
)]
pub(crate) async fn list(
    State(app): State<App>,
    user: CurrentUser,
    JobPath(id): JobPath,
) -> Result<Json<VersionList>, ApiError> {
    let job = app.job_of(user, id).await?;
    let versions = app.store.versions(id).await;
    let versions = versions.or_unavailable("reading the versions of a film")?;
    Ok(Json(VersionList::of(&app, &job, versions)))
}

/// Shows a version of a job's film instead of another: links, download and playlist are of that one then.
#[utoipa::path(
    post,
    path = "/api/v1/jobs/{job_id}/versions/{run}/select",
    operation_id = "selectVersion",
    tag = "jobs",
    params(
        ("job_id" = String, Path, format = "uuid", description = "The job."),
        ("run" = u32, Path, description = "The pass that made the version.")
    ),
    responses((status = 200, description = "It is shown; the list says so.", body = VersionList)),
    security(("bearer" = []))
)]
pub(crate) async fn select(
    State(app): State<App>,
    user: CurrentUser,
    Path((id, run)): Path<(String, String)>,
) -> Result<Json<VersionList>, ApiError> {
    const DOING: &str = "choosing a version of a film";
    let id: JobId = id.parse().map_err(|_| ApiError::JobNotFound)?;
    let job = app.job_of(user, id).await?;
    let run: RunNumber = run.parse().map_err(|_| ApiError::NotFound)?;
    let film = version_of(&app, id, run).await?.film;
    let film = film.ok_or(ApiError::NotFound)?;
    let event = Event {
        job_id: id,
        run: job.brief.run,
        timestamp: OffsetDateTime::now_utc(),
        body: EventBody::VersionSelected {
            version: run,
            video: film.video,
            poster: film.poster,
            report: film.report,
            others: film.others,
        },
    };
    let payload = serde_json::to_vec(&event).or_internal(DOING)?;
    let message = uuid::Uuid::new_v4().simple().to_string();
    let subject = subject::event(&event);
    let sequence = nats::publish::append(&app.jetstream, subject, payload.into(), &message).await;
    let sequence = sequence.or_unavailable(DOING)?;
    let mut position = app.position.clone();
    let shown = position.wait_for(|position| *position >= sequence);
    if tokio::time::timeout(ROW_PATIENCE, shown).await.is_err() {
        tracing::warn!(job.id = %id, "the row of a job is late to show the version that was chosen");
    }
    list(State(app), user, JobPath(id)).await
}

/// A version that has a film.
async fn version_of(app: &App, job: JobId, run: RunNumber) -> Result<Version, ApiError> {
    let versions = app.store.versions(job).await;
    let versions = versions.or_unavailable("reading the versions of a film")?;
    let has_film = |version: &Version| version.run == run && version.film.is_some();
    versions
        .into_iter()
        .find(has_film)
        .ok_or_else(|| refused("version", format!("there is no film of pass {run}")))
}
