//! The subjects of our messages, and the way back from a subject to what it names.

use model::{Event, EventBody, JobId, RunNumber, StageKind, TaskId};

use crate::streams;

/// Where a task's message is published: `work.<stage>.<job>.<run>[.<clip>]`. Written once for ever.
pub fn work(task: &TaskId) -> String {
    format!("work.{task}")
}

/// Everything a stage takes.
pub fn work_of(stage: StageKind) -> String {
    format!("work.{stage}.>")
}

/// The task that a work subject names. `None` for every text that [`work`] would not write.
pub fn parse_work(subject: &str) -> Option<TaskId> {
    TaskId::parse(subject.strip_prefix("work.")?)
}

/// Where an event is published: `events.<job>.<type>`, and [`end`] for the two that end a job. The begin
/// of a later pass has a subject of its own as well, so that it is said once.
pub fn event(event: &Event) -> String {
    match event.body {
        EventBody::Completed { .. } | EventBody::Error { .. } => end(event.job_id, event.run),
        EventBody::RunStarted { .. } => {
            format!(
                "events.{}.{}.{}",
                event.job_id,
                event.body.name(),
                event.run
            )
        }
        _ => format!("events.{}.{}", event.job_id, event.body.name()),
    }
}

/// Where the end of a run is published. Written once: the first end wins, whatever comes later.
pub fn end(job: JobId, run: RunNumber) -> String {
    format!("events.{job}.end.{run}")
}

/// Every event of a job.
pub fn events_of(job: JobId) -> String {
    format!("events.{job}.>")
}

/// The job that an event subject belongs to.
pub fn job_of_event(subject: &str) -> Option<JobId> {
    let (job, kind) = subject.strip_prefix("events.")?.split_once('.')?;
    (!kind.is_empty()).then(|| job.parse().ok()).flatten()
}

/// Where a task that was given up is parked: `dead.<stage>.<job>.<run>[.<clip>]`.
pub fn dead(task: &TaskId) -> String {
    format!("dead.{task}")
}

/// The task that a dead letter's subject names.
pub fn parse_dead(subject: &str) -> Option<TaskId> {
    TaskId::parse(subject.strip_prefix("dead.")?)
}

/// The stream that keeps what is published on `subject`, if one of ours does.
pub fn stream_of(subject: &str) -> Option<&'static str> {
    match subject.split_once('.')?.0 {
        "work" => Some(streams::WORK),
        "events" => Some(streams::EVENTS),
        "dead" => Some(streams::DEAD),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use model::ClipIndex;
    use model::event::JOB_CANCELLED;

    use super::*;

    fn job() -> JobId {
        "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f".parse().unwrap()
    }

    fn event_with(body: EventBody) -> Event {
        Event {
            job_id: job(),
            run: RunNumber(2),
            timestamp: time::OffsetDateTime::UNIX_EPOCH,
            body,
        }
    }

    #[test]
    fn a_work_subject_is_read_as_it_is_written_and_nothing_else_is() {
        let whole = TaskId::of_stage(StageKind::Composer, job(), RunNumber::FIRST);
        let clip = TaskId::of_clip(job(), RunNumber(2), ClipIndex(7));
        assert_eq!(
            work(&clip),
            format!("work.video_generator.{}.2.7", job()),
            "the form is frozen: messages of older builds lie in the stream"
        );
        for task in [whole, clip] {
            assert_eq!(parse_work(&work(&task)), Some(task));
            assert_eq!(parse_dead(&dead(&task)), Some(task));
        }
        for other in [
            "work",
            "work.",
            "work.composer",
            "works.composer.1.1",
            &dead(&whole),
        ] {
            assert_eq!(parse_work(other), None, "{other:?}");
        }
    }

    #[test]
    fn both_ends_of_a_run_share_one_subject_so_that_only_one_can_be_written() {
        let cancelled = event_with(EventBody::Error {
            error: "cancelled".to_owned(),
            code: JOB_CANCELLED.to_owned(),
            retryable: false,
            stage: None,
            total_cost: None,
            pending_cost: None,
        });
        assert_eq!(event(&cancelled), format!("events.{}.end.2", job()));
        assert_eq!(event(&cancelled), end(job(), RunNumber(2)));
    }

    #[test]
    fn an_event_subject_tells_its_job() {
        let message = event_with(EventBody::Message {
            text: "hello".to_owned(),
            stage: StageKind::Composer,
        });
        assert_eq!(event(&message), format!("events.{}.message", job()));
        assert_eq!(job_of_event(&event(&message)), Some(job()));
        assert_eq!(job_of_event(&end(job(), RunNumber(2))), Some(job()));
        for other in [
            "events",
            "events.x.y",
            &format!("events.{}", job()),
            "work.a.b",
        ] {
            assert_eq!(job_of_event(other), None, "{other:?}");
        }
    }

    #[test]
    fn every_subject_lies_in_the_stream_that_is_said_to_keep_it() {
        for stream in streams::all() {
            let pattern = stream.subjects.first().unwrap();
            if let Some(prefix) = pattern.strip_suffix('>').filter(|p| !p.starts_with('$')) {
                assert_eq!(stream_of(&format!("{prefix}x")), Some(stream.name.as_str()));
            }
        }
        assert_eq!(stream_of("$KV.claims.x"), None);
    }
}
