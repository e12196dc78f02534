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
    // Texts, numbers and the JSON of the message: always JSON.
    let payload = serde_json::to_vec(&letter).unwrap_or_default().into();
    let mut headers = HeaderMap::new();
    super::hand_over::carry_trace(&work.headers, &mut headers);
    publish::write_once(
        &worker.jetstream,
        subject::dead(&work.task),
        payload,
        headers,
    )
    .await?;
    error!(
        attempts = claim.attempts,
        causes = causes.join(": "),
        "the task is parked"
    );

    let stage = work.task.stage;
    let text = format!(
        "{stage} failed while {}",
        causes.first().map_or("working", String::as_str)
    );
    let event = |body| Event {
        job_id: work.task.job,
        run: work.task.run,
        timestamp: *at,
        body,
    };
    let failed = event(EventBody::StageUpdate {
        stage,
        status: StageStatus::Failed,
        duration: None,
        error: Some(text.clone()),
    });
    let id = format!("{}.failed", work.task);
    worker.events.publish_as(&failed, Some(&id)).await?;
    let end = event(EventBody::Error {
        error: text,
        code: code.clone(),
        retryable: *retryable,
        stage: Some(stage),
    });
    worker.events.publish(&end).await?;
    Ok(())
}
