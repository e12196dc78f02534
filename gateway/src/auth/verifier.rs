//! Checks tokens by RFC 8725: the algorithm is the key's, the key is ours, and every claim is required.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use secrecy::ExposeSecret;
use serde::Deserialize;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::cache::{TokenCache, TokenDigest};
use super::jwks::{Jwks, LONGEST_KID};
use super::{AUTHENTICATED, AuthSettings, CurrentUser, LEEWAY};
use crate::error::{ApiError, OrFault};

/// The longest token that is looked at.
const LONGEST_TOKEN: usize = 8 * 1024;

/// The published keys cannot be asked for.
#[derive(Debug, thiserror::Error)]
#[error("making ready to ask for the keys that tokens are checked with")]
pub struct KeySetError(#[from] reqwest::Error);

/// What a token must say beside what the library checks. A member that is given twice is refused.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: i64,
    /// Here for its type only: the library passes over one that is no number.
    #[serde(default, rename = "nbf")]
    _nbf: Option<i64>,
    #[serde(default)]
    role: Option<String>,
    #[serde(default)]
    is_anonymous: Option<bool>,
}

/// Checks tokens. The token's own header decides at most which of our keys is taken.
pub(crate) struct Verifier {
    secret: Option<Secret>,
    jwks: Option<Arc<Jwks>>,
    issuer: Option<String>,
    cache: TokenCache,
}

struct Secret {
    key: DecodingKey,
    until: Option<OffsetDateTime>,
}

impl Secret {
    fn counts(&self) -> bool {
        self.until
            .is_none_or(|until| OffsetDateTime::now_utc() < until)
    }
}

impl Verifier {
    pub(crate) fn new(settings: &AuthSettings) -> Result<Self, KeySetError> {
        let secret = settings.secret.as_ref().map(|secret| Secret {
            key: DecodingKey::from_secret(secret.expose_secret().as_bytes()),
            until: settings.secret_until,
        });
        let jwks = match &settings.jwks_url {
            Some(url) => Some(Arc::new(Jwks::new(url.clone(), settings.pace)?)),
            None => None,
        };
        Ok(Self {
            secret,
            jwks,
            issuer: settings.issuer.clone(),
            cache: TokenCache::default(),
        })
    }

    /// Fetches published keys for as long as the gateway lives.
    pub(crate) fn start(&self, tasks: &TaskTracker, stop: &CancellationToken) {
        if let Some(jwks) = &self.jwks {
            tasks.spawn(Arc::clone(jwks).run(stop.clone()));
        }
    }

    /// The user that `token` speaks for. Whatever is wrong with it, the refusal is the same.
    pub(crate) fn user_of(&self, token: &str) -> Result<CurrentUser, ApiError> {
        if token.len() > LONGEST_TOKEN {
            return Err(ApiError::TokenInvalid);
        }
        let now = OffsetDateTime::now_utc().unix_timestamp();
        let digest = TokenDigest::of(token);
        if let Some(user) = self.cache.get(&digest, now) {
            return Ok(user);
        }
        let user = self.check(token)?;
        self.cache.put(digest, user, now);
        Ok(user)
    }

    fn check(&self, token: &str) -> Result<CurrentUser, ApiError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| ApiError::TokenInvalid)?;
        if !is_plain(&header) {
            return Err(ApiError::TokenInvalid);
        }
        let claims = match self.published(&header)? {
            Some(public) => self.claims(token, &public.key, public.algorithm),
            None => match self.secret.as_ref().filter(|secret| secret.counts()) {
                Some(secret) => self.claims(token, &secret.key, Algorithm::HS256),
                None => None,
            },
        };
        let claims = claims.ok_or(ApiError::TokenInvalid)?;
        let signed_in = claims.role.is_none_or(|role| role == AUTHENTICATED);
        let id = claims.sub.parse().ok().filter(|_| signed_in);
        Ok(CurrentUser {
            id: id.ok_or(ApiError::TokenInvalid)?,
            expires: claims.exp,
            anonymous: claims.is_anonymous.unwrap_or_default(),
        })
    }

    /// The published key that `header` names. The secret may count where it names none.
    fn published(&self, header: &Header) -> Result<Option<Arc<super::jwks::PublicKey>>, ApiError> {
        let Some(jwks) = &self.jwks else {
            return Ok(None);
        };
        // Only to know whether a fetch could help; what a key is for, the key says.
        let asymmetric = matches!(header.alg, Algorithm::ES256 | Algorithm::RS256);
        let Some(kid) = header.kid.as_deref().filter(|kid| kid.len() <= LONGEST_KID) else {
            return Ok(None);
        };
        match jwks.key(kid) {
            Ok(Some(key)) => Ok(Some(key)),
            Ok(None) => {
                if asymmetric {
                    jwks.want();
                }
                Ok(None)
            }
            Err(error) if asymmetric => Err(error).or_unavailable("checking a token"),
            Err(_) => Ok(None),
        }
    }

    fn claims(&self, token: &str, key: &DecodingKey, algorithm: Algorithm) -> Option<Claims> {
        let mut validation = Validation::new(algorithm);
        validation.set_audience(&[AUTHENTICATED]);
        validation.leeway = LEEWAY.as_secs();
        validation.validate_nbf = true;
        let mut required = vec!["exp", "sub", "aud"];
        if let Some(issuer) = &self.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        validation.set_required_spec_claims(&required);
        let decoded = jsonwebtoken::decode::<Claims>(token, key, &validation);
        decoded.ok().map(|decoded| decoded.claims)
    }
}

