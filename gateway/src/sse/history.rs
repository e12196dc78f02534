//! What EVENTS still has of a job, read forwards; and `GET /api/v1/jobs/{id}/events`, the same as JSON.

use std::sync::Arc;

use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use model::{Event, JobId, RunNumber};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{may_have_missed, parse_id, reached};
use crate::app::App;
use crate::auth::CurrentUser;
use crate::error::{ApiError, OrFault, Source};
use crate::extract::{JobPath, Parameters};
use crate::job::fold;
use crate::{reader, view};

/// Events that one answer holds at most, and by default.
const MOST: u32 = 500;
const USUAL: u32 = 100;

/// An event of the past. Absent where this build cannot read it.
pub(super) struct Past {
    pub(super) sequence: u64,
    pub(super) event: Option<Arc<Event>>,
}

/// EVENTS, to be read from.
pub(super) async fn stream(app: &App) -> Result<Stream<()>, Source> {
    let stream = app
        .jetstream
        .get_stream_no_info(nats::streams::EVENTS)
        .await?;
    Ok(stream)
}

/// The first event of `job` behind `after`, if there is one.
pub(super) async fn next(
    stream: &Stream<()>,
    job: JobId,
    after: u64,
) -> Result<Option<Past>, Source> {
    let subject = nats::subject::events_of(job);
    // From the leader: a copy that lags behind would end the catching up too early.
    let next = stream
        .get_first_raw_message_by_subject(&subject, after.saturating_add(1))
        .await;
    match next {
        Ok(message) => Ok(Some(Past {
            sequence: message.sequence,
            event: reader::parse(&message.subject, &message.payload),
        })),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct History {
    #[schema(value_type = String, format = "uuid")]
    job_id: JobId,
    events: Vec<Told>,
    /// Where the next page begins; null where this is the last for now.
    next_after: Option<String>,
    /// Whether events behind `after` are gone: what is here is not all there was.
    gap: bool,
}

/// An event, as the job's stream tells it.
#[derive(Serialize, ToSchema)]
struct Told {
    id: String,
    #[schema(value_type = String)]
    event: &'static str,
    #[schema(value_type = std::collections::BTreeMap<String, Value>)]
    data: Value,
}

/// The job's events behind `?after=` (0), at most `?limit=` 1–500 (100), oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/jobs/{job_id}/events",
    operation_id = "listEvents",
    tag = "events",
    params(
        ("job_id" = String, Path, format = "uuid", description = "The job."),
        ("after" = Option<u64>, Query, description = "Only events behind this one (0)."),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500, description = "Events a page (100).")
    ),
    responses((status = 200, description = "A page of the job's past.", body = History)),
    security(("bearer" = []))
)]
pub(crate) async fn events(
    State(app): State<App>,
    user: CurrentUser,
    JobPath(id): JobPath,
    parameters: Parameters,
) -> Result<([(HeaderName, HeaderValue); 1], Json<History>), ApiError> {
    const DOING: &str = "reading a job's events";
    let after = match parameters.get("after") {
        None => 0,
        Some(text) => parse_id(text)?,
    };
    let limit = parameters.number("limit", 1..=MOST, USUAL)? as usize;
    app.job_of(user, id).await?;
    // The rows know what was folded; they have to be as far as the client.
    let known = reached(&app, after).await.is_some();
    let job = app.job_of(user, id).await?;
    let gap = !known || may_have_missed(&app, &job, after).await?;
    let progress = app.store.progress_at(id, after).await;
    let mut progress = progress.or_unavailable(DOING)?;
    if after == 0 && job.brief.run > RunNumber::FIRST {
        // The rows know the present pass only.
        progress = 0;
    }
    let stream = stream(&app).await.or_unavailable(DOING)?;
    let mut events = Vec::new();
    let mut last = after;
    let mut is_last_page = false;
    while events.len() < limit && !is_last_page {
        match next(&stream, id, last).await.or_unavailable(DOING)? {
            None => is_last_page = true,
            Some(Past { sequence, event }) => {
                last = sequence;
                if let Some(event) = event {
                    progress = fold(progress, &event.body);
                    events.push(Told {
                        id: sequence.to_string(),
                        event: event.body.name(),
                        data: view::event(&app, &event, progress).or_internal(DOING)?,
                    });
                    is_last_page = event.body.is_terminal() && event.run >= job.brief.run;
                }
            }
        }
    }
    let body = History {
        job_id: id,
        events,
        next_after: (!is_last_page).then(|| last.to_string()),
        gap,
    };
    let directive = HeaderValue::from_static("private, no-cache");
    Ok(([(header::CACHE_CONTROL, directive)], Json(body)))
}
