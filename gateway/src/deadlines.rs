//! `Cancel-After`: jobs whose time is up are cancelled, as by their user.

use std::time::Duration;

use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::error::{ApiError, OrFault, causes};
use crate::routes::cancel;

/// How often it looks.
const PERIOD: Duration = Duration::from_secs(1);

/// Looks until stopped.
pub(crate) async fn keep(app: App, stop: CancellationToken) {
    let mut period = tokio::time::interval(PERIOD);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = period.tick() => {}
        }
        if let Err(error) = cancel_overdue(&app).await {
            tracing::warn!(
                causes = causes(&error),
                "overdue jobs could not be cancelled"
            );
        }
    }
}

async fn cancel_overdue(app: &App) -> Result<(), ApiError> {
    let now = OffsetDateTime::now_utc();
    let overdue = app.store.overdue(now).await;
    for job in overdue.or_unavailable("looking for overdue jobs")? {
        let (id, user) = (job.brief.id, job.brief.user);
        let (status, _) = cancel::stop(app.clone(), user, job).await?;
        tracing::info!(job.id = %id, %status, "the job's time is up");
    }
    Ok(())
}
