//! How often something happened to each of many within a window: limits that one process keeps alone.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Of how many it is counted at once; whoever comes on top of that is not counted.
const MOST: usize = 65_536;

/// Counts from the first time on for one window, then anew.
pub(crate) struct Tally<K> {
    limit: u32,
    window: Duration,
    counts: Mutex<HashMap<K, Count>>,
}

#[derive(Clone, Copy)]
struct Count {
    since: Instant,
    times: u32,
}

impl<K: Eq + Hash> Tally<K> {
    /// Up to `limit` times in `window`.
    pub(crate) fn new(limit: u32, window: Duration) -> Self {
        Self {
            limit,
            window,
            counts: Mutex::default(),
        }
    }

    /// Counts once more. Beyond the limit it says how long that lasts.
    pub(crate) fn add(&self, key: K, now: Instant) -> Result<(), Duration> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() >= MOST {
            counts.retain(|_, count| now.duration_since(count.since) < self.window);
        }
        if counts.len() >= MOST && !counts.contains_key(&key) {
            return Ok(());
        }
        let new = Count {
            since: now,
            times: 0,
        };
        let count = counts.entry(key).or_insert(new);
        if now.duration_since(count.since) >= self.window {
            *count = new;
        }
        count.times = count.times.saturating_add(1);
        if count.times > self.limit {
            return Err(self.left(*count, now));
        }
        Ok(())
    }

    /// Says how long it lasts if the limit is reached already; counts nothing.
    pub(crate) fn check(&self, key: &K, now: Instant) -> Result<(), Duration> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get(key) {
            Some(count) if count.times >= self.limit && !self.left(*count, now).is_zero() => {
                Err(self.left(*count, now))
            }
            _ => Ok(()),
        }
    }

    fn left(&self, count: Count, now: Instant) -> Duration {
        self.window.saturating_sub(now.duration_since(count.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn each_has_a_window_of_its_own() {
        let tally = Tally::new(2, MINUTE);
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(tally.check(&"a", start), Ok(()));
        assert_eq!(tally.add("a", start), Ok(()));
        assert_eq!(tally.add("a", at(10)), Ok(()));
        assert_eq!(tally.check(&"a", at(20)), Err(Duration::from_secs(40)));
        assert_eq!(tally.add("a", at(20)), Err(Duration::from_secs(40)));
        assert_eq!(tally.add("b", at(20)), Ok(()));
        assert_eq!(tally.check(&"a", at(60)), Ok(()));
        assert_eq!(tally.add("a", at(60)), Ok(()));
    }

    #[test]
    fn a_flood_of_strangers_does_not_fill_the_memory() {
        let tally = Tally::new(1, MINUTE);
        let now = Instant::now();
        for number in 0..MOST + 10 {
            assert_eq!(tally.add(number, now), Ok(()));
        }
        assert_eq!(tally.counts.lock().unwrap().len(), MOST);
        // Those that are known go on to be counted.
        assert!(tally.add(0, now).is_err());
        tally.add(MOST + 11, now + MINUTE).unwrap();
        assert_eq!(tally.counts.lock().unwrap().len(), 1);
    }
}
