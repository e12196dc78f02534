//! Removes the objects of cancelled and failed jobs shortly after their end.

use std::time::Duration;

use runtime::Artifacts;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use crate::error::{Source, causes};
use crate::store::Store;

/// How often it looks.
const PERIOD: Duration = Duration::from_secs(5);

/// Sweeps until stopped. A job is marked only after its objects are gone, so a crash repeats the
/// removal and forgets none.
pub(crate) async fn run(
    store: Store,
    artifacts: Artifacts,
    grace: Duration,
    stop: CancellationToken,
) {
    let mut period = tokio::time::interval(PERIOD.min(grace.max(Duration::from_millis(50))));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = period.tick() => {}
        }
        if let Err(error) = sweep(&store, &artifacts, grace).await {
            tracing::warn!(
                causes = causes(error.as_ref()),
                "objects of ended jobs could not be removed"
            );
        }
    }
}

/// `grace` lets workers notice the end first: what they still write would stay.
async fn sweep(store: &Store, artifacts: &Artifacts, grace: Duration) -> Result<(), Source> {
    let now = OffsetDateTime::now_utc();
    for ended in store.to_sweep(now - grace).await? {
        artifacts.delete_job(ended.job).await?;
        store.swept(ended.job, now).await?;
        tracing::info!(job.id = %ended.job, "removed the objects of an ended job");
    }
    Ok(())
}
