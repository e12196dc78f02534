//! What every request can reach, and the one list of all routes.

use std::any::Any;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::RawMessageErrorKind;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use model::{JobId, UserId};
use runtime::{Artifacts, Cancellations};
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::auth::{Tickets, Verifier};
use crate::config::Config;
use crate::error::{ApiError, OrFault};
use crate::hub::Hub;
use crate::intake::form::FORM_OVERHEAD;
use crate::job::Job;
use crate::metrics::{self, Metrics};
use crate::prices::Prices;
use crate::rate_limit::RateLimiter;
use crate::rendered::Rendered;
use crate::signed_url::UrlSigner;
use crate::store::Store;
use crate::storing::Storing;
use crate::streaming::Streams;
use crate::tally::Tally;
use crate::{address, head, idempotency, linger, openapi, pace, problem, request_id, routes, sse};

/// Uploads that are taken in at once.
pub(crate) const UPLOADS: usize = 16;
/// Songs that are decoded at once.
pub(crate) const DECODES: usize = 2;

/// The gateway's state, shared by all requests.
#[derive(Clone)]
pub(crate) struct App(Arc<Parts>);

/// See [`App`].
pub(crate) struct Parts {
    pub(crate) config: Config,
    /// What links to ourselves begin with.
    pub(crate) base_url: String,
    pub(crate) verifier: Verifier,
    pub(crate) tickets: Tickets,
    pub(crate) signer: UrlSigner,
    pub(crate) prices: Prices,
    pub(crate) store: Store,
    pub(crate) storing: Storing,
    pub(crate) artifacts: Artifacts,
    pub(crate) streams: Streams,
    pub(crate) client: async_nats::Client,
    pub(crate) jetstream: Context,
    pub(crate) limiter: RateLimiter,
    pub(crate) cancellations: Cancellations,
    pub(crate) hub: Hub,
    /// Up to which sequence of EVENTS the rows are.
    pub(crate) position: watch::Receiver<u64>,
    pub(crate) wake_relay: Arc<Notify>,
    pub(crate) uploads: Arc<Semaphore>,
    pub(crate) decodes: Semaphore,
    /// Requests of an address that had to be refused.
    pub(crate) refusals: Tally<IpAddr>,
    /// Uploads of a user that were no form, or no song.
    pub(crate) failed_uploads: Tally<UserId>,
    pub(crate) rendered: Rendered,
    pub(crate) metrics: Metrics,
    pub(crate) started: Instant,
    /// What runs besides requests; waited for at the end.
    pub(crate) tasks: TaskTracker,
    /// Raised when the gateway stops.
    pub(crate) stop: CancellationToken,
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The user's job. Someone else's is not found, like one that does not exist.
    pub(crate) async fn job_of(
        &self,
        user: crate::auth::CurrentUser,
        id: JobId,
    ) -> Result<Job, ApiError> {
        self.shared_job_of(user.id, id)
            .await
            .map(Arc::unwrap_or_clone)
    }

    /// The same, as it lies in the cache.
    pub(crate) async fn shared_job_of(
        &self,
        user: UserId,
        id: JobId,
    ) -> Result<Arc<Job>, ApiError> {
        self.store
            .job_of(user, id)
            .await
            .or_unavailable("reading a job")?
            .ok_or(ApiError::JobNotFound)
    }

    /// The sequence of the oldest event of any job that EVENTS still has.
    pub(crate) async fn first_kept(&self) -> Result<u64, ApiError> {
        let stream = self
            .jetstream
            .get_stream(nats::streams::EVENTS)
            .await
            .or_unavailable("reading EVENTS")?;
        Ok(stream.cached_info().state.first_sequence)
    }

    /// The sequence of a job's oldest event that EVENTS still has.
    pub(crate) async fn first_kept_of(&self, job: JobId) -> Result<Option<u64>, ApiError> {
        let stream = self
            .jetstream
            .get_stream_no_info(nats::streams::EVENTS)
            .await
            .or_unavailable("reading EVENTS")?;
        let subject = nats::subject::events_of(job);
        match stream.get_first_raw_message_by_subject(&subject, 1).await {
            Ok(message) => Ok(Some(message.sequence)),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(error).or_unavailable("reading EVENTS"),
        }
    }
}

