//! The gateway over HTTP, on a real NATS server, a real database and a real object store.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails where it stands, also in what its tests share"
)]

mod accept;
mod app;
mod auth;
mod bucket;
mod buckets;
mod cancel;
mod cuts;
mod faults;
mod films;
mod hostile;
mod idempotency;
mod jobs;
mod limits;
mod many;
mod options;
mod page;
mod polling;
mod postgres;
mod problems;
mod raw;
mod reconciling;
mod service;
mod stream;
mod streaming;
mod tickets;
mod tokens;
mod transcript;
mod two;
mod upload;
mod versions;
mod webhooks;
