//! The join: each clip's worker puts its clip beside the others; whoever sees the set complete hands
//! the film to the composer. Two may see it: the second message is refused. None is counted by adding.

use model::clip::{Clip, Clips};
use model::event::EventBody;
use model::handoff::{ClipMade, Instructed, ToCompose};
use model::{ArtifactKey, Envelope, Seconds, StageKind, TaskId, Usd};
use nats::kv::Swap;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

use super::Worker;
use super::hand_over::{HandOverError, say_once, send, stage_ended};
use super::task::Work;
use crate::Stage;

/// What lies in the bucket `clips`.
#[derive(Serialize, Deserialize)]
struct Joined {
    clip: Clip,
    #[serde(with = "time::serde::rfc3339")]
    begun: OffsetDateTime,
}

/// Puts a clip to the others, and hands the film on if it was the last.
pub(super) async fn join<S: Stage>(
    worker: &Worker<S>,
    work: &Work,
    envelope: &Envelope<Value>,
    made: ClipMade,
) -> Result<(), HandOverError> {
    let ClipMade { clip, film } = made;
    put(worker, &work.task, &clip).await?;
    let present = worker
        .clips
        .keys(&format!("{}.*", prefix(&work.task)))
        .await?;
    let completed = present.len() as u32;
    say(worker, work, envelope, (&clip, completed, film.clips)).await?;
    if completed >= film.clips {
        complete(worker, work, envelope, film).await?;
    }
    Ok(())
}

/// The first result of a clip stays: a second one would not be what the composer was told.
async fn put<S: Stage>(
    worker: &Worker<S>,
    task: &TaskId,
    clip: &Clip,
) -> Result<(), HandOverError> {
    let elapsed = time::Duration::try_from(std::time::Duration::from_secs_f64(
        clip.elapsed.0.clamp(0.0, 86_400.0),
    ));
    let begun = crate::events::now() - elapsed.unwrap_or_default();
    let joined = Joined {
        clip: clip.clone(),
        begun,
    };
    let key = format!("{}.{}", prefix(task), clip.index);
    let value = serde_json::to_vec(&joined)?.into();
    match worker.clips.swap(&key, value, 0).await? {
        Swap::Set(_) | Swap::Conflict => Ok(()),
    }
}

async fn say<S: Stage>(
    worker: &Worker<S>,
    work: &Work,
    envelope: &Envelope<Value>,
    (clip, completed_clips, total_clips): (&Clip, u32, u32),
) -> Result<(), HandOverError> {
    let complete = EventBody::VideoGenerationComplete {
        clip_index: clip.index,
        duration: envelope.job.format.rate.time_of(u64::from(clip.frames)),
        cost: Usd::ZERO,
        completed_clips,
        total_clips,
    };
    say_once(worker, &work.task, complete, "complete").await?;
    let fraction = f64::from(completed_clips) / f64::from(total_clips.max(1));
    let progress = EventBody::Progress {
        progress: StageKind::VideoGenerator.progress_at(fraction),
        stage: StageKind::VideoGenerator,
        estimated_remaining: None,
        total_cost: Usd::ZERO,
    };
    say_once(worker, &work.task, progress, "progress").await
}

async fn complete<S: Stage>(
    worker: &Worker<S>,
    work: &Work,
    envelope: &Envelope<Value>,
    film: Instructed,
) -> Result<(), HandOverError> {
    let mut clips = Vec::new();
    let mut begun: Option<OffsetDateTime> = None;
    for index in 0..film.clips {
        let key = format!("{}.{index}", prefix(&work.task));
        let Some(entry) = worker.clips.get(&key).await? else {
            let error =
                format!("clip {index} is missing although as many clips are there as wanted");
            return Err(HandOverError::lasting(error));
        };
        let joined: Joined = serde_json::from_slice(&entry.value)?;
        begun = Some(begun.map_or(joined.begun, |begun| begun.min(joined.begun)));
        clips.push(joined.clip);
    }
    let name = format!("run-{}/clips.json", work.task.run);
    let key = ArtifactKey::of_job(work.task.job, &name).map_err(HandOverError::lasting)?;
    let clips = worker.artifacts.put_json(&key, &Clips { clips }).await?;
    let took = begun.map(|begun| Seconds((OffsetDateTime::now_utc() - begun).as_seconds_f64()));
    stage_ended(worker, &work.task, took).await?;
    let next = TaskId::of_stage(StageKind::Composer, work.task.job, work.task.run);
    send(
        worker,
        work,
        &next,
        &envelope.with(ToCompose { film, clips }),
    )
    .await
}

fn prefix(task: &TaskId) -> String {
    format!("{}.{}", task.job, task.run)
}
