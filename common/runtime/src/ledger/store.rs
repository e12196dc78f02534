//! Ledgers in the broker: one entry a job, changed by compare-and-set only.

use std::time::Duration;

use async_nats::jetstream::Context;
use model::{JobId, RunNumber, Usd};
use nats::buckets;
use nats::kv::{Bucket, KvError, Swap};
use serde::Deserialize;
use tokio::time::Instant;

use super::{Ledger, Refusal, answer_name};
use crate::{ArtifactError, Artifacts};

/// How long a change is tried against others. Forty workers on one ledger need a second of it.
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest wait after a lost race; a random part of it.
const PAUSE: Duration = Duration::from_millis(25);

/// The ledgers of all jobs.
#[derive(Debug, Clone)]
pub struct Ledgers {
    bucket: Bucket,
    artifacts: Artifacts,
}

/// Why a ledger was not changed.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// By its own rules.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The broker does not answer. The change may have been made.
    #[error("the ledger cannot be reached")]
    Kv(#[from] KvError),
    /// Others were always faster.
    #[error("the ledger was never free within {} s", PATIENCE.as_secs())]
    Busy,
    /// What was bought cannot be looked for.
    #[error("what was bought before cannot be looked for")]
    Artifacts(#[from] ArtifactError),
    /// It is not what it should be.
    #[error("the ledger cannot be read or written as JSON")]
    Json(#[from] serde_json::Error),
}

impl Ledgers {
    /// Those of this broker, and the store in which what was bought is kept.
    pub const fn new(jetstream: Context, artifacts: Artifacts) -> Self {
        Self {
            bucket: Bucket::new(jetstream, buckets::LEDGERS),
            artifacts,
        }
    }

    /// The ledger of a job; `None` where nothing was ever bought for it.
    pub async fn read(&self, job: JobId) -> Result<Option<Ledger>, LedgerError> {
        let entry = self.bucket.get(&job.to_string()).await?;
        let ledger = entry.map(|entry| serde_json::from_slice(&entry.value));
        Ok(ledger.transpose()?)
    }

    /// What was spent for a job.
    pub async fn spent(&self, job: JobId) -> Result<Usd, LedgerError> {
        let ledger = match self.read(job).await? {
            Some(ledger) => ledger,
            None => self.begun(job, Usd::ZERO).await?,
        };
        Ok(ledger.spent())
    }

    /// A ledger as it begins: with what lies in the store, where the broker has lost its own.
    async fn begun(&self, job: JobId, budget: Usd) -> Result<Ledger, LedgerError> {
        #[derive(Deserialize)]
        struct Cost {
            cost: Usd,
        }
        let mut ledger = Ledger::new(budget);
        for key in self.artifacts.keys_of_job(job).await? {
            let Some(name) = answer_name(key.as_str()) else {
                continue;
            };
            let Cost { cost } = serde_json::from_slice(&self.artifacts.read(&key).await?)?;
            ledger.enter_settled(name, cost);
        }
        Ok(ledger)
    }

    /// Changes the ledger of a job, which begins empty with `budget`. `change` is called again where
    /// another was faster; what it refuses leaves the ledger as it was.
    pub async fn change<T>(
        &self,
        job: JobId,
        budget: Usd,
        change: impl Fn(&mut Ledger) -> Result<T, Refusal>,
    ) -> Result<(T, Ledger), LedgerError> {
        let key = job.to_string();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let entry = self.bucket.get(&key).await?;
            let revision = entry.as_ref().map_or(0, |entry| entry.revision);
            let before: Option<Ledger> = match &entry {
                Some(entry) => Some(serde_json::from_slice(&entry.value)?),
                None => None,
            };
            let mut ledger = match &before {
                Some(ledger) => ledger.clone(),
                None => self.begun(job, budget).await?,
            };
            let value = change(&mut ledger)?;
            if before.as_ref() == Some(&ledger) {
                return Ok((value, ledger));
            }
            let json = serde_json::to_vec(&ledger)?;
            if let Swap::Set(_) = self.bucket.swap(&key, json.into(), revision).await? {
                return Ok((value, ledger));
            }
            if Instant::now() >= deadline {
                return Err(LedgerError::Busy);
            }
            tokio::time::sleep(PAUSE.mul_f64(fastrand::f64())).await;
        }
    }

    /// Buys nothing more for this pass of a job from now on: what was not reserved before this returns
    /// is refused. Gives the ledger as it was closed.
    pub async fn close(
        &self,
        (job, run): (JobId, RunNumber),
        budget: Usd,
    ) -> Result<Ledger, LedgerError> {
        let closed = |ledger: &mut Ledger| {
            ledger.close(run);
            Ok(())
        };
        self.change(job, budget, closed)
            .await
            .map(|((), ledger)| ledger)
    }
}
