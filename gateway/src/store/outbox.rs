//! What is still to be published. An entry is written with its job and removed once NATS has it.

use sqlx::AnyConnection;

use super::{Store, StoreError, record};
use crate::job::Job;

/// How many entries are read at once.
const PAGE: i64 = 100;

/// A message to be published write-once.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow, serde::Serialize, serde::Deserialize)]
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
        let work = async {
            let entries = sqlx::query_as(
            "SELECT subject, payload FROM outbox ORDER BY created_at, job_id, position LIMIT $1",
        )
        .bind(PAGE)
        .fetch_all(&self.connections.reader())
        .await?;
            Ok(entries)
        };
        self.connections.answered(work).await
    }

    /// Forgets an entry that NATS has.
    pub(crate) async fn published(&self, entry: &OutboxEntry) -> Result<(), StoreError> {
        let work = async {
            sqlx::query("DELETE FROM outbox WHERE subject = $1")
                .bind(entry.subject.clone())
                .execute(&self.connections.writer())
                .await?;
            Ok(())
        };
        self.connections.answered(work).await
    }

    /// How many entries wait.
    pub(crate) async fn outbox_count(&self) -> Result<u64, StoreError> {
        let work = async {
            let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM outbox")
                .fetch_one(&self.connections.reader())
                .await?;
            Ok(count.unsigned_abs())
        };
        self.connections.answered(work).await
    }
}
