//! Since when the server can be reached without a break.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::Client;

pub(super) struct Link {
    client: Client,
    /// How many connections were seen, and when the last of them was seen first.
    seen: Mutex<(u64, Instant)>,
}

impl Link {
    pub(super) fn new(client: Client) -> Self {
        let connects = client.statistics().connects.load(Ordering::Relaxed);
        Self {
            client,
            seen: Mutex::new((connects, Instant::now())),
        }
    }

    /// How long the connection stands, counted from when it was first asked for.
    pub(super) fn age(&self) -> Duration {
        let connects = self.client.statistics().connects.load(Ordering::Relaxed);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.0 != connects {
            *seen = (connects, Instant::now());
        }
        seen.1.elapsed()
    }
}
