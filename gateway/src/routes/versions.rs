//! The versions of a film, which forks make: `GET /api/v1/jobs/{id}/versions` and
//! `POST /api/v1/jobs/{id}/versions/{run}/select`.

use axum::Json;
use axum::extract::{Path, State};
use model::job::JobStatus;
use model::{ArtifactRef, ClipIndex, Event, EventBody, JobId, RunNumber};
use nats::subject;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::CurrentUser;
use crate::error::{ApiError, OrFault};
use crate::extract::JobPath;
use crate::fork::refused;
use crate::job::Job;
use crate::openapi::schema;
use crate::signed_url::Disposition;
use crate::store::Version;
use crate::view;

/// How long an answer waits for the row to show the version that was chosen.
const ROW_PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);

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
pub(super) async fn version_of(app: &App, job: JobId, run: RunNumber) -> Result<Version, ApiError> {
    let versions = app.store.versions(job).await;
    let versions = versions.or_unavailable("reading the versions of a film")?;
    let has_film = |version: &Version| version.run == run && version.film.is_some();
    versions
        .into_iter()
        .find(has_film)
        .ok_or_else(|| refused("version", format!("there is no film of pass {run}")))
}
