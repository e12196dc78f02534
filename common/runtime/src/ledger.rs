//! What a job may spend, has promised to spend, and has spent: pure rules, no broker and no clock.
//!
//! Nothing is bought before its price is reserved, and nothing is reserved beyond the budget. A
//! reservation goes on until it is known what became of the purchase: settled by what it cost, or
//! released since it surely cost nothing. What may have been charged stays reserved. `store` keeps a
//! ledger for each job in the broker, and [`crate::purchase`] is how a stage buys.

mod store;

use std::collections::BTreeMap;

use model::{RunNumber, TaskId, Usd};
use serde::{Deserialize, Serialize};

pub use store::{LedgerError, Ledgers};

/// The ledger of one job, over all its runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The most that may be spent.
    #[serde(with = "micros")]
    budget: Usd,
    /// Whether a pass of the job was cancelled: nothing more is bought for it, nor for any before it.
    #[serde(default)]
    closed: bool,
    /// Which, where it was not the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    closed_run: Option<RunNumber>,
    /// Each purchase by its name, [`entry_name`].
    #[serde(default)]
    entries: BTreeMap<String, Entry>,
}

/// One purchase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// From whom.
    pub provider: String,
    /// What was reserved for it.
    #[serde(with = "micros")]
    pub price: Usd,
    /// How often it was begun: once, unless a worker or an answer was lost.
    pub submissions: u32,
    /// Whether a try before the last one may have been charged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_doubt: bool,
    /// Where it stands.
    #[serde(flatten)]
    pub state: EntryState,
}

/// Where a purchase stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum EntryState {
    /// Begun; its price is reserved.
    Open,
    /// Begun, and nobody knows whether it was charged; its price stays reserved.
    OutcomeUnknown,
    /// Done.
    Settled {
        /// What it cost.
        #[serde(with = "micros")]
        cost: Usd,
    },
    /// It came to nothing, and cost nothing.
    Released,
}

/// A purchase may go ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserved {
    /// Which try of it this is, from 1.
    pub submission: u32,
    /// Whether an earlier one may have been charged.
    pub again: bool,
}

/// Why a purchase may not go ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It would go beyond the budget.
    #[error("it costs {price}, and {left} of the job's budget of {budget} are left")]
    BeyondBudget {
        /// What it costs.
        price: Usd,
        /// What is left.
        left: Usd,
        /// What there was.
        budget: Usd,
    },
    /// The job was cancelled.
    #[error("the job is cancelled, and nothing more is bought for it")]
    Closed,
    /// Nothing of that name was reserved.
    #[error("nothing of that name was reserved")]
    Unknown,
}

impl Ledger {
    /// An empty one.
    pub const fn new(budget: Usd) -> Self {
        Self {
            budget,
            closed: false,
            closed_run: None,
            entries: BTreeMap::new(),
        }
    }

    /// Each purchase by its name.
    pub const fn entries(&self) -> &BTreeMap<String, Entry> {
        &self.entries
    }

    /// What was spent.
    pub fn spent(&self) -> Usd {
        let costs = self.entries.values().filter_map(|entry| match entry.state {
            EntryState::Settled { cost } => Some(cost),
            _ => None,
        });
        sum(costs)
    }

    /// What is promised, and not yet spent.
    pub fn reserved(&self) -> Usd {
        let open =
            |entry: &&Entry| matches!(entry.state, EntryState::Open | EntryState::OutcomeUnknown);
        sum(self.entries.values().filter(open).map(|entry| entry.price))
    }

    /// What may still be reserved.
    pub fn left(&self) -> Usd {
        let gone = self
            .spent()
            .micros()
            .saturating_add(self.reserved().micros());
        Usd::from_micros(self.budget.micros().saturating_sub(gone))
    }

    /// Reserves `price` for the purchase `name`, or begins it again where it was begun before: then its
    /// reservation is the old one.
    ///
    /// # Errors
    /// When it would go beyond the budget, or the job was cancelled. Nothing is changed then.
    pub fn reserve(&mut self, name: &str, provider: &str, price: Usd) -> Result<Reserved, Refusal> {
        if self.is_closed(run_of(name)) {
            return Err(Refusal::Closed);
        }
        let before = self.entries.get(name);
        // Begun before, and not known to have come to nothing.
        let again = before.is_some_and(|entry| entry.state != EntryState::Released);
        let left = self.left();
        if !again && price > left {
            return Err(Refusal::BeyondBudget {
                price,
                left,
                budget: self.budget,
            });
        }
        let submission = before
            .map_or(0, |entry| entry.submissions)
            .saturating_add(1);
        let entry = match before {
            // It was paid: whoever asks again asks for what it gave.
            Some(entry) if again => Entry {
                submissions: submission,
                in_doubt: true,
                state: match entry.state {
                    settled @ EntryState::Settled { .. } => settled,
                    _ => EntryState::Open,
                },
                ..entry.clone()
            },
            _ => Entry {
                provider: provider.to_owned(),
                price,
                submissions: submission,
                in_doubt: false,
                state: EntryState::Open,
            },
        };
        self.entries.insert(name.to_owned(), entry);
        Ok(Reserved { submission, again })
    }

