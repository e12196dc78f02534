//! One attempt: the stage's work, raced against everything that may end it.

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::event::EventBody;
use model::job::StageStatus;
use model::{ClipIndex, Envelope, Seconds, TaskId};
use serde_json::Value;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, info, warn};

use super::claim::{ClaimState, Lease};
use super::kept::{self, Kept};
use super::settle::{Settlement, settle};
use super::task::{self, Answer, Work};
use super::{Worker, deadline};
use crate::context::progress_event;
use crate::cpu::Share;
use crate::events::Reporter;
use crate::purchase::Till;
use crate::scratch::Scratch;
use crate::stage::{PROGRAM_KILLED, STAGE_TIMEOUT, causes};
use crate::{Stage, StageContext, StageError, StageResultExt, faults};

/// How long work that is not wanted any more may take to notice, before it is dropped where it stands.
const NOTICE: Duration = Duration::from_millis(500);

/// How the work ended.
enum Ended<O> {
    ByItself(Result<O, StageError>),
    Cancelled,
    Shutdown,
    /// Its time was up.
    Late(Duration),
}

/// Runs the stage on the task and settles what came of it.
pub(super) async fn attempt<S: Stage>(
    worker: &Worker<S>,
    lease: &Lease,
    work: &Work,
    envelope: &Envelope<Value>,
    attempts: u32,
) -> Answer {
    let (reporter, _events) = Reporter::publishing(worker.events.clone(), work.task, {
        let task = work.task;
        move |fraction| progress_event(&task, fraction)
    });
    if let Some(body) = begun(&work.task) {
        reporter.say(body);
    }
    info!(attempt = attempts, "working");
    let (started, share) = (Instant::now(), Arc::new(Share::begin()));
    let ended = match start(worker, envelope, (work.task, &share), &reporter) {
        Ok(running) => race(worker, (envelope.job.id, envelope.job.run), running).await,
        Err(error) => Ended::ByItself(Err(error)),
    };
    let seconds = started.elapsed().as_secs_f64();
    let cpu = share.so_far().map(|cpu| cpu.0);
    // What is done from here on is little, and may wait for the broker for long.
    drop(share);
    reporter.flush().await;
    let outcome = match ended {
        Ended::ByItself(outcome) => outcome,
        Ended::Cancelled => Err(StageError::Cancelled),
        Ended::Late(limit) => Err(late(limit)),
        Ended::Shutdown => return released(lease).await,
    };
    let outcome = match as_wanted(worker, work, outcome).await {
        Ok(outcome) => outcome,
        Err(answer) => return answer,
    };
    match (settle(&outcome, attempts), outcome) {
        (_, Err(error)) if error.code() == PROGRAM_KILLED && lease.may_be_excused().await => {
            excused(lease, &error).await
        }
        (Settlement::Drop, _) => {
            info!("cancelled; dropping the work");
            Answer::Ack
        }
        (_, Ok(output)) => {
            faults::pass(S::KIND.name(), "made");
            done(worker, lease, work, envelope, (output, seconds, cpu)).await
        }
        (Settlement::Retry, Err(error)) => {
            retried(lease, &work.task, attempts, &reporter, &error).await
        }
        (_, Err(error)) => {
            warn!(
                error = &error as &dyn Error,
                attempt = attempts,
                "giving up"
            );
            task::give_up(worker, lease, work, parked(&error)).await
        }
    }
}

/// The work as its own task, so that a panic costs this attempt only.
struct Running<O> {
    work: AbortOnDropHandle<Result<O, StageError>>,
    stop: CancellationToken,
}

fn start<S: Stage>(
    worker: &Worker<S>,
    envelope: &Envelope<Value>,
    (task, share): (TaskId, &Arc<Share>),
    reporter: &Reporter,
) -> Result<Running<S::Output>, StageError> {
    let input: S::Input =
        serde_json::from_value(envelope.input.clone()).or_fatal("reading its input")?;
    let scratch =
        Scratch::make(&worker.settings.scratch, task.stage).or_retry("making a scratch folder")?;
    let stop = CancellationToken::new();
    let cx = StageContext {
        job: envelope.job.clone(),
        task,
        artifacts: worker.artifacts.clone(),
        reporter: reporter.clone(),
        stop: stop.clone(),
        folder: scratch.path().to_owned(),
        scratch: Arc::new(scratch),
        till: Arc::new(Till::Broker(
            Box::new(worker.ledgers.clone()),
            worker.events.clone(),
        )),
        underway: worker.underway.clone(),
        shape: None,
        part: (0.0, 1.0),
        cpu: Arc::clone(share),
        events: None,
    };
    let stage = Arc::clone(&worker.stage);
    let work = async move {
        faults::pass(S::KIND.name(), "working");
        stage.run(input, &cx).await
    };
    let work = AbortOnDropHandle::new(tokio::spawn(work.in_current_span()));
    Ok(Running { work, stop })
}

async fn race<S: Stage>(
    worker: &Worker<S>,
    pass: crate::cancellations::Pass,
    mut running: Running<S::Output>,
) -> Ended<S::Output> {
    let cancellation = worker.watch.of(pass);
    let drained = async {
        worker.shutdown.begun().await;
        tokio::time::sleep(worker.settings.drain).await;
    };
    let limit = worker.settings.deadline.unwrap_or(deadline::of(S::KIND));
    let ended = tokio::select! {
        result = &mut running.work => return Ended::ByItself(result.unwrap_or_else(panicked)),
        () = cancellation.raised() => Ended::Cancelled,
        () = drained => Ended::Shutdown,
        () = tokio::time::sleep(limit) => Ended::Late(limit),
    };
    running.stop.cancel();
    if tokio::time::timeout(NOTICE, &mut running.work)
        .await
        .is_err()
    {
        warn!("the work does not notice that it is unwanted; dropping it where it stands");
        deadline::see_to_its_end(running.work, worker.stuck.clone());
    }
    ended
}

