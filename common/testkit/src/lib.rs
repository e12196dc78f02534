//! What tests stand on: a real nats-server each, a real Postgres, synthetic songs, conditions with deadlines.
//!
//! A dev-dependency only: it panics where a test could not go on.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    reason = "a failure here is a failed test"
)]

mod eventually;
mod fault_proxy;
mod nats_server;
mod postgres;
pub mod provider;
mod small_disk;
pub mod sound;
mod stand_in;

pub use eventually::eventually;
pub use fault_proxy::FaultProxy;
pub use nats_server::NatsServer;
pub use postgres::{Database, postgres_database};
pub use small_disk::SmallDisk;
pub use stand_in::{Asked, Reply, StandIn, Then};
