//! Who is asking: bearer tokens as Supabase signs them, and tickets for those who cannot send headers.
//!
//! A token is checked by `verifier` with a key that is ours (`settings`): the shared secret, or one of
//! the project's published set (`jwks`). `ticket` lets a browser's `EventSource` open one stream.

mod cache;
mod jwks;
mod mint;
mod settings;
mod ticket;
mod verifier;

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use model::UserId;
use time::OffsetDateTime;

use crate::app::App;
use crate::error::ApiError;
use crate::extract::{JobPath, Parameters};

#[cfg(any(test, feature = "fuzz"))]
pub(crate) use jwks::usable_keys;
pub use mint::{MintError, mint_token};
pub use settings::{AuthSettings, JwksPace};
pub use verifier::KeySetError;

#[cfg(any(test, feature = "fuzz"))]
pub(crate) use ticket::is_genuine;
pub(crate) use ticket::{LIFETIME as TICKET_LIFETIME, Tickets};
pub(crate) use verifier::Verifier;

/// The audience and the role that a signed-in user's token names.
pub(crate) const AUTHENTICATED: &str = "authenticated";
/// How far the clocks of the signer and ours may differ.
pub(crate) const LEEWAY: Duration = Duration::from_secs(30);

/// The signed-in user. A handler that takes it is closed to everyone else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CurrentUser {
    pub(crate) id: UserId,
    /// When the token ends, in seconds of Unix time.
    expires: i64,
    /// Whether they signed in without saying who they are: then they may take less.
    pub(crate) anonymous: bool,
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
        app.verifier.user_of(token.trim())
    }
}

/// The user who opens the stream of the path's job: by a token, or by a ticket in the query. Taken by
/// that one route only, so that a ticket opens nothing else.
pub(crate) struct StreamUser(pub(crate) CurrentUser);

impl FromRequestParts<App> for StreamUser {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let parameters = Parameters::from_request_parts(parts, app).await?;
        let by_ticket = !parts.headers.contains_key(AUTHORIZATION);
        let Some(ticket) = parameters.get("ticket").filter(|_| by_ticket) else {
            return CurrentUser::from_request_parts(parts, app).await.map(Self);
        };
        let JobPath(job) = JobPath::from_request_parts(parts, app).await?;
        let now = OffsetDateTime::now_utc();
        app.tickets.redeem(ticket, job, now).await.map(Self)
    }
}
