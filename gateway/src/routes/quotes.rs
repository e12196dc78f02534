//! `POST /api/v1/quotes`: what a film will cost, before anything is uploaded.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use model::{Seconds, Usd};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::CurrentUser;
use crate::error::ApiError;
use crate::extract::JsonBody;

/// What is to be quoted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuoteRequest {
    /// Length of the song in seconds.
    duration: f64,
}

/// What it will cost.
#[derive(Serialize, ToSchema)]
pub(crate) struct Quote {
    /// Length of the song in seconds.
    #[schema(value_type = f64)]
    duration: Seconds,
    /// In dollars.
    #[schema(value_type = f64)]
    estimated_cost: Usd,
    /// What a job may cost at most.
    #[schema(value_type = f64)]
    limit: Usd,
    /// Whether an upload of that length would be accepted for its price.
    within_limit: bool,
}

/// Answers for what it would cost; nothing is kept, and no slot is taken. The headers say how many jobs
/// the user may still start.
#[utoipa::path(
    post,
    path = "/api/v1/quotes",
    operation_id = "quote",
    tag = "jobs",
    request_body = QuoteRequest,
    responses((status = 200, description = "What it would cost.", body = Quote,
               headers(("RateLimit" = String), ("RateLimit-Policy" = String)))),
    security(("bearer" = []))
)]
pub(crate) async fn quote(
    State(app): State<App>,
    user: CurrentUser,
    JsonBody(request): JsonBody<QuoteRequest>,
) -> Result<Response, ApiError> {
    let limits = app.config.song_limits;
    let range = limits.min_seconds..=limits.max_seconds;
    if !range.contains(&request.duration) {
        let (shortest, longest) = (range.start(), range.end());
        return Err(ApiError::InvalidField {
            field: "duration",
            detail: format!("songs of {shortest} to {longest} seconds are accepted"),
        });
    }
    let duration = Seconds(request.duration);
    let estimated_cost = app.prices.estimate(duration);
    let quota = app.limiter.look(user.id).await?;
    let mut response = Json(Quote {
        duration,
        estimated_cost,
        limit: app.prices.limit,
        within_limit: app.prices.check(estimated_cost).is_ok(),
    })
    .into_response();
    quota.write(response.headers_mut());
    Ok(response)
}
