//! Five jobs an hour and user, exactly: a sliding window in the KV bucket `rate_limits`.
//!
//! A user's entry holds when each job of the last hour was taken. It is changed by compare-and-set, so
//! that the limit holds under parallel requests and over several gateways.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use bytes::Bytes;
use model::{JobId, UserId};
use nats::kv::{Bucket, Swap};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::auth::CurrentUser;
use crate::error::{ApiError, OrFault};

/// How long the bucket may take, lost races included: each loss is another request's gain, and the
/// limit ends those. Less than the bucket's own patience, as a person waits.
const PATIENCE: Duration = Duration::from_secs(3);

/// How many jobs a user may start within a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// Jobs.
    pub jobs: u32,
    /// Within this time.
    pub window: Duration,
}

impl RateLimit {
    /// The seed's: 5 an hour.
    pub const HOUSE: Self = Self {
        jobs: 5,
        window: Duration::from_hours(1),
    };
    /// Of those who signed in without saying who they are: accounts like theirs cost nothing to make.
    pub const ANONYMOUS: Self = Self {
        jobs: 2,
        ..Self::HOUSE
    };
}

/// Where a user stands within the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quota {
    /// Jobs within a window.
    pub(crate) limit: u32,
    /// The window.
    pub(crate) window: Duration,
    /// Jobs that may still be started.
    pub(crate) remaining: u32,
    /// When the next slot is freed.
    pub(crate) reset: Duration,
}

impl Quota {
    /// The name of the policy in the headers.
    pub(crate) const POLICY: &str = "jobs";

    /// Whole seconds until it is worth trying again, at least 1.
    pub(crate) fn retry_after(&self) -> u64 {
        self.reset.as_millis().div_ceil(1000).max(1) as u64
    }

    /// The fields `RateLimit` and `RateLimit-Policy`.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let policy = format!(
            r#""{}";q={};w={}"#,
            Self::POLICY,
            self.limit,
            self.window.as_secs()
        );
        let state = format!(
            r#""{}";r={};t={}"#,
            Self::POLICY,
            self.remaining,
            self.retry_after()
        );
        for (name, value) in [("ratelimit-policy", policy), ("ratelimit", state)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}

/// When a job was taken, in milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Slot {
    at: i64,
    job: JobId,
}

/// A user's slots.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Window {
    slots: Vec<Slot>,
}

impl Window {
    /// Forgets what is older than the window. What seems to lie in the future stays: another gateway's
    /// clock may be ahead, and to drop its slots would let more through.
    fn forget(&mut self, limit: RateLimit, now: i64) {
        let oldest = now.saturating_sub(limit.window.as_millis() as i64);
        self.slots.retain(|slot| slot.at > oldest);
        self.slots.sort_by_key(|slot| slot.at);
    }

    fn quota(&self, limit: RateLimit, now: i64) -> Quota {
        let window = limit.window.as_millis() as i64;
        // With more slots than the limit (a limit that was lowered), the surplus must pass as well.
        let surplus = self.slots.len().saturating_sub(limit.jobs as usize);
        let reset = self.slots.get(surplus).map_or(0, |slot| {
            slot.at.saturating_add(window).saturating_sub(now).max(0)
        });
        Quota {
            limit: limit.jobs,
            window: limit.window,
            remaining: limit.jobs.saturating_sub(self.slots.len() as u32),
            reset: Duration::from_millis(reset.unsigned_abs()),
        }
    }

    fn take(&mut self, limit: RateLimit, slot: Slot) -> Result<Quota, Quota> {
        self.forget(limit, slot.at);
        if self.slots.len() >= limit.jobs as usize {
            return Err(self.quota(limit, slot.at));
        }
        self.slots.push(slot);
        self.slots.sort_by_key(|slot| slot.at);
        Ok(self.quota(limit, slot.at))
    }
}

/// The limiter of a gateway.
pub(crate) struct RateLimiter {
    bucket: Bucket,
    limit: RateLimit,
    anonymous: RateLimit,
}

impl RateLimiter {
    /// A limiter that grants `limit`, and to those who are nobody no more than `anonymous`.
    pub(crate) fn new(bucket: Bucket, limit: RateLimit, anonymous: RateLimit) -> Self {
        let anonymous = RateLimit {
            jobs: anonymous.jobs.min(limit.jobs),
            ..anonymous
        };
        Self {
            bucket,
            limit,
            anonymous,
        }
    }

    const fn limit_of(&self, user: CurrentUser) -> RateLimit {
        if user.anonymous {
            self.anonymous
        } else {
            self.limit
        }
    }

