//! `POST /api/v1/upload-audio`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use model::job::JobStatus;
use model::{JobId, Usd};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::CurrentUser;
use crate::error::{ApiError, OrFault};
use crate::idempotency::{self, Turn};
use crate::intake::form::UploadForm;
use crate::intake::{self, Acceptance};
use crate::job::Job;
use crate::openapi::schema;
use crate::preferences::{self, Wait};
use crate::store::KeyOf;

/// The time in which a user's failed uploads are counted.
pub(crate) const FAILURES_WINDOW: Duration = Duration::from_hours(1);
/// What its idempotency keys are kept under.
const ROUTE: &str = "POST /api/v1/upload-audio";

/// The answer, and what is kept of it for the same request with the same idempotency key.
#[derive(Serialize, Deserialize, ToSchema)]
pub(crate) struct Accepted {
    #[schema(value_type = String, format = "uuid")]
    job_id: JobId,
    #[schema(value_type = schema::JobStatus)]
    status: JobStatus,
    #[schema(value_type = f64)]
    estimated_cost: Usd,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    created_at: OffsetDateTime,
    status_url: String,
    stream_url: String,
    cancel_url: String,
}

impl Accepted {
    pub(crate) fn of(job: &Job) -> Self {
        let url = format!("/api/v1/jobs/{}", job.brief.id);
        Self {
            job_id: job.brief.id,
            status: job.state.status,
            estimated_cost: job.estimated_cost,
            created_at: job.created_at,
            stream_url: format!("{url}/stream"),
            cancel_url: format!("{url}/cancel"),
            status_url: url,
        }
    }
}

/// Takes a song and a sentence, and answers 201 once the job cannot be lost any more. Every answer, also
/// a refusal, says how many jobs the user may still start.
#[utoipa::path(
    post,
    path = "/api/v1/upload-audio",
    operation_id = "uploadAudio",
    tag = "jobs",
    params(
        ("Idempotency-Key" = Option<String>, Header, description = "Sent again with the same form it gives the first answer again, for 24 hours."),
        ("Cancel-After" = Option<String>, Header, description = "Cancels the job if it has not ended after so long: 90s, 15m, 2h."),
        ("Prefer" = Option<String>, Header, description = "`wait=30` holds the answer until the job has ended, up to 60 s.")
    ),
    request_body(content = schema::Upload, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "Accepted: nothing of it can be lost any more.", body = Accepted,
         headers(("Location" = String), ("RateLimit" = String), ("RateLimit-Policy" = String)))
    ),
    security(("bearer" = []))
)]
pub(crate) async fn upload(
    State(app): State<App>,
    user: CurrentUser,
    request: Request,
) -> Result<Response, ApiError> {
    app.failed_uploads
        .check(&user.id, Instant::now())
        .map_err(ApiError::RefusedTooOften)?;
    let quota = app.limiter.look(user).await?;
    let key = idempotency::key_of(request.headers())?.map(|key| KeyOf {
        user: user.id,
        route: ROUTE,
        key,
    });
    let answered = match &key {
        Some(key) => app.store.has_key(key, OffsetDateTime::now_utc()).await,
        None => Ok(false),
    };
    // What was answered before takes no slot.
    if quota.remaining == 0 && !answered.or_unavailable("reading an idempotency key")? {
        return Err(ApiError::RateLimited(quota));
    }
    // A broker that keeps nothing would take this one's slot, perhaps, and not its work.
    if !app.storing.works().await {
        return Err("NATS takes no messages").or_unavailable("accepting a job");
    }
    let taken = take(&app, user, key, request).await;
    let mut response = taken.unwrap_or_else(IntoResponse::into_response);
    if is_failure(response.status()) {
        // This one is answered as it is; beyond the limit the next one is not read.
        let _counted = app.failed_uploads.add(user.id, Instant::now());
    }
    if !response.headers().contains_key("ratelimit") {
        quota.write(response.headers_mut());
    }
    Ok(response)
}

/// Whether an upload was work for nothing: no form as described, or no song.
fn is_failure(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::UNPROCESSABLE_ENTITY
    )
}

async fn take(
    app: &App,
    user: CurrentUser,
    key: Option<KeyOf>,
    request: Request,
) -> Result<Response, ApiError> {
    UploadForm::check(request.headers(), app.config.max_upload_bytes)?;
    let place = tokio::time::timeout(
        app.config.upload_patience,
        Arc::clone(&app.uploads).acquire_owned(),
    )
    .await
    .or_unavailable("waiting for a place among the uploads")?
    .or_internal("waiting for a place among the uploads")?;
    let headers = request.headers().clone();
    let mut form = UploadForm::receive(request, &app.config).await?;
    form.cancel_after = preferences::cancel_after(&headers)?;
    // A task of its own: a client that hangs up must not leave half an acceptance behind. The place
    // goes with it: what nobody waits for any more is still work.
    let accepting = app.tasks.spawn({
        let app = app.clone();
        async move {
            let _place = place;
            match key {
                None => intake::accept(app, user, form, None)
                    .await
                    .map(|accepted| Outcome::New(Box::new(accepted))),
                Some(key) => accept_once(app, user, key, form).await,
            }
        }
    });
    let outcome = accepting.await.or_internal("accepting a job")??;
    answer(app, user, &headers, outcome).await
}

/// What came of an upload.
enum Outcome {
    New(Box<Acceptance>),
    /// It was here before; so it was answered.
    Replayed(String),
}

async fn accept_once(
    app: App,
    user: CurrentUser,
    key: KeyOf,
    form: UploadForm,
) -> Result<Outcome, ApiError> {
    let fingerprint = form.fingerprint().await?;
    let claim = match idempotency::turn(&app, key, &fingerprint).await? {
        Turn::Ours(claim) => claim,
        Turn::Replayed(answer) => return Ok(Outcome::Replayed(answer)),
    };
    let accepting = intake::accept(app.clone(), user, form, Some(&claim));
    let accepted = idempotency::held(&app, &claim, accepting).await?;
    Ok(Outcome::New(Box::new(accepted)))
}

async fn answer(
    app: &App,
    user: CurrentUser,
    headers: &HeaderMap,
    outcome: Outcome,
) -> Result<Response, ApiError> {
    const DOING: &str = "answering an upload";
    let (mut body, quota, replayed) = match outcome {
        Outcome::New(accepted) => (Accepted::of(&accepted.job), Some(accepted.quota), false),
        Outcome::Replayed(kept) => (serde_json::from_str(&kept).or_internal(DOING)?, None, true),
    };
    let wait = Wait::of(headers);
    if let Some(wait) = wait {
        let ended = |job: &Job| job.state.status.is_terminal();
        let job = wait.for_job(app, (user.id, body.job_id), ended).await?;
        body.status = job.state.status;
    }
    let location = HeaderValue::try_from(body.status_url.clone()).or_internal(DOING)?;
    let mut response = (StatusCode::CREATED, Json(body)).into_response();
    response.headers_mut().insert(header::LOCATION, location);
    if let Some(wait) = wait {
        wait.applied(&mut response);
    }
    if replayed {
        let yes = HeaderValue::from_static("true");
        response.headers_mut().insert(&idempotency::REPLAYED, yes);
    }
    if let Some(quota) = quota {
        quota.write(response.headers_mut());
    }
    Ok(response)
}
