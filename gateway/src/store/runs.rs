//! The passes of a job, and the films that they made: the versions of its film.

use std::sync::Arc;

use model::job::JobStatus;
use model::{ClipIndex, JobId, RunNumber, StageKind};
use runtime::cancellations::Pass;
use sqlx::AnyConnection;
use time::OffsetDateTime;

use super::{
    KeyClaim, OutboxEntry, Store, StoreError, idempotency, outbox, progress, projection, record,
};
use crate::job::{FilmFiles, Job};

/// Places in the outbox that a pass has for its messages.
const PLACES: usize = 10_000;

/// A pass that changes the film of an earlier one.
#[derive(Debug, Clone)]
pub(crate) struct NewPass {
    pub(crate) job: JobId,
    pub(crate) run: RunNumber,
    /// The pass whose film it changes.
    pub(crate) base: RunNumber,
    /// Where it begins.
    pub(crate) from: StageKind,
    /// The clips that it makes anew.
    pub(crate) anew: Vec<ClipIndex>,
    /// Clips of the film, in all shapes together.
    pub(crate) clips: u32,
    /// What says that it begins.
    pub(crate) begin: OutboxEntry,
    /// The tasks that it begins with.
    pub(crate) tasks: Vec<OutboxEntry>,
}

/// A pass, and the film that it made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Version {
    pub(crate) run: RunNumber,
    pub(crate) status: JobStatus,
    /// The pass whose film it changes; `None` for the first.
    pub(crate) base: Option<RunNumber>,
    pub(crate) from: Option<StageKind>,
    /// The clips that it made anew; `None` where it made all.
    pub(crate) anew: Option<Vec<ClipIndex>>,
    pub(crate) film: Option<FilmFiles>,
    pub(crate) created_at: OffsetDateTime,
    pub(crate) completed_at: Option<OffsetDateTime>,
}

/// A row of `job_runs`.
#[derive(sqlx::FromRow)]
struct RunRecord {
    run: i64,
    status: String,
    base: Option<i64>,
    from_stage: Option<String>,
    clips: Option<String>,
    video: Option<String>,
    poster: Option<String>,
    report: Option<String>,
    others: Option<String>,
    created_at: i64,
    completed_at: Option<i64>,
}

impl RunRecord {
    fn into_version(self) -> Result<Version, StoreError> {
        let run = RunNumber(self.run as u32);
        let film = match (&self.video, &self.poster, &self.report) {
            (Some(video), Some(poster), Some(report)) => Some(FilmFiles {
                run,
                video: record::json("video", video)?,
                poster: record::json("poster", poster)?,
                report: record::json("report", report)?,
                others: record::others(self.others.as_deref())?,
            }),
            _ => None,
        };
        let from = self.from_stage.as_deref();
        let from = from.map(|stage| record::parsed("job_runs", "from_stage", stage));
        let anew = self.clips.as_deref();
        Ok(Version {
            run,
            status: record::parsed("job_runs", "status", &self.status)?,
            base: self.base.map(|base| RunNumber(base as u32)),
            from: from.transpose()?,
            anew: anew.map(|clips| record::json("clips", clips)).transpose()?,
            film,
            created_at: record::time(self.created_at)?,
            completed_at: self.completed_at.map(record::time).transpose()?,
        })
    }
}

impl Store {
    /// Begins a pass of a job that has ended: its row, and everything that is to be published, in one
    /// transaction, with the answer to the request that carried an idempotency key. `None` where the job
    /// has not ended, or another pass began meanwhile.
    pub(crate) async fn begin_pass(
        &self,
        pass: &NewPass,
        keyed: Option<(&KeyClaim, &str)>,
        now: OffsetDateTime,
    ) -> Result<Option<Job>, StoreError> {
        let work = async {
            let mut transaction = self.connections.writer().begin().await?;
            // First, as it locks: of several gateways on one database one at a time reads and writes jobs.
            sqlx::query("UPDATE projection SET sequence = sequence WHERE id = 1")
                .execute(&mut *transaction)
                .await?;
            let found = projection::read(&mut transaction, vec![pass.job.to_string()]).await?;
            let is_next = |job: &Job| {
                job.state.status.is_terminal() && job.brief.run.0.checked_add(1) == Some(pass.run.0)
            };
            let Some(before) = found.into_iter().find(is_next) else {
                return Ok(None);
            };
            let job = before.next_pass((pass.tasks.len() as u32, pass.clips), now);
            record::begin_pass(&mut transaction, &job).await?;
            record::save(&mut transaction, &job, &before.state.stages).await?;
            progress::begin_pass(&mut transaction, pass.job, job.state.progress).await?;
            insert(&mut transaction, pass, now).await?;
            let first = pass.run.0 as usize * PLACES;
            for (place, entry) in [&pass.begin].into_iter().chain(&pass.tasks).enumerate() {
                outbox::insert(&mut transaction, &job, first + place, entry).await?;
            }
            if let Some((claim, answer)) = keyed {
                idempotency::answer(&mut transaction, claim, pass.job, answer).await?;
            }
            transaction.commit().await?;
            self.cache.replace([Arc::new(job.clone())]);
            self.cache.drop_queue();
            Ok(Some(job))
        };
        self.connections.answered(work).await
    }

