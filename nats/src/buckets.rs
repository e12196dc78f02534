//! The key-value buckets. A bucket is a stream `KV_<name>` on `$KV.<name>.>` with one message a key.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy};

use crate::streams::{self, OUTLIVING};

/// Job id → who asked to stop it, when, why.
pub const CANCELLATIONS: &str = "cancellations";
/// User id → times of the uploads of the last hour.
pub const RATE_LIMITS: &str = "rate_limits";
/// Stream ticket → that it was used.
pub const STREAM_TICKETS: &str = "stream_tickets";
/// Task → who works on it: worker, epoch, attempts, state.
pub const CLAIMS: &str = "claims";
/// Job → budget, reservations, spend.
pub const LEDGERS: &str = "ledgers";
/// `<job>.<run>.<clip>` → the clip: the join before the composer. `<job>.<run>` → when its first clip began.
pub const CLIPS: &str = "clips";
/// `<stage>.<worker>` → host, version, tasks in hand; gone soon after its worker. `lost.<stage>.<worker>`:
/// it ended without a word of late.
pub const WORKERS: &str = "workers";

/// A bucket as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Its name.
    pub name: &'static str,
    /// How long an entry lives after its last write.
    pub max_age: Duration,
    /// Its bound in bytes; a full bucket refuses.
    pub max_bytes: i64,
    /// Whether single entries may be given a shorter life.
    pub entries_expire: bool,
}

const MIB: i64 = 1024 * 1024;

/// All buckets.
pub const ALL: [Bucket; 7] = [
    lasting(CANCELLATIONS, OUTLIVING, 64 * MIB),
    lasting(RATE_LIMITS, Duration::from_hours(2), 64 * MIB),
    lasting(STREAM_TICKETS, Duration::from_mins(2), 16 * MIB),
    lasting(CLAIMS, OUTLIVING, 512 * MIB),
    lasting(LEDGERS, OUTLIVING, 64 * MIB),
    lasting(CLIPS, OUTLIVING, 256 * MIB),
    Bucket {
        entries_expire: true,
        ..lasting(WORKERS, Duration::from_hours(1), 16 * MIB)
    },
];

const fn lasting(name: &'static str, max_age: Duration, max_bytes: i64) -> Bucket {
    Bucket {
        name,
        max_age,
        max_bytes,
        entries_expire: false,
    }
}

impl Bucket {
    /// The stream under it.
    ///
    /// One value a key: a bucket with more history raises short lives of entries to that of its
    /// markers. And no markers: an entry that expired leaves nothing behind, so that the next write of
    /// its key is a first write again.
    pub fn stream(&self) -> Config {
        Config {
            max_age: self.max_age,
            max_messages_per_subject: 1,
            discard: DiscardPolicy::New,
            allow_rollup: true,
            deny_delete: true,
            allow_message_ttl: self.entries_expire,
            ..streams::bounded(
                &stream(self.name),
                &format!("$KV.{}.>", self.name),
                self.max_bytes,
            )
        }
    }
}

/// The stream under a bucket.
pub fn stream(bucket: &str) -> String {
    format!("KV_{bucket}")
}

/// The subject of an entry.
pub fn subject(bucket: &str, key: &str) -> String {
    format!("$KV.{bucket}.{key}")
}
