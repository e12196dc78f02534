//! I1 and I2: what was accepted ends, once.

use std::collections::BTreeMap;

use model::job::JobStatus;

use super::Findings;
use crate::chaos::client::{Frame, View};
use crate::chaos::evidence::Evidence;
use crate::chaos::life::Life;

/// I1: every job whose acceptance a user saw has a row, which has reached an end; none has failed where
/// none may.
pub(in super::super) fn accepted_jobs_end(evidence: &Evidence, fails_none: bool) -> Findings {
    let mut findings = Findings::of("I1", "every accepted job ends");
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    for (job, life) in evidence.accepted() {
        let view = evidence.views.get(&job);
        let status = view.map(|view| view.status);
        findings.expect(status.is_some_and(JobStatus::is_terminal), || {
            format!("{job} is {}", status.map_or("not known", JobStatus::name))
        });
        findings.expect(
            life.cancelled.is_none() || status == Some(JobStatus::Cancelled),
            || format!("{job} was cancelled, said the answer, and is not"),
        );
        findings.expect(!fails_none || status != Some(JobStatus::Failed), || {
            format!("{job} has failed")
        });
        if let Some(view) = view {
            *ends.entry(told(view)).or_default() += 1;
        }
    }
    let accepted = evidence.accepted().count();
    for life in &evidence.lives {
        findings.expect(life.job.is_some() || life.uploads == 0, || {
            let status = life
                .refused
                .map_or("no answer".to_owned(), |s| s.to_string());
            format!(
                "an upload was not accepted in {} tries: {status}",
                life.uploads
            )
        });
    }
    findings.expect(evidence.rows == Some(accepted as u64), || {
        format!(
            "{accepted} jobs were accepted, and the API has {:?}",
            evidence.rows
        )
    });
    let ends: Vec<_> = ends.iter().map(|(end, n)| format!("{n} {end}")).collect();
    findings.after(format!("{accepted} jobs: {}", ends.join(", ")))
}

/// How a job has ended, and by which code where it has failed.
fn told(view: &View) -> String {
    let code = view
        .document
        .get("error_code")
        .and_then(|code| code.as_str());
    match (view.status, code) {
        (JobStatus::Failed, Some(code)) => format!("failed by {code}"),
        (status, _) => status.name().to_owned(),
    }
}

/// I2: a job has one end, the same for whoever looks, and nothing follows it.
pub(in super::super) fn one_end_each(evidence: &Evidence, wiped: bool) -> Findings {
    let mut findings = Findings::of("I2", "one end a job, and nothing after it");
    let mut seen = 0;
    for (job, life) in evidence.accepted() {
        let subject = format!("events.{job}.end.");
        let ends = evidence
            .events
            .iter()
            .filter(|m| m.subject.starts_with(&subject));
        let written = ends.count();
        // The end of a job that ended before the broker's store was deleted went with it.
        findings.expect(written == 1 || (wiped && written == 0), || {
            format!("{job} has {written} ends in EVENTS")
        });
        let told: Vec<_> = life.end_frames().collect();
        seen += told.len();
        let was_asked = life.end.is_some();
        findings.expect(!was_asked || told.len() <= 1, || {
            format!("{job}: its stream told {} ends", told.len())
        });
        findings.expect(!was_asked || is_last(life), || {
            format!("{job}: its stream went on after the end, or had none")
        });
        let status = evidence.views.get(&job).map(|view| view.status);
        for end in told {
            let data = end.data.as_ref();
            let code = data.and_then(|data| data.get("code")?.as_str());
            let as_told = match (end.name.as_str(), code) {
                ("completed", _) => JobStatus::Completed,
                (_, Some(model::event::JOB_CANCELLED)) => JobStatus::Cancelled,
                _ => JobStatus::Failed,
            };
            findings.expect(status == Some(as_told), || {
                format!("{job} is {status:?}, and its stream said {as_told}")
            });
        }
    }
    findings.after(format!("{seen} ends in streams"))
}

/// Whether the last frame with an id is the end. A stream that was answered by 204 had told it.
fn is_last(life: &Life) -> bool {
    let frames = life.stream.iter().flat_map(|connection| &connection.frames);
    let mut with_id = frames.filter(|frame| frame.id.is_some());
    with_id.next_back().is_some_and(Frame::is_end)
}
