//! `GET /api/v1/jobs/{id}/download`.

use axum::Json;
use axum::extract::State;
use model::ArtifactRef;
use model::format::AspectRatio;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::CurrentUser;
use crate::error::{ApiError, OrFault};
use crate::extract::{JobPath, Parameters};
use crate::job::{FilmFiles, Job};
use crate::openapi::schema;
use crate::routes::files::own_link;
use crate::signed_url::{Disposition, LIFETIME, film_name};
use crate::view;

#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "the seed's names")]
pub(crate) struct Download {
    download_url: String,
    expires_in: u64,
    filename: String,
}

/// A link to the film that saves it under its name. 404 before there is one, 410 once it was removed.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{job_id}/download",
    operation_id = "getDownload",
    tag = "jobs",
    params(
        ("job_id" = String, Path, format = "uuid", description = "The job."),
        ("aspect_ratio" = Option<schema::AspectRatio>, Query, description = "The film in this of its `outputs`.")
    ),
    responses((status = 200, description = "A link to the film that needs no token, good for an hour.", body = Download)),
    security(("bearer" = []))
)]
pub(crate) async fn download(
    State(app): State<App>,
    user: CurrentUser,
    JobPath(id): JobPath,
    parameters: Parameters,
) -> Result<Json<Download>, ApiError> {
    let job = app.job_of(user, id).await?;
    let film = job
        .state
        .film
        .as_ref()
        .ok_or(ApiError::NoFilm(job.state.status))?;
    let video = match parameters.get("aspect_ratio") {
        Some(ratio) => of_shape(&job, film, ratio)?,
        None => &film.video,
    };
    let there = app
        .artifacts
        .head(&video.key)
        .await
        .or_unavailable("looking for a film")?;
    if there.is_none() {
        return Err(ApiError::FilmGone);
    }
    let own = own_link(&app, &video.key, Disposition::Attachment, LIFETIME).await?;
    let ours = || view::link(&app, video, Disposition::Attachment);
    Ok(Json(Download {
        download_url: own.unwrap_or_else(ours),
        expires_in: LIFETIME.as_secs(),
        filename: film_name(id),
    }))
}

/// The film in the shape that is asked for.
fn of_shape<'a>(job: &Job, film: &'a FilmFiles, ratio: &str) -> Result<&'a ArtifactRef, ApiError> {
    let wrong = |detail: String| ApiError::InvalidField {
        field: "aspect_ratio",
        detail,
    };
    let asked: AspectRatio = ratio.parse().map_err(|error| wrong(format!("{error}")))?;
    let is_asked = |size: model::format::FrameSize| {
        let options = job.brief.options.quality.asked_for(size);
        options.is_some_and(|(_, ratio)| ratio == asked)
    };
    if is_asked(job.brief.format.size) {
        return Ok(&film.video);
    }
    let other = film.others.iter().find(|other| is_asked(other.size));
    let other = other.ok_or_else(|| wrong(format!("the film was not made in {asked}")))?;
    Ok(&other.video)
}
