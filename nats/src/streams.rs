//! The three streams, with the reason for each setting.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};

use crate::buckets;

/// Hand-overs between stages.
pub const WORK: &str = "WORK";
/// What users may see.
pub const EVENTS: &str = "EVENTS";
/// Tasks that were given up.
pub const DEAD: &str = "DEAD";

const MIB: i64 = 1024 * 1024;
const DAY: Duration = Duration::from_hours(24);

/// How long work, events and dead letters are kept.
pub(crate) const RETENTION: Duration = Duration::from_hours(7 * 24);

/// Every stream, those under the buckets included.
pub fn all() -> Vec<Config> {
    let mut streams = vec![work(), events(), dead()];
    streams.extend(buckets::ALL.iter().map(buckets::Bucket::stream));
    streams
}

/// Hand-overs between stages: one message per task, each written once.
///
/// `Limits`, not `WorkQueue`: an acknowledged message stays until `max_age`, so that a job can be
/// replayed, and so that its subject stays taken. A full stream refuses (`New`); it never drops work
/// already accepted.
pub fn work() -> Config {
    Config {
        discard: DiscardPolicy::New,
        ..limited(WORK, "work.>", 1024 * MIB)
    }
}

/// What users may see. Its sequence is the id of server-sent events.
///
/// When full, the oldest history makes room (`Old`): refusing would lose the ends of jobs instead.
pub fn events() -> Config {
    limited(EVENTS, "events.>", 512 * MIB)
}

/// Tasks that were given up, with their reasons. The newest matter most, so the oldest make room.
pub fn dead() -> Config {
    limited(DEAD, "dead.>", 256 * MIB)
}

fn limited(name: &str, subjects: &str, max_bytes: i64) -> Config {
    Config {
        max_age: RETENTION,
        max_messages_per_subject: -1,
        ..bounded(name, subjects, max_bytes)
    }
}

/// What all streams share, buckets included.
pub(crate) fn bounded(name: &str, subjects: &str, max_bytes: i64) -> Config {
    Config {
        name: name.to_owned(),
        subjects: vec![subjects.to_owned()],
        max_bytes,
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        num_replicas: 1,
        // A refused write is understood by reading what is there: `publish::write_once`.
        allow_direct: true,
        // What the server makes of 0; said here so that comparing finds no difference.
        max_messages: -1,
        max_message_size: -1,
        max_consumers: -1,
        duplicate_window: DUPLICATE_WINDOW,
        ..Config::default()
    }
}

/// How long a message id is remembered. A convenience for repeated events; nothing rests on it.
pub const DUPLICATE_WINDOW: Duration = Duration::from_mins(2);

/// What belongs to a task outlives its message, so that the last redelivery still finds it.
pub(crate) const OUTLIVING: Duration = RETENTION.saturating_add(DAY);
