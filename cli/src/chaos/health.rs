//! Asks the gateway now and then whether it is ready, and notes what it says.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::client::Client;

/// Between two questions.
const PERIOD: Duration = Duration::from_millis(500);

/// One question and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    /// When it was asked, since the begin.
    pub(super) asked: Duration,
    /// What was answered, if anything was.
    pub(super) ready: Option<bool>,
    /// When.
    pub(super) answered: Duration,
}

/// Asks until `over`.
pub(super) async fn watch(client: &Client, begun: Instant, over: CancellationToken) -> Vec<Seen> {
    let mut seen = Vec::new();
    while !over.is_cancelled() {
        let asked = begun.elapsed();
        let ready = client.is_ready().await;
        let answered = begun.elapsed();
        seen.push(Seen {
            asked,
            ready,
            answered,
        });
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            () = over.cancelled() => {}
        }
    }
    seen
}
