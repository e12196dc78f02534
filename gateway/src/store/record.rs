//! A job as a row of `jobs` and rows of `job_stages`, there and back.

use std::collections::{BTreeMap, HashMap};

use model::film::ShapedFilm;
use model::job::{JobStatus, StageStatus};
use model::{ArtifactRef, RunNumber, Seconds, StageKind, Usd};
use serde::de::DeserializeOwned;
use sqlx::{AnyConnection, AssertSqlSafe};
use time::OffsetDateTime;

use super::StoreError;
use crate::job::{FilmFiles, Job, JobError, JobState, StageState};

/// Where each stage stands.
pub(super) type Stages = BTreeMap<StageKind, StageState>;

/// A row of `jobs`.
#[derive(sqlx::FromRow)]
pub(super) struct JobRecord {
    id: String,
    status: String,
    current_stage: Option<String>,
    progress: i64,
    estimated_remaining: Option<f64>,
    estimated_cost: i64,
    total_cost: i64,
    duration: f64,
    clips_completed: i64,
    clips_total: Option<i64>,
    brief: String,
    video: Option<String>,
    poster: Option<String>,
    report: Option<String>,
    error_message: Option<String>,
    error_code: Option<String>,
    error_retryable: i64,
    last_sequence: i64,
    end_sequence: Option<i64>,
    created_at: i64,
    updated_at: i64,
    completed_at: Option<i64>,
    cancel_at: Option<i64>,
    webhook_url: Option<String>,
    film_run: Option<i64>,
    others: Option<String>,
}

/// A row of `job_stages`.
#[derive(sqlx::FromRow)]
pub(super) struct StageRecord {
    job_id: String,
    stage: String,
    status: String,
    started_at: Option<i64>,
    completed_at: Option<i64>,
    duration: Option<f64>,
    error: Option<String>,
}

impl JobRecord {
    pub(super) fn id(&self) -> String {
        self.id.clone()
    }

    pub(super) fn into_job(self, stages: Vec<StageRecord>) -> Result<Job, StoreError> {
        let created_at = time(self.created_at)?;
        let mut state = JobState {
            status: parsed("jobs", "status", &self.status)?,
            current_stage: match &self.current_stage {
                Some(stage) => Some(parsed("jobs", "current_stage", stage)?),
                None => None,
            },
            progress: self.progress.clamp(0, 100) as u8,
            estimated_remaining: self.estimated_remaining.map(Seconds),
            total_cost: Usd::from_micros(self.total_cost.unsigned_abs()),
            clips_completed: self.clips_completed as u32,
            clips_total: self.clips_total.map(|total| total as u32),
            film: self.film()?,
            error: self.error(),
            updated_at: time(self.updated_at)?,
            completed_at: self.completed_at.map(time).transpose()?,
            last_sequence: self.last_sequence.unsigned_abs(),
            end_sequence: self.end_sequence.map(i64::unsigned_abs),
            ..JobState::accepted(Seconds(self.duration), created_at)
        };
        for stage in stages {
            let kind: StageKind = parsed("job_stages", "stage", &stage.stage)?;
            state.stages.insert(kind, stage.into_state()?);
        }
        Ok(Job {
            brief: json("brief", &self.brief)?,
            estimated_cost: Usd::from_micros(self.estimated_cost.unsigned_abs()),
            created_at,
            cancel_at: self.cancel_at.map(time).transpose()?,
            webhook_url: self.webhook_url,
            state,
        })
    }

    fn film(&self) -> Result<Option<FilmFiles>, StoreError> {
        let (Some(video), Some(poster), Some(report)) = (&self.video, &self.poster, &self.report)
        else {
            return Ok(None);
        };
        Ok(Some(FilmFiles {
            run: RunNumber(self.film_run.map_or(1, |run| run as u32)),
            video: json("video", video)?,
            poster: json("poster", poster)?,
            report: json("report", report)?,
            others: others(self.others.as_deref())?,
        }))
    }

    fn error(&self) -> Option<JobError> {
        Some(JobError {
            message: self.error_message.clone()?,
            code: self.error_code.clone()?,
            retryable: self.error_retryable != 0,
        })
    }
}

impl StageRecord {
    pub(super) fn job(&self) -> &str {
        &self.job_id
    }

