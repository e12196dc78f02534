//! What a refusal looks like on the wire: `application/problem+json` (RFC 9457), and a page for each type.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::error::ApiError;
use crate::request_id::RequestId;

/// A kind of problem. Its page is at `/problems/<slug>`.
#[derive(Debug)]
pub struct ProblemType {
    /// The tail of its `type`.
    pub slug: &'static str,
    /// The status that it is answered with.
    pub status: StatusCode,
    /// What it is, in a few words.
    pub title: &'static str,
    /// What it is, for programs.
    pub code: &'static str,
    /// Whether the same request may work later.
    pub retryable: bool,
    /// What to do about it.
    pub advice: &'static str,
}

macro_rules! problem_types {
    ($($name:ident = $status:ident, $slug:literal, $code:literal, $retryable:literal, $title:literal, $advice:literal;)+) => {
        $(
            #[doc = $title]
            pub static $name: ProblemType = ProblemType {
                slug: $slug,
                status: StatusCode::$status,
                title: $title,
                code: $code,
                retryable: $retryable,
                advice: $advice,
            };
        )+

        /// All problems that the gateway answers with.
        pub static ALL: &[&ProblemType] = &[$(&$name),+];
    };
}

problem_types! {
    INVALID_REQUEST = BAD_REQUEST, "invalid-request", "VALIDATION_ERROR", false,
        "The request cannot be read", "Compare the request with the API's description.";
    TOKEN_MISSING = UNAUTHORIZED, "token-missing", "UNAUTHORIZED", false,
        "A token is needed", "Send the header Authorization: Bearer with a token.";
    TOKEN_INVALID = UNAUTHORIZED, "token-invalid", "UNAUTHORIZED", false,
        "The token is not valid", "Sign in again: the token is malformed, expired or not meant for this service.";
    BUDGET_EXCEEDED = PAYMENT_REQUIRED, "budget-exceeded", "BUDGET_EXCEEDED", false,
        "The film would cost too much", "Use a shorter song, or ask the operator for a higher limit.";
    FORBIDDEN = FORBIDDEN, "forbidden", "FORBIDDEN", false,
        "The link is not valid", "Ask for a new download link; a link is good for an hour and must not be changed.";
    NOT_FOUND = NOT_FOUND, "not-found", "NOT_FOUND", false,
        "Nothing is here", "Check the address.";
    JOB_NOT_FOUND = NOT_FOUND, "job-not-found", "JOB_NOT_FOUND", false,
        "There is no such job", "Check the job id, and that the job is yours.";
    NO_FILM = NOT_FOUND, "no-film", "NOT_FINISHED", true,
        "There is no film to download", "Wait until the job is completed.";
    METHOD_NOT_ALLOWED = METHOD_NOT_ALLOWED, "method-not-allowed", "METHOD_NOT_ALLOWED", false,
        "The method is not allowed here", "Use one of the methods that the Allow header names.";
    REQUEST_TIMEOUT = REQUEST_TIMEOUT, "request-timeout", "TIMEOUT", true,
        "The request did not arrive in time", "Send it again on a faster connection.";
    ALREADY_FINISHED = CONFLICT, "already-finished", "ALREADY_FINISHED", false,
        "The job has already ended", "A job that has ended cannot be cancelled.";
    STILL_RUNNING = CONFLICT, "still-running", "NOT_FINISHED", true,
        "The job is still running", "Wait until it has ended, or cancel it first.";
    KEY_IN_USE = CONFLICT, "idempotency-key-in-use", "CONFLICT", true,
        "The first request with this key is still running", "Wait for its answer, or send the same request again in a few seconds.";
    KEY_REUSED = UNPROCESSABLE_ENTITY, "idempotency-key-reused", "VALIDATION_ERROR", false,
        "The key was used for another request", "Use a new Idempotency-Key for a new request; keys are kept for 24 hours.";
    NO_FILM_EVER = NOT_FOUND, "no-film-ever", "NO_VIDEO", false,
        "There will be no film", "The job has ended without one. Upload the song again to start another.";
    FILM_GONE = GONE, "film-gone", "VIDEO_GONE", false,
        "The film has been removed", "Its file is no longer in the store. Upload the song again to have it made anew.";
    PAYLOAD_TOO_LARGE = PAYLOAD_TOO_LARGE, "payload-too-large", "VALIDATION_ERROR", false,
        "The file is too large", "Send a smaller file, for example an MP3 instead of a WAV.";
    URI_TOO_LONG = URI_TOO_LONG, "uri-too-long", "VALIDATION_ERROR", false,
        "The address is too long", "Shorten the address.";
    UNSUPPORTED_MEDIA_TYPE = UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "VALIDATION_ERROR", false,
        "The kind of content is not accepted", "Send multipart/form-data with an MP3, WAV or FLAC file.";
    RANGE_NOT_SATISFIABLE = RANGE_NOT_SATISFIABLE, "range-not-satisfiable", "VALIDATION_ERROR", false,
        "The range lies outside the file", "Ask for a range within the file.";
    VALIDATION_FAILED = UNPROCESSABLE_ENTITY, "validation-failed", "VALIDATION_ERROR", false,
        "A value is not accepted", "Correct the field that the member errors names.";
    AUDIO_UNREADABLE = UNPROCESSABLE_ENTITY, "audio-unreadable", "VALIDATION_ERROR", false,
        "The audio cannot be read", "The file is damaged or not what its first bytes say. Export it again.";
    AUDIO_TOO_SHORT = UNPROCESSABLE_ENTITY, "audio-too-short", "VALIDATION_ERROR", false,
        "The song is too short", "Use a longer song.";
    AUDIO_TOO_LONG = UNPROCESSABLE_ENTITY, "audio-too-long", "VALIDATION_ERROR", false,
        "The song is too long", "Cut the song and upload a part of it.";
    RATE_LIMITED = TOO_MANY_REQUESTS, "rate-limited", "RATE_LIMIT_EXCEEDED", true,
        "Too many jobs", "Wait for as long as the Retry-After header says.";
    TOO_MANY_STREAMS = TOO_MANY_REQUESTS, "too-many-streams", "TOO_MANY_STREAMS", true,
        "Too many streams on this job", "Close another stream of the job first.";
    REFUSED_TOO_OFTEN = TOO_MANY_REQUESTS, "refused-too-often", "RATE_LIMIT_EXCEEDED", true,
        "Too many refused requests", "Wait for as long as the Retry-After header says; then send a valid token, or a song that can be read.";
    HEADERS_TOO_LARGE = REQUEST_HEADER_FIELDS_TOO_LARGE, "headers-too-large", "VALIDATION_ERROR", false,
        "The headers are too large", "Send fewer or shorter headers.";
    INTERNAL = INTERNAL_SERVER_ERROR, "internal", "INTERNAL_ERROR", false,
        "Something went wrong on our side", "Tell the operator the request id.";
    UNAVAILABLE = SERVICE_UNAVAILABLE, "unavailable", "SERVICE_UNAVAILABLE", true,
        "A part of the service is away", "Nothing was kept. Try again in a few seconds.";
    DAILY_LIMIT = SERVICE_UNAVAILABLE, "daily-limit", "BUDGET_EXCEEDED", true,
        "The money of the day is spent", "Nothing was kept. Try again in some hours, or ask the operator for a higher limit.";
}

