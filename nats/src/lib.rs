//! The `JetStream` topology as typed data: streams, subjects, consumers, buckets, users.
//!
//! Whoever needs the name of a stream, a subject, a durable or a permission asks here; no other crate
//! spells one. It knows how to apply that topology to a server and how to write to it safely (once, and
//! with "no answer" told apart from "no"), and it must not know what a stage does with a message. Start
//! reading at [`subject`], then [`streams`] and [`consumers`].

pub mod apply;
pub mod buckets;
pub mod connect;
pub mod consumers;
pub mod kv;
pub mod publish;
pub mod server;
pub mod streams;
pub mod subject;
pub mod users;

pub use apply::{ApplyError, Change, apply, apply_again};
pub use connect::{ConnectError, ServerAddress, connect};
