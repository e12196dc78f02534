//! What was answered to requests with an `Idempotency-Key`.

use model::{JobId, UserId};
use sqlx::AnyConnection;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::{Store, StoreError, record};

/// How long an answer is kept.
const LIFE: Duration = Duration::DAY;
/// After so long without a renewal a request without an answer has died with its gateway. Should it
/// live after all, it finds its key taken, and nothing of it becomes a row.
const LEASE: Duration = Duration::seconds(20);
/// How often a request renews.
pub(crate) const RENEWAL: std::time::Duration = std::time::Duration::from_secs(5);

/// A key as a user has used it on a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyOf {
    pub(crate) user: UserId,
    pub(crate) route: &'static str,
    pub(crate) key: String,
}

/// A request's right to answer for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyClaim {
    pub(crate) of: KeyOf,
    claim: String,
}

/// What there is for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Claimed {
    /// Nothing yet: this request is the first.
    First(KeyClaim),
    /// The first request is still running.
    Running,
    /// The first request asked for something else.
    Other,
    /// The first request was answered so.
    Answered(String),
}

impl Store {
    /// Whether the key was used before and counts.
    pub(crate) async fn has_key(
        &self,
        of: &KeyOf,
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let work = async {
            let found: Option<i64> = sqlx::query_scalar(
                "SELECT created_at FROM idempotency_keys \
             WHERE user_id = $1 AND route = $2 AND key = $3 AND created_at >= $4",
            )
            .bind(of.user.to_string())
            .bind(of.route)
            .bind(of.key.clone())
            .bind(record::millis(now - LIFE))
            .fetch_optional(&self.connections.reader())
            .await?;
            Ok(found.is_some())
        };
        self.connections.answered(work).await
    }

    /// Claims the key for a request for `fingerprint`, if it is free.
    pub(crate) async fn claim_key(
        &self,
        of: KeyOf,
        fingerprint: &str,
        now: OffsetDateTime,
    ) -> Result<Claimed, StoreError> {
        let work = async {
            let claim = Uuid::new_v4().to_string();
            let ours: Option<String> = sqlx::query_scalar(
            "INSERT INTO idempotency_keys (user_id, route, key, fingerprint, claim, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (user_id, route, key) DO UPDATE \
             SET fingerprint = $4, claim = $5, created_at = $6, answer = NULL, job_id = NULL \
             WHERE idempotency_keys.created_at < $7 \
             OR (idempotency_keys.answer IS NULL AND idempotency_keys.created_at < $8) \
             RETURNING claim",
        )
        .bind(of.user.to_string())
        .bind(of.route)
        .bind(of.key.clone())
        .bind(fingerprint.to_owned())
        .bind(claim.clone())
        .bind(record::millis(now))
        .bind(record::millis(now - LIFE))
        .bind(record::millis(now - LEASE))
        .fetch_optional(&self.connections.writer())
        .await?;
            if ours.is_some() {
                return Ok(Claimed::First(KeyClaim { of, claim }));
            }
            let row: Option<(String, Option<String>)> = sqlx::query_as(
                "SELECT fingerprint, answer FROM idempotency_keys \
             WHERE user_id = $1 AND route = $2 AND key = $3",
            )
            .bind(of.user.to_string())
            .bind(of.route)
            .bind(of.key.clone())
            .fetch_optional(&self.connections.reader())
            .await?;
            Ok(match row {
                Some((asked, _)) if asked != fingerprint => Claimed::Other,
                Some((_, Some(answer))) => Claimed::Answered(answer),
                // Released in this instant, or still running: either way the client tries again.
                Some((_, None)) | None => Claimed::Running,
            })
        };
        self.connections.answered(work).await
    }

    /// Says that the request is still at it.
    pub(crate) async fn renew_key(
        &self,
        claim: &KeyClaim,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let work = async {
            sqlx::query(
                "UPDATE idempotency_keys SET created_at = $5 \
             WHERE user_id = $1 AND route = $2 AND key = $3 AND claim = $4 AND answer IS NULL",
            )
            .bind(claim.of.user.to_string())
            .bind(claim.of.route)
            .bind(claim.of.key.clone())
            .bind(claim.claim.clone())
            .bind(record::millis(now))
            .execute(&self.connections.writer())
            .await?;
            Ok(())
        };
        self.connections.answered(work).await
    }

    /// Frees a key whose request came to nothing.
    pub(crate) async fn release_key(&self, claim: &KeyClaim) -> Result<(), StoreError> {
        let work = async {
            sqlx::query(
                "DELETE FROM idempotency_keys \
             WHERE user_id = $1 AND route = $2 AND key = $3 AND claim = $4 AND answer IS NULL",
            )
            .bind(claim.of.user.to_string())
            .bind(claim.of.route)
            .bind(claim.of.key.clone())
            .bind(claim.claim.clone())
            .execute(&self.connections.writer())
            .await?;
            Ok(())
        };
        self.connections.answered(work).await
    }

    /// Removes what has expired.
    pub(crate) async fn forget_keys(&self, now: OffsetDateTime) -> Result<(), StoreError> {
        let work = async {
            sqlx::query("DELETE FROM idempotency_keys WHERE created_at < $1")
                .bind(record::millis(now - LIFE))
                .execute(&self.connections.writer())
                .await?;
            Ok(())
        };
        self.connections.answered(work).await
    }
}

/// Writes the answer, in the transaction that makes it true.
pub(super) async fn answer(
    connection: &mut AnyConnection,
    claim: &KeyClaim,
    job: JobId,
    answer: &str,
) -> Result<(), StoreError> {
    let written = sqlx::query(
        "UPDATE idempotency_keys SET answer = $5, job_id = $6 \
         WHERE user_id = $1 AND route = $2 AND key = $3 AND claim = $4 AND answer IS NULL",
    )
    .bind(claim.of.user.to_string())
    .bind(claim.of.route)
    .bind(claim.of.key.clone())
    .bind(claim.claim.clone())
    .bind(answer.to_owned())
    .bind(job.to_string())
    .execute(connection)
    .await?;
    if written.rows_affected() == 1 {
        Ok(())
    } else {
        Err(StoreError::KeyTaken)
    }
}
