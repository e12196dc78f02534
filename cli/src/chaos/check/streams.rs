//! I3: what a user hears is what was said, all of it, once, in order.

use super::Findings;
use crate::chaos::evidence::Evidence;
use crate::chaos::life::Connection;

/// I3: every stream, joined over its connections, equals EVENTS from where it began; so does the history.
pub(in super::super) fn whole_streams(evidence: &Evidence, wiped: bool) -> Findings {
    let mut findings = Findings::of("I3", "no gap and no repeat in any stream");
    findings.unreadable(evidence, &[nats::streams::EVENTS]);
    let (mut connections, mut heard) = (0, 0);
    for (job, life) in evidence.accepted() {
        let said = said(evidence, &job.to_string());
        connections += life.stream.len();
        for frame in life.stream.iter().flat_map(|connection| &connection.frames) {
            findings.expect(frame.data.is_some(), || {
                format!("{job}: a frame {:?} {:?} is no JSON", frame.id, frame.name)
            });
        }
        match joined(&life.stream) {
            Ok(Joined { begin, ids, resets }) => {
                heard += ids.len();
                findings.expect(wiped || resets == 0, || {
                    format!("{job}: the whole state came again, though nothing was lost")
                });
                let expected: Vec<u64> = said.iter().copied().filter(|id| *id > begin).collect();
                // An end that went with the store is told from the row, under its old number.
                let told = ids.len().saturating_sub(usize::from(
                    wiped && !said.contains(ids.last().unwrap_or(&0)),
                ));
                let ids = ids.get(..told).unwrap_or_default();
                let unknown = wiped && said.is_empty();
                findings.expect(unknown || ids == expected, || {
                    difference(&job.to_string(), ids, &expected)
                });
            }
            Err(problem) => findings.broken.push(format!("{job}: {problem}")),
        }
        let history: Option<Vec<u64>> = evidence
            .histories
            .get(&job)
            .map(|history| history.iter().map(|(id, _)| *id).collect());
        findings.expect(history.as_ref() == Some(&said), || {
            format!("{job}: the history is not what EVENTS has")
        });
    }
    findings.after(format!("{heard} events over {connections} connections"))
}

/// The sequences of a job's events up to its end.
fn said(evidence: &Evidence, job: &str) -> Vec<u64> {
    let (all, end) = (format!("events.{job}."), format!("events.{job}.end."));
    let of_job = evidence
        .events
        .iter()
        .filter(|m| m.subject.starts_with(&all));
    let last = of_job.clone().find(|m| m.subject.starts_with(&end));
    let last = last.map_or(u64::MAX, |message| message.sequence);
    of_job
        .map(|m| m.sequence)
        .filter(|id| *id <= last)
        .collect()
}

/// A stream over all its connections.
#[derive(Debug, PartialEq, Eq)]
struct Joined {
    /// The state with which it began, or began anew, holds everything up to here.
    begin: u64,
    /// The events after that.
    ids: Vec<u64>,
    /// How often it began anew.
    resets: usize,
}

/// Joins the connections of one stream.
///
/// # Errors
/// When an id goes back or comes twice, or a connection does not begin as it must.
fn joined(connections: &[Connection]) -> Result<Joined, String> {
    let mut whole = Joined {
        begin: 0,
        ids: Vec::new(),
        resets: 0,
    };
    let mut last = None;
    for Connection { behind, frames } in connections {
        // The first frame of a fresh stream, and the one after a reset, is the state.
        let mut is_state = behind.is_none();
        for frame in frames {
            if frame.name == "reset" {
                is_state = true;
                whole.resets += 1;
                last = None;
            }
            let Some(id) = frame.id else { continue };
            if std::mem::take(&mut is_state) {
                if frame.name != "progress" {
                    return Err(format!("a stream begins with {}", frame.name));
                }
                whole.begin = id;
                whole.ids.clear();
            } else if last.is_some_and(|last| id <= last) {
                return Err(format!("event {id} came after event {last:?}"));
            } else {
                whole.ids.push(id);
            }
            last = Some(id);
        }
    }
    Ok(whole)
}

fn difference(job: &str, heard: &[u64], expected: &[u64]) -> String {
    let lost: Vec<_> = expected.iter().filter(|id| !heard.contains(id)).collect();
    let added: Vec<_> = heard.iter().filter(|id| !expected.contains(id)).collect();
    format!("{job}: not heard {lost:?}, heard though not said {added:?}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;
    use crate::chaos::client::Frame;
    use crate::chaos::evidence::{Message, Unreadable};
    use crate::chaos::life::Life;

    fn connection(behind: Option<u64>, frames: &[(Option<u64>, &str)]) -> Connection {
        let frame = |(id, name): &(Option<u64>, &str)| Frame {
            id: *id,
            name: (*name).to_owned(),
            data: Some(Value::Null),
        };
        Connection {
            behind,
            frames: frames.iter().map(frame).collect(),
        }
    }

    #[test]
    fn connections_are_joined_without_the_state_and_without_heartbeats() {
        let first = connection(
            None,
            &[
                (Some(4), "progress"),
                (Some(7), "message"),
                (None, "heartbeat"),
            ],
        );
        let second = connection(Some(7), &[(Some(9), "progress"), (Some(12), "completed")]);
        let whole = joined(&[first, second]).unwrap();
        assert_eq!(
            (whole.begin, whole.ids, whole.resets),
            (4, vec![7, 9, 12], 0)
        );
    }

    #[test]
    fn what_cannot_be_read_is_a_finding() {
        let job = "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f".parse().unwrap();
        let mut stream = connection(None, &[(Some(4), "progress"), (Some(7), "message")]);
        let life = |stream: Connection| Life {
            job: Some(job),
            stream: vec![stream],
            ..Life::default()
        };
        let mut evidence = Evidence {
            lives: vec![life(stream.clone())],
            histories: BTreeMap::from([(job, vec![(7, "message".to_owned())])]),
            events: vec![Message {
                sequence: 7,
                subject: format!("events.{job}.message"),
                payload: Value::Null,
            }],
            ..Evidence::default()
        };
        assert_eq!(whole_streams(&evidence, false).broken, [""; 0]);
        stream.frames[1].data = None;
        evidence.lives = vec![life(stream)];
        evidence.unreadable = [nats::streams::EVENTS, nats::streams::WORK]
            .map(|from| Unreadable {
                from,
                what: format!("{from}: 7 cannot be read"),
            })
            .into();
        let broken = whole_streams(&evidence, false).broken;
        assert_eq!(broken.len(), 2, "{broken:?}");
        assert!(broken.iter().any(|what| what == "EVENTS: 7 cannot be read"));
        assert!(
            broken.iter().any(|what| what.contains("is no JSON")),
            "{broken:?}"
        );
    }

    #[test]
    fn a_repeat_is_found_and_a_reset_begins_anew() {
        let first = connection(None, &[(Some(4), "progress"), (Some(7), "message")]);
        let again = connection(Some(7), &[(Some(7), "message")]);
        assert!(joined(&[first.clone(), again]).is_err());
        let anew = connection(
            Some(7),
            &[(None, "reset"), (Some(2), "progress"), (Some(3), "error")],
        );
        let whole = joined(&[first, anew]).unwrap();
        assert_eq!((whole.begin, whole.ids, whole.resets), (2, vec![3], 1));
    }
}