fn late(limit: Duration) -> StageError {
    let text = format!("it had not ended after {} s", limit.as_secs());
    StageError::retry("working", text).coded(STAGE_TIMEOUT)
}

fn panicked<O>(error: JoinError) -> Result<O, StageError> {
    let what = match error.try_into_panic() {
        Ok(payload) => payload
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without words".to_owned()),
        Err(error) => error.to_string(),
    };
    Err(StageError::retry(
        "running the stage",
        format!("panicked: {what}"),
    ))
}

/// The outcome, unless the job is not wanted any more: then `Cancelled`, whatever came out.
async fn as_wanted<S: Stage>(
    worker: &Worker<S>,
    work: &Work,
    outcome: Result<S::Output, StageError>,
) -> Result<Result<S::Output, StageError>, Answer> {
    match (task::unwanted(worker, &work.task).await, outcome) {
        (Ok(true), _) => Ok(Err(StageError::Cancelled)),
        (Ok(false), Err(StageError::Cancelled)) => Ok(Err(StageError::retry(
            "working",
            "it stopped although nobody asked it to",
        ))),
        // Not knowing is no reason to lose finished work: the hand-over will meet the same server.
        (Ok(false), outcome) | (Err(_), outcome @ Ok(_)) => Ok(outcome),
        (Err(error), Err(_)) => {
            warn!(
                error = &*error,
                "whether the job is wanted cannot be told now"
            );
            Err(Answer::Nothing)
        }
    }
}

async fn done<S: Stage>(
    worker: &Worker<S>,
    lease: &Lease,
    work: &Work,
    envelope: &Envelope<Value>,
    (output, seconds, cpu): (S::Output, f64, Option<f64>),
) -> Answer {
    let output = match serde_json::to_value(&output) {
        Ok(output) => output,
        Err(error) => {
            let error = StageError::fatal("writing its output", error);
            return task::give_up(worker, lease, work, parked(&error)).await;
        }
    };
    let kept = Kept {
        output,
        seconds,
        cpu,
    };
    kept::keep(worker, &work.task, &kept).await;
    done_before(worker, lease, work, envelope, kept).await
}

/// Settles a task whose output is there.
pub(super) async fn done_before<S: Stage>(
    worker: &Worker<S>,
    lease: &Lease,
    work: &Work,
    envelope: &Envelope<Value>,
    kept: Kept,
) -> Answer {
    let Kept {
        output, seconds, ..
    } = kept;
    let state = ClaimState::Done {
        output: output.clone(),
        seconds,
    };
    match lease.advance(state).await {
        Ok(_) => {
            faults::pass(S::KIND.name(), "done");
            info!(seconds, "handing over");
            task::handed_over(worker, lease, work, envelope, (output, seconds)).await
        }
        Err(error) => task::unwritten(&error),
    }
}

/// Gives the task back as it was: at once, and without the loss of an attempt.
async fn released(lease: &Lease) -> Answer {
    match lease.advance(ClaimState::Released).await {
        Ok(_) => {
            info!("stopping; giving the task back");
            Answer::Again(Duration::ZERO)
        }
        Err(error) => task::unwritten(&error),
    }
}

/// A program was killed by somebody else, which says nothing about the task.
async fn excused(lease: &Lease, error: &StageError) -> Answer {
    if let Err(error) = lease.excuse().await {
        return task::unwritten(&error);
    }
    let pause = task::pause_after(1);
    warn!(
        error = error as &dyn Error,
        ?pause,
        "a program was killed; trying again"
    );
    Answer::Again(pause)
}

async fn retried(
    lease: &Lease,
    task: &TaskId,
    attempt: u32,
    reporter: &Reporter,
    error: &StageError,
) -> Answer {
    if let Err(error) = lease.advance(ClaimState::Retrying).await {
        return task::unwritten(&error);
    }
    let pause = task::pause_after(attempt);
    warn!(error = error as &dyn Error, attempt, ?pause, "trying again");
    let text = format!("failed while {error}");
    reporter.say(match task.clip {
        Some(clip_index) => EventBody::VideoGenerationRetry {
            clip_index,
            attempt,
            delay_seconds: pause.as_secs_f64(),
            error: text,
        },
        None => EventBody::StageUpdate {
            stage: task.stage,
            status: StageStatus::Processing,
            duration: None::<Seconds>,
            error: Some(text),
        },
    });
    reporter.flush().await;
    Answer::Again(pause)
}

fn parked(error: &StageError) -> ClaimState {
    ClaimState::Parked {
        code: error.code().to_owned(),
        causes: causes(error),
        retryable: matches!(error, StageError::Retry { .. }),
        at: crate::events::now(),
    }
}

/// What is said when a task begins. Of the clips of a film only the first says so.
fn begun(task: &TaskId) -> Option<EventBody> {
    matches!(task.clip, None | Some(ClipIndex(0))).then_some(EventBody::StageUpdate {
        stage: task.stage,
        status: StageStatus::Processing,
        duration: None,
        error: None,
    })
}