    /// The passes of a job, in their order; without the first, while that has not ended.
    pub(crate) async fn versions(&self, job: JobId) -> Result<Vec<Version>, StoreError> {
        let work = async {
            let rows: Vec<RunRecord> = sqlx::query_as(
            "SELECT run, status, base, from_stage, clips, video, poster, report, others, created_at, \
             completed_at FROM job_runs WHERE job_id = $1 ORDER BY run",
        )
        .bind(job.to_string())
        .fetch_all(&self.connections.reader())
        .await?;
            rows.into_iter().map(RunRecord::into_version).collect()
        };
        self.connections.answered(work).await
    }

    /// The tasks that a later pass begins with.
    pub(crate) async fn tasks_of_pass(
        &self,
        (job, run): Pass,
    ) -> Result<Vec<OutboxEntry>, StoreError> {
        let work = async {
            let tasks: Option<Option<String>> =
                sqlx::query_scalar("SELECT tasks FROM job_runs WHERE job_id = $1 AND run = $2")
                    .bind(job.to_string())
                    .bind(i64::from(run.0))
                    .fetch_optional(&self.connections.reader())
                    .await?;
            match tasks.flatten() {
                Some(tasks) => record::json("tasks", &tasks),
                None => Ok(vec![]),
            }
        };
        self.connections.answered(work).await
    }
}

async fn insert(
    connection: &mut AnyConnection,
    pass: &NewPass,
    now: OffsetDateTime,
) -> Result<(), StoreError> {
    let unwritten = |error| record::unreadable("job_runs", "clips or tasks", error);
    sqlx::query(
        "INSERT INTO job_runs (job_id, run, status, base, from_stage, clips, tasks, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(pass.job.to_string())
    .bind(i64::from(pass.run.0))
    .bind(JobStatus::Queued.name())
    .bind(i64::from(pass.base.0))
    .bind(pass.from.name())
    .bind(serde_json::to_string(&pass.anew).map_err(unwritten)?)
    .bind(serde_json::to_string(&pass.tasks).map_err(unwritten)?)
    .bind(record::millis(now))
    .execute(connection)
    .await?;
    Ok(())
}

/// Notes how a pass ended, in the transaction that ends it.
pub(super) async fn note_end(connection: &mut AnyConnection, job: &Job) -> Result<(), StoreError> {
    let of_this = |film: &&FilmFiles| film.run == job.brief.run;
    let film = job.state.film.as_ref().filter(of_this);
    sqlx::query(
        "INSERT INTO job_runs (job_id, run, status, video, poster, report, created_at, completed_at, \
         others) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (job_id, run) DO UPDATE SET \
         status = $3, video = $4, poster = $5, report = $6, completed_at = $8, others = $9",
    )
    .bind(job.brief.id.to_string())
    .bind(i64::from(job.brief.run.0))
    .bind(job.state.status.name())
    .bind(film.map(|film| record::artifact(&film.video)).transpose()?)
    .bind(film.map(|film| record::artifact(&film.poster)).transpose()?)
    .bind(film.map(|film| record::artifact(&film.report)).transpose()?)
    .bind(record::millis(job.created_at))
    .bind(job.state.completed_at.map(record::millis))
    .bind(film.map(|film| record::others_text(&film.others)).transpose()?)
    .execute(connection)
    .await?;
    Ok(())
}
