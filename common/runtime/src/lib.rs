//! One worker loop for six stages: claim, renew, settle, hand over.
//!
//! A stage crate implements [`Stage`] and nothing else; what would be the same for all six is here:
//! taking work, the fenced claim on it, renewing, cancelling, retrying, parking, handing over, and what
//! every process needs besides (artifacts, events, configuration, logs, shutdown). It must not know what
//! any stage is about, nor HTTP, nor SQL. Start reading at [`stage`], then [`worker`].

pub mod artifacts;
pub mod cancellations;
pub mod config;
pub mod context;
pub mod cpu;
pub mod events;
pub mod faults;
pub mod ledger;
pub mod presence;
pub mod purchase;
mod scratch;
pub mod shutdown;
pub mod stage;
pub mod storage;
pub mod telemetry;
pub mod worker;

pub use artifacts::{ArtifactError, Artifacts, LinkedAs};
pub use cancellations::{Cancellation, Cancellations};
pub use config::{ConfigError, Vars};
pub use context::StageContext;
pub use events::EventPublisher;
pub use ledger::{Ledger, Ledgers};
pub use purchase::{Bought, NotBought, Purchase, Terms};
pub use shutdown::Shutdown;
pub use stage::{Stage, StageError, StageResultExt};
pub use storage::Storage;
pub use worker::{MAX_ATTEMPTS, ServeError, WorkerSettings, serve};
