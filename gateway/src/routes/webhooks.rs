//! `GET /api/v1/jobs/{id}/webhooks`, its `…/{delivery}/resend`, and `/api/v1/webhook-secret`.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::CurrentUser;
use crate::error::{ApiError, OrFault};
use crate::extract::JobPath;
use crate::store::{Attempt, Delivery};
use crate::webhook;

#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryLog {
    deliveries: Vec<DeliveryView>,
}

#[derive(Serialize, ToSchema)]
struct DeliveryView {
    /// The header `webhook-id` of every attempt.
    id: String,
    #[serde(rename = "type")]
    kind: String,
    /// The pass whose end it tells.
    run: i64,
    url: String,
    /// `pending`, `delivered` or `failed`.
    status: String,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    created_at: OffsetDateTime,
    /// Of a pending one.
    #[serde(with = "time::serde::rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    next_attempt_at: Option<OffsetDateTime>,
    attempts: Vec<AttemptView>,
}

#[derive(Serialize, ToSchema)]
struct AttemptView {
    number: i64,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    at: OffsetDateTime,
    duration_ms: i64,
    /// Null where there was no answer.
    http_status: Option<i64>,
    error: Option<String>,
}

impl DeliveryView {
    fn of((delivery, attempts): (Delivery, Vec<Attempt>)) -> Result<Self, ApiError> {
        let is_pending = delivery.status == "pending";
        Ok(Self {
            next_attempt_at: is_pending.then(|| time(delivery.due_at)).transpose()?,
            created_at: time(delivery.created_at)?,
            id: delivery.id,
            kind: delivery.kind,
            run: delivery.run,
            url: delivery.url,
            status: delivery.status,
            attempts: attempts
                .into_iter()
                .map(AttemptView::of)
                .collect::<Result<_, _>>()?,
        })
    }
}

impl AttemptView {
    fn of(attempt: Attempt) -> Result<Self, ApiError> {
        Ok(Self {
            number: attempt.number,
            at: time(attempt.at)?,
            duration_ms: attempt.milliseconds,
            http_status: attempt.http_status,
            error: attempt.error,
        })
    }
}

fn time(millis: i64) -> Result<OffsetDateTime, ApiError> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
        .or_internal("reading the delivery log")
}

/// What the job's webhook was told, and what it answered.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{job_id}/webhooks",
    operation_id = "listWebhookDeliveries",
    tag = "webhooks",
    params(("job_id" = String, Path, format = "uuid", description = "The job.")),
    responses((status = 200, description = "What was told and what was answered.", body = DeliveryLog)),
    security(("bearer" = []))
)]
pub(crate) async fn log(
    State(app): State<App>,
    user: CurrentUser,
    JobPath(id): JobPath,
) -> Result<Json<DeliveryLog>, ApiError> {
    app.shared_job_of(user.id, id).await?;
    let found = app.store.deliveries_of(id).await;
    let found = found.or_unavailable("reading the delivery log")?;
    let deliveries = found.into_iter().map(DeliveryView::of);
    Ok(Json(DeliveryLog {
        deliveries: deliveries.collect::<Result<_, _>>()?,
    }))
}

/// Tells it once more, within a second.
#[utoipa::path(
    post,
    path = "/api/v1/jobs/{job_id}/webhooks/{delivery}/resend",
    operation_id = "resendWebhook",
    tag = "webhooks",
    params(
        ("job_id" = String, Path, format = "uuid", description = "The job."),
        ("delivery" = String, Path, description = "The delivery's id.")
    ),
    responses((status = 202, description = "It will be told within a second.")),
    security(("bearer" = []))
)]
pub(crate) async fn resend(
    State(app): State<App>,
    user: CurrentUser,
    Path((job, delivery)): Path<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let id = job.parse().map_err(|_| ApiError::JobNotFound)?;
    app.shared_job_of(user.id, id).await?;
    let now = OffsetDateTime::now_utc();
    let resent = app.store.resend(id, &delivery, now).await;
    if resent.or_unavailable("resending a webhook")? {
        Ok(StatusCode::ACCEPTED)
    } else {
        Err(ApiError::NotFound)
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct WebhookSecret {
    /// `whsec_` and base64.
    secret: String,
    /// Whether the secret before this one still signs as well: for a day after a rotation.
    previous_still_signs: bool,
}

/// What the user's webhooks are signed with.
#[utoipa::path(
    get,
    path = "/api/v1/webhook-secret",
    operation_id = "getWebhookSecret",
    tag = "webhooks",
    responses((status = 200, description = "What your webhooks are signed with.", body = WebhookSecret)),
    security(("bearer" = []))
)]
pub(crate) async fn secret(
    State(app): State<App>,
    user: CurrentUser,
) -> Result<Response, ApiError> {
    const DOING: &str = "reading a webhook secret";
    let now = OffsetDateTime::now_utc();
    let secrets = app
        .store
        .webhook_secrets(user.id, &webhook::new_secret(), now)
        .await
        .or_unavailable(DOING)?;
    let previous_still_signs = secrets.len() > 1;
    let secret = secrets.into_iter().next();
    let secret = secret.ok_or("there is none").or_internal(DOING)?;
    let mut response = Json(WebhookSecret {
        secret,
        previous_still_signs,
    })
    .into_response();
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Makes a new one; the one before signs beside it for a day.
#[utoipa::path(
    post,
    path = "/api/v1/webhook-secret/rotate",
    operation_id = "rotateWebhookSecret",
    tag = "webhooks",
    responses((status = 200, description = "The new secret.", body = WebhookSecret)),
    security(("bearer" = []))
)]
pub(crate) async fn rotate(
    State(app): State<App>,
    user: CurrentUser,
) -> Result<Response, ApiError> {
    let now = OffsetDateTime::now_utc();
    app.store
        .rotate_secret(user.id, &webhook::new_secret(), now)
        .await
        .or_unavailable("making a webhook secret")?;
    secret(State(app), user).await
}
