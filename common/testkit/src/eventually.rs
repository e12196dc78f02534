//! Conditions with deadlines, for what happens soon but not at once.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Asks `probe` until it gives something, and gives that.
///
/// Panics with `what` where it has given nothing `within` the time.
pub async fn eventually<T>(
    what: &str,
    within: Duration,
    mut probe: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + within;
    let mut pause = Duration::from_millis(2);
    loop {
        let answer = tokio::time::timeout_at(deadline, probe()).await;
        if let Ok(Some(value)) = answer {
            return value;
        }
        assert!(Instant::now() < deadline, "not within {within:?}: {what}");
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_asks_until_there_is_an_answer() {
        let mut asked = 0;
        let answer = eventually("three", Duration::from_secs(20), async || {
            asked += 1;
            (asked == 3).then_some(asked)
        })
        .await;
        assert_eq!(answer, 3);
    }

    #[tokio::test]
    async fn a_probe_that_never_answers_ends_with_what_was_waited_for() {
        let waiting = tokio::spawn(eventually(
            "the moon",
            Duration::from_millis(20),
            async || std::future::pending::<Option<()>>().await,
        ));
        let panic = waiting.await.expect_err("it has to give up").into_panic();
        let words = panic.downcast_ref::<String>().expect("a message");
        assert!(words.contains("the moon"), "{words}");
    }
}
