//! Tokens, and the key sets that they are checked with.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use model::UserId;
use serde_json::Value;
use sha2::Sha256;
use time::OffsetDateTime;

use super::{KEY, refused, split};
use crate::auth::{AUTHENTICATED, AuthSettings, JwksPace, LEEWAY, Verifier, usable_keys};

/// Who has signed.
const ISSUER: &str = "https://project.example/auth/v1";

thread_local! {
    static VERIFIER: Verifier = Verifier::new(&AuthSettings {
        secret: Some(KEY.to_owned().into()),
        secret_until: None,
        jwks_url: None,
        issuer: Some(ISSUER.to_owned()),
        dev_tokens: false,
        pace: JwksPace::HOUSE,
    })
    .unwrap();
}

/// The first byte says what the others are: `k` a key set, `s` two lines, header and claims, that are signed
/// with the right secret, and anything else a whole token, which nobody has signed.
pub fn tokens(bytes: &[u8]) {
    match bytes.split_first() {
        Some((b'k', set)) => assert!(usable_keys(set).is_none_or(|keys| (1..=20).contains(&keys))),
        Some((b's', claims)) => signed(claims),
        Some((_, token)) => {
            let token = String::from_utf8_lossy(token);
            let user = VERIFIER.with(|verifier| verifier.user_of(&token));
            refused(user.expect_err("a token that nobody has signed"));
        }
        None => {}
    }
}

fn signed(bytes: &[u8]) {
    let (header, claims) = split(bytes);
    let part = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let text = format!("{}.{}", part(header), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    let token = format!("{text}.{}", part(&mac.finalize().into_bytes()));
    let user = match VERIFIER.with(|verifier| verifier.user_of(&token)) {
        Ok(user) => user,
        Err(error) => return refused(error),
    };
    let header: Value = serde_json::from_slice(header).unwrap();
    let is_null = |name: &str| header.get(name).is_none_or(Value::is_null);
    assert_eq!(header.get("alg"), Some(&Value::from("HS256")), "{header}");
    for name in ["jwk", "jku", "x5u", "x5c", "crit", "zip", "enc"] {
        assert!(is_null(name), "{header}");
    }
    assert!(header.get("b64").is_none(), "{header}");
    let claims: Value = serde_json::from_slice(claims).unwrap();
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let names = |claim: &str, name: &str| match claims.get(claim) {
        Some(Value::String(text)) => text == name,
        Some(Value::Array(texts)) => texts.contains(&Value::from(name)),
        _ => false,
    };
    assert_eq!(
        text("sub").map(str::parse::<UserId>),
        Some(Ok(user.id)),
        "{claims}"
    );
    assert!(
        names("aud", AUTHENTICATED) && names("iss", ISSUER),
        "{claims}"
    );
    let role = claims.get("role").filter(|role| !role.is_null());
    assert!(role.is_none_or(|role| role == AUTHENTICATED), "{claims}");
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let leeway = LEEWAY.as_secs().cast_signed() + 1;
    let end = claims.get("exp").and_then(Value::as_i64).unwrap();
    assert!(end > now - leeway, "{claims}");
    let begin = claims.get("nbf").and_then(Value::as_i64);
    assert!(begin.is_none_or(|begin| begin < now + leeway), "{claims}");
}
