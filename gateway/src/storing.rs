//! Whether NATS takes messages: a server whose disk is full answers whatever it is asked, and hands work
//! out, but keeps nothing, and says so to nobody; what is published to it gets no answer. Only writing tells.

use std::time::{Duration, Instant};

use async_nats::jetstream::Context;
use bytes::Bytes;
use nats::buckets;
use nats::kv::Bucket;
use tokio::sync::Mutex;

/// How long the write may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long its outcome counts: whoever asks more often makes no more writes.
const FRESH: Duration = Duration::from_secs(2);
/// What is written to: entries of this bucket go after two minutes.
const KEY: &str = "probe";
/// What is written: more than one block of a disk, since a small message finds room in the last block of a
/// full one.
const PROBE: Bytes = Bytes::from_static(&[0; 8192]);

/// Writes when asked, and remembers how that went.
pub(crate) struct Storing {
    bucket: Bucket,
    last: Mutex<Option<(Instant, bool)>>,
}

impl Storing {
    pub(crate) fn new(jetstream: Context) -> Self {
        Self {
            bucket: Bucket::new(jetstream, buckets::STREAM_TICKETS),
            last: Mutex::default(),
        }
    }

    /// Whether a message was taken now, or a moment ago.
    pub(crate) async fn works(&self) -> bool {
        // One writes; the others wait for what comes of it.
        let mut last = self.last.lock().await;
        if let Some((at, works)) = *last
            && at.elapsed() < FRESH
        {
            return works;
        }
        let written = tokio::time::timeout(PATIENCE, self.bucket.put(KEY, PROBE)).await;
        let works = matches!(written, Ok(Ok(_)));
        *last = Some((Instant::now(), works));
        works
    }
}
