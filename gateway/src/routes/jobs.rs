//! `GET /api/v1/jobs` and `GET /api/v1/jobs/{id}`.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use model::job::JobStatus;
use serde::Serialize;

use crate::app::App;
use crate::auth::CurrentUser;
use crate::error::{ApiError, OrFault};
use crate::extract::{JobPath, Parameters};
use crate::view::JobView;

/// A job's links are for its owner and change with every answer.
type Private<T> = ([(HeaderName, HeaderValue); 1], Json<T>);

fn private<T>(body: T) -> Private<T> {
    let directive = HeaderValue::from_static("private, no-cache");
    ([(header::CACHE_CONTROL, directive)], Json(body))
}

/// One job.
pub(crate) async fn show(
    State(app): State<App>,
    user: CurrentUser,
    JobPath(id): JobPath,
) -> Result<Private<JobView>, ApiError> {
    let job = app.job_of(user, id).await?;
    Ok(private(JobView::of(&app, &job)))
}

#[derive(Serialize)]
pub(crate) struct JobList {
    jobs: Vec<JobView>,
    total: u64,
    limit: u32,
    offset: u32,
}

/// The user's jobs, newest first: `?status=`, `?limit=` 1–50 (10), `?offset=` (0).
pub(crate) async fn list(
    State(app): State<App>,
    user: CurrentUser,
    parameters: Parameters,
) -> Result<Private<JobList>, ApiError> {
    let status = match parameters.get("status") {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| unknown_status())?),
    };
    let limit = parameters.number("limit", 1..=50, 10)?;
    let offset = parameters.number("offset", 0..=1_000_000, 0)?;
    let page = app
        .store
        .jobs_of(user.id, status, limit, offset)
        .await
        .or_unavailable("listing jobs")?;
    Ok(private(JobList {
        jobs: page.jobs.iter().map(|job| JobView::of(&app, job)).collect(),
        total: page.total,
        limit,
        offset,
    }))
}

fn unknown_status() -> ApiError {
    let names = JobStatus::ALL.map(JobStatus::name).join(", ");
    ApiError::InvalidField {
        field: "status",
        detail: format!("status must be one of {names}"),
    }
}
