//! The claim: a worker's fenced right to a task. JetStream has no fence of its own: a late answer of a
//! worker that was thought dead hits the live one's delivery. So a worker whose claim has moved on
//! writes, hands over, answers and ends nothing more.

use std::time::Duration;

use async_nats::jetstream::Context;
use model::TaskId;
use nats::consumers::{self, TimeError};
use nats::kv::{Bucket, KvError, Swap};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use tokio::sync::Mutex;

use super::losses::{self, Blame};
use super::settle::MAX_ATTEMPTS;
use crate::stage::STAGE_CRASHED;

/// How long a claim that is not renewed is still believed. Less than the message's own time, so that the
/// redelivery of a dead worker's task finds nobody to wait for; more than two renewals, so that a live
/// worker keeps its task when a restarted server delivers it again.
const BELIEVED: Duration = consumers::RENEWAL
    .saturating_mul(2)
    .saturating_add(Duration::from_secs(1));

/// How long after a break of the connection others are given to renew their claims first.
const COMING_BACK: Duration = consumers::RENEWAL.saturating_add(Duration::from_secs(1));

/// How many workers and programs may be lost with a task, whoever is to blame.
const MAX_LOST: usize = 12;

/// How often a claim is written again because a late write of our own came before it.
const OWN_CONFLICTS: usize = 4;

/// What lies in the bucket `claims` under a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// Who has it, or had it last.
    pub worker: String,
    /// Rises with every worker that takes the task.
    pub epoch: u64,
    /// Attempts begun, this one included. One that was given back at a shutdown does not count, nor one
    /// whose worker was lost together with others, or whose program was killed by somebody else.
    pub attempts: u32,
    /// The workers that were lost with it, and those whose programs were killed by somebody else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<String>,
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
    /// The claim after `worker` took the task over from `before`, whose worker, if it was lost, was lost by
    /// `blame`. Done and parked ones stay as they are: only their last steps are taken again.
    pub fn taken(
        before: Option<Self>,
        worker: &str,
        (now, blame): (OffsetDateTime, Blame),
    ) -> Self {
        let Some(mut claim) = before else {
            return Self {
                worker: worker.to_owned(),
                epoch: 1,
                attempts: 1,
                lost: vec![],
                state: ClaimState::Working,
            };
        };
        if let ClaimState::Done { .. } | ClaimState::Parked { .. } = claim.state {
            return claim;
        }
        let is_lost = claim.state == ClaimState::Working;
        if is_lost {
            claim.lost.push(claim.worker.clone());
        }
        let is_excused = is_lost && blame == Blame::House && claim.lost.len() < MAX_LOST;
        claim.epoch += 1;
        if is_excused || claim.attempts < MAX_ATTEMPTS {
            claim.attempts += u32::from(!is_excused);
            claim.state = ClaimState::Working;
        } else {
            claim.state = given_up(&claim, now);
        }
        worker.clone_into(&mut claim.worker);
        claim
    }
}

/// How long to leave a task alone because its worker may be alive; `None` when it may be taken over.
///
/// `age` is the time since the claim was last written, both by the server's clock: what clocks of
/// workers say is of no interest. `connected` is the time since we can reach the server: a worker that
/// was cut off together with us gets the time to renew first.
pub(super) fn worker_may_live(
    claim: &Claim,
    age: Duration,
    connected: Duration,
) -> Option<Duration> {
    let wait = BELIEVED
        .saturating_sub(age)
        .max(COMING_BACK.saturating_sub(connected));
    (claim.state == ClaimState::Working && !wait.is_zero()).then_some(wait)
}

