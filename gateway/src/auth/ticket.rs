//! Stream tickets: what a browser's `EventSource` shows in place of a token, as it cannot send headers.
//!
//! A ticket is good for one connection to one job's stream, and for half a minute. It is signed and not
//! kept; what is kept, for all gateways, is that it was used. A URL ends up in logs and histories, a token
//! must not; a ticket is worthless there.

use std::time::Duration;

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use model::{JobId, UserId};
use nats::kv::{Bucket, Swap};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use time::OffsetDateTime;
use uuid::Uuid;

use super::CurrentUser;
use crate::error::{ApiError, OrFault};

/// How long a ticket is good.
pub(crate) const LIFETIME: Duration = Duration::from_secs(30);

/// Makes and checks tickets.
pub(crate) struct Tickets {
    key: SecretString,
    used: Bucket,
}

/// A ticket that is ours and not too old. It may have been used.
#[derive(Debug, PartialEq, Eq)]
struct Genuine {
    user: CurrentUser,
    number: Uuid,
}

impl Tickets {
    /// Tickets are signed with `key`; `used` remembers those that were shown.
    pub(crate) fn new(key: SecretString, used: Bucket) -> Self {
        Self { key, used }
    }

    /// A ticket of `user` to the stream of `job`, good until `now` and [`LIFETIME`]. The stream that it
    /// opens lives no longer than the token it was got with.
    pub(crate) fn issue(&self, user: CurrentUser, job: JobId, now: OffsetDateTime) -> String {
        issue(&self.key, (user, Uuid::new_v4()), job, now)
    }

    /// Whom `ticket` lets in to the stream of `job` at `now`: once, at whichever gateway.
    pub(crate) async fn redeem(
        &self,
        ticket: &str,
        job: JobId,
        now: OffsetDateTime,
    ) -> Result<CurrentUser, ApiError> {
        const DOING: &str = "noting that a ticket was used";
        let genuine = genuine(&self.key, ticket, job, now).ok_or(ApiError::TokenInvalid)?;
        let key = genuine.number.simple().to_string();
        let first = self.used.swap(&key, Bytes::from_static(b"1"), 0);
        match first.await.or_unavailable(DOING)? {
            Swap::Set(_) => Ok(genuine.user),
            Swap::Conflict => Err(ApiError::TokenInvalid),
        }
    }
}

fn issue(
    key: &SecretString,
    (user, number): (CurrentUser, Uuid),
    job: JobId,
    now: OffsetDateTime,
) -> String {
    let expiry = (now + LIFETIME).unix_timestamp();
    let told = format!("{}.{}.{expiry}.{}", user.id, number.simple(), user.expires);
    let code = mac(key, job, &told)
        .map(|mac| hex::encode(mac.finalize().into_bytes()))
        .unwrap_or_default();
    format!("{told}.{code}")
}

fn genuine(key: &SecretString, ticket: &str, job: JobId, now: OffsetDateTime) -> Option<Genuine> {
    let (told, code) = ticket.rsplit_once('.')?;
    let code = hex::decode(code).ok()?;
    mac(key, job, told)?.verify_slice(&code).ok()?;
    let mut parts = told.split('.');
    let (id, number, expiry, end) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let left = expiry
        .parse::<i64>()
        .ok()?
        .checked_sub(now.unix_timestamp())?;
    let alive = (1..=LIFETIME.as_secs().cast_signed()).contains(&left);
    alive.then_some(Genuine {
        user: CurrentUser {
            id: id.parse::<UserId>().ok()?,
            expires: end.parse().ok()?,
            // Of no matter to streams, which is all that it opens.
            anonymous: false,
        },
        number: Uuid::parse_str(number).ok()?,
    })
}

fn mac(key: &SecretString, job: JobId, told: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret().as_bytes()).ok()?;
    // The first line keeps it apart from the links that the same key signs.
    mac.update(format!("stream ticket v2\n{job}\n{told}").as_bytes());
    Some(mac)
}

/// Whether `ticket` is one of the key's, used or not.
#[cfg(any(test, feature = "fuzz"))]
pub(crate) fn is_genuine(
    key: &SecretString,
    ticket: &str,
    job: JobId,
    now: OffsetDateTime,
) -> bool {
    genuine(key, ticket, job, now).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f";
    const OTHER: &str = "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e10";

    #[test]
    fn a_ticket_is_good_for_its_job_for_half_a_minute_and_not_when_changed() {
        let key = SecretString::from("0123456789abcdef0123456789abcdef");
        let user = CurrentUser {
            id: OTHER.parse().unwrap(),
            expires: 4_000_000_000,
            anonymous: false,
        };
        let job: JobId = JOB.parse().unwrap();
        let now = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        let number = Uuid::from_u128(0x1234);
        let ticket = issue(&key, (user, number), job, now);
        let good = Some(Genuine { user, number });
        assert_eq!(genuine(&key, &ticket, job, now), good);
        let last = now + LIFETIME - Duration::from_secs(1);
        assert_eq!(genuine(&key, &ticket, job, last), good);
        let refused = |ticket: &str, job: &str, now| {
            assert!(
                !is_genuine(&key, ticket, job.parse().unwrap(), now),
                "{ticket}"
            );
        };
        refused(&ticket, JOB, now + LIFETIME);
        refused(&ticket, JOB, now - Duration::from_secs(1));
        refused(&ticket, OTHER, now);
        refused(&ticket.replace(OTHER, JOB), JOB, now);
        refused(&ticket.replace("1800000030", "1800000031"), JOB, now);
        refused(&ticket.replace("4000000000", "5000000000"), JOB, now);
        refused(&ticket.replace("1234", "1235"), JOB, now);
        refused(&ticket[..ticket.len() - 2], JOB, now);
        refused(&format!("{ticket}.x"), JOB, now);
        refused("", JOB, now);
        let other = SecretString::from("another key of thirty-two bytes!!");
        assert!(!is_genuine(&other, &ticket, job, now));
    }
}
