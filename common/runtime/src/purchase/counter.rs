//! One purchase at the counter: all of it that needs no work to wait for it.

use std::sync::Arc;
use std::time::Duration;

use model::{ArtifactKey, EventBody, JobId, TaskId, Usd};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Bought, NotBought, Purchase, Till};
use crate::ledger::{self, Ledger, LedgerError, Refusal, Reserved};
use crate::{Artifacts, StageContext, StageError, StageResultExt};

/// The code of a purchase that the budget does not allow.
pub const BUDGET_EXCEEDED: &str = "BUDGET_EXCEEDED";

/// How long the answer of an attempt is waited for that may still be under way, in a worker that was asked
/// to end or is taken for dead. Longer than such a worker waits for it.
const LATE: Duration = Duration::from_secs(12);
/// Between two looks for it.
const LOOK: Duration = Duration::from_millis(250);

/// One purchase: its names, and everybody who has to know of it.
#[derive(Debug, Clone)]
pub(super) struct Counter {
    task: TaskId,
    budget: Usd,
    item: String,
    /// Its name in the ledger.
    name: String,
    /// Where its answer is kept.
    answer: ArtifactKey,
    /// Where it is noted that the provider is asked, if it is to be.
    asked: Option<ArtifactKey>,
    till: Arc<Till>,
    artifacts: Artifacts,
}

impl Counter {
    pub(super) fn of(cx: &StageContext, purchase: Purchase<'_>) -> Result<Self, StageError> {
        let name = ledger::entry_name(&cx.task(), purchase.item);
        let is_noted = !purchase.repeats && purchase.price > Usd::ZERO;
        let asked = is_noted.then(|| cx.key(&format!("asked/{name}")));
        Ok(Self {
            task: cx.task(),
            budget: cx.job().budget,
            item: purchase.item.to_owned(),
            answer: cx.key(&ledger::answer_artifact(&name))?,
            asked: asked.transpose()?,
            name,
            till: Arc::clone(&cx.till),
            artifacts: cx.artifacts().clone(),
        })
    }

    pub(super) fn idempotency_key(&self) -> String {
        ledger::idempotency_key(&self.task, &self.item)
    }

    /// What an earlier attempt was given.
    pub(super) async fn answered<T: DeserializeOwned>(
        &self,
    ) -> Result<Option<Bought<T>>, StageError> {
        const DOING: &str = "looking for what was bought before";
        let there = self.artifacts.head(&self.answer).await.or_retry(DOING)?;
        if there.is_none() {
            return Ok(None);
        }
        let json = self.artifacts.read(&self.answer).await.or_retry(DOING)?;
        serde_json::from_slice(&json).map(Some).or_fatal(DOING)
    }

    /// The same, while it may still come. Ends early when `stop` is raised.
    pub(super) async fn answered_late<T: DeserializeOwned>(
        &self,
        stop: &CancellationToken,
    ) -> Result<Option<Bought<T>>, StageError> {
        let given_up = Instant::now() + LATE;
        while Instant::now() < given_up && !stop.is_cancelled() {
            if let Some(bought) = self.answered().await? {
                return Ok(Some(bought));
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => {}
            }
        }
        Ok(None)
    }

    /// Reserves the price, and notes in the store that the provider is asked where that has to be known
    /// for ever.
    pub(super) async fn reserved(&self, purchase: Purchase<'_>) -> Result<Reserved, StageError> {
        const DOING: &str = "reserving what it costs";
        let (provider, price) = (purchase.provider, purchase.price);
        let reserve = |ledger: &mut Ledger| ledger.reserve(&self.name, provider, price);
        let mut reserved = match self.till.change(self.job(), reserve).await {
            Ok((reserved, _)) => reserved,
            Err(LedgerError::Refused(Refusal::Closed)) => return Err(StageError::Cancelled),
            Err(LedgerError::Refused(refusal)) => {
                return Err(StageError::fatal(DOING, refusal).coded(BUDGET_EXCEEDED));
            }
            Err(error) => return Err(StageError::retry(DOING, error)),
        };
        if let Some(asked) = &self.asked {
            let noted = self.artifacts.create(asked, bytes::Bytes::new()).await;
            // Somebody has asked whose ledger went with the broker's store.
            reserved.again |= !noted.or_retry(DOING)?;
        }
        Ok(reserved)
    }

    /// Makes the call, keeps its answer, and settles.
    pub(super) async fn finished<T: Serialize>(
        &self,
        call: impl Future<Output = Result<Bought<T>, NotBought>>,
        tried: Reserved,
    ) -> Result<T, StageError> {
        match call.await {
            Ok(bought) => {
                let json = serde_json::to_vec(&bought).or_fatal("writing what was bought")?;
                self.kept(json).await?;
                self.settled(bought).await
            }
            Err(NotBought::NotCharged(error)) => {
                self.released(tried).await?;
                Err(error)
            }
            Err(NotBought::OutcomeUnknown(error)) => {
                self.noted(|ledger| ledger.lose(&self.name, tried.submission))
                    .await?;
                Err(error)
            }
        }
    }

    /// Keeps an answer for whoever asks next. Of a cancelled job nobody does, and its objects are swept:
    /// there the ledger alone keeps what it cost.
    async fn kept(&self, json: Vec<u8>) -> Result<(), StageError> {
        let look = |ledger: &mut Ledger| Ok(ledger.is_closed(self.task.run));
        let looked = self.till.change(self.job(), look).await;
        // Not to know is no reason to lose an answer.
        if !looked.is_ok_and(|(is_closed, _)| is_closed) {
            let kept = self.artifacts.create(&self.answer, json.into()).await;
            kept.or_retry("keeping what was bought")?;
        }
        Ok(())
    }

    /// Settles, and says what was spent.
    pub(super) async fn settled<T>(&self, bought: Bought<T>) -> Result<T, StageError> {
        let Bought { value, cost } = bought;
        let settle = |ledger: &mut Ledger| {
            // The ledger may have gone with the broker's store; what was bought has not.
            if ledger.settle(&self.name, cost).is_err() {
                ledger.enter_settled(&self.name, cost);
            }
            Ok(())
        };
        let settled = self.till.change(self.job(), settle).await;
        let ((), ledger) = settled.or_retry("settling")?;
        if cost > Usd::ZERO {
            let spent = EventBody::CostUpdate {
                stage: self.task.stage,
                cost,
                total: ledger.spent(),
            };
            self.till.tell(&self.task, spent).await;
        }
        Ok(value)
    }

    /// Notes that a try surely cost nothing.
    pub(super) async fn released(&self, tried: Reserved) -> Result<(), StageError> {
        if let Some(asked) = self.asked.as_ref().filter(|_| !tried.again) {
            let forgotten = self.artifacts.delete(asked).await;
            forgotten.or_retry("forgetting a purchase that came to nothing")?;
        }
        self.noted(|ledger| ledger.release(&self.name, tried.submission))
            .await
    }

    async fn noted(&self, note: impl Fn(&mut Ledger)) -> Result<(), StageError> {
        let change = |ledger: &mut Ledger| {
            note(ledger);
            Ok(())
        };
        let noted = self.till.change(self.job(), change).await;
        noted
            .map(|_| ())
            .or_retry("noting what became of a purchase")
    }

    const fn job(&self) -> (JobId, Usd) {
        (self.task.job, self.budget)
    }
}