/// A problem as a handler leaves it in the response's extensions; [`render`] writes it.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) kind: &'static ProblemType,
    pub(crate) detail: String,
    pub(crate) members: Map<String, Value>,
}

impl Problem {
    /// For a refusal that did not come from a handler of ours.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let kind = ALL
            .iter()
            .find(|kind| kind.status == status)
            .copied()
            .unwrap_or(if status.is_server_error() {
                &INTERNAL
            } else {
                &INVALID_REQUEST
            });
        Self {
            kind,
            detail: kind.advice.to_owned(),
            members: Map::new(),
        }
    }

    pub(crate) fn json(self, status: StatusCode, base_url: &str, request_id: &str) -> Value {
        let mut body = self.members;
        body.extend([
            (
                "type".to_owned(),
                json!(format!("{base_url}/problems/{}", self.kind.slug)),
            ),
            ("title".to_owned(), json!(self.kind.title)),
            ("status".to_owned(), json!(status.as_u16())),
            ("detail".to_owned(), json!(self.detail)),
            ("error".to_owned(), json!(self.detail)),
            ("code".to_owned(), json!(self.kind.code)),
            ("retryable".to_owned(), json!(self.kind.retryable)),
            ("request_id".to_owned(), json!(request_id)),
        ]);
        Value::Object(body)
    }
}

/// Marks a response whose body is more than a refusal and stays: the health report.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeepBody;

/// Middleware: every response of 400 and above leaves as a problem, whoever made it.
pub(crate) async fn render(State(app): State<App>, request: Request, next: Next) -> Response {
    let request_id = request
        .extensions()
        .get::<RequestId>()
        .cloned()
        .unwrap_or_default();
    let response = next.run(request).await;
    let status = response.status();
    let refused = status.is_client_error() || status.is_server_error();
    if !refused || response.extensions().get::<KeepBody>().is_some() {
        return response;
    }
    let (mut parts, _) = response.into_parts();
    let problem = parts
        .extensions
        .remove::<Problem>()
        .unwrap_or_else(|| Problem::of_status(status));
    let body = problem.json(status, &app.base_url, request_id.as_str());
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/problem+json"),
    );
    parts
        .headers
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Response::from_parts(parts, Body::from(Json(body).0.to_string()))
}

/// `GET /problems/{slug}`: what a problem means and what to do about it.
pub(crate) async fn page(Path(slug): Path<String>) -> Result<Response, ApiError> {
    let kind = ALL
        .iter()
        .find(|kind| kind.slug == slug)
        .ok_or(ApiError::NotFound)?;
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title>\
         <main><h1>{title}</h1><p>{advice}</p>\
         <p>Status {status}, code <code>{code}</code>.</p></main></html>",
        title = kind.title,
        advice = kind.advice,
        status = kind.status.as_u16(),
        code = kind.code,
    );
    Ok(Html(page).into_response())
}
