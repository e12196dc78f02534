//! Handing over: the events of the end of a task, then the message to the stage after, each of them
//! harmless when sent twice.

use std::error::Error;

use async_nats::HeaderMap;
use futures::stream::{self, StreamExt, TryStreamExt};
use model::clip::ClipInstruction;
use model::event::EventBody;
use model::film::Film;
use model::handoff::{ClipTask, HandOver, Instructed, Output};
use model::job::StageStatus;
use model::{Envelope, Seconds, TaskId};
use nats::publish::{self, PublishError, Published};
use nats::subject;
use serde::Serialize;
use serde_json::Value;
use tracing::warn;

use super::Worker;
use super::claim::ClaimState;
use super::join;
use super::task::Work;
use crate::context::progress_event;
use crate::events::event;
use crate::stage::{Source, causes};
use crate::{ArtifactError, Stage, StageError};

/// How many clips are handed out at once.
const IN_FLIGHT: usize = 16;

/// Why a finished task could not be handed over.
pub(super) enum HandOverError {
    /// Later it may.
    Passing(Source),
    /// It never will; the claim is to say this.
    Lasting(ClaimState),
}

impl From<PublishError> for HandOverError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Unknown { .. } => Self::Passing(error.into()),
            PublishError::Refused { .. } | PublishError::NoStream { .. } => Self::lasting(error),
        }
    }
}

impl From<ArtifactError> for HandOverError {
    fn from(error: ArtifactError) -> Self {
        if error.is_lasting() {
            Self::lasting(error)
        } else {
            Self::Passing(error.into())
        }
    }
}

impl From<nats::kv::KvError> for HandOverError {
    fn from(error: nats::kv::KvError) -> Self {
        Self::Passing(error.into())
    }
}

impl From<serde_json::Error> for HandOverError {
    fn from(error: serde_json::Error) -> Self {
        Self::lasting(error)
    }
}

impl HandOverError {
    pub(super) fn lasting(error: impl Into<Source>) -> Self {
        let error = StageError::fatal("handing over", error);
        let causes = causes(&error as &dyn Error);
        Self::Lasting(ClaimState::Parked {
            code: error.code().to_owned(),
            causes,
            retryable: false,
            at: crate::events::now(),
        })
    }
}

/// Sends what the stage gave to where it belongs.
pub(super) async fn hand_over<S: Stage>(
    worker: &Worker<S>,
    work: &Work,
    envelope: &Envelope<Value>,
    output: Value,
    seconds: f64,
) -> Result<(), HandOverError> {
    let output: S::Output = serde_json::from_value(output)?;
    match output.hand_over()? {
        HandOver::Next(input) => {
            stage_ended(worker, &work.task, Some(Seconds(seconds))).await?;
            let next = next_of(&work.task)?;
            send(worker, work, &next, &envelope.with(input)).await
        }
        HandOver::FanOut(film) => {
            let clips = worker.artifacts.get_json(&film.prompts).await?.clips;
            if clips.len() != film.clips as usize || clips.is_empty() {
                let found = clips.len();
                let error = format!("{found} instructions where {} were announced", film.clips);
                return Err(HandOverError::lasting(error));
            }
            stage_ended(worker, &work.task, Some(Seconds(seconds))).await?;
            fan_out(worker, work, envelope, &film, &clips).await
        }
        HandOver::Join(made) => join::join(worker, work, envelope, made).await,
        HandOver::Finish(film) => {
            stage_ended(worker, &work.task, Some(Seconds(seconds))).await?;
            finish(worker, &work.task, film).await
        }
    }
}

/// Publishes the one message of `task`.
pub(super) async fn send<S: Stage, I: Serialize>(
    worker: &Worker<S>,
    work: &Work,
    task: &TaskId,
    envelope: &Envelope<I>,
) -> Result<(), HandOverError> {
    let payload = serde_json::to_vec(envelope)?.into();
    let mut headers = HeaderMap::new();
    carry_trace(&work.headers, &mut headers);
    let subject = subject::work(task);
    let published = publish::write_once(&worker.jetstream, subject, payload, headers).await?;
    if let Published::AlreadyThere {
        same_payload: false,
        ..
    } = published
    {
        warn!(%task, "the next task was handed over before, with another input; that one stays");
    }
    Ok(())
}

async fn fan_out<S: Stage>(
    worker: &Worker<S>,
    work: &Work,
    envelope: &Envelope<Value>,
    film: &Instructed,
    clips: &[ClipInstruction],
) -> Result<(), HandOverError> {
    let mut tasks = Vec::new();
    for shape in 0..envelope.job.formats().len() as u32 {
        for instruction in clips {
            let slot = film.slot(shape, instruction.index);
            let task = TaskId::of_clip(work.task.job, work.task.run, slot);
            let input = ClipTask {
                instruction: instruction.clone(),
                shape,
                film: film.clone(),
            };
            tasks.push((task, envelope.with(input)));
        }
    }
    let sends = tasks
        .into_iter()
        .map(|(task, envelope)| async move { send(worker, work, &task, &envelope).await });
    stream::iter(sends)
        .buffer_unordered(IN_FLIGHT)
        .try_collect::<()>()
        .await
}

async fn finish<S: Stage>(
    worker: &Worker<S>,
    task: &TaskId,
    film: Film,
) -> Result<(), HandOverError> {
    let spent = worker.ledgers.spent(task.job).await;
    let total_cost = spent.map_err(|error| HandOverError::Passing(error.into()))?;
    let body = EventBody::Completed {
        video: film.video,
        poster: film.poster,
        report: film.report.artifact,
        duration: film.duration,
        clips: film.clips,
        total_cost,
        others: film.others,
    };
    worker.events.publish(&event(task, body)).await?;
    Ok(())
}

/// Says that a stage has ended, before the next one can say that it begins.
pub(super) async fn stage_ended<S: Stage>(
    worker: &Worker<S>,
    task: &TaskId,
    duration: Option<Seconds>,
) -> Result<(), HandOverError> {
    let whole = TaskId::of_stage(task.stage, task.job, task.run);
    let ended = EventBody::StageUpdate {
        stage: task.stage,
        status: StageStatus::Completed,
        duration,
        error: None,
    };
    say_once(worker, &whole, ended, "completed").await?;
    match progress_event(&whole, 1.0) {
        Some(progress) => say_once(worker, &whole, progress, "progress").await,
        None => Ok(()),
    }
}

/// Says something about a task that a redelivery soon after will not say again.
pub(super) async fn say_once<S: Stage>(
    worker: &Worker<S>,
    task: &TaskId,
    body: EventBody,
    what: &str,
) -> Result<(), HandOverError> {
    let id = format!("{task}.{what}");
    worker.events.publish_as(&event(task, body), &id).await?;
    Ok(())
}

fn next_of(task: &TaskId) -> Result<TaskId, HandOverError> {
    let stage = task
        .stage
        .next()
        .ok_or_else(|| HandOverError::lasting(format!("nothing comes after {}", task.stage)))?;
    Ok(TaskId::of_stage(stage, task.job, task.run))
}

/// One upload is one trace: what came with the message goes on with the next.
pub(super) fn carry_trace(from: &HeaderMap, to: &mut HeaderMap) {
    for name in ["traceparent", "tracestate"] {
        if let Some(value) = from.get(name) {
            to.insert(name, value.clone());
        }
    }
}
