//! I5: what was handed over is what the last claim says, so nobody wrote whose claim had moved on.

use std::collections::BTreeMap;

use model::handoff::{ClipMade, HandOver, Output};
use model::job::JobStatus;
use model::{StageKind, TaskId};
use runtime::worker::{Claim, ClaimState};
use serde_json::Value;

use super::Findings;
use crate::chaos::evidence::{Evidence, Message};

/// I5: hand-overs, clips and films are those of the claims.
pub(in super::super) fn fenced(evidence: &Evidence) -> Findings {
    let mut findings = Findings::of("I5", "no write by a worker whose claim had moved on");
    let read = [
        nats::streams::WORK,
        nats::buckets::CLAIMS,
        nats::buckets::CLIPS,
    ];
    findings.unreadable(evidence, &read);
    let work = first_of_each(&evidence.work, &mut findings);
    let mut taken_over = 0;
    for (task, claim) in &evidence.claims {
        taken_over += u64::from(claim.epoch > 1);
        let ended = evidence.views.get(&task.job).map(|view| view.status);
        if let ClaimState::Done { output, .. } = &claim.state {
            if ended == Some(JobStatus::Completed) {
                handed_over(evidence, &work, (task, output), &mut findings);
            }
        } else {
            findings.expect(is_over(ended), || {
                format!("{task} was left {}", state_of(claim))
            });
        }
    }
    findings.after(format!(
        "{} tasks, {taken_over} of them taken over",
        evidence.claims.len()
    ))
}

/// Of a job that has no film nobody goes on with its tasks.
fn is_over(ended: Option<JobStatus>) -> bool {
    matches!(ended, Some(JobStatus::Cancelled | JobStatus::Failed))
}

fn state_of(claim: &Claim) -> String {
    let json = serde_json::to_value(claim).unwrap_or_default();
    json.get("state").map(Value::to_string).unwrap_or_default()
}

/// The input of each task. A message may be said again, but never another on its subject.
fn first_of_each<'a>(work: &'a [Message], findings: &mut Findings) -> BTreeMap<&'a str, &'a Value> {
    let mut first: BTreeMap<&str, &Value> = BTreeMap::new();
    for message in work {
        let known = first.entry(&message.subject).or_insert(&message.payload);
        findings.expect(*known == &message.payload, || {
            format!("{} was handed over twice, differently", message.subject)
        });
    }
    let inputs = first.into_iter();
    inputs
        .filter_map(|(subject, envelope)| Some((subject, envelope.get("input")?)))
        .collect()
}

fn handed_over(
    evidence: &Evidence,
    work: &BTreeMap<&str, &Value>,
    (task, output): (&TaskId, &Value),
    findings: &mut Findings,
) {
    let subject = |stage| nats::subject::work(&TaskId::of_stage(stage, task.job, task.run));
    match task.stage {
        StageKind::PromptGenerator => {}
        StageKind::VideoGenerator => {
            let made: Option<ClipMade> = serde_json::from_value(output.clone()).ok();
            let Some(HandOver::Join(made)) = made.and_then(|made| made.hand_over().ok()) else {
                return findings
                    .broken
                    .push(format!("{task}: its output is no clip"));
            };
            let key = format!("{}.{}.{}", task.job, task.run, made.clip.index);
            let joined = evidence.clips.get(&key).and_then(|entry| entry.get("clip"));
            let clip = serde_json::to_value(&made.clip).ok();
            let same = joined.map(artifact_of) == clip.as_ref().map(artifact_of);
            findings.expect(same, || format!("{task}: another clip was joined"));
        }
        StageKind::Composer => {
            let end = nats::subject::end(task.job, task.run);
            let end = evidence
                .events
                .iter()
                .find(|message| message.subject == end);
            let film = |value: &Value| value.get("video").cloned();
            let told = end.and_then(|message| film(&message.payload));
            findings.expect(told == film(output), || {
                format!("{task}: the end names another film")
            });
        }
        stage => {
            let next = stage.next().map(subject).unwrap_or_default();
            findings.expect(work.get(next.as_str()) == Some(&output), || {
                format!("{next} is not what {task} gave")
            });
        }
    }
}

/// The clip's bytes. How long they took differs from attempt to attempt.
fn artifact_of(clip: &Value) -> Option<&Value> {
    clip.get("video")
}
