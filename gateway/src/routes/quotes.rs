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
use crate::intake::options::{Options, refused};
use crate::openapi::schema;
use crate::prices;

/// Words that are sent cost nothing: what is longer is for the upload.
const LONGEST_LYRICS: usize = 16_000;

/// What is to be quoted: a length, and the options of an upload that have a price.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuoteRequest {
    /// Length of the song in seconds.
    duration: f64,
    #[schema(value_type = Option<schema::Resolution>)]
    resolution: Option<String>,
    #[schema(value_type = Option<schema::AspectRatio>)]
    aspect_ratio: Option<String>,
    /// Further shapes in which the film is made, with commas between.
    #[schema(max_length = 64, example = "9:16,1:1")]
    outputs: Option<String>,
    #[schema(value_type = Option<schema::FrameRate>)]
    fps: Option<String>,
    #[schema(value_type = Option<schema::Quality>)]
    quality: Option<String>,
    /// `transcribe` where the words are to be heard by a provider; words that you send cost nothing.
    #[schema(max_length = 16000)]
    lyrics: Option<String>,
    /// What the job may cost at most, in dollars: the limit of this gateway or less.
    #[schema(minimum = 0)]
    max_cost: Option<f64>,
}

impl QuoteRequest {
    /// The options among it, checked as an upload's are.
    fn options(&self) -> Result<Options, ApiError> {
        let mut options = Options::default();
        for (name, text) in [
            ("resolution", &self.resolution),
            ("aspect_ratio", &self.aspect_ratio),
            ("outputs", &self.outputs),
            ("fps", &self.fps),
            ("quality", &self.quality),
        ] {
            if let Some(text) = text {
                options.take(name, text)?;
            }
        }
        if let Some(text) = &self.lyrics {
            if text.chars().count() > LONGEST_LYRICS {
                let rule = format_args!(
                    "a quote takes at most {LONGEST_LYRICS} characters of lyrics; words that you send cost \
                     nothing, and may be left out"
                );
                return Err(refused("lyrics", &rule));
            }
            options.take_lyrics(text.as_bytes())?;
        }
        if let Some(dollars) = self.max_cost {
            let amount = Usd::of_dollars(dollars);
            let wrong = || refused("max_cost", &"max_cost is an amount of dollars, 0 or more");
            options.max_cost = Some(amount.ok_or_else(wrong)?);
        }
        Ok(options)
    }
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
    /// What the job may cost at most.
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
    let options = request.options()?;
    options.check(&app.prices)?;
    let limit = options.budget(app.prices.limit)?;
    let duration = Seconds(request.duration);
    let estimated_cost = app.prices.estimate(duration, &options);
    let quota = app.limiter.look(user).await?;
    let mut response = Json(Quote {
        duration,
        estimated_cost,
        limit,
        within_limit: prices::check(estimated_cost, limit).is_ok(),
    })
    .into_response();
    quota.write(response.headers_mut());
    Ok(response)
}
