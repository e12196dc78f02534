//! The keys that a project publishes (a JWK set), fetched in the background and never by a request.
//!
//! A token decides nothing but which of these keys it is checked with. A token that names an unknown key
//! may at most bring the next fetch forward; how often is fetched is ours to say. While the address is
//! away, the last good set counts.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures::StreamExt;
use jsonwebtoken::jwk::{
    AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse, RSAKeyParameters,
};
use jsonwebtoken::{Algorithm, DecodingKey};
use reqwest::redirect::Policy;
use reqwest::{Client, Url};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::settings::JwksPace;
use crate::error::causes;

/// How long a fetch may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes that a set may have.
const LARGEST: usize = 256 * 1024;
/// Keys that a set may have.
const MOST_KEYS: usize = 20;
/// Characters that the name of a key may have.
pub(super) const LONGEST_KID: usize = 128;
/// Bytes that the modulus of an RSA key needs.
const SHORTEST_MODULUS: usize = 256;
/// How long to wait after the first failure; doubled up to the pace.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Why a set was not taken.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("asking for the keys")]
    Http(#[from] reqwest::Error),
    #[error("the address answers {0}")]
    Status(reqwest::StatusCode),
    #[error("the answer is longer than {LARGEST} bytes")]
    TooLong,
    #[error("the answer is no key set")]
    Unreadable(#[from] serde_json::Error),
    #[error("the set has {0} keys; at most {MOST_KEYS} are read")]
    TooMany(usize),
    #[error("the set has no key that can be used")]
    Empty,
}

/// A key and the one algorithm that it is for.
pub(super) struct PublicKey {
    pub(super) key: DecodingKey,
    pub(super) algorithm: Algorithm,
}

/// There is no set, or it is too old to count.
#[derive(Debug, thiserror::Error)]
#[error("the keys that tokens are checked with could not be fetched")]
pub(super) struct NoKeys;

type Keys = HashMap<String, Arc<PublicKey>>;

/// The published keys, as last seen.
pub(super) struct Jwks {
    url: Url,
    http: Client,
    pace: JwksPace,
    /// The last good set, and when it was fetched.
    seen: RwLock<Option<(Keys, Instant)>>,
    wanted: Notify,
}

impl Jwks {
    pub(super) fn new(url: Url, pace: JwksPace) -> Result<Self, reqwest::Error> {
        let http = Client::builder()
            .redirect(Policy::none())
            .timeout(PATIENCE)
            .build()?;
        Ok(Self {
            url,
            http,
            pace,
            seen: RwLock::new(None),
            wanted: Notify::new(),
        })
    }

    /// The key of that name, if it is published.
    pub(super) fn key(&self, kid: &str) -> Result<Option<Arc<PublicKey>>, NoKeys> {
        let seen = self.seen.read().unwrap_or_else(PoisonError::into_inner);
        let (keys, fetched) = seen.as_ref().ok_or(NoKeys)?;
        if fetched.elapsed() > self.pace.keep {
            return Err(NoKeys);
        }
        Ok(keys.get(kid).cloned())
    }

    /// A token names a key that is not there: perhaps it is new.
    pub(super) fn want(&self) {
        self.wanted.notify_one();
    }

    /// Fetches the set now and then, until `stop`.
    pub(super) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut pause = FIRST_PAUSE;
        loop {
            let fetched = tokio::select! {
                () = stop.cancelled() => return,
                fetched = self.fetch() => fetched,
            };
            let (at_least, refresh) = match fetched {
                Ok(keys) => {
                    pause = FIRST_PAUSE;
                    let mut seen = self.seen.write().unwrap_or_else(PoisonError::into_inner);
                    *seen = Some((keys, Instant::now()));
                    (self.pace.at_least, self.pace.refresh)
                }
                Err(error) => {
                    tracing::warn!(
                        causes = causes(&error),
                        "the keys that tokens are checked with could not be fetched"
                    );
                    let this = pause.min(self.pace.at_least);
                    pause = this * 2;
                    (this, this)
                }
            };
            let wanted = async {
                tokio::time::sleep(at_least).await;
                self.wanted.notified().await;
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(refresh) => {}
                () = wanted => {}
            }
        }
    }

    async fn fetch(&self) -> Result<Keys, FetchError> {
        let answer = self.http.get(self.url.clone()).send().await?;
        if answer.status() != reqwest::StatusCode::OK {
            return Err(FetchError::Status(answer.status()));
        }
        let mut body = Vec::new();
        let mut chunks = answer.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk?;
            if body.len() + chunk.len() > LARGEST {
                return Err(FetchError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        read(&body)
    }
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

/// How many keys of a set can be used; `None` where it is none.
#[cfg(any(test, feature = "fuzz"))]
pub(crate) fn usable_keys(body: &[u8]) -> Option<usize> {
    read(body).ok().map(|keys| keys.len())
}

/// The keys of a set that can be used. Others (of a kind that we do not read) are passed over.
fn read(body: &[u8]) -> Result<Keys, FetchError> {
    let set: Set = serde_json::from_slice(body)?;
    if set.keys.len() > MOST_KEYS {
        return Err(FetchError::TooMany(set.keys.len()));
    }
    let keys: Keys = set.keys.into_iter().filter_map(usable).collect();
    if keys.is_empty() {
        return Err(FetchError::Empty);
    }
    Ok(keys)
}

/// The algorithm comes from what the key is, and a key is for one. Shared secrets are never published.
fn usable(key: Value) -> Option<(String, Arc<PublicKey>)> {
    let key: Jwk = serde_json::from_value(key).ok()?;
    let kid = key.common.key_id.clone()?;
    if kid.is_empty() || kid.len() > LONGEST_KID {
        return None;
    }
    let for_signing = matches!(
        key.common.public_key_use,
        None | Some(PublicKeyUse::Signature)
    );
    let algorithm = match &key.algorithm {
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => {
            Algorithm::ES256
        }
        AlgorithmParameters::RSA(rsa) if is_long(rsa) => Algorithm::RS256,
        _ => return None,
    };
    let named = match key.common.key_algorithm {
        None => true,
        Some(KeyAlgorithm::ES256) => algorithm == Algorithm::ES256,
        Some(KeyAlgorithm::RS256) => algorithm == Algorithm::RS256,
        Some(_) => false,
    };
    if !for_signing || !named {
        return None;
    }
    let key = DecodingKey::from_jwk(&key).ok()?;
    Some((kid, Arc::new(PublicKey { key, algorithm })))
}

/// Base64 writes three bytes in four characters.
fn is_long(key: &RSAKeyParameters) -> bool {
    key.n.len() * 3 / 4 >= SHORTEST_MODULUS
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn point(kid: &str) -> Value {
        json!({
            "kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "alg": "ES256",
            "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
        })
    }

    fn names(set: &Value) -> Result<Vec<String>, FetchError> {
        let mut names: Vec<_> = read(set.to_string().as_bytes())?.into_keys().collect();
        names.sort_unstable();
        Ok(names)
    }

    #[test]
    fn only_keys_that_may_sign_and_are_strong_enough_are_taken() {
        let with = |name: &str, value: Value| {
            let mut key = point("bad");
            key[name] = value;
            key
        };
        let short = json!({ "kty": "RSA", "kid": "short", "n": "sXchDaQebHnPiGvyDOAT4saGEUetSyo9MKLOoWFsueri23bOdgWp4Dy1Wl", "e": "AQAB" });
        let secret =
            json!({ "kty": "oct", "kid": "secret", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0" });
        let set = json!({ "keys": [
            point("good"),
            with("use", json!("enc")),
            with("alg", json!("RS256")),
            with("alg", json!("HS256")),
            with("crv", json!("P-384")),
            with("kty", json!("XX")),
            with("kid", json!("")),
            with("kid", json!("x".repeat(200))),
            with("kid", json!(null)),
            short,
            secret,
            7,
        ] });
        assert_eq!(names(&set).unwrap(), ["good"]);
    }

    #[test]
    fn what_is_no_set_or_too_large_leaves_the_old_one() {
        assert!(matches!(read(b"<html>"), Err(FetchError::Unreadable(_))));
        assert!(matches!(
            names(&json!({ "keys": [] })),
            Err(FetchError::Empty)
        ));
        let many: Vec<_> = (0..100_000).map(|_| json!({})).collect();
        assert!(matches!(
            names(&json!({ "keys": many })),
            Err(FetchError::TooMany(100_000))
        ));
    }
}
