//! Who is asking: bearer tokens as Supabase signs them with its shared secret (HS256).

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use model::UserId;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::app::App;
use crate::error::ApiError;

/// The audience and the role that a signed-in user's token names.
const AUTHENTICATED: &str = "authenticated";
/// How far the clocks of the signer and ours may differ.
const LEEWAY: Duration = Duration::from_secs(30);
/// The longest token that is looked at.
const LONGEST_TOKEN: usize = 8 * 1024;

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: String,
    aud: Audience,
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    role: Option<String>,
}

/// `aud` may be one name or several.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Checks tokens against one secret and one algorithm; the token's own header decides nothing.
pub(crate) struct Verifier {
    key: DecodingKey,
    validation: Validation,
}

impl Verifier {
    pub(crate) fn new(secret: &SecretString) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_audience(&[AUTHENTICATED]);
        validation.set_required_spec_claims(&["exp", "sub", "aud"]);
        validation.leeway = LEEWAY.as_secs();
        validation.validate_nbf = true;
        Self {
            key: DecodingKey::from_secret(secret.expose_secret().as_bytes()),
            validation,
        }
    }

    /// The user that `token` speaks for, if it counts.
    pub(crate) fn user_of(&self, token: &str) -> Option<CurrentUser> {
        if token.len() > LONGEST_TOKEN {
            return None;
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation)
            .ok()?
            .claims;
        let signed_in = claims.role.is_none_or(|role| role == AUTHENTICATED);
        let id = claims.sub.parse().ok().filter(|_| signed_in)?;
        Some(CurrentUser {
            id,
            expires: claims.exp,
        })
    }
}

/// A token could not be made.
#[derive(Debug, thiserror::Error)]
#[error("signing a token")]
pub struct MintError(#[from] jsonwebtoken::errors::Error);

/// Signs a token for `user` that is good for `ttl`, as Supabase would: for the command line and tests.
pub fn mint_token(
    secret: &SecretString,
    user: UserId,
    ttl: Duration,
) -> Result<SecretString, MintError> {
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let claims = Claims {
        sub: user.to_string(),
        aud: Audience::One(AUTHENTICATED.to_owned()),
        exp: now.saturating_add_unsigned(ttl.as_secs()),
        iat: Some(now),
        role: Some(AUTHENTICATED.to_owned()),
    };
    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)?;
    Ok(token.into())
}

/// The signed-in user. A handler that takes it is closed to everyone else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CurrentUser {
    pub(crate) id: UserId,
    /// When the token ends, in seconds of Unix time.
    expires: i64,
}

impl CurrentUser {
    /// How long it is until the token is refused, the leeway included.
    pub(crate) fn time_left(&self) -> Duration {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        let end = self.expires.saturating_add_unsigned(LEEWAY.as_secs() + 1);
        Duration::from_secs(end.saturating_sub(now).max(0).unsigned_abs())
    }
}

impl FromRequestParts<App> for CurrentUser {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let mut headers = parts.headers.get_all(AUTHORIZATION).iter();
        let header = headers.next().ok_or(ApiError::TokenMissing)?;
        if headers.next().is_some() {
            return Err(ApiError::TokenInvalid);
        }
        let (scheme, token) = header
            .to_str()
            .ok()
            .and_then(|text| text.split_once(' '))
            .ok_or(ApiError::TokenInvalid)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(ApiError::TokenMissing);
        }
        app.verifier
            .user_of(token.trim())
            .ok_or(ApiError::TokenInvalid)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";
    const USER: &str = "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f";

    fn signed(header: &Header, secret: &str, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(secret.as_bytes())).unwrap()
    }

    fn good() -> Value {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        json!({ "sub": USER, "aud": "authenticated", "exp": now + 60, "role": "authenticated" })
    }

    fn check(token: &str, accepted: bool) {
        let user = Verifier::new(&SECRET.into()).user_of(token);
        assert_eq!(
            user.map(|user| user.id.to_string()).as_deref() == Some(USER),
            accepted,
            "{token}"
        );
    }

    #[test]
    fn a_minted_token_speaks_for_its_user() {
        let user = USER.parse().unwrap();
        let token = mint_token(&SECRET.into(), user, Duration::from_mins(1)).unwrap();
        check(token.expose_secret(), true);
    }

    #[test]
    fn an_audience_may_be_one_of_several() {
        let mut claims = good();
        claims["aud"] = json!(["other", "authenticated"]);
        check(
            &signed(&Header::new(Algorithm::HS256), SECRET, &claims),
            true,
        );
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
            ("exp", json!(null)),
            ("exp", json!(now - 31)),
            ("exp", json!("tomorrow")),
            ("nbf", json!(now + 120)),
            ("role", json!("anon")),
            ("role", json!("service_role")),
        ] {
            let mut claims = good();
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(name);
            } else {
                claims[name] = value;
            }
            check(
                &signed(&Header::new(Algorithm::HS256), SECRET, &claims),
                false,
            );
        }
    }

    #[test]
    fn a_token_signed_otherwise_is_refused() {
        let token = signed(&Header::new(Algorithm::HS256), SECRET, &good());
        check(&token, true);
        check(
            &signed(&Header::new(Algorithm::HS384), SECRET, &good()),
            false,
        );
        check(
            &signed(
                &Header::new(Algorithm::HS256),
                "another secret of the same length",
                &good(),
            ),
            false,
        );
        let (head, signature) = token.rsplit_once('.').unwrap();
        check(&format!("{head}."), false);
        check(&format!("{head}.{signature}."), false);
        let payload = head.split_once('.').unwrap().1;
        // {"alg":"none"}
        check(&format!("eyJhbGciOiJub25lIn0.{payload}."), false);
        check("", false);
    }
}
