//! The rows: jobs, their stages, the outbox, and how far EVENTS has been read.
//!
//! One SQL text for SQLite and Postgres: `$n` parameters, ids and JSON as TEXT, times as BIGINT
//! milliseconds, money as BIGINT micro-dollars. A trait with two implementations would hold every query
//! twice; sqlx's `Any` holds it once, and what differs (migrations, how a connection is made ready) is in
//! [`Kind`]. `contract` runs one suite on both. Only this module knows SQL.

mod budget;
mod cache;
mod connections;
#[cfg(test)]
pub(crate) mod contract;
mod idempotency;
mod outbox;
mod progress;
mod projection;
mod queue;
mod record;
mod runs;
mod sweep;
mod webhooks;

use std::sync::{Arc, Once};
use std::time::Duration;

use model::job::JobStatus;
use model::{JobId, Usd, UserId};
use sqlx::any::AnyPoolOptions;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AnyConnection, Executor};
use time::OffsetDateTime;
use tokio_util::task::AbortOnDropHandle;

use crate::job::Job;
use cache::Cache;
use connections::Connections;
use record::JobRecord;

#[cfg(test)]
pub(crate) use contract::{job_of, user};
pub(crate) use idempotency::{Claimed, KeyClaim, KeyOf, RENEWAL};
pub(crate) use outbox::OutboxEntry;
pub(crate) use projection::{Folded, Sequenced};
pub(crate) use queue::Queue;
pub(crate) use runs::{NewPass, Version};
pub(crate) use webhooks::{Attempt, Delivery, Due, Verdict};

/// How long a query waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// SQLite: readers beside the one writer.
const READERS: u32 = 4;
/// How many jobs one query may name.
const PARAMETERS: usize = 256;
/// Postgres: connections of a gateway. Ten gateways fit into a server's usual hundred.
const CONNECTIONS: u32 = 10;

/// Why the rows could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or is away.
    #[error("the database")]
    Sql(#[from] sqlx::Error),
    /// The tables could not be made.
    #[error("migrating the database")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// A newer build was here first.
    #[error(
        "the database has schema {found}, and this build knows schemas up to {known}: start the newer \
         build again, or restore a backup from before it"
    )]
    NewerSchema {
        /// Of the database.
        found: i64,
        /// The newest that this build knows.
        known: i64,
    },
    /// A row holds what this build cannot read.
    #[error("row of {table}: {column} cannot be read")]
    Unreadable {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// Why.
        source: crate::error::Source,
    },
    /// A request took so long for its answer that its key was given to another.
    #[error("another request has taken the idempotency key over")]
    KeyTaken,
    /// The answer to a commit was lost: it may be written.
    #[error("whether it was written cannot be told")]
    Unknown(#[source] sqlx::Error),
    /// The database has said nothing for so long that it is not waited for any more. What was to be
    /// written may be.
    #[error("the database does not answer")]
    Silent,
    /// All jobs of the last 24 hours together would cost too much.
    #[error("{spent} of {limit} are spent or promised in 24 hours")]
    DailyLimit {
        /// Spent or promised.
        spent: Usd,
        /// The limit.
        limit: Usd,
    },
    /// The URL names a database that this build does not speak to.
    #[error("DATABASE_URL must begin with sqlite: or postgres:")]
    OtherDatabase,
}

/// The database.
#[derive(Clone)]
pub(crate) struct Store {
    connections: Arc<Connections>,
    /// Until the last of us is gone.
    _watchdog: Option<Arc<AbortOnDropHandle<()>>>,
    cache: Cache,
    /// What all jobs of a day may cost together.
    daily_limit: Option<Usd>,
}