    /// Where the user stands; takes no slot.
    pub(crate) async fn look(&self, user: CurrentUser) -> Result<Quota, ApiError> {
        let (mut window, _) = in_time(self.read(user.id)).await?;
        let (now, limit) = (now_millis(), self.limit_of(user));
        window.forget(limit, now);
        Ok(window.quota(limit, now))
    }

    /// Refuses early when no slot is free; takes none.
    pub(crate) async fn peek(&self, user: CurrentUser) -> Result<(), ApiError> {
        let quota = self.look(user).await?;
        if quota.remaining == 0 {
            return Err(ApiError::RateLimited(quota));
        }
        Ok(())
    }

    /// Takes a slot for `job`.
    pub(crate) async fn take(&self, user: CurrentUser, job: JobId) -> Result<Quota, ApiError> {
        in_time(async {
            loop {
                let (mut window, revision) = self.read(user.id).await?;
                let slot = Slot {
                    at: now_millis(),
                    job,
                };
                let quota = window
                    .take(self.limit_of(user), slot)
                    .map_err(ApiError::RateLimited)?;
                if self.write(user.id, &window, revision).await? {
                    return Ok(quota);
                }
            }
        })
        .await
    }

    /// Everyone who has taken a slot and not been forgotten since.
    pub(crate) async fn users(&self) -> Result<Vec<UserId>, ApiError> {
        let keys = in_time(async {
            let keys = self.bucket.keys(">").await;
            keys.or_unavailable("reading the rate limits")
        });
        Ok(keys
            .await?
            .iter()
            .filter_map(|key| key.parse().ok())
            .collect())
    }

    /// The jobs that a user's slots were taken for.
    pub(crate) async fn jobs_of(&self, user: UserId) -> Result<Vec<JobId>, ApiError> {
        let (window, _) = in_time(self.read(user)).await?;
        Ok(window.slots.iter().map(|slot| slot.job).collect())
    }

    /// Gives back the slot of `job`, whose acceptance failed.
    pub(crate) async fn give_back(&self, user: UserId, job: JobId) -> Result<(), ApiError> {
        in_time(async {
            loop {
                let (mut window, revision) = self.read(user).await?;
                let before = window.slots.len();
                window.slots.retain(|slot| slot.job != job);
                let held_none = window.slots.len() == before;
                if held_none || self.write(user, &window, revision).await? {
                    return Ok(());
                }
            }
        })
        .await
    }

    /// The user's window and the revision it was read at, 0 for none.
    async fn read(&self, user: UserId) -> Result<(Window, u64), ApiError> {
        let entry = self
            .bucket
            .get(&user.to_string())
            .await
            .or_unavailable("reading the rate limit")?;
        let Some(entry) = entry else {
            return Ok((Window::default(), 0));
        };
        let window = serde_json::from_slice(&entry.value).or_internal("reading the rate limit")?;
        Ok((window, entry.revision))
    }

    /// False when someone else was faster.
    async fn write(&self, user: UserId, window: &Window, revision: u64) -> Result<bool, ApiError> {
        let value = serde_json::to_vec(window).or_internal("writing the rate limit")?;
        let swap = self
            .bucket
            .swap(&user.to_string(), Bytes::from(value), revision)
            .await
            .or_unavailable("writing the rate limit")?;
        Ok(matches!(swap, Swap::Set(_)))
    }
}

async fn in_time<T>(asked: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
    tokio::time::timeout(PATIENCE, asked)
        .await
        .or_unavailable("waiting for the rate limit")?
}

fn now_millis() -> i64 {
    (OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000_000) as i64
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const LIMIT: RateLimit = RateLimit {
        jobs: 2,
        window: Duration::from_secs(10),
    };

    fn slot(at: i64) -> Slot {
        Slot {
            at,
            job: JobId::new(Uuid::new_v4()),
        }
    }

    #[test]
    fn a_slot_is_free_again_when_its_own_window_has_passed() {
        let mut window = Window::default();
        assert_eq!(window.take(LIMIT, slot(1_000)).unwrap().remaining, 1);
        assert_eq!(window.take(LIMIT, slot(4_000)).unwrap().remaining, 0);
        let quota = window.take(LIMIT, slot(5_500)).unwrap_err();
        assert_eq!(quota.reset, Duration::from_millis(5_500));
        assert_eq!(quota.retry_after(), 6);
        assert!(window.take(LIMIT, slot(10_999)).is_err());
        assert!(window.take(LIMIT, slot(11_000)).is_ok());
        assert!(window.take(LIMIT, slot(11_001)).is_err());
    }

    #[test]
    fn a_slot_of_a_clock_that_runs_ahead_counts() {
        let mut window = Window::default();
        window.take(LIMIT, slot(60_000)).unwrap();
        window.take(LIMIT, slot(1_000)).unwrap();
        assert!(window.take(LIMIT, slot(2_000)).is_err());
    }
}
