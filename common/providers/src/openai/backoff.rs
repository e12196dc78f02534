//! How long to wait before asking again.

use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// A longer wait is not worth holding a worker for.
pub(super) const LONGEST: Duration = Duration::from_mins(2);

/// Waits that double, each drawn from between half and all of its length, so that workers that failed
/// together do not come back together.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(super) const fn new(first: Duration) -> Self {
        Self { next: first }
    }

    /// The next wait, which is not shorter than what the server asked for.
    pub(super) fn next(&mut self, asked_for: Option<Duration>) -> Duration {
        let share = 0.5 + 0.5 * fastrand::f64();
        let own = self.next.min(LONGEST).mul_f64(share);
        self.next = self.next.saturating_mul(2);
        asked_for.map_or(own, |least| least + own.min(Duration::from_secs(1)))
    }
}

/// `Retry-After`: seconds or a date.
pub(super) fn asked_for(headers: &HeaderMap, now: OffsetDateTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    Some(Duration::try_from(date - now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_are_spread() {
        let mut backoff = Backoff::new(Duration::from_secs(1));
        for seconds in [1.0, 2.0, 4.0] {
            let wait = backoff.next(None).as_secs_f64();
            assert!((seconds / 2.0..=seconds).contains(&wait), "{wait}");
        }
        let named = Duration::from_secs(30);
        let wait = Backoff::new(Duration::from_secs(1)).next(Some(named));
        assert!(wait >= named && wait <= named + Duration::from_secs(1));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = OffsetDateTime::from_unix_timestamp(1_445_412_480).unwrap(); // 07:28:00
        let read = |text: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            asked_for(&headers, now)
        };
        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        let later = Some(Duration::from_mins(1));
        assert_eq!(read("Wed, 21 Oct 2015 07:29:00 GMT"), later);
        assert_eq!(read("Wed, 21 Oct 2015 07:27:00 GMT"), Some(Duration::ZERO));
        assert_eq!(read("soon"), None);
    }
}