/// Which database a URL names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    fn of(url: &str) -> Result<Self, StoreError> {
        match url.split_once(':') {
            Some(("sqlite", _)) => Ok(Self::Sqlite),
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres),
            _ => Err(StoreError::OtherDatabase),
        }
    }

    /// The steps from an empty database to the tables of this build.
    fn migrations(self) -> Migrator {
        match self {
            Self::Sqlite => sqlx::migrate!("migrations/sqlite"),
            Self::Postgres => sqlx::migrate!("migrations/postgres"),
        }
    }

    /// What a new connection is told.
    const fn greeting(self) -> &'static [&'static str] {
        match self {
            // FULL: what was answered as accepted survives a power cut.
            Self::Sqlite => &[
                "PRAGMA busy_timeout = 5000",
                "PRAGMA journal_mode = WAL",
                "PRAGMA synchronous = FULL",
                "PRAGMA foreign_keys = ON",
            ],
            // A query or a transaction that hangs holds rows that every gateway needs. Shorter than the
            // silence at which connections are given up: a busy server is no silent one.
            Self::Postgres => &[
                "SET statement_timeout = '3s'",
                "SET idle_in_transaction_session_timeout = '10s'",
            ],
        }
    }

    fn pool(self, connections: u32) -> AnyPoolOptions {
        AnyPoolOptions::new()
            .max_connections(connections)
            .min_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .after_connect(move |connection, _| Box::pin(self.greet(connection)))
    }

    async fn greet(self, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
        for words in self.greeting() {
            connection.execute(*words).await?;
        }
        Ok(())
    }
}

/// Which of a user's jobs are asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    pub(crate) status: Option<JobStatus>,
    pub(crate) limit: u32,
    pub(crate) offset: u32,
    /// Only what comes behind this: when a job was created (milliseconds since 1970), and its id.
    pub(crate) after: Option<(i64, String)>,
}

/// A page of a user's jobs.
pub(crate) struct JobPage {
    pub(crate) jobs: Vec<Job>,
    /// On all pages.
    pub(crate) total: u64,
    /// Whether more come behind this page.
    pub(crate) has_more: bool,
}

impl Store {
    /// Opens the database, made if the URL says so, and brings its tables up to date.
    pub(crate) async fn open(url: &str) -> Result<Self, StoreError> {
        static DRIVERS: Once = Once::new();
        DRIVERS.call_once(sqlx::any::install_default_drivers);
        let kind = Kind::of(url)?;
        migrate(kind, url).await?;
        let (connections, watchdog) = Connections::open(kind, url).await?;
        Ok(Self {
            connections,
            _watchdog: watchdog.map(Arc::new),
            cache: Cache::default(),
            daily_limit: None,
        })
    }

    /// With a limit to what is accepted in 24 hours.
    pub(crate) fn with_daily_limit(mut self, limit: Option<Usd>) -> Self {
        self.daily_limit = limit;
        self
    }

