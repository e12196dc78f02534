//! Everything that a request can be refused for: one variant per problem that a client can act on.

use std::time::Duration;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use media::audio::AudioError;
use model::Usd;
use model::job::JobStatus;
use serde_json::{Map, Value, json};

use crate::problem::{self, Problem, ProblemType};
use crate::rate_limit::Quota;

/// The chain behind a failure of ours; it is logged and never told.
pub(crate) type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// No token.
    #[error("a bearer token is needed")]
    TokenMissing,
    /// A token that does not count, for whatever reason.
    #[error("the token is not valid")]
    TokenInvalid,
    /// A link that was changed, cut or is too old.
    #[error("this link is not valid or no longer valid")]
    LinkInvalid,
    /// No such job, or someone else's.
    #[error("there is no such job")]
    JobNotFound,
    /// The film is not made yet, or never will be.
    #[error("the job is {0}; there is no film to download")]
    NoFilm(JobStatus),
    /// The film was there and has been removed.
    #[error("the film has been removed")]
    FilmGone,
    /// Nothing is here.
    #[error("there is nothing here")]
    NotFound,
    /// Too late to cancel.
    #[error("the job is already {0}")]
    AlreadyFinished(JobStatus),
    /// Too early for another pass.
    #[error("the job is {0}; a film can be changed once it is there")]
    StillRunning(JobStatus),
    /// The first request with this idempotency key is still running.
    #[error("a request with this Idempotency-Key is still running")]
    KeyInUse,
    /// The idempotency key was used for something else.
    #[error("this Idempotency-Key was used for another request")]
    KeyReused,
    /// The client did not send its request in time.
    #[error("the request did not arrive in time")]
    RequestTimeout,
    /// More bytes than are accepted.
    #[error("the file is too large; at most {limit} bytes are accepted")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// A kind of content that is not accepted.
    #[error("{0}")]
    UnsupportedMediaType(&'static str),
    /// A request that cannot be read.
    #[error("{0}")]
    InvalidRequest(String),
    /// A field whose value is not accepted.
    #[error("{detail}")]
    InvalidField {
        /// The name of the field or parameter.
        field: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// A file that is not taken as a song.
    #[error("{0}")]
    Audio(AudioError),
    /// More than a job may cost.
    #[error("the film would cost {estimated}; a job may cost at most {limit}")]
    OverBudget {
        /// What it would cost.
        estimated: Usd,
        /// The limit.
        limit: Usd,
    },
    /// Too many jobs within the window.
    #[error("{} jobs an hour are accepted; try again in {} s", .0.limit, .0.retry_after())]
    RateLimited(Quota),
    /// Too many requests of an address without a token or a good link, or too many songs of a user that
    /// are none.
    #[error("too many requests had to be refused; try again in {} s", whole_seconds(*.0))]
    RefusedTooOften(Duration),
    /// All jobs of the last 24 hours together would cost too much.
    #[error("the service has promised all that it may spend in a day; try again later")]
    DailyLimit,
    /// A head with more bytes than are accepted.
    #[error("the request's head has too many bytes")]
    HeadersTooLarge,
    /// Too many streams on one job.
    #[error("the job already has {0} open streams")]
    TooManyStreams(usize),
    /// A range that lies outside the file.
    #[error("the range lies outside the file's {length} bytes")]
    RangeNotSatisfiable {
        /// The file's length.
        length: u64,
    },
    /// Something we need is not there right now.
    #[error("{doing}")]
    Unavailable {
        /// What failed.
        doing: &'static str,
        /// Why.
        source: Source,
    },
    /// A fault of ours.
    #[error("{doing}")]
    Internal {
        /// What failed.
        doing: &'static str,
        /// Why.
        source: Source,
    },
}

/// How long to wait for money: it comes back with the hours.
const DAILY_LIMIT_RETRY: Duration = Duration::from_hours(1);
/// How long to wait before asking again when something of ours is away.
const UNAVAILABLE_RETRY: Duration = Duration::from_secs(5);

/// Says what was being done when something of ours failed.
pub(crate) trait OrFault<T> {
    /// It may be back soon: 503.
    fn or_unavailable(self, doing: &'static str) -> Result<T, ApiError>;
    /// It is a fault: 500.
    fn or_internal(self, doing: &'static str) -> Result<T, ApiError>;
}

impl<T, E: Into<Source>> OrFault<T> for Result<T, E> {
    fn or_unavailable(self, doing: &'static str) -> Result<T, ApiError> {
        self.map_err(|error| ApiError::Unavailable {
            doing,
            source: error.into(),
        })
    }

    fn or_internal(self, doing: &'static str) -> Result<T, ApiError> {
        self.map_err(|error| ApiError::Internal {
            doing,
            source: error.into(),
        })
    }
}

impl ApiError {
    /// The page, status and code of this problem.
    pub(crate) fn problem_type(&self) -> &'static ProblemType {
        match self {
            Self::TokenMissing => &problem::TOKEN_MISSING,
            Self::TokenInvalid => &problem::TOKEN_INVALID,
            Self::LinkInvalid => &problem::FORBIDDEN,
            Self::JobNotFound => &problem::JOB_NOT_FOUND,
            Self::NoFilm(status) if status.is_terminal() => &problem::NO_FILM_EVER,
            Self::NoFilm(_) => &problem::NO_FILM,
            Self::FilmGone => &problem::FILM_GONE,
            Self::NotFound => &problem::NOT_FOUND,
            Self::AlreadyFinished(_) => &problem::ALREADY_FINISHED,
            Self::StillRunning(_) => &problem::STILL_RUNNING,
            Self::KeyInUse => &problem::KEY_IN_USE,
            Self::KeyReused => &problem::KEY_REUSED,
            Self::RequestTimeout => &problem::REQUEST_TIMEOUT,
            Self::TooLarge { .. } => &problem::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType(_) => &problem::UNSUPPORTED_MEDIA_TYPE,
            Self::InvalidRequest(_) => &problem::INVALID_REQUEST,
            Self::InvalidField { .. } => &problem::VALIDATION_FAILED,
            Self::Audio(error) => match error {
                AudioError::Unsupported { .. } => &problem::UNSUPPORTED_MEDIA_TYPE,
                AudioError::TooShort { .. } => &problem::AUDIO_TOO_SHORT,
                AudioError::TooLong { .. } => &problem::AUDIO_TOO_LONG,
                _ => &problem::AUDIO_UNREADABLE,
            },
            Self::OverBudget { .. } => &problem::BUDGET_EXCEEDED,
            Self::RateLimited(_) => &problem::RATE_LIMITED,
            Self::RefusedTooOften(_) => &problem::REFUSED_TOO_OFTEN,
            Self::DailyLimit => &problem::DAILY_LIMIT,
            Self::HeadersTooLarge => &problem::HEADERS_TOO_LARGE,
            Self::TooManyStreams(_) => &problem::TOO_MANY_STREAMS,
            Self::RangeNotSatisfiable { .. } => &problem::RANGE_NOT_SATISFIABLE,
            Self::Unavailable { .. } => &problem::UNAVAILABLE,
            Self::Internal { .. } => &problem::INTERNAL,
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Unavailable { .. } | Self::Internal { .. } => {
                self.problem_type().advice.to_owned()
            }
            told => told.to_string(),
        }
    }

    fn members(&self) -> Map<String, Value> {
        let members = match self {
            Self::InvalidField { field, detail } => {
                json!({ "errors": [{ "pointer": format!("#/{field}"), "detail": detail }] })
            }
            Self::TooLarge { limit } => json!({ "limit_bytes": limit }),
            Self::OverBudget { estimated, limit } => {
                json!({ "estimated_usd": estimated, "limit_usd": limit })
            }
            Self::RateLimited(quota) => json!({
                "retry_after": quota.retry_after(),
                "limit": quota.limit,
                "window": quota.window.as_secs(),
                "violated-policies": [Quota::POLICY],
            }),
            Self::RefusedTooOften(wait) => json!({ "retry_after": whole_seconds(*wait) }),
            _ => return Map::new(),
        };
        match members {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }

    fn add_headers(&self, response: &mut Response) {
        let headers = response.headers_mut();
        match self {
            Self::TokenMissing => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::TokenInvalid => {
                headers.insert(
                    header::WWW_AUTHENTICATE,
                    HeaderValue::from_static(r#"Bearer error="invalid_token""#),
                );
            }
            Self::RateLimited(quota) => {
                quota.write(headers);
                headers.insert(header::RETRY_AFTER, quota.retry_after().into());
            }
            Self::RefusedTooOften(wait) => {
                headers.insert(header::RETRY_AFTER, whole_seconds(*wait).into());
            }
            Self::DailyLimit => {
                let seconds = DAILY_LIMIT_RETRY.as_secs();
                headers.insert(header::RETRY_AFTER, seconds.into());
            }
            Self::KeyInUse => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
            }
            Self::TooManyStreams(_) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
            }
            Self::Unavailable { .. } => {
                headers.insert(
                    header::RETRY_AFTER,
                    HeaderValue::from(UNAVAILABLE_RETRY.as_secs()),
                );
            }
            Self::RangeNotSatisfiable { length } => {
                if let Ok(range) = HeaderValue::try_from(format!("bytes */{length}")) {
                    headers.insert(header::CONTENT_RANGE, range);
                }
            }
            _ => {}
        }
    }

    fn log(&self) {
        let (Self::Unavailable { doing, source } | Self::Internal { doing, source }) = self else {
            return;
        };
        let causes = causes(source.as_ref());
        if matches!(self, Self::Internal { .. }) {
            tracing::error!(doing, causes, "a request failed");
        } else {
            tracing::warn!(doing, causes, "a request failed, as something is away");
        }
    }
}

/// As a client waits: at least one.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1000).max(1) as u64
}

/// An error and what is behind it, outermost first, on one line.
pub(crate) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let kind = self.problem_type();
        let mut response = kind.status.into_response();
        self.add_headers(&mut response);
        response.extensions_mut().insert(Problem {
            kind,
            detail: self.detail(),
            members: self.members(),
        });
        response
    }
}
