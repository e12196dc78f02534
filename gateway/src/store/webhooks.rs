//! What is to be told to webhooks, what came of it, and what it is signed with.

use model::job::JobStatus;
use model::{JobId, UserId};
use sqlx::AnyConnection;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{Store, StoreError, record};
use crate::job::Job;

/// How many deliveries are tried at once.
const BATCH: i64 = 16;
/// How long a gateway may be at a delivery before another tries it: longer than an attempt takes.
const LEASE: Duration = Duration::minutes(1);
/// How long the secret before the newest still signs.
const OVERLAP: Duration = Duration::DAY;

/// A delivery that is due.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Due {
    pub(crate) id: String,
    pub(crate) job_id: String,
    /// The pass whose end it tells.
    pub(crate) run: i64,
    pub(crate) user_id: String,
    #[sqlx(rename = "type")]
    pub(crate) kind: String,
    pub(crate) url: String,
    /// Attempts so far, since it was last asked for.
    pub(crate) attempts: i64,
    /// When the end was noted.
    pub(crate) created_at: i64,
}

/// A delivery of the log.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Delivery {
    pub(crate) id: String,
    pub(crate) run: i64,
    #[sqlx(rename = "type")]
    pub(crate) kind: String,
    pub(crate) url: String,
    pub(crate) status: String,
    pub(crate) due_at: i64,
    pub(crate) created_at: i64,
}

/// One attempt of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Attempt {
    pub(crate) number: i64,
    pub(crate) at: i64,
    pub(crate) milliseconds: i64,
    pub(crate) http_status: Option<i64>,
    pub(crate) error: Option<String>,
}

/// What becomes of a delivery after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Delivered,
    /// Once more, then.
    Again(OffsetDateTime),
    GivenUp,
}

/// Notes that the end of a job's pass is to be told, in the transaction that ends it: each pass once.
pub(super) async fn note_end(connection: &mut AnyConnection, job: &Job) -> Result<(), StoreError> {
    let Some(url) = &job.webhook_url else {
        return Ok(());
    };
    let kind = match job.state.status {
        JobStatus::Completed => "job.completed",
        JobStatus::Cancelled => "job.cancelled",
        _ => "job.failed",
    };
    let now = record::millis(OffsetDateTime::now_utc());
    sqlx::query(
        "INSERT INTO webhook_deliveries (id, job_id, user_id, type, url, status, due_at, created_at, \
         run) VALUES ($1, $2, $3, $4, $5, 'pending', $6, $6, $7) ON CONFLICT DO NOTHING",
    )
    .bind(format!("msg_{}", Uuid::now_v7().simple()))
    .bind(job.brief.id.to_string())
    .bind(job.brief.user.to_string())
    .bind(kind)
    .bind(url.clone())
    .bind(now)
    .bind(i64::from(job.brief.run.0))
    .execute(connection)
    .await?;
    Ok(())
}

impl Store {
    /// Takes the deliveries that are due, so that no other gateway tries them meanwhile.
    pub(crate) async fn take_due(&self, now: OffsetDateTime) -> Result<Vec<Due>, StoreError> {
        let work = async {
            let due = sqlx::query_as(
                "UPDATE webhook_deliveries SET leased_until = $2 WHERE leased_until < $1 AND id IN \
             (SELECT id FROM webhook_deliveries WHERE status = 'pending' AND due_at <= $1 \
              AND leased_until < $1 ORDER BY due_at LIMIT $3) \
             RETURNING id, job_id, run, user_id, type, url, attempts, created_at",
            )
            .bind(record::millis(now))
            .bind(record::millis(now + LEASE))
            .bind(BATCH)
            .fetch_all(&self.connections.writer())
            .await?;
            Ok(due)
        };
        self.connections.answered(work).await
    }

