//! The topology against a real server.
#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod bench;
mod kv;
mod publish;
mod topology;
mod users;