    fn into_state(self) -> Result<StageState, StoreError> {
        Ok(StageState {
            status: stage_status(&self.status)?,
            started_at: self.started_at.map(time).transpose()?,
            completed_at: self.completed_at.map(time).transpose()?,
            duration: self.duration.map(Seconds),
            error: self.error,
        })
    }
}

/// Each row with its stages, in the order of the rows.
pub(super) fn joined(
    rows: Vec<JobRecord>,
    stages: Vec<StageRecord>,
) -> Result<Vec<Job>, StoreError> {
    let mut of_job: HashMap<String, Vec<StageRecord>> = HashMap::new();
    for stage in stages {
        let job = stage.job().to_owned();
        of_job.entry(job).or_default().push(stage);
    }
    let jobs = rows.into_iter().map(|row| {
        let stages = of_job.remove(&row.id).unwrap_or_default();
        row.into_job(stages)
    });
    jobs.collect()
}

/// Inserts a job that was just accepted.
pub(super) async fn insert(connection: &mut AnyConnection, job: &Job) -> Result<(), StoreError> {
    let brief =
        serde_json::to_string(&job.brief).map_err(|error| unreadable("jobs", "brief", error))?;
    sqlx::query(
        "INSERT INTO jobs (id, user_id, run, status, current_stage, estimated_cost, duration, brief, \
         created_at, updated_at, cancel_at, webhook_url) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
    )
    .bind(job.brief.id.to_string())
    .bind(job.brief.user.to_string())
    .bind(i64::from(job.brief.run.0))
    .bind(JobStatus::Queued.name())
    .bind(job.state.current_stage.map(StageKind::name))
    .bind(job.estimated_cost.micros().cast_signed())
    .bind(job.state.duration.0)
    .bind(brief)
    .bind(millis(job.created_at))
    .bind(millis(job.state.updated_at))
    .bind(job.cancel_at.map(millis))
    .bind(job.webhook_url.clone())
    .execute(&mut *connection)
    .await?;
    save_stages(connection, job, &BTreeMap::new()).await
}