    /// Notes that the purchase was made, and what it cost. Noted twice, the higher cost stands.
    ///
    /// # Errors
    /// When it was never begun.
    pub fn settle(&mut self, name: &str, cost: Usd) -> Result<(), Refusal> {
        let entry = self.entries.get_mut(name).ok_or(Refusal::Unknown)?;
        let known = match entry.state {
            EntryState::Settled { cost } => cost,
            _ => Usd::ZERO,
        };
        entry.state = EntryState::Settled {
            cost: cost.max(known),
        };
        Ok(())
    }

    /// Notes a purchase that was made before this ledger began.
    pub fn enter_settled(&mut self, name: &str, cost: Usd) {
        let entry = Entry {
            provider: String::new(),
            price: cost,
            submissions: 1,
            in_doubt: false,
            state: EntryState::Settled { cost },
        };
        self.entries.insert(name.to_owned(), entry);
    }

    /// Notes that the try `submission` surely cost nothing. A try that another has followed since, and
    /// one that was settled, change nothing: this is how a worker that was thought dead stays harmless.
    pub fn release(&mut self, name: &str, submission: u32) {
        self.ends(name, submission, EntryState::Released);
    }

    /// Notes that nobody knows whether the try `submission` was charged.
    pub fn lose(&mut self, name: &str, submission: u32) {
        self.ends(name, submission, EntryState::OutcomeUnknown);
    }

    fn ends(&mut self, name: &str, submission: u32, state: EntryState) {
        if let Some(entry) = self.entries.get_mut(name)
            && entry.submissions == submission
            && entry.state == EntryState::Open
        {
            // A first try that may have been charged is not undone by a second that was not.
            entry.state = match state {
                EntryState::Released if entry.in_doubt => EntryState::OutcomeUnknown,
                state => state,
            };
        }
    }

    /// Buys nothing more for this pass from now on.
    pub fn close(&mut self, run: RunNumber) {
        self.closed = true;
        if run > RunNumber::FIRST {
            self.closed_run = self.closed_run.max(Some(run));
        }
    }

    /// Whether nothing more is bought for this pass.
    pub fn is_closed(&self, run: RunNumber) -> bool {
        self.closed && run <= self.closed_run.unwrap_or(RunNumber::FIRST)
    }
}

fn sum(amounts: impl Iterator<Item = Usd>) -> Usd {
    Usd::from_micros(amounts.fold(0, |sum, amount| amount.micros().saturating_add(sum)))
}

/// The name of a purchase within its job: `<stage>.<run>[.<clip>].<item>`.
pub fn entry_name(task: &TaskId, item: &str) -> String {
    match task.clip {
        Some(clip) => format!("{}.{}.{clip}.{item}", task.stage, task.run),
        None => format!("{}.{}.{item}", task.stage, task.run),
    }
}

/// The pass for which a purchase is made, by its name.
fn run_of(name: &str) -> RunNumber {
    let run = name.split('.').nth(1).and_then(|run| run.parse().ok());
    run.unwrap_or(RunNumber::FIRST)
}

/// The name of the artifact of a run that keeps what the purchase `name` gave.
pub fn answer_artifact(name: &str) -> String {
    format!("answers/{name}.json")
}

/// The purchase whose answer an artifact keeps, if it keeps one.
fn answer_name(key: &str) -> Option<&str> {
    let (_, name) = key.split_once("/answers/")?;
    name.strip_suffix(".json")
}

/// What the provider is told, so that it charges a purchase once however often it is asked. It follows
/// from the task alone: no loss of ours changes it.
pub fn idempotency_key(task: &TaskId, item: &str) -> String {
    format!("beatreel.{}.{}", task.job, entry_name(task, item))
}

/// Whole micro-dollars, as a number: no amount of a ledger is ever a fraction.
mod micros {
    use model::Usd;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature is that of serde's `with`"
    )]
    pub(super) fn serialize<S: Serializer>(amount: &Usd, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(amount.micros())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Usd, D::Error> {
        u64::deserialize(from).map(Usd::from_micros)
    }
}

#[cfg(test)]
mod tests;
