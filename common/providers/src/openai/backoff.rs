//! How long to wait before asking again, and who has to.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};

/// The longest wait, whatever a server asks for: then it is asked again, as often as it may be.
const LONGEST: Duration = Duration::from_mins(1);
/// The longest wait that nobody asked for.
const LONGEST_OWN: Duration = Duration::from_secs(20);

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

    /// The next wait, which is not shorter than what the server asked for, up to a minute.
    pub(super) fn next(&mut self, asked_for: Option<Duration>) -> Duration {
        let share = 0.5 + 0.5 * fastrand::f64();
        let own = self.next.min(LONGEST_OWN).mul_f64(share);
        self.next = self.next.saturating_mul(2);
        asked_for.map_or(own, |least| {
            least.min(LONGEST) + own.min(Duration::from_secs(1))
        })
    }
}

/// When a server may be asked again that said "not now": for all who ask it, and not only for the one who
/// was told.
#[derive(Debug, Default)]
pub(super) struct Circuit {
    open_until: Mutex<Option<Instant>>,
}

impl Circuit {
    /// The server asked for a wait.
    pub(super) fn open_for(&self, wait: Duration, now: Instant) {
        let until = now + wait.min(LONGEST);
        let mut open = self
            .open_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *open = (*open).max(Some(until));
    }

    /// How long the server may not be asked yet.
    pub(super) fn left(&self, now: Instant) -> Duration {
        let open = self
            .open_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        open.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }
}

/// `Retry-After`: seconds, or a date in any of the three forms of HTTP. What is neither asks for nothing.
pub(super) fn asked_for(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number beyond all clocks is a long time.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_are_spread() {
        let mut backoff = Backoff::new(Duration::from_secs(1));
        for seconds in [1.0, 2.0, 4.0, 8.0, 16.0, 20.0, 20.0] {
            let wait = backoff.next(None).as_secs_f64();
            assert!((seconds / 2.0..=seconds).contains(&wait), "{wait}");
        }
    }

    #[test]
    fn a_wait_is_as_long_as_the_server_asks_for_up_to_a_minute() {
        for (asked_for, least) in [
            (0, 0),
            (30, 30),
            (60, 60),
            (1_000_000_000, 60),
            (u64::MAX, 60),
        ] {
            let asked_for = Some(Duration::from_secs(asked_for));
            let wait = Backoff::new(Duration::from_secs(1)).next(asked_for);
            let least = Duration::from_secs(least);
            let most = least + Duration::from_secs(1);
            assert!((least..=most).contains(&wait), "{wait:?} for {asked_for:?}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_junk_is_nothing() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_mins(24_090_208); // 07:28:00
        let read = |text: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            asked_for(&headers, now)
        };
        assert_eq!(read("7"), Some(Duration::from_secs(7)));
        let minute = Some(Duration::from_mins(1));
        assert_eq!(read("Wed, 21 Oct 2015 07:29:00 GMT"), minute);
        assert_eq!(read("Wednesday, 21-Oct-15 07:29:00 GMT"), minute);
        assert_eq!(read("Wed Oct 21 07:29:00 2015"), minute);
        assert_eq!(read("Wed, 21 Oct 2015 07:27:00 GMT"), Some(Duration::ZERO));
        let forever = Some(Duration::from_secs(u64::MAX));
        assert_eq!(read("18446744073709551615"), forever);
        assert_eq!(read("99999999999999999999999"), forever);
        for junk in [
            "soon",
            "-5",
            "+5",
            "1e9",
            "1.5",
            "",
            "Wed, 99 Oct 2015 07:29:00 GMT",
        ] {
            assert_eq!(read(junk), None, "{junk}");
        }
    }

    #[test]
    fn whoever_asks_a_busy_server_waits_as_long_as_it_told_another_and_a_minute_at_most() {
        let circuit = Circuit::default();
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        assert_eq!(circuit.left(now), Duration::ZERO);
        circuit.open_for(30 * second, now);
        circuit.open_for(10 * second, now);
        assert_eq!(circuit.left(now), 30 * second);
        assert_eq!(circuit.left(now + 29 * second), second);
        assert_eq!(circuit.left(now + 31 * second), Duration::ZERO);
        circuit.open_for(Duration::MAX, now);
        assert_eq!(circuit.left(now), 60 * second);
    }
}
