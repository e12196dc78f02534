//! What is still to be published. An entry is written with its job and removed once NATS has it.

use model::JobId;
use sqlx::AnyConnection;
use time::OffsetDateTime;

use super::{Store, StoreError, record};
use crate::job::Job;

/// How many entries are read at once.
const PAGE: i64 = 100;

/// A message to be published write-once.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct OutboxEntry {
    pub(crate) subject: String,
    pub(crate) payload: String,
}

pub(super) async fn insert(
    connection: &mut AnyConnection,
    job: &Job,
    position: usize,
    entry: &OutboxEntry,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO outbox (job_id, position, subject, payload, created_at) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(job.brief.id.to_string())
    .bind(position as i64)
    .bind(entry.subject.clone())
    .bind(entry.payload.clone())
    .bind(record::millis(job.created_at))
    .execute(connection)
    .await?;
    Ok(())
}

impl Store {
    /// The oldest entries, in the order in which they must be published.
    pub(crate) async fn outbox(&self) -> Result<Vec<OutboxEntry>, StoreError> {
        let entries = sqlx::query_as(
            "SELECT subject, payload FROM outbox ORDER BY created_at, job_id, position LIMIT $1",
        )
        .bind(PAGE)
        .fetch_all(&self.reader)
        .await?;
        Ok(entries)
    }

    /// Forgets an entry that NATS has.
    pub(crate) async fn published(&self, entry: &OutboxEntry) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM outbox WHERE subject = $1")
            .bind(entry.subject.clone())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// How many entries wait, and since when the oldest does.
    pub(crate) async fn outbox_lag(&self) -> Result<(u64, Option<OffsetDateTime>), StoreError> {
        let (count, oldest): (i64, Option<i64>) =
            sqlx::query_as("SELECT COUNT(*), MIN(created_at) FROM outbox")
                .fetch_one(&self.reader)
                .await?;
        let oldest = oldest.and_then(|millis| {
            OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()
        });
        Ok((count.unsigned_abs(), oldest))
    }

    /// The highest progress that a reader of the job's events up to `sequence` has seen.
    pub(crate) async fn progress_at(&self, job: JobId, sequence: u64) -> Result<u8, StoreError> {
        let progress: Option<i64> = sqlx::query_scalar(
            "SELECT MAX(progress) FROM progress_steps WHERE job_id = $1 AND sequence <= $2",
        )
        .bind(job.to_string())
        .bind(sequence.cast_signed())
        .fetch_one(&self.reader)
        .await?;
        Ok(progress.unwrap_or(0).clamp(0, 100) as u8)
    }
}
