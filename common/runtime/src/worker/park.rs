//! Giving a task up: the dead letter, the words to the user, the end of the job. Each step is harmless
//! when taken twice, so that a crash between them is finished by the next delivery.

use async_nats::HeaderMap;
use model::dead_letter::DeadLetter;
use model::event::{Event, EventBody};
use model::job::StageStatus;
use nats::publish::{self, PublishError};
use nats::subject;
use tracing::error;

use super::Worker;
use super::claim::{Claim, ClaimState};
use super::hand_over::carry_trace;
use super::task::Work;
use crate::Stage;

/// Parks a task whose claim says so.
pub(super) async fn park<S: Stage>(
    worker: &Worker<S>,
    work: &Work,
    claim: &Claim,
) -> Result<(), PublishError> {
    let ClaimState::Parked {
        code,
        causes,
        retryable,
        at,
    } = &claim.state
    else {
        return Ok(());
    };
    let letter = DeadLetter {
        task: work.task,
        code: code.clone(),
        causes: causes.clone(),
        attempts: claim.attempts,
        worker: claim.worker.clone(),
        parked_at: *at,
        message: work.message.clone(),
    };
    write(worker, work, &letter).await?;
    error!(
        attempts = claim.attempts,
        causes = causes.join(": "),
        "the task is parked"
    );
    tell(worker, &letter, *retryable).await
}

async fn write<S: Stage>(
    worker: &Worker<S>,
    work: &Work,
    letter: &DeadLetter,
) -> Result<(), PublishError> {
    // Texts, numbers and the JSON of the message: always JSON.
    let payload = serde_json::to_vec(letter).unwrap_or_default().into();
    let mut headers = HeaderMap::new();
    carry_trace(&work.headers, &mut headers);
    let subject = subject::dead(&letter.task);
    publish::write_once(&worker.jetstream, subject, payload, headers).await?;
    Ok(())
}

/// Tells the user only what was being done; the chain of reasons is for whoever runs this.
async fn tell<S: Stage>(
    worker: &Worker<S>,
    letter: &DeadLetter,
    retryable: bool,
) -> Result<(), PublishError> {
    let task = letter.task;
    let doing = letter.causes.first().map_or("working", String::as_str);
    let text = format!("{} failed while {doing}", task.stage);
    // The same words at each delivery.
    let event = |body| Event {
        job_id: task.job,
        run: task.run,
        timestamp: letter.parked_at,
        body,
    };
    let failed = event(EventBody::StageUpdate {
        stage: task.stage,
        status: StageStatus::Failed,
        duration: None,
        error: Some(text.clone()),
    });
    let id = format!("{task}.failed");
    worker.events.publish_as(&failed, &id).await?;
    let end = event(EventBody::Error {
        error: text,
        code: letter.code.clone(),
        retryable,
        stage: Some(task.stage),
        // The end is worth more than the sum: it is told without.
        total_cost: worker.ledgers.spent(task.job).await.ok(),
        pending_cost: None,
    });
    worker.events.publish(&end).await?;
    Ok(())
}