fn given_up(claim: &Claim, at: OffsetDateTime) -> ClaimState {
    let cause = format!(
        "its workers ended without a word at attempt {} of {MAX_ATTEMPTS}: {}",
        claim.attempts,
        claim.lost.join(", ")
    );
    ClaimState::Parked {
        code: STAGE_CRASHED.to_owned(),
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

/// What came of trying to take a task.
pub(super) enum Taking {
    /// It is ours.
    Taken(Box<Lease>),
    /// It may be in good hands; look again after so long.
    Leave(Duration),
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
    /// How old a claim is cannot be told.
    #[error("the age of the claim is not known")]
    Time(#[from] TimeError),
    /// The output cannot be written down.
    #[error("the claim is no JSON")]
    Json(#[from] serde_json::Error),
}

impl Lease {
    /// Takes the task over, unless its worker may be alive. Whoever compares and sets first has it; the
    /// other reads again.
    pub(super) async fn take(
        bucket: Bucket,
        jetstream: &Context,
        task: &TaskId,
        worker: &str,
        connected: Duration,
    ) -> Result<Taking, LeaseError> {
        let key = task.to_string();
        loop {
            let (before, revision) = match aged(&bucket, jetstream, task).await? {
                Some((claim, age, revision)) => {
                    if let Some(wait) = worker_may_live(&claim, age, connected) {
                        return Ok(Taking::Leave(wait));
                    }
                    (Some(claim), revision)
                }
                None => (None, 0),
            };
            let blame = match &before {
                Some(claim) if claim.state == ClaimState::Working => {
                    losses::note(jetstream, task.stage, claim).await
                }
                _ => Blame::Task,
            };
            let claim = Claim::taken(before.clone(), worker, (crate::events::now(), blame));
            let swap = if before.as_ref() == Some(&claim) {
                Swap::Set(revision)
            } else {
                bucket.swap(&key, json(&claim)?, revision).await?
            };
            if let Swap::Set(revision) = swap {
                let held = Mutex::new(Held { claim, revision });
                return Ok(Taking::Taken(Box::new(Self { bucket, key, held })));
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

    /// Whether one more program may be killed at the task before it is to blame.
    pub(super) async fn may_be_excused(&self) -> bool {
        self.held.lock().await.claim.lost.len() + 1 < MAX_LOST
    }

    /// Moves on to be tried again, without the attempt: its program was killed by somebody else.
    pub(super) async fn excuse(&self) -> Result<Claim, LeaseError> {
        let mut held = self.held.lock().await;
        let mut claim = held.claim.clone();
        claim.attempts = claim.attempts.saturating_sub(1);
        claim.lost.push(format!("a program of {}", claim.worker));
        claim.state = ClaimState::Retrying;
        self.write(&mut held, claim.clone()).await?;
        Ok(claim)
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

    /// Writes the claim over the one that we hold.
    ///
    /// A conflict may be with ourselves: a renewal that was given up in an outage is still sent when the
    /// connection is back. Then what we hold lies there under another revision, and is ours all the same.
    async fn write(&self, held: &mut Held, claim: Claim) -> Result<(), LeaseError> {
        let value = json(&claim)?;
        for _ in 0..OWN_CONFLICTS {
            let swap = self.bucket.swap(&self.key, value.clone(), held.revision);
            if let Swap::Set(revision) = swap.await? {
                *held = Held { claim, revision };
                return Ok(());
            }
            let there = self.bucket.get(&self.key).await?;
            let there = there.ok_or(LeaseError::Moved)?;
            if serde_json::from_slice::<Claim>(&there.value)? != held.claim {
                return Err(LeaseError::Moved);
            }
            held.revision = there.revision;
        }
        Err(LeaseError::Moved)
    }
}

/// The claim of a task, how long ago it was written, and its revision. The age matters only while the
/// task is worked on; of other claims it is zero.
async fn aged(
    bucket: &Bucket,
    jetstream: &Context,
    task: &TaskId,
) -> Result<Option<(Claim, Duration, u64)>, LeaseError> {
    let key = task.to_string();
    let mut now = None;
    loop {
        let Some(entry) = bucket.get(&key).await? else {
            return Ok(None);
        };
        let claim: Claim = serde_json::from_slice(&entry.value)?;
        let age = match now {
            Some(now) => Duration::try_from(now - entry.written).unwrap_or_default(),
            None if claim.state == ClaimState::Working => {
                // Asked before the claim is read again: an outage between the two makes it no older.
                now = Some(consumers::server_time(jetstream, task.stage).await?);
                continue;
            }
            None => Duration::ZERO,
        };
        return Ok(Some((claim, age, entry.revision)));
    }
}

fn json(claim: &Claim) -> Result<bytes::Bytes, serde_json::Error> {
    serde_json::to_vec(claim).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: (OffsetDateTime, Blame) = (OffsetDateTime::UNIX_EPOCH, Blame::Task);

    fn claim(attempts: u32, state: ClaimState) -> Claim {
        Claim {
            worker: "one".to_owned(),
            epoch: 4,
            attempts,
            lost: vec![],
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
    fn a_worker_that_was_lost_together_with_others_costs_no_attempt_but_not_for_ever() {
        let house = (NOW.0, Blame::House);
        let mut taken = claim(MAX_ATTEMPTS, ClaimState::Working);
        for lost in 1..MAX_LOST {
            taken = Claim::taken(Some(taken), "two", house);
            assert_eq!((taken.attempts, taken.lost.len()), (MAX_ATTEMPTS, lost));
            assert_eq!(taken.state, ClaimState::Working);
        }
        taken = Claim::taken(Some(taken), "two", house);
        assert!(matches!(taken.state, ClaimState::Parked { .. }));
        let failed = claim(MAX_ATTEMPTS - 1, ClaimState::Retrying);
        let taken = Claim::taken(Some(failed), "two", house);
        assert_eq!((taken.attempts, taken.lost.len()), (MAX_ATTEMPTS, 0));
    }

    #[test]
    fn a_working_claim_is_left_alone_while_its_worker_may_live() {
        let long = Duration::from_mins(1);
        let working = claim(1, ClaimState::Working);
        let wait = |age, connected| worker_may_live(&working, age, connected);
        assert_eq!(
            wait(consumers::ACK_WAIT, long),
            None,
            "a dead worker's redelivery"
        );
        let second = Duration::from_secs(1);
        assert_eq!(wait(second, long), Some(BELIEVED.saturating_sub(second)));
        let coming_back = COMING_BACK.saturating_sub(second);
        assert_eq!(wait(long, second), Some(coming_back));
        assert!(BELIEVED < consumers::ACK_WAIT);
        for state in [ClaimState::Retrying, ClaimState::Released] {
            assert_eq!(
                worker_may_live(&claim(1, state), Duration::ZERO, long),
                None
            );
        }
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
        for state in [done, given_up(&claim(3, ClaimState::Working), NOW.0)] {
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
