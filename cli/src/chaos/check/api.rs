//! I8: the API refuses only what it must, says when to come again, and tells the truth about itself.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::StatusCode;

use super::Findings;
use crate::chaos::client::Answer;
use crate::chaos::health::Seen;
use crate::chaos::plan::{Fault, Target};
use crate::chaos::strike::Struck;

/// How long health may be wrong after something has changed.
const TRUTH: Duration = Duration::from_secs(5);
/// How long after the last blow a refusal may still come of it: a process is started again, and connects.
const AFTERMATH: Duration = Duration::from_secs(15);

/// I8, first half: within the faults no 5xx but 503 with `Retry-After`; after them none at all.
pub(in super::super) fn answers(answers: &[Answer], calm: Duration) -> Findings {
    let mut findings = Findings::of("I8", "no 5xx but 503 with Retry-After; health is true");
    let mut refusals: BTreeMap<u16, usize> = BTreeMap::new();
    for Answer {
        at,
        asked,
        status,
        retry_after,
    } in answers
    {
        if !status.is_server_error() {
            continue;
        }
        *refusals.entry(status.as_u16()).or_default() += 1;
        let fits = *status == StatusCode::SERVICE_UNAVAILABLE && *retry_after;
        findings.expect(fits, || {
            let hint = if *retry_after {
                ""
            } else {
                " without Retry-After"
            };
            format!(
                "{asked} was answered {status}{hint} at {:.1} s",
                at.as_secs_f64()
            )
        });
        findings.expect(*at <= calm + AFTERMATH, || {
            format!(
                "{asked} was answered {status} at {:.1} s, long after the last fault",
                at.as_secs_f64()
            )
        });
    }
    let refusals: Vec<_> = refusals.iter().map(|(s, n)| format!("{n} × {s}")).collect();
    let refusals = if refusals.is_empty() {
        "no 5xx".to_owned()
    } else {
        refusals.join(", ")
    };
    findings.after(format!("{} answers, {refusals}", answers.len()))
}

/// I8, second half: while the broker does not answer, and did not for a while, nobody says "ready"; when
/// all is calm, everybody does.
pub(in super::super) fn truthful(
    findings: &mut Findings,
    seen: &[Seen],
    struck: &[Struck],
    calm: Duration,
) {
    let stops = struck
        .iter()
        .filter(|blow| blow.hit && matches!(blow.fault, Fault::Pause(Target::Broker, _)));
    let stops: Vec<_> = stops.collect();
    for Seen {
        asked,
        ready,
        answered,
    } in seen
    {
        let is_away = |blow: &&Struck| *asked > blow.from + TRUTH && *answered < blow.to;
        let lie = *ready == Some(true) && stops.iter().any(is_away);
        findings.expect(!lie, || {
            format!(
                "ready at {:.1} s, with the broker stopped",
                asked.as_secs_f64()
            )
        });
    }
    let last = seen.iter().filter(|seen| seen.asked > calm + AFTERMATH);
    for Seen { asked, ready, .. } in last {
        findings.expect(*ready == Some(true), || {
            format!(
                "not ready at {:.1} s, with nothing struck",
                asked.as_secs_f64()
            )
        });
    }
}
