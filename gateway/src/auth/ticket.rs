//! Stream tickets: what a browser's `EventSource` shows in place of a token, as it cannot send headers.
//!
//! A ticket is good for one job's stream and for a minute. It may be shown again within that minute, so
//! that a connection that broke right away can be made anew, and by any gateway: it is signed, not kept.
//! A URL ends up in logs and histories, a token must not; a ticket is worthless there.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use model::{JobId, UserId};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use time::OffsetDateTime;

use super::CurrentUser;

/// How long a ticket is good.
pub(crate) const LIFETIME: Duration = Duration::from_mins(1);

/// Makes and checks tickets.
pub(crate) struct Tickets {
    key: SecretString,
}

impl Tickets {
    pub(crate) fn new(key: SecretString) -> Self {
        Self { key }
    }

    /// A ticket of `user` to the stream of `job`, good until `now` and [`LIFETIME`]. The stream that it
    /// opens lives no longer than the token it was got with.
    pub(crate) fn issue(&self, user: CurrentUser, job: JobId, now: OffsetDateTime) -> String {
        let expiry = (now + LIFETIME).unix_timestamp();
        let code = self
            .mac(user, job, expiry)
            .map(|mac| hex::encode(mac.finalize().into_bytes()))
            .unwrap_or_default();
        format!("{}.{expiry}.{}.{code}", user.id, user.expires)
    }

    /// Whom `ticket` lets in to the stream of `job` at `now`, if anyone.
    pub(crate) fn redeem(
        &self,
        ticket: &str,
        job: JobId,
        now: OffsetDateTime,
    ) -> Option<CurrentUser> {
        let mut parts = ticket.split('.');
        let (id, expiry, end, code) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let user = CurrentUser {
            id: id.parse::<UserId>().ok()?,
            expires: end.parse().ok()?,
        };
        let expiry: i64 = expiry.parse().ok()?;
        let code = hex::decode(code).ok()?;
        self.mac(user, job, expiry)?.verify_slice(&code).ok()?;
        let left = expiry.checked_sub(now.unix_timestamp())?;
        (1..=LIFETIME.as_secs().cast_signed())
            .contains(&left)
            .then_some(user)
    }

    fn mac(&self, user: CurrentUser, job: JobId, expiry: i64) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose_secret().as_bytes()).ok()?;
        // The first line keeps it apart from the links that the same key signs.
        let told = format!(
            "stream ticket v1\n{job}\n{}\n{expiry}\n{}",
            user.id, user.expires
        );
        mac.update(told.as_bytes());
        Some(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: &str = "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f";
    const OTHER: &str = "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e10";

    #[test]
    fn a_ticket_is_good_for_its_job_for_a_minute_and_not_when_changed() {
        let tickets = Tickets::new("0123456789abcdef0123456789abcdef".to_owned().into());
        let user = CurrentUser {
            id: OTHER.parse().unwrap(),
            expires: 4_000_000_000,
        };
        let job: JobId = JOB.parse().unwrap();
        let now = OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap();
        let ticket = tickets.issue(user, job, now);
        assert_eq!(tickets.redeem(&ticket, job, now), Some(user));
        let last = now + LIFETIME - Duration::from_secs(1);
        assert_eq!(tickets.redeem(&ticket, job, last), Some(user));
        let refused = |ticket: &str, job: &str, now| {
            assert_eq!(
                tickets.redeem(ticket, job.parse().unwrap(), now),
                None,
                "{ticket}"
            );
        };
        refused(&ticket, JOB, now + LIFETIME);
        refused(&ticket, JOB, now - Duration::from_secs(1));
        refused(&ticket, OTHER, now);
        refused(&ticket.replace(OTHER, JOB), JOB, now);
        refused(&ticket.replace("1800000060", "1800000061"), JOB, now);
        refused(&ticket.replace("4000000000", "5000000000"), JOB, now);
        refused(&ticket[..ticket.len() - 2], JOB, now);
        refused(&format!("{ticket}.x"), JOB, now);
        refused("", JOB, now);
        let others = Tickets::new("another key of thirty-two bytes!!".to_owned().into());
        assert_eq!(others.redeem(&ticket, job, now), None);
    }
}
