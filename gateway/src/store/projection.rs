//! EVENTS into rows: each event once, in the order of the stream, with the position in the same
//! transaction as the rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{Event, JobId};
use sqlx::{AnyConnection, AssertSqlSafe};

use super::record::{self, JobRecord, StageRecord};
use super::{Store, StoreError, progress, runs, webhooks};
use crate::job::{Job, JobState};

/// An event and its place in EVENTS. The event is absent where this build cannot read it.
#[derive(Debug, Clone)]
pub(crate) struct Sequenced {
    pub(crate) sequence: u64,
    pub(crate) event: Option<Arc<Event>>,
}

/// An event of a known job that is in the rows.
#[derive(Debug, Clone)]
pub(crate) struct Folded {
    pub(crate) sequence: u64,
    pub(crate) event: Arc<Event>,
}

impl Store {
    /// Up to which sequence the stream has been read. `stream` tells one stream from its successor of
    /// the same name: a new one is read from its begin, and live jobs take its events from there.
    pub(crate) async fn position(&self, stream: &str) -> Result<u64, StoreError> {
        let work = async {
            let mut transaction = self.connections.writer().begin().await?;
            sqlx::query(
            "INSERT INTO projection (id, stream, sequence) VALUES (1, $1, 0) ON CONFLICT DO NOTHING",
        )
        .bind(stream.to_owned())
        .execute(&mut *transaction)
        .await?;
            let (known, sequence): (String, i64) = sqlx::query_as(
                "UPDATE projection SET sequence = sequence WHERE id = 1 RETURNING stream, sequence",
            )
            .fetch_one(&mut *transaction)
            .await?;
            if known != stream {
                sqlx::query(
                    "UPDATE jobs SET last_sequence = 0 WHERE status IN ('queued', 'processing')",
                )
                .execute(&mut *transaction)
                .await?;
                progress::start_anew(&mut transaction).await?;
                sqlx::query("UPDATE projection SET stream = $1, sequence = 0 WHERE id = 1")
                    .bind(stream.to_owned())
                    .execute(&mut *transaction)
                    .await?;
            }
            transaction.commit().await?;
            self.cache.clear();
            Ok(if known == stream {
                sequence.unsigned_abs()
            } else {
                0
            })
        };
        self.connections.answered(work).await
    }

    /// Whether `stream` is the successor of one that was read before: then all that lay in the broker is
    /// gone.
    pub(crate) async fn is_successor(&self, stream: &str) -> Result<bool, StoreError> {
        let work = async {
            let known: Option<String> =
                sqlx::query_scalar("SELECT stream FROM projection WHERE id = 1")
                    .fetch_optional(&self.connections.reader())
                    .await?;
            Ok(known.is_some_and(|known| known != stream))
        };
        self.connections.answered(work).await
    }

    /// Takes in events that follow each other in the stream. Gives those of known jobs, in order.
    pub(crate) async fn project(&self, events: &[Sequenced]) -> Result<Vec<Folded>, StoreError> {
        let Some(last) = events.last() else {
            return Ok(vec![]);
        };
        let work = async {
            let mut transaction = self.connections.writer().begin().await?;
            // First, as it locks: of several gateways on one database one at a time reads and writes jobs.
            sqlx::query(
            "UPDATE projection SET sequence = CASE WHEN sequence < $1 THEN $1 ELSE sequence END \
             WHERE id = 1",
        )
        .bind(last.sequence.cast_signed())
        .execute(&mut *transaction)
        .await?;
            let told = events.iter().filter_map(|event| event.event.as_ref());
            let told = told.map(|event| event.job_id).collect();
            let mut jobs = self.load(&mut transaction, told).await?;
            let mut folded = Vec::with_capacity(events.len());
            for Sequenced { sequence, event } in events {
                let Some(event) = event else { continue };
                let id = event.job_id;
                let Some(Loaded { job, .. }) = jobs.get_mut(&id) else {
                    continue;
                };
                let before = job.state.progress;
                let had_ended = job.state.status.is_terminal();
                job.apply(*sequence, event);
                if job.state.status.is_terminal() && !had_ended {
                    runs::note_end(&mut transaction, job).await?;
                    webhooks::note_end(&mut transaction, job).await?;
                }
                if job.state.progress > before {
                    progress::insert_step(&mut transaction, id, *sequence, job.state.progress)
                        .await?;
                }
                folded.push(Folded {
                    sequence: *sequence,
                    event: Arc::clone(event),
                });
            }
            let has_queue_moved = save(&mut transaction, &mut jobs).await?;
            transaction.commit().await?;
            let changed = jobs.into_values().map(|loaded| Arc::new(loaded.job));
            self.cache.replace(changed);
            if has_queue_moved {
                self.cache.drop_queue();
            }
            Ok(folded)
        };
        self.connections.answered(work).await
    }

