//! `POST /api/v1/jobs/{id}/cancel`.

use std::time::Duration;

use async_nats::HeaderMap;
use axum::Json;
use axum::extract::State;
use model::event::JOB_CANCELLED;
use model::job::JobStatus;
use model::{Event, EventBody, JobId, StageKind, Usd, UserId};
use nats::publish::{self, Published};
use runtime::{Ledger, Ledgers, faults};
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

/// How long raising the flag, and closing the ledger, may take.
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
    /// The stage that was stopped; null where none had begun.
    #[schema(value_type = Option<schema::Stage>)]
    stage: Option<StageKind>,
    /// What the job has cost, in US dollars.
    #[schema(value_type = f64)]
    total_cost: Usd,
    /// What it may cost beyond that: calls to providers that were under way. Nothing more is bought.
    #[schema(value_type = f64)]
    pending_cost: Usd,
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
    let stage = job.state.current_stage;
    let known = job.state.total_cost;
    let ledger = if status.is_terminal() {
        None
    } else {
        // A task of its own: a client that hangs up must not leave a flag without an end.
        let stopping = app.tasks.spawn(stop(app.clone(), user.id, job));
        let (ended, ledger) = stopping.await.or_internal("cancelling a job")??;
        status = ended;
        Some(ledger)
    };
    if status != JobStatus::Cancelled {
        return Err(ApiError::AlreadyFinished(status));
    }
    let ledger = match ledger {
        Some(ledger) => Some(ledger),
        None => in_time(ledgers(&app).read(id), "reading the job's ledger").await?,
    };
    let spent = ledger.as_ref().map_or(Usd::ZERO, Ledger::spent);
    Ok(Json(Cancelled {
        job_id: id,
        status,
        message: CANCELLED,
        stage,
        total_cost: known.max(spent),
        pending_cost: ledger.as_ref().map_or(Usd::ZERO, Ledger::reserved),
    }))
}

fn ledgers(app: &App) -> Ledgers {
    Ledgers::new(app.jetstream.clone(), app.artifacts.clone())
}

/// What NATS answers within [`FLAG_PATIENCE`].
async fn in_time<T, E: std::error::Error + Send + Sync + 'static>(
    asked: impl Future<Output = Result<T, E>>,
    doing: &'static str,
) -> Result<T, ApiError> {
    let answered = tokio::time::timeout(FLAG_PATIENCE, asked).await;
    answered.or_unavailable(doing)?.or_unavailable(doing)
}

/// Raises the flag, then ends the job. What is broken off between the two, the relay ends. Gives the
/// ledger as it was closed, too.
pub(crate) async fn stop(app: App, by: UserId, job: Job) -> Result<(JobStatus, Ledger), ApiError> {
    let by = by.to_string();
    let why = relay::why_cancelled(&job, OffsetDateTime::now_utc());
    let raised = app.cancellations.raise(job.brief.id, &by, why);
    in_time(raised, "raising the cancellation flag").await?;
    faults::pass("gateway", "flagged");
    // Before the answer: what is not reserved by then is not bought.
    let closing = ledgers(&app);
    let closed = closing.close(job.brief.id, job.brief.budget);
    let ledger = in_time(closed, "closing the job's ledger").await?;
    faults::pass("gateway", "closed");
    let status = end(&app, &job, &ledger).await?;
    Ok((status, ledger))
}

/// How the job has ended, by us or before us: the terminal event is written once, and the first wins.
async fn end(app: &App, job: &Job, ledger: &Ledger) -> Result<JobStatus, ApiError> {
    const DOING: &str = "ending a job";
    let end = relay::cancelled_end(job, ledger);
    let OutboxEntry { subject, payload } = end.or_internal(DOING)?;
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
    faults::pass("gateway", "ended");
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
