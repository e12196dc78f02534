//! The worker protocol against a real server, under the users and permissions of production.
#![expect(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod artifacts;
mod bench;
mod cancelling;
mod crashing;
mod failing;
mod film;
mod handing_over;
mod losing;
mod spending;
mod stopping;
mod toys;
