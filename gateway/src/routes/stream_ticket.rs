//! `POST /api/v1/jobs/{id}/stream-ticket`.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::{CurrentUser, TICKET_LIFETIME};
use crate::error::ApiError;
use crate::extract::JobPath;

#[derive(Serialize, ToSchema)]
pub(crate) struct StreamTicket {
    ticket: String,
    expires_in: u64,
    stream_url: String,
}

/// A ticket to the job's stream.
///
/// For an `EventSource`, which cannot send a token.
#[utoipa::path(
    post,
    path = "/api/v1/jobs/{job_id}/stream-ticket",
    operation_id = "issueStreamTicket",
    tag = "events",
    params(("job_id" = String, Path, format = "uuid", description = "The job.")),
    responses((status = 200, description = "Good for a moment, for one stream of this job.", body = StreamTicket)),
    security(("bearer" = []))
)]
pub(crate) async fn issue(
    State(app): State<App>,
    user: CurrentUser,
    JobPath(id): JobPath,
) -> Result<([(HeaderName, HeaderValue); 1], Json<StreamTicket>), ApiError> {
    let job = app.job_of(user, id).await?.brief.id;
    let ticket = app.tickets.issue(user, job, OffsetDateTime::now_utc());
    let body = StreamTicket {
        stream_url: format!("{}/api/v1/jobs/{job}/stream?ticket={ticket}", app.base_url),
        expires_in: TICKET_LIFETIME.as_secs(),
        ticket,
    };
    let uncached = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((uncached, Json(body)))
}