    /// Writes down an attempt, and what becomes of its delivery.
    pub(crate) async fn attempted(
        &self,
        delivery: &str,
        attempt: &Attempt,
        verdict: Verdict,
    ) -> Result<(), StoreError> {
        let work = async {
            let (status, due_at) = match verdict {
                Verdict::Delivered => ("delivered", attempt.at),
                Verdict::GivenUp => ("failed", attempt.at),
                Verdict::Again(at) => ("pending", record::millis(at)),
            };
            let mut transaction = self.connections.writer().begin().await?;
            sqlx::query(
                "UPDATE webhook_deliveries SET status = $2, due_at = $3, attempts = attempts + 1, \
             leased_until = 0 WHERE id = $1",
            )
            .bind(delivery.to_owned())
            .bind(status)
            .bind(due_at)
            .execute(&mut *transaction)
            .await?;
            sqlx::query(
            "INSERT INTO webhook_attempts (delivery_id, number, at, milliseconds, http_status, error) \
             SELECT $1, COALESCE(MAX(number), 0) + 1, $2, $3, $4, $5 FROM webhook_attempts \
             WHERE delivery_id = $1",
        )
        .bind(delivery.to_owned())
        .bind(attempt.at)
        .bind(attempt.milliseconds)
        .bind(attempt.http_status)
        .bind(attempt.error.clone())
        .execute(&mut *transaction)
        .await?;
            transaction.commit().await?;
            Ok(())
        };
        self.connections.answered(work).await
    }

    /// A job's deliveries, each with its attempts.
    pub(crate) async fn deliveries_of(
        &self,
        job: JobId,
    ) -> Result<Vec<(Delivery, Vec<Attempt>)>, StoreError> {
        let work = async {
            let deliveries: Vec<Delivery> = sqlx::query_as(
                "SELECT id, run, type, url, status, due_at, created_at FROM webhook_deliveries \
             WHERE job_id = $1 ORDER BY created_at, id",
            )
            .bind(job.to_string())
            .fetch_all(&self.connections.reader())
            .await?;
            let mut log = Vec::with_capacity(deliveries.len());
            for delivery in deliveries {
                let attempts = sqlx::query_as(
                    "SELECT number, at, milliseconds, http_status, error FROM webhook_attempts \
                 WHERE delivery_id = $1 ORDER BY number",
                )
                .bind(delivery.id.clone())
                .fetch_all(&self.connections.reader())
                .await?;
                log.push((delivery, attempts));
            }
            Ok(log)
        };
        self.connections.answered(work).await
    }

    /// Makes a job's delivery due once more, whatever came of it. False if there is no such delivery.
    pub(crate) async fn resend(
        &self,
        job: JobId,
        delivery: &str,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let work = async {
            let made_due = sqlx::query(
                "UPDATE webhook_deliveries SET status = 'pending', attempts = 0, due_at = $3 \
             WHERE id = $1 AND job_id = $2",
            )
            .bind(delivery.to_owned())
            .bind(job.to_string())
            .bind(record::millis(now))
            .execute(&self.connections.writer())
            .await?;
            Ok(made_due.rows_affected() == 1)
        };
        self.connections.answered(work).await
    }

    /// What a user's webhooks are signed with, newest first; made with `new` if there is none yet.
    pub(crate) async fn webhook_secrets(
        &self,
        user: UserId,
        new: &str,
        now: OffsetDateTime,
    ) -> Result<Vec<String>, StoreError> {
        let work = async {
            self.add_secret(user, 1, new, now).await?;
            let rows: Vec<(String, i64)> = sqlx::query_as(
                "SELECT secret, created_at FROM webhook_secrets WHERE user_id = $1 \
             ORDER BY version DESC LIMIT 2",
            )
            .bind(user.to_string())
            .fetch_all(&self.connections.writer())
            .await?;
            let newest_since = rows.first().map_or(0, |(_, since)| *since);
            let overlaps = newest_since > record::millis(now - OVERLAP);
            let signing = if overlaps { 2 } else { 1 };
            Ok(rows
                .into_iter()
                .take(signing)
                .map(|(secret, _)| secret)
                .collect())
        };
        self.connections.answered(work).await
    }

    /// Puts a new secret before the one that is there.
    pub(crate) async fn rotate_secret(
        &self,
        user: UserId,
        new: &str,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let work = async {
            let newest: Option<i64> =
                sqlx::query_scalar("SELECT MAX(version) FROM webhook_secrets WHERE user_id = $1")
                    .bind(user.to_string())
                    .fetch_one(&self.connections.writer())
                    .await?;
            self.add_secret(user, newest.unwrap_or(0) + 1, new, now)
                .await
        };
        self.connections.answered(work).await
    }

    async fn add_secret(
        &self,
        user: UserId,
        version: i64,
        secret: &str,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO webhook_secrets (user_id, version, secret, created_at) \
             VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
        )
        .bind(user.to_string())
        .bind(version)
        .bind(secret.to_owned())
        .bind(record::millis(now))
        .execute(&self.connections.writer())
        .await?;
        Ok(())
    }
}
