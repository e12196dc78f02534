//! `GET /api/v1/films/{job}/{run}/{ticket}/…`: a film and what was made of it, under one signed folder, so
//! that names within a playlist or a storyboard need no signature of their own.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use model::{ArtifactKey, JobId, RunNumber};
use time::OffsetDateTime;

use crate::app::App;
use crate::error::ApiError;
use crate::routes::files;
use crate::signed_url::Disposition;
use crate::streaming;

/// A file of a film's signed folder: `playlist.m3u8` is what can be played of it so far.
///
/// The playlist follows HLS (RFC 8216): it grows by a segment for each clip that is made, and ends with
/// `#EXT-X-ENDLIST` once all are there. Not found before the first clip is made.
#[utoipa::path(
    get,
    path = "/api/v1/films/{job_id}/{run}/{ticket}/{name}",
    operation_id = "getFilmPart",
    tag = "files",
    params(
        ("job_id" = String, Path, format = "uuid", description = "The job."),
        ("run" = u32, Path, description = "Its pass."),
        ("ticket" = String, Path, description = "What `playlist_url` has in this place; good for an hour."),
        ("name" = String, Path, description = "`playlist.m3u8`, `init.mp4`, or a segment as the playlist names it.")
    ),
    responses((status = 200, description = "The file.", content_type = "*/*"))
)]
pub(crate) async fn part(
    State(app): State<App>,
    Path((job, run, ticket, name)): Path<(String, String, String, String)>,
) -> Result<Response, ApiError> {
    let (job, run) = allowed(&app, &job, &run, &ticket)?;
    let (body, length, media_type, keep): (Body, _, _, _) = match name.as_str() {
        "playlist.m3u8" => {
            let text = app.streams.playlist(job, run).await?;
            let length = text.len() as u64;
            (
                text.into(),
                length,
                "application/vnd.apple.mpegurl",
                "no-store",
            )
        }
        "init.mp4" => {
            let bytes = app.streams.initialisation(job, run).await?;
            let length = bytes.len() as u64;
            (bytes.into(), length, "video/mp4", KEPT)
        }
        name => {
            let number = streaming::number_of(name).ok_or(ApiError::NotFound)?;
            let (body, length) = app.streams.segment((job, run), number).await?;
            (body, length, "video/iso.segment", KEPT)
        }
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    guard(headers, media_type, keep);
    Ok(response)
}

/// A file that was made of a finished film, by the name that others of the folder know it by.
#[utoipa::path(
    get,
    path = "/api/v1/films/{job_id}/{run}/{ticket}/outputs/{name}",
    operation_id = "getFilmOutput",
    tag = "files",
    params(
        ("job_id" = String, Path, format = "uuid", description = "The job."),
        ("run" = u32, Path, description = "Its pass."),
        ("ticket" = String, Path, description = "As in the links of the job's `outputs`; good for an hour."),
        ("name" = String, Path, description = "The file's name.")
    ),
    responses(
        (status = 200, description = "The whole file.", content_type = "*/*"),
        (status = 206, description = "A part of it.", content_type = "*/*"),
    )
)]
pub(crate) async fn output(
    State(app): State<App>,
    Path((job, run, ticket, name)): Path<(String, String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (job, run) = allowed(&app, &job, &run, &ticket)?;
    let key = ArtifactKey::of_job(job, &format!("run-{run}/outputs/{name}"));
    let key = key.map_err(|_| ApiError::NotFound)?;
    files::serve(&app, &key, Disposition::Inline, &headers).await
}

/// The same of a film in another shape than the job's own.
#[utoipa::path(
    get,
    path = "/api/v1/films/{job_id}/{run}/{ticket}/{shape}/outputs/{name}",
    operation_id = "getShapedFilmOutput",
    tag = "files",
    params(
        ("job_id" = String, Path, format = "uuid", description = "The job."),
        ("run" = u32, Path, description = "Its pass."),
        ("ticket" = String, Path, description = "As in the links of the film's `outputs`; good for an hour."),
        ("shape" = String, Path, description = "Width and height: `480x854`."),
        ("name" = String, Path, description = "The file's name.")
    ),
    responses(
        (status = 200, description = "The whole file.", content_type = "*/*"),
        (status = 206, description = "A part of it.", content_type = "*/*"),
    )
)]
pub(crate) async fn output_of_shape(
    State(app): State<App>,
    Path((job, run, ticket, shape, name)): Path<(String, String, String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (job, run) = allowed(&app, &job, &run, &ticket)?;
    let key = ArtifactKey::of_job(job, &format!("run-{run}/{shape}/outputs/{name}"));
    let key = key.map_err(|_| ApiError::NotFound)?;
    files::serve(&app, &key, Disposition::Inline, &headers).await
}

const KEPT: &str = "private, max-age=3600";

fn allowed(app: &App, job: &str, run: &str, ticket: &str) -> Result<(JobId, RunNumber), ApiError> {
    let job: JobId = job.parse().map_err(|_| ApiError::LinkInvalid)?;
    let run: RunNumber = run.parse().map_err(|_| ApiError::LinkInvalid)?;
    let is_good = app
        .signer
        .verify_folder((job, run), ticket, OffsetDateTime::now_utc());
    if is_good {
        Ok((job, run))
    } else {
        Err(ApiError::LinkInvalid)
    }
}

fn guard(headers: &mut HeaderMap, media_type: &'static str, keep: &'static str) {
    for (name, value) in [
        (header::CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, keep),
        (
            header::CONTENT_SECURITY_POLICY,
            "sandbox; default-src 'none'",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // As for other files: the page may be opened by another name of this host than links are made with.
    headers.insert(
        "cross-origin-resource-policy",
        HeaderValue::from_static("cross-origin"),
    );
}
