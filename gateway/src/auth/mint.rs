//! Tokens of our own, as Supabase would sign them: for the command line, the development mode and tests.

use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use model::UserId;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use time::OffsetDateTime;

use super::AUTHENTICATED;

/// A token could not be made.
#[derive(Debug, thiserror::Error)]
#[error("signing a token")]
pub struct MintError(#[from] jsonwebtoken::errors::Error);

#[derive(Serialize)]
struct Claims {
    sub: String,
    aud: &'static str,
    exp: i64,
    iat: i64,
    role: &'static str,
}

/// Signs a token for `user` that is good for `ttl`. It names no issuer: a gateway that asks for one does
/// not take it.
pub fn mint_token(
    secret: &SecretString,
    user: UserId,
    ttl: Duration,
) -> Result<SecretString, MintError> {
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let claims = Claims {
        sub: user.to_string(),
        aud: AUTHENTICATED,
        exp: now.saturating_add_unsigned(ttl.as_secs()),
        iat: now,
        role: AUTHENTICATED,
    };
    let key = EncodingKey::from_secret(secret.expose_secret().as_bytes());
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)?;
    Ok(token.into())
}
