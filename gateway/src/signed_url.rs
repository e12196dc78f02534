//! Links to files that need no token: signed, bound to one file and its use, good for an hour at most.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use model::{ArtifactKey, JobId, RunNumber};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use time::OffsetDateTime;

/// How long a link is good.
pub(crate) const LIFETIME: Duration = Duration::from_hours(1);
/// The route that serves the links.
pub(crate) const ROUTE: &str = "/api/v1/files/";

/// What a browser should do with the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// Show it.
    Inline,
    /// Save it.
    Attachment,
}

impl Disposition {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Inline => "inline",
            Self::Attachment => "attachment",
        }
    }

    fn named(text: &str) -> Option<Self> {
        [Self::Inline, Self::Attachment]
            .into_iter()
            .find(|disposition| disposition.name() == text)
    }
}

/// The name that a job's film is saved under.
pub(crate) fn film_name(job: JobId) -> String {
    format!("music_video_{job}.mp4")
}

/// What a link allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Permission {
    pub(crate) key: ArtifactKey,
    pub(crate) disposition: Disposition,
    /// For how long it is good yet.
    pub(crate) left: Duration,
}

/// Makes and checks links.
pub(crate) struct UrlSigner {
    key: SecretString,
}

impl UrlSigner {
    pub(crate) fn new(key: SecretString) -> Self {
        Self { key }
    }

    /// Path and query of a link to `key`, good until `now` and [`LIFETIME`].
    pub(crate) fn sign(
        &self,
        key: &ArtifactKey,
        disposition: Disposition,
        now: OffsetDateTime,
    ) -> String {
        let expiry = (now + LIFETIME).unix_timestamp();
        let code = self
            .mac(key.as_str(), expiry, disposition)
            .map(|mac| hex::encode(mac.finalize().into_bytes()))
            .unwrap_or_default();
        let disposition = disposition.name();
        format!("{ROUTE}{key}?as={disposition}&exp={expiry}&sig={code}")
    }

    /// What the link of `path` (decoded, behind [`ROUTE`]) and `query` allows at `now`, if anything.
    pub(crate) fn verify(
        &self,
        path: &str,
        query: &str,
        now: OffsetDateTime,
    ) -> Option<Permission> {
        // The query has one spelling, so that nothing can be repeated, reordered or re-encoded.
        let rest = query.strip_prefix("as=")?;
        let (disposition, rest) = rest.split_once("&exp=")?;
        let (expiry, code) = rest.split_once("&sig=")?;
        let disposition = Disposition::named(disposition)?;
        let expiry = expiry
            .parse::<i64>()
            .ok()
            .filter(|number| number.to_string() == expiry)?;
        let code = hex::decode(code)
            .ok()
            .filter(|bytes| hex::encode(bytes) == code)?;
        self.mac(path, expiry, disposition)?
            .verify_slice(&code)
            .ok()?;
        let left = expiry.checked_sub(now.unix_timestamp())?;
        let alive = (1..=LIFETIME.as_secs().cast_signed()).contains(&left);
        let key = ArtifactKey::try_from(path.to_owned()).ok()?;
        alive.then_some(Permission {
            key,
            disposition,
            left: Duration::from_secs(left.unsigned_abs()),
        })
    }

    /// What the folder of a run's film is called in links that are good until `now` and [`LIFETIME`].
    pub(crate) fn sign_folder(
        &self,
        (job, run): (JobId, RunNumber),
        now: OffsetDateTime,
    ) -> String {
        let expiry = (now + LIFETIME).unix_timestamp();
        let code = self
            .folder_mac(job, run, expiry)
            .map(|mac| hex::encode(mac.finalize().into_bytes()))
            .unwrap_or_default();
        format!("{expiry}-{code}")
    }

