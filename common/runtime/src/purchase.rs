//! How a stage buys: reserve, submit once, keep the answer, settle.
//!
//! Whatever dies in between, the next attempt goes on: it finds the answer in the store, or asks the
//! provider again with the same key where that is charged once. A call that is under way outlives the work
//! that wanted it: what is paid for is taken, and its cost known.

mod counter;
mod till;

use std::future::Future;
use std::time::Duration;

use model::Usd;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::{StageContext, StageError, StageResultExt};
pub use counter::BUDGET_EXCEEDED;
use counter::Counter;
pub(crate) use till::Till;

/// What is to be bought.
#[derive(Debug, Clone, Copy)]
pub struct Purchase<'a> {
    /// What it is within the task, as one word of `[a-z0-9_-]`: a task may buy several things.
    pub item: &'a str,
    /// From whom.
    pub provider: &'a str,
    /// What it will cost, as far as is known: this much is reserved.
    pub price: Usd,
    /// Whether the provider charges a key once, however often it is asked under it. Where it does not,
    /// that it is asked is noted in the store as well: the broker may lose the ledger.
    pub repeats: bool,
}

/// On which terms it is bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// To be sent as the idempotency key, or left as a marker where a provider has no such thing. The
    /// same in every attempt.
    pub key: String,
    /// Whether an earlier attempt may have been charged, and has left no answer. A client whose provider
    /// knows no idempotency keys looks for what that attempt began, by the marker, before it begins anew;
    /// where nothing can be looked for, it takes it for lost.
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

/// Calls that are under way, whoever still waits for them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Underway {
    calls: TaskTracker,
    /// Raised when they are to end with whoever holds them.
    gone: CancellationToken,
}

/// How long a worker that is asked to end waits for calls that are paid for. Their tasks are given back
/// before.
const LINGER: Duration = Duration::from_secs(8);

impl Underway {
    /// Takes them in, for a while: what comes later is lost, and counts as paid.
    pub(crate) async fn taken_in(&self) {
        self.calls.close();
        if tokio::time::timeout(LINGER, self.calls.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                calls = self.calls.len(),
                "answers that are paid for are lost"
            );
        }
    }

    /// Ends them when it is dropped.
    pub(crate) fn guard(&self) -> tokio_util::sync::DropGuard {
        self.gone.clone().drop_guard()
    }
}

impl StageContext {
    /// What an earlier attempt was given for this purchase, if it was.
    pub async fn bought_before<T: DeserializeOwned>(
        &self,
        purchase: Purchase<'_>,
    ) -> Result<Option<T>, StageError> {
        let counter = Counter::of(self, purchase)?;
        match counter.answered().await? {
            Some(bought) => counter.settled(bought).await.map(Some),
            None => Ok(None),
        }
    }

    /// Buys one thing, once.
    ///
    /// `submit` makes the one call that may be charged; it is not called where the answer of an earlier
    /// attempt is there. Its value is kept in the store as JSON: bytes belong into artifacts that it
    /// names. Nothing is bought beyond the job's budget, nor once the job is cancelled. When the work is
    /// stopped this returns at once, and the call goes on to its end, without the work.
    pub async fn buy<T, F, W>(&self, purchase: Purchase<'_>, submit: F) -> Result<T, StageError>
    where
        T: Serialize + DeserializeOwned + Send + 'static,
        F: FnOnce(Terms) -> W,
        W: Future<Output = Result<Bought<T>, NotBought>> + Send + 'static,
    {
        if let Some(value) = self.bought_before(purchase).await? {
            return Ok(value);
        }
        let counter = Counter::of(self, purchase)?;
        let tried = counter.reserved(purchase).await?;
        if tried.again
            && !purchase.repeats
            && let Some(bought) = counter.answered_late(&self.stop).await?
        {
            return counter.settled(bought).await;
        }
        // The stop comes with the flag, the ledger is closed with the answer to the user.
        if self.checkpoint().is_err() {
            counter.released(tried).await?;
            return Err(StageError::Cancelled);
        }
        let terms = Terms {
            key: counter.idempotency_key(),
            again: tried.again,
        };
        let (call, gone) = (submit(terms), self.underway.gone.clone());
        let buying = async move {
            tokio::select! {
                biased;
                bought = counter.finished(call, tried) => bought,
                () = gone.cancelled() => Err(StageError::Cancelled),
            }
        };
        let buying = self.underway.calls.spawn(buying.in_current_span());
        tokio::select! {
            biased;
            bought = buying => bought.or_retry("buying")?,
            () = self.stop.cancelled() => Err(StageError::Cancelled),
        }
    }
}
