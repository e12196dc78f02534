//! `GET /api/v1/jobs/{id}/stream`: a job's state, then every event after it.
//!
//! A connection takes its place among the listeners first, then reads the rows, then the stream up to
//! its end, and only then listens. What comes both ways is told apart by its sequence, so nothing is
//! lost and nothing comes twice. `many` does the same for several jobs at once, `history` tells the
//! same events as JSON.

mod connection;
pub(crate) mod history;
pub(crate) mod many;
mod wire;

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::auth::StreamUser;
use crate::error::{ApiError, OrFault};
use crate::extract::{JobPath, Parameters};
use crate::job::Job;
use connection::{Connection, Start};

/// How long a resuming client waits for its last event to be in the rows.
const CATCH_UP_PATIENCE: Duration = Duration::from_secs(2);

/// Opens a stream, resumed behind `Last-Event-ID` or `?after=`.
///
/// A client that has already seen the end is told by 204 not to come back.
pub(crate) async fn stream(
    State(app): State<App>,
    StreamUser(user): StreamUser,
    JobPath(id): JobPath,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let seen = last_seen(&headers, &parameters)?;
    let job = app.job_of(user, id).await?;
    if has_seen_the_end(&job, seen) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let place = app.hub.subscribe(&[id])?;
    let reached = match seen {
        Some(seen) => reached(&app, seen).await,
        None => None,
    };
    // Once more, now that nothing more can pass by unheard and the rows are as far as the client.
    let job = app.job_of(user, id).await?;
    if has_seen_the_end(&job, seen) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let start = match (reached, seen) {
        (Some(seen), _) => resume(&app, job, seen).await?,
        (None, Some(_)) => Start::Reset(Box::new(job)),
        (None, None) => Start::Fresh(Box::new(job)),
    };
    let (wire, answer) = wire::open();
    let connection = Connection::new(app.clone(), id, place, wire);
    app.tasks.spawn(connection.run(start, user.time_left()));
    Ok(answer)
}

/// The id of the last event that the client has. An unreadable header counts as none: an old client
/// gets the whole state, never an error.
fn last_seen(headers: &HeaderMap, parameters: &Parameters) -> Result<Option<u64>, ApiError> {
    // Checked even where the header outranks it: what is wrong is said, not passed over.
    let after = parameters.get("after").map(parse_id).transpose()?;
    Ok(match headers.get("last-event-id") {
        Some(id) => id.to_str().ok().and_then(|id| id.parse().ok()),
        None => after,
    })
}

/// Ids are signed 64-bit integers from 0 up, as SQL and the description have them.
fn parse_id(text: &str) -> Result<u64, ApiError> {
    let id = text.parse().ok().filter(|id| i64::try_from(*id).is_ok());
    id.ok_or_else(|| ApiError::InvalidField {
        field: "after",
        detail: "after must be the id of an event".to_owned(),
    })
}

fn has_seen_the_end(job: &Job, seen: Option<u64>) -> bool {
    matches!((seen, job.state.end_sequence), (Some(seen), Some(end)) if seen >= end)
}

/// `seen`, once the rows are that far. `None` if they do not get there: it is from another stream.
async fn reached(app: &App, seen: u64) -> Option<u64> {
    let mut position = app.position.clone();
    let there = position.wait_for(|position| *position >= seen);
    let there = tokio::time::timeout(CATCH_UP_PATIENCE, there).await;
    matches!(there, Ok(Ok(_))).then_some(seen)
}

/// Where to go on behind `seen`. The whole state again if what follows it is no longer all there. 0 is
/// before the first event: all of the job that is kept comes again.
async fn resume(app: &App, job: Job, seen: u64) -> Result<Start, ApiError> {
    if may_have_missed(app, &job, seen).await? {
        return Ok(Start::Reset(Box::new(job)));
    }
    let progress = app
        .store
        .progress_at(job.brief.id, seen)
        .await
        .or_internal("reading a job's progress")?;
    Ok(Start::Resumed { seen, progress })
}

/// Whether an event of the job that followed `seen` may be gone. Other jobs' events do not count: the
/// stream loses them too.
async fn may_have_missed(app: &App, job: &Job, seen: u64) -> Result<bool, ApiError> {
    let Some(first) = app.first_kept_of(job.brief.id).await? else {
        // The row of a job that goes on in a new EVENTS knows nothing of the numbers of the lost one.
        let stands = job.state.last_sequence;
        let is_lost = stands < seen && seen.saturating_add(1) < app.first_kept().await?;
        return Ok(stands > seen || is_lost);
    };
    if seen == 0 || first <= seen {
        return Ok(false);
    }
    // `seen` itself is not the job's, or is gone, and whether alone only the whole stream can tell.
    Ok(seen.saturating_add(1) < app.first_kept().await?)
}
