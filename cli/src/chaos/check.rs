//! The invariants I1 to I9, each a function from the evidence to what is wrong. They hold after every
//! run, whatever was struck.

mod api;
mod ends;
mod fences;
mod logs;
mod objects;
mod remains;
mod spending;
mod streams;

pub(super) use api::{answers, truthful};
pub(super) use ends::{accepted_jobs_end, one_end_each};
pub(super) use fences::fenced;
pub(super) use logs::clean_logs;
pub(super) use objects::intact;
pub(super) use remains::{Baseline, nothing_left};
pub(super) use spending::paid_once;
pub(super) use streams::whole_streams;

use serde::Serialize;

use super::evidence::Evidence;

/// What came of checking one invariant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Findings {
    /// Which: `I1` to `I9`.
    pub(super) id: &'static str,
    /// What it says.
    pub(super) says: &'static str,
    /// What was looked at.
    pub(super) looked_at: String,
    /// Each case in which it does not hold.
    pub(super) broken: Vec<String>,
}

impl Findings {
    /// Nothing broken so far.
    pub(super) fn of(id: &'static str, says: &'static str) -> Self {
        Self {
            id,
            says,
            looked_at: String::new(),
            broken: Vec::new(),
        }
    }

    /// Notes a case, unless `holds`.
    pub(super) fn expect(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.broken.push(otherwise());
        }
    }

    /// Notes what could not be read of these streams and buckets: it is not what its writers write.
    pub(super) fn unreadable(&mut self, evidence: &Evidence, from: &[&str]) {
        let of_these = evidence
            .unreadable
            .iter()
            .filter(|one| from.contains(&one.from));
        self.broken.extend(of_these.map(|one| one.what.clone()));
    }

    /// Says what was looked at.
    pub(super) fn after(mut self, looked_at: impl Into<String>) -> Self {
        self.looked_at = looked_at.into();
        self
    }
}
