//! Removes the objects of cancelled and failed jobs shortly after their end.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use runtime::cancellations::Pass;
use runtime::{Artifacts, Cancellations};
use time::OffsetDateTime;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::{Source, causes};
use crate::store::Store;

/// How often it looks.
const PERIOD: Duration = Duration::from_secs(5);
/// Who raises the flag of a job that failed.
const NAME: &str = "the gateway";
/// Why.
const REASON: &str = "the job has failed";

/// Removes objects. A job is marked only after its objects are gone, so a crash repeats the removal and
/// forgets none.
pub(crate) struct Sweeper {
    pub(crate) store: Store,
    pub(crate) artifacts: Artifacts,
    pub(crate) cancellations: Cancellations,
    /// Lets workers notice the flag first: what they store later would stay for ever.
    pub(crate) grace: Duration,
    /// Since when ended jobs are known to have their flags raised. A new process gives the grace anew.
    pub(crate) flagged: HashMap<Pass, Instant>,
}

impl Sweeper {
    /// Sweeps until stopped.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut period =
            tokio::time::interval(PERIOD.min(self.grace.max(Duration::from_millis(50))));
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = period.tick() => {}
            }
            if let Err(error) = self.sweep().await {
                tracing::warn!(
                    causes = causes(error.as_ref()),
                    "objects of ended jobs could not be removed"
                );
            }
        }
    }

    async fn sweep(&mut self) -> Result<(), Source> {
        for (pass, has_film) in self.store.to_sweep().await? {
            let flagged = match self.flagged.entry(pass) {
                Entry::Occupied(flagged) => flagged,
                Entry::Vacant(unknown) => {
                    // A failure ends the work of one worker; the flag ends that of all others.
                    if !self.cancellations.is_raised(pass).await? {
                        self.cancellations.raise(pass, NAME, REASON).await?;
                    }
                    unknown.insert_entry(Instant::now())
                }
            };
            if flagged.get().elapsed() < self.grace {
                continue;
            }
            let (job, run) = pass;
            if has_film {
                // The clips among them stay: the film that is there may be made of the same.
                self.artifacts.delete_run(job, run).await?;
            } else {
                self.artifacts.delete_job(job).await?;
            }
            self.store.swept(pass, OffsetDateTime::now_utc()).await?;
            flagged.remove();
            tracing::info!(job.id = %job, %run, "removed the objects of an ended job");
        }
        Ok(())
    }
}