    /// Answers when the database does.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        let asked = connections::ask_pool(self.connections.reader());
        self.connections.answered(asked).await
    }

    /// Writes an accepted job with everything that is to be published for it, and with the answer to the
    /// request that carried an idempotency key, or nothing.
    pub(crate) async fn accept(
        &self,
        job: &Job,
        outbox: &[OutboxEntry],
        keyed: Option<(&KeyClaim, &str)>,
    ) -> Result<(), StoreError> {
        let work = async {
            let mut transaction = self.connections.writer().begin().await?;
            if let Some(limit) = self.daily_limit {
                budget::check(&mut transaction, limit, job).await?;
            }
            record::insert(&mut transaction, job).await?;
            for (position, entry) in outbox.iter().enumerate() {
                outbox::insert(&mut transaction, job, position, entry).await?;
            }
            if let Some((claim, answer)) = keyed {
                idempotency::answer(&mut transaction, claim, job.brief.id, answer).await?;
            }
            transaction.commit().await.map_err(StoreError::Unknown)
        };
        self.connections.answered(work).await
    }

    /// The job, if it is this user's; as it was last read, if nothing has changed since.
    pub(crate) async fn job_of(
        &self,
        user: UserId,
        id: JobId,
    ) -> Result<Option<Arc<Job>>, StoreError> {
        if let Some(job) = self.cache.get(user, id) {
            return Ok(Some(job));
        }
        let work = async {
            let generation = self.cache.generation();
            let row: Option<JobRecord> =
                sqlx::query_as("SELECT * FROM jobs WHERE id = $1 AND user_id = $2")
                    .bind(id.to_string())
                    .bind(user.to_string())
                    .fetch_optional(&self.connections.reader())
                    .await?;
            let Some(row) = row else { return Ok(None) };
            let job = self.with_stages(vec![row]).await?.pop().map(Arc::new);
            if let Some(job) = &job {
                self.cache.keep(generation, job);
            }
            Ok(job)
        };
        self.connections.answered(work).await
    }

    /// A page of the user's jobs, newest first.
    pub(crate) async fn jobs_of(&self, user: UserId, page: &Page) -> Result<JobPage, StoreError> {
        let work = async {
            let status = page.status.map(|status| status.name().to_owned());
            let (created_before, id_before) = page.after.clone().unzip();
            let rows: Vec<JobRecord> = sqlx::query_as(
            "SELECT * FROM jobs WHERE user_id = $1 AND (CAST($2 AS TEXT) IS NULL OR status = $2) \
             AND (CAST($5 AS BIGINT) IS NULL OR (created_at, id) < ($5, $6)) \
             ORDER BY created_at DESC, id DESC LIMIT $3 OFFSET $4",
        )
        .bind(user.to_string())
        .bind(status.clone())
        .bind(i64::from(page.limit) + 1)
        .bind(i64::from(page.offset))
        .bind(created_before)
        .bind(id_before)
        .fetch_all(&self.connections.reader())
        .await?;
            let total: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM jobs WHERE user_id = $1 AND (CAST($2 AS TEXT) IS NULL OR status = $2)",
        )
        .bind(user.to_string())
        .bind(status)
        .fetch_one(&self.connections.reader())
        .await?;
            let has_more = rows.len() > page.limit as usize;
            let rows = rows.into_iter().take(page.limit as usize).collect();
            Ok(JobPage {
                jobs: self.with_stages(rows).await?,
                total: total.unsigned_abs(),
                has_more,
            })
        };
        self.connections.answered(work).await
    }

    /// How many jobs have not ended.
    pub(crate) async fn live_count(&self) -> Result<u64, StoreError> {
        let work = async {
            let count: i64 = sqlx::query_scalar(
                "SELECT COUNT(*) FROM jobs WHERE status IN ('queued', 'processing')",
            )
            .fetch_one(&self.connections.reader())
            .await?;
            Ok(count.unsigned_abs())
        };
        self.connections.answered(work).await
    }

    /// Whether there is such a job, of whatever user.
    pub(crate) async fn has_job(&self, id: JobId) -> Result<bool, StoreError> {
        let work = async {
            let found: Option<String> = sqlx::query_scalar("SELECT id FROM jobs WHERE id = $1")
                .bind(id.to_string())
                .fetch_optional(&self.connections.reader())
                .await?;
            Ok(found.is_some())
        };
        self.connections.answered(work).await
    }

    /// The jobs that have not ended, and of which nothing was heard since `before`.
    pub(crate) async fn silent_jobs(&self, before: OffsetDateTime) -> Result<Vec<Job>, StoreError> {
        let work = async {
            let rows: Vec<JobRecord> = sqlx::query_as(
                "SELECT * FROM jobs WHERE status IN ('queued', 'processing') AND updated_at < $1 \
             ORDER BY created_at",
            )
            .bind(record::millis(before))
            .fetch_all(&self.connections.reader())
            .await?;
            self.with_stages(rows).await
        };
        self.connections.answered(work).await
    }

    /// Closes the database once what is running has ended.
    pub(crate) async fn close(&self) {
        self.connections.close().await;
    }

    /// The jobs of `rows`, in their order.
    async fn with_stages(&self, mut rows: Vec<JobRecord>) -> Result<Vec<Job>, StoreError> {
        let reader = self.connections.reader();
        let mut jobs = Vec::with_capacity(rows.len());
        while !rows.is_empty() {
            let rest = rows.split_off(rows.len().min(PARAMETERS));
            let part = std::mem::replace(&mut rows, rest);
            let names = part.iter().map(JobRecord::id).collect();
            let stages = projection::stages_of(&mut *reader.acquire().await?, names).await?;
            jobs.extend(record::joined(part, stages)?);
        }
        Ok(jobs)
    }
}

/// Brings the tables up to date, on a connection without the time limits of a query. Tables of a newer
/// build are left alone: what this one would write may be wrong there.
async fn migrate(kind: Kind, url: &str) -> Result<(), StoreError> {
    let migrations = kind.migrations();
    let known = migrations.iter().map(|step| step.version).max();
    let pool = AnyPoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect(url)
        .await?;
    let migrated = migrations.run(&pool).await;
    pool.close().await;
    migrated.map_err(|error| match error {
        MigrateError::VersionMissing(found) => StoreError::NewerSchema {
            found,
            known: known.unwrap_or(0),
        },
        error => StoreError::Migrate(error),
    })
}
