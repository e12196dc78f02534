//! REST and SSE in front of the pipeline; the only crate that knows SQL.
//!
//! A request comes in by [`serve()`], finds its handler in `app`, and every refusal leaves as one of
//! the problems of [`problem`]. An upload goes through `intake` into the rows (`store`) and the outbox,
//! which `relay` publishes. What stages say afterwards comes back by `reader`: into the rows, then to
//! whoever has a stream open (`hub`, `sse`). The gateway knows nothing of how a film is made. Start
//! reading at `app`, the list of all routes.

mod address;
mod app;
mod auth;
mod config;
mod deadlines;
mod error;
mod extract;
mod fork;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod head;
mod hub;
mod idempotency;
mod intake;
mod job;
mod linger;
mod listener;
mod metrics;
mod openapi;
mod orphans;
mod pace;
mod preferences;
mod prices;
pub mod problem;
mod rate_limit;
mod reader;
mod reconciler;
mod relay;
mod rendered;
mod request_id;
mod routes;
mod serve;
mod signed_url;
mod sse;
mod store;
mod storing;
mod streaming;
mod sweeper;
mod tally;
mod view;
mod webhook;

pub use auth::{AuthSettings, JwksPace, KeySetError, MintError, mint_token};
pub use config::{Config, DECODE_VERB};
pub use listener::ConnectionLimits;
pub use prices::{HOUSE_LIMIT, Prices};
pub use rate_limit::RateLimit;
pub use serve::{ServeError, serve};
pub use store::StoreError;