    /// Whether a folder may be called so at `now`.
    pub(crate) fn verify_folder(
        &self,
        (job, run): (JobId, RunNumber),
        ticket: &str,
        now: OffsetDateTime,
    ) -> bool {
        let verified = || {
            let (expiry, code) = ticket.split_once('-')?;
            let expiry = expiry
                .parse::<i64>()
                .ok()
                .filter(|number| number.to_string() == expiry)?;
            let code = hex::decode(code)
                .ok()
                .filter(|bytes| hex::encode(bytes) == code)?;
            self.folder_mac(job, run, expiry)?
                .verify_slice(&code)
                .ok()?;
            expiry.checked_sub(now.unix_timestamp())
        };
        verified().is_some_and(|left| (1..=LIFETIME.as_secs().cast_signed()).contains(&left))
    }

    fn folder_mac(&self, job: JobId, run: RunNumber, expiry: i64) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose_secret().as_bytes()).ok()?;
        mac.update(format!("v1\nFOLDER\n{job}\n{run}\n{expiry}").as_bytes());
        Some(mac)
    }

    fn mac(&self, path: &str, expiry: i64, disposition: Disposition) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.expose_secret().as_bytes()).ok()?;
        mac.update(format!("v1\nGET\n{path}\n{expiry}\n{}", disposition.name()).as_bytes());
        Some(mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signer() -> UrlSigner {
        UrlSigner::new("a key of more than thirty-two bytes".into())
    }

    fn now() -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_763_900_000).unwrap()
    }

    fn link() -> (String, String) {
        let key = ArtifactKey::try_from("jobs/1/film.mp4".to_owned()).unwrap();
        let link = signer().sign(&key, Disposition::Attachment, now());
        let (path, query) = link.strip_prefix(ROUTE).unwrap().split_once('?').unwrap();
        (path.to_owned(), query.to_owned())
    }

    #[test]
    fn a_link_is_good_for_an_hour_and_not_a_second_longer() {
        let (path, query) = link();
        let check = |seconds: i64, good| {
            let at = now() + time::Duration::seconds(seconds);
            assert_eq!(
                signer().verify(&path, &query, at).is_some(),
                good,
                "{seconds}"
            );
        };
        check(0, true);
        check(3599, true);
        check(3600, false);
        check(-1, false); // as if signed for more than an hour
    }

    #[test]
    fn a_changed_link_is_refused() {
        let (path, query) = link();
        let refused = |path: &str, query: &str| {
            assert_eq!(signer().verify(path, query, now()), None, "{path}?{query}");
        };
        refused("jobs/2/film.mp4", &query);
        refused("jobs/1/../1/film.mp4", &query);
        refused(&path, &query.replace("attachment", "inline"));
        refused(&path, &query.replace("exp=", "exp=+"));
        refused(&path, &query.replace("exp=1", "exp=9"));
        refused(&path, &query.replace("&sig=", "&sig=00&sig="));
        refused(&path, &query[..query.len() - 1]);
        refused(&path, &query[..query.len() - 2]);
        refused(&path, &format!("{query}&sig="));
        refused(&path, &query.to_uppercase());
        let (head, signature) = query.rsplit_once('=').unwrap();
        refused(&path, &format!("{head}={}", signature.to_uppercase()));
        refused(&path, "");
        let other = UrlSigner::new("another key of more than 32 bytes".into());
        assert_eq!(other.verify(&path, &query, now()), None);
    }

    #[test]
    fn a_folder_is_open_to_its_own_ticket_for_an_hour() {
        let job: JobId = "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f".parse().unwrap();
        let folder = (job, RunNumber(1));
        let ticket = signer().sign_folder(folder, now());
        let opens = |folder, ticket: &str, later: i64| {
            let at = now() + time::Duration::seconds(later);
            signer().verify_folder(folder, ticket, at)
        };
        assert!(opens(folder, &ticket, 0));
        assert!(opens(folder, &ticket, 3599));
        assert!(!opens(folder, &ticket, 3600));
        assert!(!opens((job, RunNumber(2)), &ticket, 0));
        assert!(!opens(folder, &ticket.to_uppercase(), 0));
        assert!(!opens(folder, &format!("+{ticket}"), 0));
        assert!(!opens(folder, &ticket.replacen('1', "2", 1), 0));
        assert!(!opens(folder, "", 0));
    }
}