/// Writes which pass the job is in, and what holds for that pass only.
pub(super) async fn begin_pass(
    connection: &mut AnyConnection,
    job: &Job,
) -> Result<(), StoreError> {
    let brief =
        serde_json::to_string(&job.brief).map_err(|error| unreadable("jobs", "brief", error))?;
    sqlx::query(
        "UPDATE jobs SET run = $2, brief = $3, cancel_at = $4, swept_at = NULL WHERE id = $1",
    )
    .bind(job.brief.id.to_string())
    .bind(i64::from(job.brief.run.0))
    .bind(brief)
    .bind(job.cancel_at.map(millis))
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes where the job stands; `before` is how its stages stood in the rows.
pub(super) async fn save(
    connection: &mut AnyConnection,
    job: &Job,
    before: &Stages,
) -> Result<(), StoreError> {
    let state = &job.state;
    let film = state.film.as_ref();
    let error = state.error.as_ref();
    sqlx::query(
        "UPDATE jobs SET status = $2, current_stage = $3, progress = $4, estimated_remaining = $5, \
         total_cost = $6, duration = $7, clips_completed = $8, clips_total = $9, video = $10, \
         poster = $11, report = $12, error_message = $13, error_code = $14, error_retryable = $15, \
         last_sequence = $16, end_sequence = $17, updated_at = $18, completed_at = $19, film_run = $20, \
         others = $21 \
         WHERE id = $1",
    )
    .bind(job.brief.id.to_string())
    .bind(state.status.name())
    .bind(state.current_stage.map(StageKind::name))
    .bind(i64::from(state.progress))
    .bind(state.estimated_remaining.map(|seconds| seconds.0))
    .bind(state.total_cost.micros().cast_signed())
    .bind(state.duration.0)
    .bind(i64::from(state.clips_completed))
    .bind(state.clips_total.map(i64::from))
    .bind(film.map(|film| artifact(&film.video)).transpose()?)
    .bind(film.map(|film| artifact(&film.poster)).transpose()?)
    .bind(film.map(|film| artifact(&film.report)).transpose()?)
    .bind(error.map(|error| error.message.clone()))
    .bind(error.map(|error| error.code.clone()))
    .bind(i64::from(error.is_some_and(|error| error.retryable)))
    .bind(state.last_sequence.cast_signed())
    .bind(state.end_sequence.map(u64::cast_signed))
    .bind(millis(state.updated_at))
    .bind(state.completed_at.map(millis))
    .bind(film.map(|film| i64::from(film.run.0)))
    .bind(film.map(|film| others_text(&film.others)).transpose()?)
    .execute(&mut *connection)
    .await?;
    save_stages(connection, job, before).await
}

/// Writes of jobs that an event has changed in nothing else that there was one.
pub(super) async fn touch(connection: &mut AnyConnection, jobs: &[&Job]) -> Result<(), StoreError> {
    if jobs.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = (0..jobs.len())
        .map(|row| {
            let at = 3 * row;
            format!(
                "SELECT CAST(${} AS TEXT) AS id, CAST(${} AS BIGINT) AS sequence, CAST(${} AS BIGINT) AS at",
                at + 1,
                at + 2,
                at + 3
            )
        })
        .collect();
    let sql = format!(
        "UPDATE jobs SET last_sequence = touched.sequence, updated_at = touched.at FROM ({}) AS touched \
         WHERE jobs.id = touched.id",
        rows.join(" UNION ALL ")
    );
    let mut query = sqlx::query(AssertSqlSafe(sql));
    for job in jobs {
        query = query
            .bind(job.brief.id.to_string())
            .bind(job.state.last_sequence.cast_signed())
            .bind(millis(job.state.updated_at));
    }
    query.persistent(false).execute(connection).await?;
    Ok(())
}

/// Most events change none of the six.
async fn save_stages(
    connection: &mut AnyConnection,
    job: &Job,
    before: &Stages,
) -> Result<(), StoreError> {
    for (kind, stage) in &job.state.stages {
        if before.get(kind) == Some(stage) {
            continue;
        }
        sqlx::query(
            "INSERT INTO job_stages (job_id, stage, status, started_at, completed_at, duration, error) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (job_id, stage) DO UPDATE SET \
             status = $3, started_at = $4, completed_at = $5, duration = $6, error = $7",
        )
        .bind(job.brief.id.to_string())
        .bind(kind.name())
        .bind(stage.status.name())
        .bind(stage.started_at.map(millis))
        .bind(stage.completed_at.map(millis))
        .bind(stage.duration.map(|seconds| seconds.0))
        .bind(stage.error.clone())
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Milliseconds since 1970.
pub(super) fn millis(time: OffsetDateTime) -> i64 {
    (time.unix_timestamp_nanos() / 1_000_000) as i64
}

pub(super) fn time(millis: i64) -> Result<OffsetDateTime, StoreError> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000)
        .map_err(|error| unreadable("jobs", "a time", error))
}

pub(super) fn artifact(artifact: &ArtifactRef) -> Result<String, StoreError> {
    serde_json::to_string(artifact).map_err(|error| unreadable("jobs", "an artifact", error))
}

/// The film in other shapes, as a column keeps it.
pub(super) fn others(text: Option<&str>) -> Result<Vec<ShapedFilm>, StoreError> {
    text.map_or(Ok(Vec::new()), |text| json("others", text))
}

pub(super) fn others_text(others: &[ShapedFilm]) -> Result<String, StoreError> {
    serde_json::to_string(others).map_err(|error| unreadable("jobs", "others", error))
}

pub(super) fn json<T: DeserializeOwned>(column: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| unreadable("jobs", column, error))
}

pub(super) fn parsed<T>(
    table: &'static str,
    column: &'static str,
    text: &str,
) -> Result<T, StoreError>
where
    T: std::str::FromStr<Err: Into<crate::error::Source>>,
{
    text.parse()
        .map_err(|error| unreadable(table, column, error))
}

fn stage_status(text: &str) -> Result<StageStatus, StoreError> {
    serde_json::from_value(serde_json::Value::from(text))
        .map_err(|error| unreadable("job_stages", "status", error))
}

pub(super) fn unreadable(
    table: &'static str,
    column: &'static str,
    error: impl Into<crate::error::Source>,
) -> StoreError {
    StoreError::Unreadable {
        table,
        column,
        source: error.into(),
    }
}
