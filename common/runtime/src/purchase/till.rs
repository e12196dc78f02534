//! Who keeps the ledger of a task.

use std::sync::{Mutex, PoisonError};

use model::{EventBody, JobId, TaskId, Usd};

use crate::EventPublisher;
use crate::events::{Reporter, event};
use crate::ledger::{Ledger, LedgerError, Ledgers, Refusal};

/// A ledger, and who is told what is spent.
#[derive(Debug)]
pub(crate) enum Till {
    /// The broker's. Costs are published without the task's reporter, which ends with the task.
    Broker(Box<Ledgers>, EventPublisher),
    /// Nobody else's: a stage that is run by hand.
    Own(Mutex<Ledger>, Reporter),
}

impl Till {
    /// What was spent for the job.
    pub(crate) async fn spent(&self, job: JobId) -> Result<Usd, LedgerError> {
        match self {
            Self::Broker(ledgers, _) => ledgers.spent(job).await,
            Self::Own(ledger, _) => {
                let ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(ledger.spent())
            }
        }
    }

    /// Changes the ledger of a job, which begins with `budget`.
    pub(super) async fn change<T>(
        &self,
        (job, budget): (JobId, Usd),
        change: impl Fn(&mut Ledger) -> Result<T, Refusal>,
    ) -> Result<(T, Ledger), LedgerError> {
        match self {
            Self::Broker(ledgers, _) => ledgers.change(job, budget, change).await,
            Self::Own(ledger, _) => {
                let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
                let value = change(&mut ledger)?;
                Ok((value, ledger.clone()))
            }
        }
    }

    /// Says what was spent.
    pub(super) async fn tell(&self, task: &TaskId, cost: EventBody) {
        match self {
            Self::Broker(_, events) => {
                if let Err(error) = events.publish(&event(task, cost)).await {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "what was spent could not be told");
                }
            }
            Self::Own(_, reporter) => reporter.say(cost),
        }
    }
}
