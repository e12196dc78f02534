//! I4: what is paid is paid once, is known, and is never more than the budget. The provider's own books are
//! what the ledgers are held against.

use std::collections::BTreeMap;
use std::time::Duration;

use model::job::JobStatus;
use model::{JobId, Usd};
use runtime::Ledger;
use serde_json::Value;

use super::Findings;
use crate::chaos::client::View;
use crate::chaos::evidence::Evidence;
use crate::chaos::provider::Call;

/// How much later than the answer to a cancellation a call may be noted that was sent before it.
const ON_ITS_WAY: Duration = Duration::from_millis(250);

/// I4: the provider has charged each job at most once, and nothing that its ledger does not know of; and
/// no call was made after a cancellation was answered that the answer did not tell of.
pub(in super::super) fn paid_once(evidence: &Evidence, calls: &[Call]) -> Findings {
    let mut findings = Findings::of("I4", "nothing is paid twice, nor beyond the budget");
    findings.unreadable(evidence, &[nats::buckets::LEDGERS]);
    let mut bills: BTreeMap<JobId, Vec<&Call>> = BTreeMap::new();
    for call in calls {
        match call.job().filter(|job| evidence.views.contains_key(job)) {
            Some(job) => bills.entry(job).or_default().push(call),
            None => findings
                .broken
                .push(format!("{:?} was paid for nobody", call.key)),
        }
    }
    let (mut charged, mut spent) = (Usd::ZERO, Usd::ZERO);
    for (job, view) in &evidence.views {
        let bill = bills.get(job).map_or(&[][..], Vec::as_slice);
        let books = Books::of(job, view, evidence.ledgers.get(&job.to_string()));
        let books = match books {
            Ok(books) => books,
            Err(problem) => {
                findings.broken.push(format!("{job}: {problem}"));
                continue;
            }
        };
        charged = plus(charged, total(bill));
        spent = plus(spent, books.spent);
        for problem in books.problems(bill, view.status) {
            findings.broken.push(format!("{job}: {problem}"));
        }
    }
    for (job, life) in evidence.accepted() {
        let Some(cancelled) = life.cancelled else {
            continue;
        };
        let bill = bills.get(&job).map_or(&[][..], Vec::as_slice);
        let late = bill
            .iter()
            .filter(|call| call.at > cancelled.at + ON_ITS_WAY);
        for call in late.filter(|call| call.charged > cancelled.pending) {
            findings.broken.push(format!(
                "{job}: {:?} was called once it was cancelled",
                call.key
            ));
        }
    }
    findings.after(format!(
        "{} calls charged {charged}, {} ledgers say {spent}",
        calls.len(),
        evidence.ledgers.len()
    ))
}

/// What we know of the costs of a job.
struct Books {
    /// Its row.
    told: Usd,
    /// Its ledger, or its row where the ledger went with the broker's store.
    spent: Usd,
    reserved: Usd,
    budget: Usd,
}

impl Books {
    fn of(job: &JobId, view: &View, ledger: Option<&Value>) -> Result<Self, String> {
        let told = view.document.get("total_cost").cloned().unwrap_or_default();
        let told: Usd =
            serde_json::from_value(told).map_err(|error| format!("its cost is none: {error}"))?;
        let budget = ledger.and_then(|ledger| ledger.get("budget")?.as_u64());
        let ledger: Option<Ledger> = ledger
            .map(|ledger| serde_json::from_value(ledger.clone()))
            .transpose()
            .map_err(|error| format!("the ledger of {job} is none: {error}"))?;
        Ok(Self {
            told,
            spent: ledger.as_ref().map_or(told, Ledger::spent),
            reserved: ledger.as_ref().map_or(Usd::ZERO, Ledger::reserved),
            budget: Usd::from_micros(budget.unwrap_or(u64::MAX)),
        })
    }

    fn problems(&self, bill: &[&Call], status: JobStatus) -> Vec<String> {
        let Self {
            told,
            spent,
            reserved,
            budget,
        } = *self;
        let mut problems = Vec::new();
        let mut expect = |holds: bool, otherwise: String| {
            if !holds {
                problems.push(otherwise);
            }
        };
        let times = bill.iter().filter(|call| call.charged > Usd::ZERO).count();
        expect(times <= 1, format!("it was charged {times} times"));
        let (charged, known) = (total(bill), plus(spent, reserved));
        expect(
            charged <= known,
            format!("{charged} were charged, and {known} are known"),
        );
        expect(known <= budget, format!("{known} are beyond its budget"));
        expect(
            told <= spent,
            format!("its row says {told}, its ledger {spent}"),
        );
        if status == JobStatus::Completed {
            expect(
                told == spent,
                format!("its row says {told}, its ledger {spent}"),
            );
            expect(
                reserved == Usd::ZERO,
                format!("{reserved} are still reserved"),
            );
        }
        problems
    }
}

fn total(bill: &[&Call]) -> Usd {
    bill.iter()
        .fold(Usd::ZERO, |sum, call| plus(sum, call.charged))
}

fn plus(one: Usd, other: Usd) -> Usd {
    Usd::from_micros(one.micros().saturating_add(other.micros()))
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    fn dollars(dollars: u32) -> Usd {
        Usd::from_dollars(dollars)
    }

    fn call(charged: Usd) -> Call {
        Call {
            at: Instant::now(),
            key: "beatreel.a.words".to_owned(),
            charged,
        }
    }

    #[test]
    fn what_is_charged_twice_unknown_beyond_the_budget_or_told_wrongly_is_found() {
        let fair = || Books {
            told: dollars(2),
            spent: dollars(2),
            reserved: Usd::ZERO,
            budget: dollars(5),
        };
        let (done, once, free) = (JobStatus::Completed, call(dollars(2)), call(Usd::ZERO));
        assert!(fair().problems(&[&free, &once, &free], done).is_empty());
        assert_eq!(fair().problems(&[&once, &once], done).len(), 2);
        let unknown = Books {
            told: Usd::ZERO,
            spent: Usd::ZERO,
            ..fair()
        };
        assert_eq!(unknown.problems(&[&once], done).len(), 1);
        let reserved = Books {
            reserved: dollars(4),
            ..fair()
        };
        assert_eq!(reserved.problems(&[&once], done).len(), 2);
        assert_eq!(reserved.problems(&[&once], JobStatus::Cancelled).len(), 1);
        let told = Books {
            told: dollars(3),
            ..fair()
        };
        assert!(!told.problems(&[&once], JobStatus::Cancelled).is_empty());
    }
}