/// Every route of the gateway.
pub(crate) fn router(app: &App) -> Router {
    let body_limit = app.config.max_upload_bytes.saturating_add(FORM_OVERHEAD);
    let upload = post(routes::upload::upload)
        .layer(DefaultBodyLimit::max(body_limit as usize))
        .layer(middleware::from_fn_with_state(app.clone(), linger::linger));
    let api = Router::new()
        .route("/upload-audio", upload)
        .route("/quotes", post(routes::quotes::quote))
        .route("/webhook-secret", get(routes::webhooks::secret))
        .route("/webhook-secret/rotate", post(routes::webhooks::rotate))
        .merge(jobs())
        .route("/dev/token", post(routes::dev_token::mint))
        .route("/files/{*key}", get(routes::files::file))
        .route(
            "/films/{job_id}/{run}/{ticket}/{name}",
            get(routes::films::part),
        )
        .route(
            "/films/{job_id}/{run}/{ticket}/outputs/{name}",
            get(routes::films::output),
        )
        .route(
            "/films/{job_id}/{run}/{ticket}/{shape}/outputs/{name}",
            get(routes::films::output_of_shape),
        )
        .route("/health", get(routes::health::health));
    Router::new()
        .nest("/api/v1", api)
        .route("/livez", get(routes::health::livez))
        .route("/readyz", get(routes::health::readyz))
        .route("/metrics", get(routes::metrics::metrics))
        .route("/openapi.json", get(openapi::serve))
        .route("/docs", get(routes::docs::docs))
        .route("/problems/{slug}", get(problem::page))
        .fallback(routes::page::asset)
        .layer(CatchPanicLayer::custom(after_panic))
        .layer(middleware::from_fn_with_state(app.clone(), pace::pace))
        .layer(middleware::from_fn_with_state(app.clone(), address::limit))
        .layer(middleware::from_fn(head::limit))
        .layer(middleware::from_fn_with_state(app.clone(), problem::render))
        .layer(middleware::from_fn_with_state(app.clone(), metrics::count))
        .layer(cors(&app.config.frontend_origins))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        .layer(middleware::from_fn(request_id::name))
        .with_state(app.clone())
}

/// What belongs to jobs.
fn jobs() -> Router<App> {
    Router::new()
        .route("/jobs", get(routes::jobs::list))
        .route("/jobs/{job_id}", get(routes::jobs::show))
        .route("/jobs/{job_id}/cancel", post(routes::cancel::cancel))
        .route("/jobs/{job_id}/fork", post(routes::fork::fork))
        .route("/jobs/{job_id}/versions", get(routes::versions::list))
        .route(
            "/jobs/{job_id}/versions/{run}/select",
            post(routes::versions::select),
        )
        .route("/jobs/{job_id}/webhooks", get(routes::webhooks::log))
        .route(
            "/jobs/{job_id}/webhooks/{delivery}/resend",
            post(routes::webhooks::resend),
        )
        .route("/jobs/{job_id}/stream", get(sse::stream))
        .route("/jobs/{job_id}/events", get(sse::history::events))
        .route("/events", get(sse::many::stream))
        .route(
            "/jobs/{job_id}/stream-ticket",
            post(routes::stream_ticket::issue),
        )
        .route("/jobs/{job_id}/download", get(routes::download::download))
}

/// A panic costs its request a 500, never the process.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that the layer asks for"
)]
fn after_panic(panic: Box<dyn Any + Send>) -> Response {
    let said = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("something that is no text");
    ApiError::Internal {
        doing: "answering a request",
        source: format!("panicked: {said}").into(),
    }
    .into_response()
}

/// Exactly the origins of the setting, none by default.
fn cors(origins: &[HeaderValue]) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins.to_vec()))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_NONE_MATCH,
            HeaderName::from_static("cancel-after"),
            HeaderName::from_static("idempotency-key"),
            HeaderName::from_static("last-event-id"),
            HeaderName::from_static("prefer"),
            request_id::X_REQUEST_ID.clone(),
        ])
        .expose_headers([
            header::ETAG,
            header::LINK,
            header::LOCATION,
            header::RETRY_AFTER,
            HeaderName::from_static("preference-applied"),
            idempotency::REPLAYED.clone(),
            HeaderName::from_static("ratelimit"),
            HeaderName::from_static("ratelimit-policy"),
            request_id::X_REQUEST_ID.clone(),
        ])
        .max_age(std::time::Duration::from_mins(10))
}
