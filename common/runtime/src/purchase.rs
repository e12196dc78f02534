//! How a stage buys: reserve, submit once, keep the answer, settle.
//!
//! Whatever dies in between, the next attempt goes on: it finds the answer in the store, or asks the
//! provider again with the same key.

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use model::{ArtifactKey, EventBody, Usd};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ledger::{self, Ledger, LedgerError, Ledgers, Refusal, Reserved};
use crate::{StageContext, StageError, StageResultExt};

/// The code of a purchase that the budget does not allow.
pub const BUDGET_EXCEEDED: &str = "BUDGET_EXCEEDED";

/// What is to be bought.
#[derive(Debug, Clone, Copy)]
pub struct Purchase<'a> {
    /// What it is within the task, as one word of `[a-z0-9_-]`: a task may buy several things.
    pub item: &'a str,
    /// From whom.
    pub provider: &'a str,
    /// What it will cost, as far as is known: this much is reserved.
    pub price: Usd,
}

/// On which terms it is bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// To be sent as the idempotency key, or left as a marker where a provider has no such thing. The
    /// same in every attempt.
    pub key: String,
    /// Whether an earlier attempt may have been charged. A client whose provider knows no idempotency
    /// keys looks for what that attempt began, by the marker, before it begins anew.
    pub again: bool,
}

/// What was bought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bought<T> {
    /// The answer.
    pub value: T,
    /// What it cost.
    pub cost: Usd,
}

/// Why nothing was bought.
#[derive(Debug)]
pub enum NotBought {
    /// Surely nothing was charged: refused, unreachable, never sent.
    NotCharged(StageError),
    /// It may have been: sent, and no answer. The reservation stays.
    OutcomeUnknown(StageError),
}

/// Who keeps the ledger of a task.
#[derive(Debug)]
pub(crate) enum Till {
    /// The broker.
    Broker(Box<Ledgers>),
    /// Nobody else: a stage that is run by hand.
    Own(Mutex<Ledger>),
}

impl Till {
    async fn change<T>(
        &self,
        cx: &StageContext,
        change: impl Fn(&mut Ledger) -> Result<T, Refusal>,
    ) -> Result<(T, Ledger), LedgerError> {
        match self {
            Self::Broker(ledgers) => ledgers.change(cx.job().id, cx.job().budget, change).await,
            Self::Own(ledger) => {
                let mut ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
                let value = change(&mut ledger)?;
                Ok((value, ledger.clone()))
            }
        }
    }
}

impl StageContext {
    /// Buys one thing, once.
    ///
    /// `submit` makes the one call that may be charged; it is not called where the answer of an earlier
    /// attempt is there. Its value is kept in the store as JSON: bytes belong into artifacts that it
    /// names. Nothing is bought beyond the job's budget, nor once the job is cancelled.
    pub async fn buy<T, F, W>(&self, purchase: Purchase<'_>, submit: F) -> Result<T, StageError>
    where
        T: Serialize + DeserializeOwned,
        F: FnOnce(Terms) -> W,
        W: Future<Output = Result<Bought<T>, NotBought>>,
    {
        let name = ledger::entry_name(&self.task(), purchase.item);
        let answer = self.key(&ledger::answer_artifact(&name))?;
        if let Some(bought) = self.answered_before(&answer).await? {
            return self.settled(&name, bought).await;
        }
        let reserved = self.reserved(&name, purchase).await?;
        let submission = reserved.submission;
        let terms = Terms {
            key: ledger::idempotency_key(&self.task(), purchase.item),
            again: reserved.again,
        };
        // The stop comes with the flag, the ledger is closed with the answer to the user.
        if self.checkpoint().is_err() {
            self.noted(|ledger| ledger.release(&name, submission))
                .await?;
            return Err(StageError::Cancelled);
        }
        match submit(terms).await {
            Ok(bought) => {
                let json = serde_json::to_vec(&bought).or_fatal("writing what was bought")?;
                let kept = self.artifacts().create(&answer, json.into()).await;
                kept.or_retry("keeping what was bought")?;
                self.settled(&name, bought).await
            }
            Err(NotBought::NotCharged(error)) => {
                self.noted(|ledger| ledger.release(&name, submission))
                    .await?;
                Err(error)
            }
            Err(NotBought::OutcomeUnknown(error)) => {
                self.noted(|ledger| ledger.lose(&name, submission)).await?;
                Err(error)
            }
        }
    }

    async fn answered_before<T: DeserializeOwned>(
        &self,
        answer: &ArtifactKey,
    ) -> Result<Option<Bought<T>>, StageError> {
        const DOING: &str = "looking for what was bought before";
        let there = self.artifacts().head(answer).await.or_retry(DOING)?;
        if there.is_none() {
            return Ok(None);
        }
        let json = self.artifacts().read(answer).await.or_retry(DOING)?;
        serde_json::from_slice(&json).map(Some).or_fatal(DOING)
    }

    async fn reserved(&self, name: &str, purchase: Purchase<'_>) -> Result<Reserved, StageError> {
        const DOING: &str = "reserving what it costs";
        let Purchase {
            provider, price, ..
        } = purchase;
        let reserve = |ledger: &mut Ledger| ledger.reserve(name, provider, price);
        match self.till.change(self, reserve).await {
            Ok((reserved, _)) => Ok(reserved),
            Err(LedgerError::Refused(Refusal::Closed)) => Err(StageError::Cancelled),
            Err(LedgerError::Refused(refusal)) => {
                Err(StageError::fatal(DOING, refusal).coded(BUDGET_EXCEEDED))
            }
            Err(error) => Err(StageError::retry(DOING, error)),
        }
    }

    /// Settles, and says what was spent.
    async fn settled<T>(&self, name: &str, bought: Bought<T>) -> Result<T, StageError> {
        let Bought { value, cost } = bought;
        let settle = |ledger: &mut Ledger| {
            // The ledger may have gone with the broker's store; what was bought has not.
            if ledger.settle(name, cost).is_err() {
                ledger.enter_settled(name, cost);
            }
            Ok(())
        };
        let ((), ledger) = self.till.change(self, settle).await.or_retry("settling")?;
        self.emit(EventBody::CostUpdate {
            stage: self.task().stage,
            cost,
            total: ledger.spent(),
        });
        Ok(value)
    }

    async fn noted(&self, note: impl Fn(&mut Ledger)) -> Result<(), StageError> {
        let change = |ledger: &mut Ledger| {
            note(ledger);
            Ok(())
        };
        let noted = self.till.change(self, change).await;
        noted
            .map(|_| ())
            .or_retry("noting what became of a purchase")
    }
}
