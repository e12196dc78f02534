//! `POST /api/v1/dev/token`: a token for whoever asks, on a developer's own machine only.

use std::net::IpAddr;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use model::UserId;
use secrecy::ExposeSecret;
use serde::Serialize;
use uuid::Uuid;

use crate::app::App;
use crate::auth::mint_token;
use crate::error::{ApiError, OrFault};
use crate::extract::Parameters;

/// How long the token is good.
const LIFETIME: Duration = Duration::from_hours(1);

#[derive(Serialize)]
pub(crate) struct DevToken {
    access_token: String,
    token_type: &'static str,
    expires_in: u64,
    user: UserId,
}

/// A token of `?user=`, or of a new user. Not found unless `DEV_TOKENS` is set, nor under a name that is
/// not this machine's: a page elsewhere that has its own name point here must not get one.
pub(crate) async fn mint(
    State(app): State<App>,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<([(HeaderName, HeaderValue); 1], Json<DevToken>), ApiError> {
    let auth = &app.config.auth;
    let secret = auth.secret.as_ref().filter(|_| auth.dev_tokens);
    let secret = secret.filter(|_| is_for_this_machine(&headers));
    let secret = secret.ok_or(ApiError::NotFound)?;
    let user = match parameters.get("user") {
        None => UserId::new(Uuid::new_v4()),
        Some(text) => text.parse().map_err(|_| ApiError::InvalidField {
            field: "user",
            detail: "user must be a UUID".to_owned(),
        })?,
    };
    let token = mint_token(secret, user, LIFETIME).or_internal("signing a token")?;
    let body = DevToken {
        access_token: token.expose_secret().to_owned(),
        token_type: "bearer",
        expires_in: LIFETIME.as_secs(),
        user,
    };
    let uncached = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((uncached, Json(body)))
}

fn is_for_this_machine(headers: &HeaderMap) -> bool {
    let host = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost"
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machines_names_count() {
        let check = |host: &'static str, expected| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            assert_eq!(is_for_this_machine(&headers), expected, "{host}");
        };
        check("127.0.0.1:8000", true);
        check("localhost", true);
        check("[::1]:8000", true);
        check("evil.example:8000", false);
        check("127.0.0.1.evil.example", false);
        check("localhost.evil.example:80", false);
        check("10.0.0.1", false);
        check("", false);
        assert!(!is_for_this_machine(&HeaderMap::new()));
    }
}
