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
use tracing::warn;

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

/// What lies there once a run, under a key that is no clip's: when the run's first clip began.
#[derive(Serialize, Deserialize)]
struct Begun {
    #[serde(with = "time::serde::rfc3339")]
    begun: OffsetDateTime,
}

/// How far the clips of a run are.
#[derive(Clone, Copy)]
struct Tally {
    /// Made in this pass.
    completed: u32,
    /// To be made in this pass.
    asked: u32,
    /// In the film; those that are not asked for are there.
    total: u32,
    /// When the first one began, if that is known.
    begun: Option<OffsetDateTime>,
}

impl Tally {
    /// How long the other clips take if they go on as they did, however many workers share them.
    fn remaining(self, now: OffsetDateTime) -> Option<Seconds> {
        let elapsed = (now - self.begun?).as_seconds_f64();
        if self.completed == 0 || elapsed <= 0.0 {
            return None;
        }
        let open = self.asked.saturating_sub(self.completed);
        Some(Seconds(
            elapsed / f64::from(self.completed) * f64::from(open),
        ))
    }
}

impl Tally {
    /// Clips of the film that are there.
    const fn there(self) -> u32 {
        self.total - self.asked.saturating_sub(self.completed)
    }
}

/// Puts a clip to the others, and hands the film on if it was the last.
pub(super) async fn join<S: Stage>(
    worker: &Worker<S>,
    work: &Work,
    envelope: &Envelope<Value>,
    made: ClipMade,
) -> Result<(), HandOverError> {
    let ClipMade { clip, film } = made;
    let begun = put(worker, &work.task, &clip).await?;
    let present = worker
        .clips
        .keys(&format!("{}.*", prefix(&work.task)))
        .await?;
    let shapes = envelope.job.formats().len() as u32;
    let asked = film.made(shapes).len() as u32;
    let tally = Tally {
        completed: present.len() as u32,
        asked,
        total: film.clips * shapes,
        begun: known(first_begun(worker, &work.task, begun).await),
    };
    say(worker, work, envelope, (&clip, tally)).await?;
    if tally.completed >= asked {
        complete(worker, work, envelope, film).await?;
    }
    Ok(())
}

/// The first result of a clip stays: a second one would not be what the composer was told. Gives when
/// the clip began.
async fn put<S: Stage>(
    worker: &Worker<S>,
    task: &TaskId,
    clip: &Clip,
) -> Result<OffsetDateTime, HandOverError> {
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
        Swap::Set(_) | Swap::Conflict => Ok(begun),
    }
}

/// When the run's first clip began, as the first one that was finished says it.
async fn first_begun<S: Stage>(
    worker: &Worker<S>,
    task: &TaskId,
    begun: OffsetDateTime,
) -> Result<OffsetDateTime, HandOverError> {
    let key = prefix(task);
    if let Some(entry) = worker.clips.get(&key).await? {
        return Ok(serde_json::from_slice::<Begun>(&entry.value)?.begun);
    }
    let value = serde_json::to_vec(&Begun { begun })?.into();
    match worker.clips.swap(&key, value, 0).await? {
        // Who was faster by a moment began no other time.
        Swap::Set(_) | Swap::Conflict => Ok(begun),
    }
}

/// The figure only foretells: a film does not fail because it cannot be had.
fn known<T>(read: Result<T, HandOverError>) -> Option<T> {
    read.inspect_err(|error| {
        let cause: &dyn std::fmt::Debug = match error {
            HandOverError::Passing(cause) => cause,
            HandOverError::Lasting(state) => state,
        };
        warn!(?cause, "when the first clip began is not known");
    })
    .ok()
}

async fn say<S: Stage>(
    worker: &Worker<S>,
    work: &Work,
    envelope: &Envelope<Value>,
    (clip, tally): (&Clip, Tally),
) -> Result<(), HandOverError> {
    let complete = EventBody::VideoGenerationComplete {
        clip_index: clip.index,
        duration: envelope.job.format.rate.time_of(u64::from(clip.frames)),
        cost: Usd::ZERO,
        completed_clips: tally.there(),
        total_clips: tally.total,
    };
    say_once(worker, &work.task, complete, "complete").await?;
    let fraction = f64::from(tally.there()) / f64::from(tally.total.max(1));
    let progress = EventBody::Progress {
        progress: StageKind::VideoGenerator.progress_at(fraction),
        stage: StageKind::VideoGenerator,
        estimated_remaining: tally.remaining(crate::events::now()),
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
    let mut clips = match &film.base {
        Some(base) => worker.artifacts.get_json(&base.clips).await?.clips,
        None => Vec::new(),
    };
    let mut begun: Option<OffsetDateTime> = None;
    let shapes = envelope.job.formats().len() as u32;
    for index in film.made(shapes) {
        let key = format!("{}.{index}", prefix(&work.task));
        let Some(entry) = worker.clips.get(&key).await? else {
            let error =
                format!("clip {index} is missing although as many clips are there as wanted");
            return Err(HandOverError::lasting(error));
        };
        let joined: Joined = serde_json::from_slice(&entry.value)?;
        begun = Some(begun.map_or(joined.begun, |begun| begun.min(joined.begun)));
        match clips.get_mut(index.0 as usize) {
            Some(before) => *before = joined.clip,
            None => clips.push(joined.clip),
        }
    }
    let name = format!("run-{}/clips.json", work.task.run);
    let key = ArtifactKey::of_job(work.task.job, &name).map_err(HandOverError::lasting)?;
    let clips = worker.artifacts.put_json(&key, &Clips { clips }).await?;
    let took = begun.map(|begun| since(begun, OffsetDateTime::now_utc()));
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

/// Never below zero, whatever the clock of the worker that began says.
fn since(begun: OffsetDateTime, now: OffsetDateTime) -> Seconds {
    Seconds((now - begun).as_seconds_f64().max(0.0))
}

fn prefix(task: &TaskId) -> String {
    format!("{}.{}", task.job, task.run)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: i64, completed: u32) -> Option<f64> {
        let begun = OffsetDateTime::UNIX_EPOCH;
        let tally = Tally {
            completed,
            asked: 10,
            total: 10,
            begun: Some(begun),
        };
        let left = tally.remaining(begun + time::Duration::seconds(seconds));
        left.map(|seconds| seconds.0)
    }

    #[test]
    fn the_other_clips_take_as_long_each_as_those_that_are_made() {
        assert_eq!(after(8, 1), Some(72.0));
        assert_eq!(after(12, 4), Some(18.0));
        assert_eq!(after(30, 10), Some(0.0));
    }

    #[test]
    fn the_clips_took_no_negative_time_and_a_begin_that_is_not_known_foretells_nothing() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let second = time::Duration::SECOND;
        assert_eq!(since(now - second, now).0, 1.0);
        assert_eq!(since(now + second, now).0, 0.0);
        let tally = Tally {
            completed: 1,
            asked: 10,
            total: 10,
            begun: None,
        };
        assert!(tally.remaining(now).is_none());
    }

    #[test]
    fn what_is_taken_over_from_an_earlier_film_is_there_from_the_begin() {
        let tally = |completed| Tally {
            completed,
            asked: 2,
            total: 40,
            begun: None,
        };
        assert_eq!(
            [0, 1, 2, 3].map(|made| tally(made).there()),
            [38, 39, 40, 40]
        );
    }

    #[test]
    fn nothing_is_foretold_from_no_clip_or_no_time() {
        assert_eq!(after(8, 0), None);
        assert_eq!(after(0, 1), None);
        assert_eq!(after(-3, 1), None, "the other worker's clock is ahead");
    }
}
