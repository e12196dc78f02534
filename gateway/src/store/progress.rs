//! Each rise of a job's progress, by its sequence in EVENTS: a stream that is resumed must not fall
//! behind what its reader has seen.

use model::JobId;
use sqlx::AnyConnection;

use super::{Store, StoreError};

/// Notes that a job's progress rose to `progress` with the event of that sequence.
pub(super) async fn insert_step(
    connection: &mut AnyConnection,
    job: JobId,
    sequence: u64,
    progress: u8,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO progress_steps (job_id, sequence, progress) VALUES ($1, $2, $3) \
         ON CONFLICT DO NOTHING",
    )
    .bind(job.to_string())
    .bind(sequence.cast_signed())
    .bind(i64::from(progress))
    .execute(connection)
    .await?;
    Ok(())
}

/// Forgets the sequences of a stream that is no more. What live jobs have reached so far was reached
/// before the first event of its successor.
pub(super) async fn start_anew(connection: &mut AnyConnection) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM progress_steps")
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO progress_steps (job_id, sequence, progress) \
         SELECT id, 0, progress FROM jobs WHERE status IN ('queued', 'processing')",
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What a reader has seen of a job's earlier passes says nothing of the next, which begins with `progress`.
pub(super) async fn begin_pass(
    connection: &mut AnyConnection,
    job: JobId,
    progress: u8,
) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM progress_steps WHERE job_id = $1")
        .bind(job.to_string())
        .execute(&mut *connection)
        .await?;
    insert_step(connection, job, 0, progress).await
}

impl Store {
    /// The highest progress that a reader of the job's events up to `sequence` has seen.
    pub(crate) async fn progress_at(&self, job: JobId, sequence: u64) -> Result<u8, StoreError> {
        let work = async {
            let progress: Option<i64> = sqlx::query_scalar(
                "SELECT MAX(progress) FROM progress_steps WHERE job_id = $1 AND sequence <= $2",
            )
            .bind(job.to_string())
            .bind(sequence.cast_signed())
            .fetch_one(&self.connections.reader())
            .await?;
            Ok(progress.unwrap_or(0).clamp(0, 100) as u8)
        };
        self.connections.answered(work).await
    }
}
