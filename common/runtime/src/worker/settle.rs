//! What becomes of a message: a pure decision, so that each row of it is one line of a test.

use std::time::Duration;

use crate::StageError;

/// How often a task is tried before it is parked. Deploys do not count, crashes do.
pub const MAX_ATTEMPTS: u32 = 3;

/// What is done with a task whose work has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settlement {
    /// Publish the output, then acknowledge.
    HandOver,
    /// Try again after a pause.
    Retry,
    /// Copy it to the dead letters and end the job.
    Park,
    /// Acknowledge and forget: the user asked to stop.
    Drop,
}

/// What becomes of a message, by outcome and by attempt (1 for the first).
pub const fn settle<T>(outcome: &Result<T, StageError>, attempt: u32) -> Settlement {
    match outcome {
        Ok(_) => Settlement::HandOver,
        Err(StageError::Cancelled) => Settlement::Drop,
        Err(StageError::Retry { .. }) if attempt < MAX_ATTEMPTS => Settlement::Retry,
        Err(StageError::Retry { .. } | StageError::Fatal { .. }) => Settlement::Park,
    }
}

/// How long to wait after the failed attempt `attempt`: 1 s, 3 s, 9 s … at most a minute, and up to a
/// quarter more by `jitter` (0–1), so that what failed together does not come back together.
pub fn backoff(attempt: u32, jitter: f64) -> Duration {
    let steps = attempt.saturating_sub(1).min(4);
    let seconds = f64::from(3u32.pow(steps).min(60));
    Duration::from_secs_f64(seconds * (1.0 + 0.25 * jitter.clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_its_settlement() {
        let check = |outcome: Result<(), StageError>, attempt, expected| {
            assert_eq!(
                settle(&outcome, attempt),
                expected,
                "{outcome:?} at {attempt}"
            );
        };
        check(Ok(()), 1, Settlement::HandOver);
        check(Ok(()), MAX_ATTEMPTS, Settlement::HandOver);
        check(Err(StageError::Cancelled), 1, Settlement::Drop);
        check(Err(StageError::retry("x", "y")), 1, Settlement::Retry);
        check(
            Err(StageError::retry("x", "y")),
            MAX_ATTEMPTS - 1,
            Settlement::Retry,
        );
        check(
            Err(StageError::retry("x", "y")),
            MAX_ATTEMPTS,
            Settlement::Park,
        );
        check(Err(StageError::fatal("x", "y")), 1, Settlement::Park);
    }

    #[test]
    fn pauses_grow_and_are_spread() {
        assert_eq!(backoff(1, 0.0), Duration::from_secs(1));
        assert_eq!(backoff(2, 0.0), Duration::from_secs(3));
        assert_eq!(backoff(2, 1.0), Duration::from_millis(3750));
        assert!(backoff(u32::MAX, 1.0) <= Duration::from_secs(75));
    }
}
