//! `POST /api/v1/jobs/{id}/cancel`.

use std::time::Duration;

use async_nats::HeaderMap;
use axum::Json;
use axum::extract::State;
use model::event::JOB_CANCELLED;
use model::job::JobStatus;
use model::{Event, EventBody, JobId, UserId};
use nats::publish::{self, Published};
use runtime::Ledgers;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::CurrentUser;
use crate::error::{ApiError, OrFault};
use crate::extract::JobPath;
use crate::job::Job;
use crate::openapi::schema;
use crate::relay::{self, CANCELLED};
use crate::store::OutboxEntry;

/// How long raising the flag may take.
const FLAG_PATIENCE: Duration = Duration::from_secs(3);
/// How long NATS may take to say which end won.
const PATIENCE: Duration = Duration::from_secs(8);
/// How long an answer waits for the row to show the end; the end itself is settled before.
const ROW_PATIENCE: Duration = Duration::from_secs(2);

#[derive(Serialize, ToSchema)]
pub(crate) struct Cancelled {
    #[schema(value_type = String, format = "uuid")]
    job_id: JobId,
    #[schema(value_type = schema::JobStatus)]
    status: JobStatus,
    #[schema(value_type = String)]
    message: &'static str,
}

/// Stops a queued or running job. Repeatable; 409 once the job has ended otherwise.
#[utoipa::path(
    post,
    path = "/api/v1/jobs/{job_id}/cancel",
    operation_id = "cancelJob",
    tag = "jobs",
    params(("job_id" = String, Path, format = "uuid", description = "The job.")),
    responses((status = 200, description = "The job is cancelled; it may have been so before.", body = Cancelled)),
    security(("bearer" = []))
)]
pub(crate) async fn cancel(
    State(app): State<App>,
    user: CurrentUser,
    JobPath(id): JobPath,
) -> Result<Json<Cancelled>, ApiError> {
    let job = app.job_of(user, id).await?;
    let mut status = job.state.status;
    if !status.is_terminal() {
        // A task of its own: a client that hangs up must not leave a flag without an end.
        let stopping = app.tasks.spawn(stop(app.clone(), user.id, job));
        status = stopping.await.or_internal("cancelling a job")??;
    }
    match status {
        JobStatus::Cancelled => Ok(Json(Cancelled {
            job_id: id,
            status,
            message: CANCELLED,
        })),
        ended => Err(ApiError::AlreadyFinished(ended)),
    }
}

/// Raises the flag, then ends the job. What is broken off between the two, the relay ends.
pub(crate) async fn stop(app: App, by: UserId, job: Job) -> Result<JobStatus, ApiError> {
    const DOING: &str = "raising the cancellation flag";
    let by = by.to_string();
    let why = relay::why_cancelled(&job, OffsetDateTime::now_utc());
    let raised = app.cancellations.raise(job.brief.id, &by, why);
    tokio::time::timeout(FLAG_PATIENCE, raised)
        .await
        .or_unavailable(DOING)?
        .or_unavailable(DOING)?;
    // Before the answer: what is not reserved by then is not bought.
    let ledgers = Ledgers::new(app.jetstream.clone(), app.artifacts.clone());
    let closed = ledgers.close(job.brief.id, job.brief.budget);
    tokio::time::timeout(FLAG_PATIENCE, closed)
        .await
        .or_unavailable("closing the job's ledger")?
        .or_unavailable("closing the job's ledger")?;
    end(&app, &job).await
}

/// How the job has ended, by us or before us: the terminal event is written once, and the first wins.
async fn end(app: &App, job: &Job) -> Result<JobStatus, ApiError> {
    const DOING: &str = "ending a job";
    let OutboxEntry { subject, payload } = relay::cancelled_end(job).or_internal(DOING)?;
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
