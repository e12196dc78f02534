//! `GET /api/v1/jobs` and `GET /api/v1/jobs/{id}`.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::film::FilmReport;
use model::job::JobStatus;
use model::{ArtifactRef, JobId, Stored};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::CurrentUser;
use crate::error::{ApiError, OrFault};
use crate::extract::{JobPath, Parameters};
use crate::job::Job;
use crate::openapi::schema;
use crate::preferences::{Wait, is_known};
use crate::store::{Page, Queue};
use crate::view::{self, JobView, Reports};

/// For how long a job that has not changed is answered with 304: its links must not run out meanwhile.
const LINKS_KEPT: i64 = 30 * 60;
const JSON: &str = "application/json";

/// One job. `If-None-Match` gets 304 while nothing has changed; `Prefer: wait` holds the answer until
/// something has, or without a tag until the job has ended.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{job_id}",
    operation_id = "getJob",
    tag = "jobs",
    params(
        ("job_id" = String, Path, format = "uuid", description = "The job."),
        ("If-None-Match" = Option<String>, Header, description = "An ETag of this job."),
        ("Prefer" = Option<String>, Header, description = "`wait=30` holds the answer, up to 60 s.")
    ),
    responses(
        (status = 200, description = "The whole state of the job.", body = JobView, headers(("ETag" = String))),
        (status = 304, description = "Nothing has changed.")
    ),
    security(("bearer" = []))
)]
pub(crate) async fn show(
    State(app): State<App>,
    user: CurrentUser,
    JobPath(id): JobPath,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let wait = Wait::of(&headers);
    let job = match wait {
        None => app.shared_job_of(user.id, id).await?,
        Some(wait) => {
            let has_tag = headers.contains_key(header::IF_NONE_MATCH);
            let wanted = |job: &Job| {
                job.state.status.is_terminal() || (has_tag && !is_known(&headers, &etag(job, None)))
            };
            wait.for_job(&app, (user.id, id), wanted).await?
        }
    };
    let queue = queue_of(&app, &job).await?;
    // Held answers are compared without the place in the queue, which changes with other jobs.
    let tag = etag(&job, queue.filter(|_| wait.is_none()));
    let mut response = if is_known(&headers, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let body = body_of(&app, &job, queue).await?;
        ([(header::CONTENT_TYPE, JSON)], body).into_response()
    };
    add_headers(response.headers_mut(), Some(&tag));
    if let Some(wait) = wait {
        wait.applied(&mut response);
    }
    Ok(response)
}

/// The job as JSON. Of one that is being made it is rendered once for all who poll; a place in the queue moves
/// with other jobs, and the links of a film are good for an hour from now.
async fn body_of(app: &App, job: &Arc<Job>, queue: Option<Queue>) -> Result<Bytes, ApiError> {
    let is_shared = queue.is_none() && job.state.film.is_none();
    if let Some(body) = app.rendered.of(job).filter(|_| is_shared) {
        return Ok(body);
    }
    let reports = reports_of(app, job).await?;
    let view = JobView::of(app, job).with_queue(queue);
    let view = view.with_film(app, job, &reports);
    let body: Bytes = serde_json::to_vec(&view)
        .or_internal("writing a job as JSON")?
        .into();
    if is_shared {
        app.rendered.keep(job, &body);
    }
    Ok(body)
}

/// What was measured of a finished job's films.
async fn reports_of(app: &App, job: &Job) -> Result<Reports, ApiError> {
    let Some(film) = &job.state.film else {
        return Ok(Reports::default());
    };
    let mut others = Vec::with_capacity(film.others.len());
    for other in &film.others {
        others.push((other.clone(), report_of(app, &other.report).await?));
    }
    Ok(Reports {
        own: report_of(app, &film.report).await?,
        others,
    })
}

/// A report, if it still lies in the store.
async fn report_of(app: &App, report: &ArtifactRef) -> Result<Option<FilmReport>, ApiError> {
    match app.artifacts.get_json(&Stored::new(report.clone())).await {
        Ok(report) => Ok(Some(report)),
        Err(error) if error.is_lasting() => Ok(None),
        Err(error) => Err(error).or_unavailable("reading a film's report"),
    }
}

/// A waiting job's place.
pub(crate) async fn queue_of(app: &App, job: &Job) -> Result<Option<Queue>, ApiError> {
    if job.state.status != JobStatus::Queued {
        return Ok(None);
    }
    let queue = app.store.queue_of(job).await;
    Ok(Some(queue.or_unavailable("counting the queue")?))
}