    /// Those of the jobs that there are. Where one stands follows from its events and from when its pass
    /// began, so what is kept of it counts where the row has seen no other event and is of the same time;
    /// the rest is read by two queries.
    async fn load(
        &self,
        connection: &mut AnyConnection,
        ids: BTreeSet<JobId>,
    ) -> Result<BTreeMap<JobId, Loaded>, StoreError> {
        let mut jobs = BTreeMap::new();
        let mut unknown = vec![];
        for (name, stands) in stands(connection, &ids).await? {
            let kept = name.parse().ok().and_then(|id| self.cache.any(id));
            let is_same = |job: &Arc<Job>| {
                let changed = record::millis(job.state.updated_at);
                (job.state.last_sequence.cast_signed(), changed) == stands
            };
            match kept.filter(is_same) {
                Some(job) => {
                    jobs.insert(job.brief.id, Loaded::new(Job::clone(&job)));
                }
                None => unknown.push(name),
            }
        }
        for job in read(connection, unknown).await? {
            jobs.insert(job.brief.id, Loaded::new(job));
        }
        Ok(jobs)
    }
}

/// A job that is to be changed, beside how it is in the rows.
struct Loaded {
    job: Job,
    before: JobState,
}

impl Loaded {
    fn new(job: Job) -> Self {
        let before = job.state.clone();
        Self { job, before }
    }
}

/// Writes what has changed of each job. True where one waits or works that did not, or the other way round.
async fn save(
    connection: &mut AnyConnection,
    jobs: &mut BTreeMap<JobId, Loaded>,
) -> Result<bool, StoreError> {
    let mut has_queue_moved = false;
    let mut touched = vec![];
    for Loaded { job, before } in jobs.values_mut() {
        job.state.truncate_times();
        if job.state.differs_by_sequence_only(before) {
            touched.push(&*job);
        } else {
            record::save(connection, job, &before.stages).await?;
        }
        has_queue_moved |= job.state.status != before.status;
    }
    record::touch(connection, &touched).await?;
    Ok(has_queue_moved)
}

/// The last event that each row has seen and when it last changed, of those that there are.
async fn stands(
    connection: &mut AnyConnection,
    ids: &BTreeSet<JobId>,
) -> Result<Vec<(String, (i64, i64))>, StoreError> {
    let Some((places, names)) = list(ids.iter().map(JobId::to_string).collect()) else {
        return Ok(vec![]);
    };
    let sql = format!("SELECT id, last_sequence, updated_at FROM jobs WHERE id IN ({places})");
    let mut query = sqlx::query_as(AssertSqlSafe(sql));
    for name in names {
        query = query.bind(name);
    }
    let rows: Vec<(String, i64, i64)> = query.fetch_all(connection).await?;
    let rows = rows.into_iter();
    Ok(rows
        .map(|(name, sequence, changed)| (name, (sequence, changed)))
        .collect())
}

pub(super) async fn read(
    connection: &mut AnyConnection,
    names: Vec<String>,
) -> Result<Vec<Job>, StoreError> {
    let Some((places, names)) = list(names) else {
        return Ok(vec![]);
    };
    let rows = format!("SELECT * FROM jobs WHERE id IN ({places})");
    let mut rows = sqlx::query_as(AssertSqlSafe(rows));
    for name in &names {
        rows = rows.bind(name.clone());
    }
    let rows: Vec<JobRecord> = rows.fetch_all(&mut *connection).await?;
    let stages = stages_of(connection, names).await?;
    record::joined(rows, stages)
}

/// The stages of the jobs of these names.
pub(super) async fn stages_of(
    connection: &mut AnyConnection,
    names: Vec<String>,
) -> Result<Vec<StageRecord>, StoreError> {
    let Some((places, names)) = list(names) else {
        return Ok(vec![]);
    };
    let stages = format!("SELECT * FROM job_stages WHERE job_id IN ({places})");
    let mut stages = sqlx::query_as(AssertSqlSafe(stages));
    for name in names {
        stages = stages.bind(name);
    }
    Ok(stages.fetch_all(connection).await?)
}

/// The places of a list in SQL, and what goes there. Few different lengths, so that each text of a query
/// stays prepared: the first name is repeated at the end.
fn list(mut names: Vec<String>) -> Option<(String, Vec<String>)> {
    let first = names.first()?.clone();
    names.resize(names.len().next_power_of_two(), first);
    let places: Vec<_> = (1..=names.len()).map(|n| format!("${n}")).collect();
    Some((places.join(", "), names))
}
