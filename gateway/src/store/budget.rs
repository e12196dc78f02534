//! What all jobs of a day may cost together.

use model::Usd;
use sqlx::AnyConnection;
use time::{Duration, OffsetDateTime};

use super::{StoreError, record};
use crate::job::Job;

/// Refuses a job that would take the last 24 hours beyond `limit`. A job that has ended counts with what
/// was spent on it, any other with what it may still come to.
pub(super) async fn check(
    connection: &mut AnyConnection,
    limit: Usd,
    job: &Job,
) -> Result<(), StoreError> {
    if job.estimated_cost == Usd::ZERO {
        return Ok(());
    }
    // First, as it locks: of several acceptances at once, on Postgres too, one at a time counts.
    sqlx::query("UPDATE projection SET sequence = sequence WHERE id = 1")
        .execute(&mut *connection)
        .await?;
    let spent: i64 = sqlx::query_scalar(
        "SELECT CAST(COALESCE(SUM(CASE \
         WHEN status NOT IN ('queued', 'processing') OR total_cost > estimated_cost THEN total_cost \
         ELSE estimated_cost END), 0) AS BIGINT) FROM jobs WHERE created_at > $1",
    )
    .bind(record::millis(OffsetDateTime::now_utc() - Duration::DAY))
    .fetch_one(connection)
    .await?;
    let spent = spent.unsigned_abs();
    if spent.saturating_add(job.estimated_cost.micros()) > limit.micros() {
        return Err(StoreError::DailyLimit {
            spent: Usd::from_micros(spent),
            limit,
        });
    }
    Ok(())
}