/// A header that brings keys, names places to fetch them from, or asks for what we do not do is refused,
/// not passed over.
fn is_plain(header: &Header) -> bool {
    let brings_keys = header.jwk.is_some()
        || header.jku.is_some()
        || header.x5u.is_some()
        || header.x5c.is_some();
    let asks_for_more = header.crit.is_some()
        || header.zip.is_some()
        || header.enc.is_some()
        || header.extras.inner().contains_key("b64");
    let is_jwt = header
        .typ
        .as_deref()
        .is_none_or(|typ| typ.eq_ignore_ascii_case("jwt"));
    is_jwt && !brings_keys && !asks_for_more
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jsonwebtoken::EncodingKey;
    use serde_json::{Value, json};

    use super::super::{JwksPace, mint_token};
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    const USER: &str = "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f";

    fn settings() -> AuthSettings {
        AuthSettings {
            secret: Some(SECRET.to_owned().into()),
            secret_until: None,
            jwks_url: None,
            issuer: None,
            dev_tokens: false,
            pace: JwksPace::HOUSE,
        }
    }

    fn signed(header: &Header, secret: &str, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    }

    fn ordinary(claims: &Value) -> String {
        signed(&Header::new(Algorithm::HS256), SECRET, claims)
    }

    fn good() -> Value {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        json!({ "sub": USER, "aud": "authenticated", "exp": now + 60, "role": "authenticated" })
    }

    fn check_with(settings: &AuthSettings, token: &str, accepted: bool) {
        let verifier = Verifier::new(settings).unwrap();
        // The second time it may be known already, and the answer must be the same.
        for _ in 0..2 {
            let user = verifier.user_of(token).ok();
            assert_eq!(
                user.map(|user| user.id.to_string()).as_deref() == Some(USER),
                accepted,
                "{token}"
            );
        }
    }

    fn check(token: &str, accepted: bool) {
        check_with(&settings(), token, accepted);
    }

    #[test]
    fn a_minted_token_speaks_for_its_user() {
        let user = USER.parse().unwrap();
        let secret = SECRET.to_owned().into();
        let token = mint_token(&secret, user, Duration::from_mins(1)).unwrap();
        check(token.expose_secret(), true);
    }

    #[test]
    fn an_audience_may_be_one_of_several() {
        let mut claims = good();
        claims["aud"] = json!(["other", "authenticated"]);
        check(&ordinary(&claims), true);
    }

    #[test]
    fn a_token_with_any_claim_wrong_or_absent_is_refused() {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        for (name, value) in [
            ("sub", json!(null)),
            ("sub", json!("")),
            ("sub", json!("ada")),
            ("sub", json!([USER])),
            ("aud", json!(null)),
            ("aud", json!("anon")),
            ("aud", json!(["anon"])),
            ("aud", json!(7)),
            ("exp", json!(null)),
            ("exp", json!(now - 31)),
            ("exp", json!("tomorrow")),
            ("exp", json!([now + 60])),
            ("nbf", json!(now + 120)),
            ("nbf", json!("now")),
            ("nbf", json!({})),
            ("role", json!("anon")),
            ("role", json!("service_role")),
            ("role", json!(["authenticated"])),
        ] {
            let mut claims = good();
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value;
            }
            check(&ordinary(&claims), false);
        }
    }

    #[test]
    fn a_token_of_another_issuer_or_of_none_is_refused_where_one_is_asked_for() {
        let asking = AuthSettings {
            issuer: Some("https://abc.example/auth/v1".to_owned()),
            ..settings()
        };
        for (issuer, accepted) in [
            (json!("https://abc.example/auth/v1"), true),
            (json!("https://abc.example/auth/v1/"), false),
            (json!("https://evil.example/auth/v1"), false),
            (json!(7), false),
            (json!(null), false),
        ] {
            let mut claims = good();
            claims["iss"] = issuer;
            check_with(&asking, &ordinary(&claims), accepted);
        }
        check_with(&asking, &ordinary(&good()), false);
    }

    #[test]
    fn a_secret_counts_until_its_last_day() {
        let until = |days: i64| AuthSettings {
            secret_until: Some(OffsetDateTime::now_utc() + time::Duration::days(days)),
            ..settings()
        };
        check_with(&until(1), &ordinary(&good()), true);
        check_with(&until(-1), &ordinary(&good()), false);
    }

    #[test]
    fn a_token_signed_otherwise_is_refused() {
        let token = ordinary(&good());
        check(&token, true);
        for algorithm in [Algorithm::HS384, Algorithm::HS512] {
            check(&signed(&Header::new(algorithm), SECRET, &good()), false);
        }
        let hs256 = Header::new(Algorithm::HS256);
        for secret in ["another secret of the same length", " ", "secret"] {
            check(&signed(&hs256, secret, &good()), false);
        }
        let (head, signature) = token.rsplit_once('.').unwrap();
        check(&format!("{head}."), false);
        check(head, false);
        check(&format!("{head}.{signature}."), false);
        check(&format!("{head}.{signature}=="), false);
        check(&format!("{head}.{signature}.{signature}"), false);
        let zeros = "A".repeat(43);
        check(&format!("{head}.{zeros}"), false);
        let other = if signature.starts_with('A') { "B" } else { "A" };
        check(&format!("{head}.{other}{}", &signature[1..]), false);
        let payload = head.split_once('.').unwrap().1;
        // {"alg":"none"}, {"alg":"nOnE"} and {"typ":"JWT"}
        for bare in [
            "eyJhbGciOiJub25lIn0",
            "eyJhbGciOiJuT25FIn0",
            "eyJ0eXAiOiJKV1QifQ",
        ] {
            check(&format!("{bare}.{payload}."), false);
            check(&format!("{bare}.{payload}.{signature}"), false);
        }
        for empty in ["", ".", "..", "...", "Bearer"] {
            check(empty, false);
        }
    }

    #[test]
    fn a_header_that_brings_its_own_keys_or_asks_for_more_is_refused() {
        let with = |change: &dyn Fn(&mut Header)| {
            let mut header = Header::new(Algorithm::HS256);
            change(&mut header);
            check(&signed(&header, SECRET, &good()), false);
        };
        with(&|header| header.jku = Some("https://evil.example/jwks.json".to_owned()));
        with(&|header| header.x5u = Some("https://evil.example/cert".to_owned()));
        with(&|header| header.x5c = Some(vec!["MIIB".to_owned()]));
        with(&|header| header.crit = Some(vec!["exp".to_owned()]));
        with(&|header| header.typ = Some("dpop+jwt".to_owned()));
        with(&|header| {
            header.extras.insert("b64", false);
        });
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let jwk = jsonwebtoken::jwk::Jwk::from_encoding_key(&key, Algorithm::HS256).unwrap();
        with(&|header| header.jwk = Some(jwk.clone()));
    }

    #[test]
    fn a_named_key_that_we_do_not_know_changes_nothing_for_the_secret() {
        for kid in ["../../etc/passwd", "' OR 1=1 --", "abc"] {
            let mut header = Header::new(Algorithm::HS256);
            header.kid = Some(kid.to_owned());
            check(&signed(&header, SECRET, &good()), true);
            check(
                &signed(&header, "another secret of the same length", &good()),
                false,
            );
        }
    }

    #[test]
    fn hostile_json_is_refused_and_breaks_nothing() {
        use std::fmt::Write;
        let sign = |payload: &str| {
            // Signed over any bytes, as the library only signs what it can write.
            let token = ordinary(&json!({}));
            let head = token.split_once('.').unwrap().0.to_owned();
            let body = base64_of(payload.as_bytes());
            let text = format!("{head}.{body}");
            let key = EncodingKey::from_secret(SECRET.as_bytes());
            let code = jsonwebtoken::crypto::sign(text.as_bytes(), &key, Algorithm::HS256).unwrap();
            format!("{text}.{code}")
        };
        let now = OffsetDateTime::now_utc().unix_timestamp() + 60;
        let plain = format!(r#"{{"sub":"{USER}","aud":"authenticated","exp":{now}}}"#);
        check(&sign(&plain), true);
        let twice = |member: &str| {
            let mut text = plain.trim_end_matches('}').to_owned();
            write!(text, ",{member}}}").unwrap();
            text
        };
        check(&sign(&twice(&format!(r#""sub":"{USER}""#))), false);
        check(&sign(&twice(&format!(r#""exp":{now}"#))), false);
        let deep = format!(r#""x":{}{}"#, "[".repeat(2_000), "]".repeat(2_000));
        // What nobody asks for is passed over without recursion: it costs nothing, whoever signed it.
        check(&sign(&twice(&deep)), true);
        check(
            &sign(&twice(&format!(r#""x":"{}""#, "y".repeat(65_536)))),
            false,
        );
        check(&sign("[]"), false);
        check(&sign("7"), false);
        check(&sign(""), false);
        check(&sign(&plain[..plain.len() - 1]), false);
    }

    fn base64_of(bytes: &[u8]) -> String {
        const LETTERS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut text = String::new();
        for three in bytes.chunks(3) {
            let mut bits = [0; 3];
            bits[..three.len()].copy_from_slice(three);
            let bits = u32::from_be_bytes([0, bits[0], bits[1], bits[2]]);
            for digit in 0..=three.len() {
                let index = (bits >> (18 - 6 * digit)) & 63;
                text.push(char::from(LETTERS[index as usize]));
            }
        }
        text
    }
}
