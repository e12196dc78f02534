//! Which ended jobs still have objects that nobody needs, and which jobs should have ended by now.

use model::JobId;
use time::OffsetDateTime;

use super::{JobRecord, Store, StoreError, record};
use crate::job::Job;

impl Store {
    /// The cancelled and failed jobs that were not swept, those that ended first.
    pub(crate) async fn to_sweep(&self) -> Result<Vec<JobId>, StoreError> {
        let ids: Vec<(String,)> = sqlx::query_as(
            "SELECT id FROM jobs WHERE status IN ('cancelled', 'failed') AND swept_at IS NULL \
             ORDER BY completed_at LIMIT 100",
        )
        .fetch_all(&self.reader)
        .await?;
        let parsed = |(id,): (String,)| {
            id.parse()
                .map_err(|error: model::ids::IdError| StoreError::Unreadable {
                    table: "jobs",
                    column: "id",
                    source: error.into(),
                })
        };
        ids.into_iter().map(parsed).collect()
    }

    /// The jobs whose time is up and that have not ended.
    pub(crate) async fn overdue(&self, now: OffsetDateTime) -> Result<Vec<Job>, StoreError> {
        let rows: Vec<JobRecord> = sqlx::query_as(
            "SELECT * FROM jobs WHERE cancel_at IS NOT NULL AND cancel_at <= $1 \
             AND status IN ('queued', 'processing') ORDER BY cancel_at LIMIT 100",
        )
        .bind(record::millis(now))
        .fetch_all(&self.reader)
        .await?;
        rows.into_iter().map(|row| row.into_job(vec![])).collect()
    }

    /// Notes that a job's objects are gone.
    pub(crate) async fn swept(&self, job: JobId, now: OffsetDateTime) -> Result<(), StoreError> {
        sqlx::query("UPDATE jobs SET swept_at = $2 WHERE id = $1")
            .bind(job.to_string())
            .bind(record::millis(now))
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}
