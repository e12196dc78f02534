//! A pass that makes some clips of a film anew: its tasks, and what says that it begins. Pure, but for the time.

use model::clip::ClipPrompts;
use model::handoff::{ClipTask, Instructed};
use model::{ClipIndex, Envelope, Event, EventBody, JobBrief, RunNumber, StageKind, TaskId};
use nats::subject;
use time::OffsetDateTime;

use crate::store::{NewPass, OutboxEntry};

/// What has to be published for a pass that makes the clips `anew` of the film of `base`, whose instructions are
/// `prompts` now.
pub(crate) fn of(
    brief: &JobBrief,
    (base, anew): (RunNumber, Vec<ClipIndex>),
    prompts: &ClipPrompts,
    film: &Instructed,
) -> Result<NewPass, serde_json::Error> {
    let from = StageKind::VideoGenerator;
    let begin = Event {
        job_id: brief.id,
        run: brief.run,
        timestamp: OffsetDateTime::now_utc(),
        body: EventBody::RunStarted {
            from,
            base,
            clips: anew.clone(),
        },
    };
    let shapes = brief.formats().len() as u32;
    let asked = prompts.clips.iter();
    let asked: Vec<_> = asked.filter(|clip| anew.contains(&clip.index)).collect();
    let all = (0..shapes).flat_map(|shape| asked.iter().map(move |clip| (shape, *clip)));
    let tasks = all.map(|(shape, instruction)| {
        let slot = film.slot(shape, instruction.index);
        let task = TaskId::of_clip(brief.id, brief.run, slot);
        let input = ClipTask {
            instruction: instruction.clone(),
            shape,
            film: film.clone(),
        };
        Ok(OutboxEntry {
            subject: subject::work(&task),
            payload: serde_json::to_string(&Envelope::new(brief.clone(), input))?,
        })
    });
    Ok(NewPass {
        job: brief.id,
        run: brief.run,
        base,
        from,
        clips: prompts.clips.len() as u32 * shapes,
        begin: OutboxEntry {
            subject: subject::event(&begin),
            payload: serde_json::to_string(&begin)?,
        },
        tasks: tasks.collect::<Result<_, serde_json::Error>>()?,
        anew,
    })
}
