//! `POST /api/v1/jobs/{id}/fork`: a clip of a finished film made anew, and the film with it.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::clip::{ClipPrompts, Clips};
use model::film::{COMPOSED, Composed};
use model::handoff::{Base, Instructed};
use model::job::JobStatus;
use model::{ArtifactKey, ClipIndex, JobBrief, JobId, RunNumber, StageKind, Stored, Usd};
use runtime::ArtifactError;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::CurrentUser;
use crate::error::{ApiError, OrFault};
use crate::extract::{JobPath, JsonBody};
use crate::fork::{self, pass, refused};
use crate::idempotency::{self, Turn};
use crate::job::Job;
use crate::openapi::schema;
use crate::routes::versions;
use crate::store::{KeyClaim, KeyOf, NewPass};

/// Passes that a job may have. Each keeps a film.
const MOST: u32 = 100;
/// What its idempotency keys are kept under.
const ROUTE: &str = "POST /api/v1/jobs/{id}/fork";

/// Which clip is to be made anew, and how.
#[derive(Deserialize, Serialize, ToSchema)]
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

/// A pass that has begun, and what is kept of it for the same request with the same idempotency key.
#[derive(Serialize, Deserialize, ToSchema)]
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
    params(
        ("job_id" = String, Path, format = "uuid", description = "The job."),
        ("Idempotency-Key" = Option<String>, Header, description = "Sent again with the same body it gives the first answer again, for 24 hours, also while the pass runs.")
    ),
    request_body = ForkRequest,
    responses((status = 202, description = "The next pass of the job has begun.", body = Forked, headers(("Location" = String)))),
    security(("bearer" = []))
)]
pub(crate) async fn fork(
    State(app): State<App>,
    user: CurrentUser,
    JobPath(id): JobPath,
    headers: HeaderMap,
    JsonBody(asked): JsonBody<ForkRequest>,
) -> Result<Response, ApiError> {
    const DOING: &str = "beginning a pass of a job";
    let job = app.job_of(user, id).await?;
    let key = idempotency::key_of(&headers)?.map(|key| KeyOf {
        user: user.id,
        route: ROUTE,
        key,
    });
    // A task of its own: a client that hangs up must not leave half a pass behind.
    let beginning = app.tasks.spawn({
        let app = app.clone();
        async move {
            match key {
                None => Ok((begin(&app, job, asked, None).await?, false)),
                Some(key) => begin_once(&app, job, asked, key).await,
            }
        }
    });
    let (forked, replayed) = beginning.await.or_internal(DOING)??;
    let location = HeaderValue::try_from(forked.status_url.clone()).or_internal(DOING)?;
    let mut response = (StatusCode::ACCEPTED, Json(forked)).into_response();
    response.headers_mut().insert(header::LOCATION, location);
    if replayed {
        let yes = HeaderValue::from_static("true");
        response.headers_mut().insert(&idempotency::REPLAYED, yes);
    }
    Ok(response)
}

/// The pass, and whether it began at an earlier request with this key.
async fn begin_once(
    app: &App,
    job: Job,
    asked: ForkRequest,
    key: KeyOf,
) -> Result<(Forked, bool), ApiError> {
    const DOING: &str = "reading what was answered before";
    let body = serde_json::to_string(&asked).or_internal("reading a request")?;
    let fingerprint = idempotency::fingerprint_of(&[&job.brief.id.to_string(), &body]);
    let claim = match idempotency::turn(app, key, &fingerprint).await? {
        Turn::Ours(claim) => claim,
        Turn::Replayed(kept) => return Ok((serde_json::from_str(&kept).or_internal(DOING)?, true)),
    };
    let beginning = begin(app, job, asked, Some(&claim));
    let forked = idempotency::held(app, &claim, beginning).await?;
    Ok((forked, false))
}

/// The pass whose film is to be changed; refused where there is none, or the job runs.
async fn base_of(app: &App, job: &Job, asked: &ForkRequest) -> Result<RunNumber, ApiError> {
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
    match asked.version.map(RunNumber) {
        Some(version) => Ok(versions::version_of(app, job.brief.id, version).await?.run),
        None => Ok(shown),
    }
}

async fn begin(
    app: &App,
    job: Job,
    asked: ForkRequest,
    claim: Option<&KeyClaim>,
) -> Result<Forked, ApiError> {
    const DOING: &str = "beginning a pass of a job";
    let base = base_of(app, &job, &asked).await?;
    let composed = composed(app, job.brief.id, base).await?;
    let prompts: ClipPrompts = load(app, &composed.film.prompts).await?;
    let patch = asked.patch.unwrap_or_default();
    let (prompts, anew) = fork::patched(&prompts, ClipIndex(asked.clip), &patch)?;
    let mut brief = job.brief.clone();
    brief.run = RunNumber(job.brief.run.0.saturating_add(1));
    let before = Clips {
        clips: composed.clips,
    };
    let film = Instructed {
        base: Some(Base {
            clips: store(app, &brief, "before", &before).await?,
            anew: anew.clone(),
        }),
        prompts: store(app, &brief, "prompts", &prompts).await?,
        ..composed.film
    };
    let pass = pass::of(&brief, (base, anew), &prompts, &film).or_internal(DOING)?;
    let forked = Forked::of(&pass);
    let answer = serde_json::to_string(&forked).or_internal(DOING)?;
    let keyed = claim.map(|claim| (claim, answer.as_str()));
    let now = OffsetDateTime::now_utc();
    let begun = app.store.begin_pass(&pass, keyed, now).await;
    let begun = begun.or_unavailable(DOING)?;
    begun.ok_or(ApiError::StillRunning(JobStatus::Processing))?;
    app.wake_relay.notify_one();
    Ok(forked)
}

impl Forked {
    fn of(pass: &NewPass) -> Self {
        let url = format!("/api/v1/jobs/{}", pass.job);
        Self {
            job_id: pass.job,
            run: pass.run,
            base: pass.base,
            from: pass.from,
            clips: pass.anew.clone(),
            status: JobStatus::Queued,
            // Clips are drawn by the built-in renderer.
            estimated_cost: Usd::ZERO,
            stream_url: format!("{url}/stream"),
            cancel_url: format!("{url}/cancel"),
            status_url: url,
        }
    }
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
