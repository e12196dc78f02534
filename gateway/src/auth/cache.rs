//! Tokens that were found good a moment ago, by their SHA-256: a signature is not checked for every poll.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::{CurrentUser, LEEWAY};

/// How long a finding counts, in seconds: as long may a key that was withdrawn go on to count.
const LIFETIME: i64 = 60;
/// Tokens of each of the two generations.
const GENERATION: usize = 4096;

/// The digest of a token. The token itself is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct TokenDigest([u8; 32]);

impl TokenDigest {
    pub(super) fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }
}

/// What was found, in two generations: when the younger is full, the older is dropped. So it never holds
/// more than twice [`GENERATION`], whatever comes.
#[derive(Default)]
pub(super) struct TokenCache {
    generations: Mutex<Generations>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<TokenDigest, Finding>,
    old: HashMap<TokenDigest, Finding>,
}

#[derive(Clone, Copy)]
struct Finding {
    user: CurrentUser,
    /// Up to which second of Unix time it counts.
    until: i64,
}

impl TokenCache {
    /// The user of a token that was found good lately and has not ended at `now`.
    pub(super) fn get(&self, digest: &TokenDigest, now: i64) -> Option<CurrentUser> {
        let generations = self
            .generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let finding = generations
            .young
            .get(digest)
            .or_else(|| generations.old.get(digest))?;
        (now <= finding.until).then_some(finding.user)
    }

    /// Keeps that a token was found good at `now`, but not beyond the token's own end.
    pub(super) fn put(&self, digest: TokenDigest, user: CurrentUser, now: i64) {
        let end = user.expires.saturating_add_unsigned(LEEWAY.as_secs());
        let until = end.min(now.saturating_add(LIFETIME));
        let mut generations = self
            .generations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if generations.young.len() >= GENERATION {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(digest, Finding { user, until });
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        let generations = self.generations.lock().unwrap();
        generations.young.len() + generations.old.len()
    }
}

#[cfg(test)]
mod tests {
    use model::UserId;
    use uuid::Uuid;

    use super::*;

    fn user(expires: i64) -> CurrentUser {
        CurrentUser {
            anonymous: false,
            id: UserId::new(Uuid::nil()),
            expires,
        }
    }

    #[test]
    fn a_finding_counts_for_a_minute_and_never_beyond_the_tokens_end() {
        let cache = TokenCache::default();
        let (long, short) = (TokenDigest::of("long"), TokenDigest::of("short"));
        cache.put(long, user(10_000), 1_000);
        cache.put(short, user(980), 1_000);
        assert!(cache.get(&long, 1_060).is_some());
        assert!(cache.get(&long, 1_061).is_none());
        // 30 s of leeway.
        assert!(cache.get(&short, 1_010).is_some());
        assert!(cache.get(&short, 1_011).is_none());
        assert!(cache.get(&TokenDigest::of("other"), 1_000).is_none());
    }

    #[test]
    fn a_flood_of_tokens_does_not_fill_the_memory() {
        let cache = TokenCache::default();
        for number in 0..GENERATION * 3 {
            cache.put(TokenDigest::of(&number.to_string()), user(10_000), 0);
        }
        assert!(cache.len() <= 2 * GENERATION);
        let last = TokenDigest::of(&(GENERATION * 3 - 1).to_string());
        assert!(cache.get(&last, 1).is_some());
    }
}
