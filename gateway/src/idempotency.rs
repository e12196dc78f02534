//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): the same request sent twice becomes
//! one job.
//!
//! The answer is written in the transaction that accepts the job, so whatever breaks afterwards, the
//! second request finds it. A refusal keeps no key: what was refused for its content is refused again,
//! and what was refused for lack of a slot or a database may pass.

use std::path::Path;

use axum::http::{HeaderMap, HeaderName};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use crate::error::{ApiError, OrFault};

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
    let mut digest = Sha256::new();
    for part in parts {
        // With their lengths, so that no part can pass for the end of another.
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
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
