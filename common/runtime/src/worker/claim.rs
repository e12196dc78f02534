//! The claim: a worker's fenced right to a task. JetStream has no fence of its own: a late answer of a
//! worker that was thought dead hits the live one's delivery. So a worker whose claim has moved on says
//! nothing more.

use model::TaskId;
use nats::kv::{Bucket, KvError, Swap};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::Mutex;

use super::settle::MAX_ATTEMPTS;
use crate::stage::MODULE_FAILURE;

/// What lies in the bucket `claims` under a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// Who has it, or had it last.
    pub worker: String,
    /// Rises with every worker that takes the task.
    pub epoch: u64,
    /// Attempts begun, this one included. One that was given back at a shutdown does not count.
    pub attempts: u32,
    /// Where it stands.
    #[serde(flatten)]
    pub state: ClaimState,
}

/// Where a claim stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum ClaimState {
    /// A worker is at it, or died at it.
    Working,
    /// It failed and is to be tried again.
    Retrying,
    /// It was given back unharmed.
    Released,
    /// The work is done; handing over may not be.
    Done {
        /// What the stage gave.
        output: Value,
        /// How long it took.
        seconds: f64,
    },
    /// It was given up; telling so may not be done.
    Parked {
        /// Why, for programs.
        code: String,
        /// Why, outermost first.
        causes: Vec<String>,
        /// Whether the same upload may work later.
        retryable: bool,
        /// When.
        #[serde(with = "time::serde::rfc3339")]
        at: OffsetDateTime,
    },
}

impl Claim {
    /// The claim after `worker` took the task over from `before`. Done and parked ones stay as they are:
    /// only their last steps are taken again.
    pub fn taken(before: Option<Self>, worker: &str, now: OffsetDateTime) -> Self {
        let taken = |epoch, attempts, state| Self {
            worker: worker.to_owned(),
            epoch,
            attempts,
            state,
        };
        match before {
            None => taken(1, 1, ClaimState::Working),
            Some(
                claim @ Self {
                    state: ClaimState::Done { .. } | ClaimState::Parked { .. },
                    ..
                },
            ) => claim,
            Some(claim) if claim.attempts >= MAX_ATTEMPTS => {
                taken(claim.epoch + 1, claim.attempts, given_up(&claim, now))
            }
            Some(claim) => taken(claim.epoch + 1, claim.attempts + 1, ClaimState::Working),
        }
    }
}

fn given_up(claim: &Claim, at: OffsetDateTime) -> ClaimState {
    let cause = format!(
        "its workers ended without a word at attempt {} of {MAX_ATTEMPTS}, the last one {}",
        claim.attempts, claim.worker
    );
    ClaimState::Parked {
        code: MODULE_FAILURE.to_owned(),
        causes: vec!["working on it".to_owned(), cause],
        retryable: true,
        at,
    }
}

/// The claim of the task in hand, as last written by us.
pub(super) struct Lease {
    bucket: Bucket,
    key: String,
    held: Mutex<Held>,
}

struct Held {
    claim: Claim,
    revision: u64,
}

/// Why a claim could not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum LeaseError {
    /// Another worker has taken the task: say nothing more.
    #[error("another worker has taken the task")]
    Moved,
    /// The server does not answer.
    #[error("the claim could not be written")]
    Kv(#[from] KvError),
    /// The output cannot be written down.
    #[error("the claim is no JSON")]
    Json(#[from] serde_json::Error),
}

impl Lease {
    /// Takes the task over. Whoever compares and sets first has it; the other reads again.
    pub(super) async fn take(
        bucket: Bucket,
        task: &TaskId,
        worker: &str,
        now: OffsetDateTime,
    ) -> Result<Self, LeaseError> {
        let key = task.to_string();
        loop {
            let entry = bucket.get(&key).await?;
            let revision = entry.as_ref().map_or(0, |entry| entry.revision);
            let before: Option<Claim> = match &entry {
                Some(entry) => Some(serde_json::from_slice(&entry.value)?),
                None => None,
            };
            let claim = Claim::taken(before.clone(), worker, now);
            let revision = if before.as_ref() == Some(&claim) {
                Swap::Set(revision)
            } else {
                bucket.swap(&key, json(&claim)?, revision).await?
            };
            if let Swap::Set(revision) = revision {
                let held = Mutex::new(Held { claim, revision });
                return Ok(Self { bucket, key, held });
            }
        }
    }

    /// The claim as last written.
    pub(super) async fn claim(&self) -> Claim {
        self.held.lock().await.claim.clone()
    }

    /// Says that we are still at it. Nothing to say once the work has ended.
    pub(super) async fn renew(&self) -> Result<(), LeaseError> {
        let mut held = self.held.lock().await;
        if held.claim.state == ClaimState::Working {
            let claim = held.claim.clone();
            self.write(&mut held, claim).await?;
        }
        Ok(())
    }

    /// Moves on to another state, if the task is still ours.
    pub(super) async fn advance(&self, state: ClaimState) -> Result<Claim, LeaseError> {
        let mut held = self.held.lock().await;
        let mut claim = held.claim.clone();
        if state == ClaimState::Released {
            claim.attempts = claim.attempts.saturating_sub(1);
        }
        claim.state = state;
        self.write(&mut held, claim.clone()).await?;
        Ok(claim)
    }

    async fn write(&self, held: &mut Held, claim: Claim) -> Result<(), LeaseError> {
        match self
            .bucket
            .swap(&self.key, json(&claim)?, held.revision)
            .await?
        {
            Swap::Set(revision) => {
                *held = Held { claim, revision };
                Ok(())
            }
            Swap::Conflict => Err(LeaseError::Moved),
        }
    }
}

fn json(claim: &Claim) -> Result<bytes::Bytes, serde_json::Error> {
    serde_json::to_vec(claim).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn claim(attempts: u32, state: ClaimState) -> Claim {
        Claim {
            worker: "one".to_owned(),
            epoch: 4,
            attempts,
            state,
        }
    }

    #[test]
    fn a_crash_costs_an_attempt_and_the_last_one_parks_the_task() {
        let taken = Claim::taken(Some(claim(1, ClaimState::Working)), "two", NOW);
        assert_eq!((taken.epoch, taken.attempts), (5, 2));
        assert_eq!(taken.state, ClaimState::Working);

        let taken = Claim::taken(Some(claim(MAX_ATTEMPTS, ClaimState::Working)), "two", NOW);
        assert_eq!((taken.epoch, taken.attempts), (5, MAX_ATTEMPTS));
        assert!(matches!(taken.state, ClaimState::Parked { .. }));
    }

    #[test]
    fn a_task_that_was_given_back_has_lost_no_attempt() {
        let first = Claim::taken(None, "one", NOW);
        assert_eq!((first.epoch, first.attempts), (1, 1));
        let released = claim(0, ClaimState::Released);
        assert_eq!(Claim::taken(Some(released), "two", NOW).attempts, 1);
    }

    #[test]
    fn what_is_done_or_parked_is_not_worked_on_again() {
        let done = ClaimState::Done {
            output: Value::Null,
            seconds: 1.0,
        };
        for state in [done, given_up(&claim(3, ClaimState::Working), NOW)] {
            let before = claim(2, state);
            assert_eq!(Claim::taken(Some(before.clone()), "two", NOW), before);
        }
    }

    #[test]
    fn the_form_of_a_claim_is_frozen() {
        let claim = claim(2, ClaimState::Working);
        insta::assert_json_snapshot!(claim, @r#"
        {
          "worker": "one",
          "epoch": 4,
          "attempts": 2,
          "state": "working"
        }
        "#);
    }
}
