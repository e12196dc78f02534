//! `POST /api/v1/jobs/{id}/cancel`.

use std::time::Duration;

use async_nats::HeaderMap;
use axum::Json;
use axum::extract::State;
use model::event::JOB_CANCELLED;
use model::job::JobStatus;
use model::{Event, EventBody, JobId};
use nats::publish::{self, Published};
use serde::Serialize;
use time::OffsetDateTime;

use crate::app::App;
use crate::auth::CurrentUser;
use crate::error::{ApiError, OrFault};
use crate::extract::JobPath;
use crate::job::Job;

/// How long raising the flag may take.
const FLAG_PATIENCE: Duration = Duration::from_secs(3);
/// How long NATS may take to say which end won.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long an answer waits for the row to show the end; the end itself is settled before.
const ROW_PATIENCE: Duration = Duration::from_secs(2);
/// What the job's error says.
const MESSAGE: &str = "Job cancelled by user";

#[derive(Serialize)]
pub(crate) struct Cancelled {
    job_id: JobId,
    status: JobStatus,
    message: &'static str,
}

/// Stops a queued or running job. Repeatable; 409 once the job has ended otherwise.
pub(crate) async fn cancel(
    State(app): State<App>,
    user: CurrentUser,
    JobPath(id): JobPath,
) -> Result<Json<Cancelled>, ApiError> {
    let job = app.job_of(user, id).await?;
    if !job.state.status.is_terminal() {
        let by = user.id.to_string();
        tokio::time::timeout(FLAG_PATIENCE, app.cancellations.raise(id, &by, MESSAGE))
            .await
            .or_unavailable("raising the cancellation flag")?
            .or_unavailable("raising the cancellation flag")?;
    }
    match end(&app, &job).await? {
        JobStatus::Cancelled => Ok(Json(Cancelled {
            job_id: id,
            status: JobStatus::Cancelled,
            message: MESSAGE,
        })),
        ended => Err(ApiError::AlreadyFinished(ended)),
    }
}

/// How the job has ended, by us or before us: the terminal event is written once, and the first wins.
async fn end(app: &App, job: &Job) -> Result<JobStatus, ApiError> {
    const DOING: &str = "ending a job";
    if job.state.status.is_terminal() {
        return Ok(job.state.status);
    }
    let event = Event {
        job_id: job.brief.id,
        run: job.brief.run,
        timestamp: OffsetDateTime::now_utc(),
        body: EventBody::Error {
            error: MESSAGE.to_owned(),
            code: JOB_CANCELLED.to_owned(),
            retryable: false,
            stage: None,
        },
    };
    let subject = nats::subject::event(&event);
    let payload = serde_json::to_vec(&event).or_internal(DOING)?;
    let written = publish::write_once(
        &app.jetstream,
        subject.clone(),
        payload.into(),
        HeaderMap::new(),
    );
    let written = tokio::time::timeout(PATIENCE, written)
        .await
        .or_unavailable(DOING)?
        .or_unavailable(DOING)?;
    let status = match written {
        Published::Stored { .. } => JobStatus::Cancelled,
        Published::AlreadyThere { .. } => winner(app, &subject).await?,
    };
    let mut position = app.position.clone();
    let shown = position.wait_for(|position| *position >= written.sequence());
    if tokio::time::timeout(ROW_PATIENCE, shown).await.is_err() {
        tracing::warn!(job.id = %job.brief.id, "the row of an ended job is late");
    }
    Ok(status)
}

async fn winner(app: &App, subject: &str) -> Result<JobStatus, ApiError> {
    const DOING: &str = "reading how a job ended";
    let message = publish::last(&app.jetstream, subject)
        .await
        .or_unavailable(DOING)?
        .ok_or("the end is gone")
        .or_unavailable(DOING)?;
    let event: Event = serde_json::from_slice(&message.payload).or_internal(DOING)?;
    Ok(match event.body {
        EventBody::Completed { .. } => JobStatus::Completed,
        EventBody::Error { code, .. } if code == JOB_CANCELLED => JobStatus::Cancelled,
        _ => JobStatus::Failed,
    })
}
