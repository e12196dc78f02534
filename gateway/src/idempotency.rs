//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): the same request sent twice becomes
//! one job, or one pass of it.
//!
//! The answer is written in the transaction that accepts the job or begins the pass, so whatever breaks afterwards, the
//! second request finds it. A refusal keeps no key: what was refused for its content is refused again,
//! and what was refused for lack of a slot or a database may pass.

use std::convert::Infallible;
use std::path::Path;

use axum::http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tokio::io::AsyncReadExt;

use crate::app::App;
use crate::error::{ApiError, OrFault, causes};
use crate::store::{Claimed, KeyClaim, KeyOf, RENEWAL};

static IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// On an answer that was given before.
pub(crate) static REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// Characters that a key may have.
const LONGEST_KEY: usize = 255;

/// The key of a request, as a quoted string or bare.
pub(crate) fn key_of(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut values = headers.get_all(&IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let text = value.to_str().ok().filter(|_| values.next().is_none());
    let key = text.map(str::trim).map(|text| {
        let quoted = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'));
        quoted.unwrap_or(text)
    });
    let fits = |key: &&str| {
        (1..=LONGEST_KEY).contains(&key.len())
            && key
                .bytes()
                .all(|b| b.is_ascii_graphic() && !b"\"\\".contains(&b))
    };
    let key = key.filter(fits).ok_or_else(|| {
        ApiError::InvalidRequest(format!(
            "Idempotency-Key must be given once, with 1 to {LONGEST_KEY} printable characters and no \
             blanks, such as a UUID"
        ))
    })?;
    Ok(Some(key.to_owned()))
}

/// What a request asks for, as a digest: of its parts one by one, and of a file.
pub(crate) async fn fingerprint(parts: &[&str], file: &Path) -> Result<String, ApiError> {
    const DOING: &str = "reading an upload";
    let mut digest = digest_of(parts);
    let mut file = tokio::fs::File::open(file).await.or_internal(DOING)?;
    let mut chunk = vec![0; 64 * 1024];
    loop {
        let length = file.read(&mut chunk).await.or_internal(DOING)?;
        let Some(read) = chunk.get(..length).filter(|read| !read.is_empty()) else {
            return Ok(hex::encode(digest.finalize()));
        };
        digest.update(read);
    }
}

/// The same of a request without a file.
pub(crate) fn fingerprint_of(parts: &[&str]) -> String {
    hex::encode(digest_of(parts).finalize())
}

fn digest_of(parts: &[&str]) -> Sha256 {
    let mut digest = Sha256::new();
    for part in parts {
        // With their lengths, so that no part can pass for the end of another.
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest
}

/// What becomes of a request that carries a key.
#[derive(Debug)]
pub(crate) enum Turn {
    /// It is the first: it is done under this claim.
    Ours(KeyClaim),
    /// It was here before; so it was answered.
    Replayed(String),
}

/// Whose turn it is: refused where the first request of the key still runs, or asked for something else.
pub(crate) async fn turn(app: &App, key: KeyOf, fingerprint: &str) -> Result<Turn, ApiError> {
    let now = OffsetDateTime::now_utc();
    let claimed = app.store.claim_key(key, fingerprint, now).await;
    match claimed.or_unavailable("keeping an idempotency key")? {
        Claimed::First(claim) => Ok(Turn::Ours(claim)),
        Claimed::Running => Err(ApiError::KeyInUse),
        Claimed::Other => Err(ApiError::KeyReused),
        Claimed::Answered(answer) => Ok(Turn::Replayed(answer)),
    }
}

/// Does the work of a claim, which is renewed meanwhile, and freed where it comes to nothing.
pub(crate) async fn held<T>(
    app: &App,
    claim: &KeyClaim,
    work: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, ApiError> {
    let done = tokio::select! {
        done = work => done,
        never = renewed(app, claim) => match never {},
    };
    if done.is_err()
        && let Err(error) = app.store.release_key(claim).await
    {
        tracing::warn!(
            causes = causes(&error),
            "an idempotency key stays taken for a while"
        );
    }
    done
}

/// Renews a claim for as long as its request runs.
async fn renewed(app: &App, claim: &KeyClaim) -> Infallible {
    loop {
        tokio::time::sleep(RENEWAL).await;
        let renewed = app.store.renew_key(claim, OffsetDateTime::now_utc()).await;
        if let Err(error) = renewed {
            tracing::warn!(causes = causes(&error), "an idempotency key is not renewed");
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_key_is_read_quoted_or_bare_and_once_only() {
        let check = |values: &[&'static str], expected: Option<&str>| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(&IDEMPOTENCY_KEY, HeaderValue::from_static(value));
            }
            let key = key_of(&headers).ok().flatten();
            assert_eq!(key.as_deref(), expected, "{values:?}");
        };
        check(&["\"8e03978e-40d5\""], Some("8e03978e-40d5"));
        check(&["8e03978e-40d5"], Some("8e03978e-40d5"));
        check(&["a", "b"], None);
        check(&[""], None);
        check(&["\"\""], None);
        check(&["two words"], None);
        check(&["\"half"], None);
        assert!(key_of(&HeaderMap::new()).unwrap().is_none());
    }
}
