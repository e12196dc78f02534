//! Headers that are read by hand.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use super::{refused, split};
use crate::preferences::{self, Wait};
use crate::routes::files;
use crate::{address, idempotency, request_id};

/// How long the file is of which a range is asked for.
const LENGTH: u64 = 1_000;

/// Each line is a header.
pub fn heads(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    let mut rest = bytes;
    while !rest.is_empty() && headers.len() < 64 {
        let (line, behind) = split(rest);
        rest = behind;
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let name = HeaderName::from_bytes(&line[..colon]);
        if let (Ok(name), Ok(value)) = (
            name,
            HeaderValue::from_bytes(line[colon + 1..].trim_ascii()),
        ) {
            headers.append(name, value);
        }
    }
    match files::requested(&headers, LENGTH) {
        Ok(range) => {
            assert!(range.is_none_or(|range| range.start < range.end && range.end <= LENGTH));
        }
        Err(error) => refused(error),
    }
    match idempotency::key_of(&headers) {
        Ok(key) => assert!(key.is_none_or(|key| key.bytes().all(|byte| byte.is_ascii_graphic()))),
        Err(error) => refused(error),
    }
    match preferences::cancel_after(&headers) {
        Ok(time) => assert!(time.is_none_or(|time| (5..=604_800).contains(&time.as_secs()))),
        Err(error) => refused(error),
    }
    let _ = Wait::of(&headers);
    let _ = preferences::is_known(&headers, "W/\"1\"");
    let proxy = "10.0.0.1".parse().unwrap();
    let trusted = [proxy, "10.0.0.2".parse().unwrap()];
    let _ = address::client_of(proxy, &headers, &trusted);
    let peer = "192.0.2.1".parse().unwrap();
    assert_eq!(address::client_of(peer, &headers, &trusted), peer);
    let id = request_id::RequestId::of(headers.get("x-request-id"));
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    assert!(id.as_str().len() <= 64 && id.as_str().bytes().all(harmless));
}
