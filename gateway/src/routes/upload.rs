//! `POST /api/v1/upload-audio`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::job::JobStatus;
use model::{JobId, Usd};
use serde::Serialize;
use time::OffsetDateTime;

use crate::app::App;
use crate::auth::CurrentUser;
use crate::error::{ApiError, OrFault};
use crate::intake;
use crate::intake::form::UploadForm;

/// How long an upload waits while as many as may be are under way.
const PLACE_PATIENCE: Duration = Duration::from_secs(10);

#[derive(Serialize)]
struct Accepted {
    job_id: JobId,
    status: JobStatus,
    estimated_cost: Usd,
    #[serde(with = "time::serde::rfc3339")]
    created_at: OffsetDateTime,
}

/// Takes a song and a sentence, and answers 201 once the job cannot be lost any more.
pub(crate) async fn upload(
    State(app): State<App>,
    user: CurrentUser,
    request: Request,
) -> Result<Response, ApiError> {
    app.limiter.peek(user.id).await?;
    let place = tokio::time::timeout(PLACE_PATIENCE, Arc::clone(&app.uploads).acquire_owned())
        .await
        .or_unavailable("waiting for a place among the uploads")?
        .or_internal("waiting for a place among the uploads")?;
    let form = UploadForm::receive(request, app.config.max_upload_bytes).await?;
    // A task of its own: a client that hangs up must not leave half an acceptance behind. The place
    // goes with it: what nobody waits for any more is still work.
    let accepting = app.tasks.spawn({
        let app = app.clone();
        async move {
            let _place = place;
            intake::accept(app, user.id, form).await
        }
    });
    let (job, quota) = accepting.await.or_internal("accepting a job")??;

    let body = Accepted {
        job_id: job.brief.id,
        status: job.state.status,
        estimated_cost: job.estimated_cost,
        created_at: job.created_at,
    };
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    let location = format!("/api/v1/jobs/{}", job.brief.id);
    let location = HeaderValue::try_from(location).or_internal("naming a job")?;
    response.headers_mut().insert(header::LOCATION, location);
    quota.write(response.headers_mut());
    Ok(response)
}
