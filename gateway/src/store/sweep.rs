//! Which ended jobs still have objects that nobody needs, and which jobs should have ended by now.

use model::RunNumber;
use runtime::cancellations::Pass;
use time::OffsetDateTime;

use super::{JobRecord, Store, StoreError, record};
use crate::job::Job;

impl Store {
    /// The cancelled and failed passes whose objects were not swept, those that ended first, and whether
    /// the job has a film of an earlier one.
    pub(crate) async fn to_sweep(&self) -> Result<Vec<(Pass, bool)>, StoreError> {
        let work = async {
            let rows: Vec<(String, i64, Option<i64>)> = sqlx::query_as(
            "SELECT id, run, film_run FROM jobs WHERE status IN ('cancelled', 'failed') AND swept_at IS NULL \
             ORDER BY completed_at LIMIT 100",
        )
        .fetch_all(&self.connections.reader())
        .await?;
            let parsed = |(id, run, film): (String, i64, Option<i64>)| {
                let id = record::parsed("jobs", "id", &id)?;
                Ok(((id, RunNumber(run as u32)), film.is_some()))
            };
            rows.into_iter().map(parsed).collect()
        };
        self.connections.answered(work).await
    }

    /// The jobs whose time is up and that have not ended.
    pub(crate) async fn overdue(&self, now: OffsetDateTime) -> Result<Vec<Job>, StoreError> {
        let work = async {
            let rows: Vec<JobRecord> = sqlx::query_as(
                "SELECT * FROM jobs WHERE cancel_at IS NOT NULL AND cancel_at <= $1 \
             AND status IN ('queued', 'processing') ORDER BY cancel_at LIMIT 100",
            )
            .bind(record::millis(now))
            .fetch_all(&self.connections.reader())
            .await?;
            rows.into_iter().map(|row| row.into_job(vec![])).collect()
        };
        self.connections.answered(work).await
    }

    /// Notes that the objects of a pass are gone.
    pub(crate) async fn swept(
        &self,
        (job, run): Pass,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let work = async {
            sqlx::query("UPDATE jobs SET swept_at = $2 WHERE id = $1 AND run = $3")
                .bind(job.to_string())
                .bind(record::millis(now))
                .bind(i64::from(run.0))
                .execute(&self.connections.writer())
                .await?;
            Ok(())
        };
        self.connections.answered(work).await
    }
}