/// Names what an answer shows; another job state, place or set of links has another name.
fn etag(job: &Job, queue: Option<Queue>) -> String {
    let state = &job.state;
    let changed = state.updated_at.unix_timestamp_nanos() / 1_000_000;
    let has_links = state.film.is_some() || view::is_played(job);
    let links = if has_links {
        OffsetDateTime::now_utc().unix_timestamp() / LINKS_KEPT
    } else {
        0
    };
    let (place, wait) = queue.map_or((0, 0.0), |queue| {
        (queue.position, queue.estimated_wait.unwrap_or(0.0))
    });
    let (id, sequence) = (job.brief.id, state.last_sequence);
    format!("W/\"{id}-{sequence}-{changed}-{links}-{place}-{wait}\"")
}

/// A job is for its owner only, and is asked for anew each time.
fn add_headers(headers: &mut HeaderMap, etag: Option<&str>) {
    let directive = HeaderValue::from_static("private, no-cache");
    headers.insert(header::CACHE_CONTROL, directive);
    headers.insert(
        header::VARY,
        HeaderValue::from_static("authorization, prefer"),
    );
    if let Some(Ok(etag)) = etag.map(HeaderValue::try_from) {
        headers.insert(header::ETAG, etag);
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct JobList {
    jobs: Vec<JobView>,
    /// On all pages.
    total: u64,
    limit: u32,
    offset: u32,
    /// For `?cursor=`: what comes behind this page; null on the last.
    next_cursor: Option<String>,
}

/// The user's jobs, newest first: `?status=`, `?limit=` 1–50 (10), and `?offset=` (0) or `?cursor=`.
#[utoipa::path(
    get,
    path = "/api/v1/jobs",
    operation_id = "listJobs",
    tag = "jobs",
    params(
        ("status" = Option<schema::JobStatus>, Query, description = "Only jobs of this status."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 50, description = "Jobs a page (10)."),
        ("offset" = Option<u32>, Query, minimum = 0, maximum = 1000000, description = "Jobs to pass over (0)."),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before; instead of an offset.")
    ),
    responses((status = 200, description = "A page of your jobs, newest first.", body = JobList, headers(("Link" = String)))),
    security(("bearer" = []))
)]
pub(crate) async fn list(
    State(app): State<App>,
    user: CurrentUser,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let status = match parameters.get("status") {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| unknown_status())?),
    };
    let after = parameters.get("cursor").map(read_cursor).transpose()?;
    if after.is_some() && parameters.get("offset").is_some() {
        return Err(ApiError::InvalidField {
            field: "cursor",
            detail: "give either a cursor or an offset".to_owned(),
        });
    }
    let page = Page {
        status,
        limit: parameters.number("limit", 1..=50, 10)?,
        offset: parameters.number("offset", 0..=1_000_000, 0)?,
        after,
    };
    let found = app
        .store
        .jobs_of(user.id, &page)
        .await
        .or_unavailable("listing jobs")?;
    let mut jobs = Vec::with_capacity(found.jobs.len());
    for job in &found.jobs {
        let queue = queue_of(&app, job).await?;
        jobs.push(JobView::of(&app, job).with_queue(queue));
    }
    let next_cursor = found.jobs.last().filter(|_| found.has_more).map(cursor);
    let links = links(&page, next_cursor.as_deref());
    let list = JobList {
        jobs,
        total: found.total,
        limit: page.limit,
        offset: page.offset,
        next_cursor,
    };
    let mut response = Json(list).into_response();
    add_headers(response.headers_mut(), None);
    if let Ok(links) = HeaderValue::try_from(links) {
        response.headers_mut().insert(header::LINK, links);
    }
    Ok(response)
}

/// RFC 8288: where the first page and the next one are.
fn links(page: &Page, next: Option<&str>) -> String {
    let status = page.status.map(JobStatus::name);
    let filter = status.map_or(String::new(), |status| format!("&status={status}"));
    let first = format!("/api/v1/jobs?limit={}{filter}", page.limit);
    match next {
        Some(cursor) => {
            format!("<{first}&cursor={cursor}>; rel=\"next\", <{first}>; rel=\"first\"")
        }
        None => format!("<{first}>; rel=\"first\""),
    }
}

/// The place behind a job, as a word.
fn cursor(job: &Job) -> String {
    let created = job.created_at.unix_timestamp_nanos() / 1_000_000;
    URL_SAFE_NO_PAD.encode(format!("{created}.{}", job.brief.id))
}

fn read_cursor(text: &str) -> Result<(i64, String), ApiError> {
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (created, id) = std::str::from_utf8(&bytes).ok()?.split_once('.')?;
        let id: JobId = id.parse().ok()?;
        Some((created.parse().ok()?, id.to_string()))
    };
    read().ok_or_else(|| ApiError::InvalidField {
        field: "cursor",
        detail: "cursor must be the next_cursor of another page".to_owned(),
    })
}

fn unknown_status() -> ApiError {
    let names = JobStatus::ALL.map(JobStatus::name).join(", ");
    ApiError::InvalidField {
        field: "status",
        detail: format!("status must be one of {names}"),
    }
}
