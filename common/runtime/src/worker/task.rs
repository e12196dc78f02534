//! One delivery, from the message to its last answer.

use std::error::Error;
use std::time::Duration;

use async_nats::jetstream::{self, AckKind};
use model::envelope::VERSION;
use model::{Envelope, JobBrief, TaskId};
use nats::{consumers, subject};
use serde::Deserialize;
use serde_json::Value;
use tracing::{Instrument, debug, error, info, info_span, warn};

use super::claim::{Claim, ClaimState, Lease, LeaseError, Taking};
use super::hand_over::{self, HandOverError};
use super::settle::backoff;
use super::{Worker, attempt, kept, park};
use crate::stage::MODULE_FAILURE;
use crate::{Stage, events, faults};

/// How long a message of a newer build rests before another worker may look at it.
const NEWER: Duration = Duration::from_secs(5);
/// How long a task rests whose last steps could not be taken.
const UNFINISHED: Duration = Duration::from_secs(5);

/// What is said to the server about a message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Answer {
    /// It is done with.
    Ack,
    /// It is given up.
    Term,
    /// It is to be delivered again, after so long.
    Again(Duration),
    /// Nothing: the task belongs to another, or the server will deliver it again by itself.
    Nothing,
}

/// A message of work as far as every stage can read it.
pub(super) struct Work {
    pub(super) task: TaskId,
    /// The envelope, with any input. `None` when the message cannot be read.
    pub(super) envelope: Option<Envelope<Value>>,
    pub(super) message: Value,
    pub(super) headers: async_nats::HeaderMap,
}

#[derive(Deserialize)]
struct Versioned {
    v: u32,
}

/// Works on a message and answers it.
pub(super) async fn work_on<S: Stage>(worker: &Worker<S>, message: jetstream::Message) {
    let Some(task) = subject::parse_work(&message.subject) else {
        error!(subject = %message.subject, "this subject names no task; the message is given up");
        return answer(&message, Answer::Term).await;
    };
    faults::pass(S::KIND.name(), "received");
    let span = info_span!("task", job.id = %task.job, stage = %task.stage, clip = task.clip.map(|clip| clip.0));
    async {
        let verdict = settled(worker, task, &message).await;
        answer(&message, verdict).await;
        faults::pass(S::KIND.name(), "answered");
    }
    .instrument(span)
    .await;
}

async fn settled<S: Stage>(
    worker: &Worker<S>,
    task: TaskId,
    message: &jetstream::Message,
) -> Answer {
    if let Ok(Versioned { v }) = serde_json::from_slice(&message.payload)
        && v > VERSION
    {
        warn!(
            v,
            "the message is of a newer build; leaving it to a worker that is too"
        );
        return Answer::Again(NEWER);
    }
    let Some(_held) = worker.in_hand.take(task) else {
        // Delivered again while we are at it, as after a server's restart. Renewing goes on.
        return Answer::Again(consumers::ACK_WAIT / 2);
    };
    let (name, connected) = (&worker.settings.worker, worker.link.age());
    let (claims, jetstream) = (worker.claims.clone(), &worker.jetstream);
    let lease = match Lease::take(claims, jetstream, &task, name, connected).await {
        Ok(Taking::Taken(lease)) => lease,
        Ok(Taking::Leave(wait)) => {
            debug!(
                ?wait,
                "the task was delivered again, but its worker may be alive"
            );
            return Answer::Again(wait);
        }
        Err(error) => {
            warn!(
                error = &error as &dyn Error,
                "the task cannot be claimed now"
            );
            return Answer::Nothing;
        }
    };
    faults::pass(S::KIND.name(), "claimed");
    tokio::select! {
        answer = steps(worker, &lease, work(task, message)) => answer,
        () = renewed(&lease, message) => {
            warn!("stale_epoch: another worker has taken the task; saying nothing more");
            Answer::Nothing
        }
    }
}

fn work(task: TaskId, message: &jetstream::Message) -> Work {
    let json: Option<Value> = serde_json::from_slice(&message.payload).ok();
    Work {
        task,
        envelope: serde_json::from_slice(&message.payload).ok(),
        message: json.unwrap_or_else(|| String::from_utf8_lossy(&message.payload).into()),
        headers: message.headers.clone().unwrap_or_default(),
    }
}

/// What is to be done, by where the claim stands.
async fn steps<S: Stage>(worker: &Worker<S>, lease: &Lease, work: Work) -> Answer {
    let claim = lease.claim().await;
    if let ClaimState::Parked { .. } = claim.state {
        return parked(worker, &work, &claim).await;
    }
    let Some(envelope) = work
        .envelope
        .as_ref()
        .filter(|envelope| is_of(&work.task, &envelope.job))
    else {
        error!("the message is no work that this build can read");
        return give_up(worker, lease, &work, garbage()).await;
    };
    match unwanted(worker, &work.task).await {
        Ok(false) => {}
        Ok(true) => {
            info!("the job is over; dropping its work");
            return Answer::Ack;
        }
        Err(error) => {
            warn!(
                error = &*error,
                "whether the job is wanted cannot be told now"
            );
            return Answer::Again(UNFINISHED);
        }
    }
    match claim.state {
        ClaimState::Done { output, seconds } => {
            info!("the work is done already; handing it over again");
            handed_over(worker, lease, &work, envelope, (output, seconds)).await
        }
        _ => match kept::before(worker, &work.task).await {
            Some(kept) => {
                info!("the work was done before its claim was lost; handing it over");
                attempt::done_before(worker, lease, &work, envelope, kept).await
            }
            None => attempt::attempt(worker, lease, &work, envelope, claim.attempts).await,
        },
    }
}

/// True when the job was cancelled or has ended otherwise.
pub(super) async fn unwanted<S: Stage>(
    worker: &Worker<S>,
    task: &TaskId,
) -> Result<bool, Box<dyn Error + Send + Sync>> {
    Ok(worker.cancellations.is_raised((task.job, task.run)).await?
        || worker.events.has_ended(task.job, task.run).await?)
}

/// Takes the steps that hand a finished task over, and says what became of the message.
pub(super) async fn handed_over<S: Stage>(
    worker: &Worker<S>,
    lease: &Lease,
    work: &Work,
    envelope: &Envelope<Value>,
    (output, seconds): (Value, f64),
) -> Answer {
    match hand_over::hand_over(worker, work, envelope, output, seconds).await {
        Ok(()) => {
            faults::pass(S::KIND.name(), "handed_over");
            Answer::Ack
        }
        Err(HandOverError::Passing(error)) => {
            warn!(
                error = &*error,
                "handing over failed; it will be done again"
            );
            Answer::Again(UNFINISHED)
        }
        Err(HandOverError::Lasting(cause)) => give_up(worker, lease, work, cause).await,
    }
}

/// Parks the task and ends the job.
pub(super) async fn give_up<S: Stage>(
    worker: &Worker<S>,
    lease: &Lease,
    work: &Work,
    parked_state: ClaimState,
) -> Answer {
    match lease.advance(parked_state).await {
        Ok(claim) => parked(worker, work, &claim).await,
        Err(error) => unwritten(&error),
    }
}

async fn parked<S: Stage>(worker: &Worker<S>, work: &Work, claim: &Claim) -> Answer {
    match park::park(worker, work, claim).await {
        Ok(()) => Answer::Term,
        Err(error) => {
            warn!(
                error = &error as &dyn Error,
                "parking failed; it will be done again"
            );
            Answer::Again(UNFINISHED)
        }
    }
}

/// What is said when a claim could not be written.
pub(super) fn unwritten(error: &LeaseError) -> Answer {
    match error {
        LeaseError::Moved => {
            warn!("stale_epoch: another worker has taken the task; saying nothing more");
        }
        error => warn!(
            error = error as &dyn Error,
            "the claim could not be written; leaving the task to its redelivery"
        ),
    }
    Answer::Nothing
}

fn garbage() -> ClaimState {
    ClaimState::Parked {
        code: MODULE_FAILURE.to_owned(),
        causes: vec!["reading the work message".to_owned()],
        retryable: false,
        at: events::now(),
    }
}

fn is_of(task: &TaskId, job: &JobBrief) -> bool {
    task.job == job.id && task.run == job.run
}

/// Renews message and claim until the claim has moved on. The two do not wait for each other.
async fn renewed(lease: &Lease, message: &jetstream::Message) {
    tokio::select! {
        () = message_renewed(message) => {}
        () = claim_renewed(lease) => {}
    }
}

async fn message_renewed(message: &jetstream::Message) {
    let mut ticks = renewals();
    loop {
        ticks.tick().await;
        if let Err(error) = message.ack_with(AckKind::Progress).await {
            debug!(%error, "the message could not be renewed now");
        }
    }
}

/// Completes when the claim has moved on.
async fn claim_renewed(lease: &Lease) {
    let mut ticks = renewals();
    loop {
        ticks.tick().await;
        match lease.renew().await {
            Ok(()) => {}
            Err(LeaseError::Moved) => return,
            Err(error) => debug!(
                error = &error as &dyn Error,
                "the claim could not be renewed now"
            ),
        }
    }
}

fn renewals() -> tokio::time::Interval {
    let first = tokio::time::Instant::now() + consumers::RENEWAL;
    let mut ticks = tokio::time::interval_at(first, consumers::RENEWAL);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    ticks
}

/// Every answer is confirmed: an unconfirmed one is lost in a server's crash. One that cannot be given
/// leads to a redelivery, which finds the claim.
async fn answer(message: &jetstream::Message, answer: Answer) {
    let kind = match answer {
        Answer::Ack => AckKind::Ack,
        Answer::Term => AckKind::Term,
        Answer::Again(delay) if delay.is_zero() => AckKind::Nak(None),
        Answer::Again(delay) => AckKind::Nak(Some(delay)),
        Answer::Nothing => return,
    };
    if let Err(error) = message.double_ack_with(kind).await {
        warn!(%error, ?answer, "the answer may be lost; the task will be delivered again");
    }
}

/// How long a failed task rests before its next attempt.
pub(super) fn pause_after(attempt: u32) -> Duration {
    backoff(attempt, fastrand::f64())
}
