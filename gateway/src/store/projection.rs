//! EVENTS into rows: each event once, in the order of the stream, with the position in the same
//! transaction as the rows.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use model::{Event, JobId};
use sqlx::AnyConnection;

use super::record::{self, JobRecord, StageRecord};
use super::{Store, StoreError, progress, webhooks};
use crate::job::Job;

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
        let mut transaction = self.writer.begin().await?;
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
    }

    /// Takes in events that follow each other in the stream. Gives those of known jobs, in order.
    pub(crate) async fn project(&self, events: &[Sequenced]) -> Result<Vec<Folded>, StoreError> {
        let Some(last) = events.last() else {
            return Ok(vec![]);
        };
        let mut transaction = self.writer.begin().await?;
        // First, as it locks: of several gateways on one database one at a time reads and writes jobs.
        sqlx::query(
            "UPDATE projection SET sequence = CASE WHEN sequence < $1 THEN $1 ELSE sequence END \
             WHERE id = 1",
        )
        .bind(last.sequence.cast_signed())
        .execute(&mut *transaction)
        .await?;
        let mut jobs: BTreeMap<JobId, Option<Job>> = BTreeMap::new();
        let mut folded = Vec::with_capacity(events.len());
        for Sequenced { sequence, event } in events {
            let Some(event) = event else { continue };
            let id = event.job_id;
            let known = match jobs.entry(id) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => place.insert(load(&mut transaction, id).await?),
            };
            let Some(job) = known else { continue };
            let before = job.state.progress;
            let had_ended = job.state.status.is_terminal();
            job.state.apply(*sequence, event);
            if job.state.status.is_terminal() && !had_ended {
                webhooks::note_end(&mut transaction, job).await?;
            }
            if job.state.progress > before {
                progress::insert_step(&mut transaction, id, *sequence, job.state.progress).await?;
            }
            folded.push(Folded {
                sequence: *sequence,
                event: Arc::clone(event),
            });
        }
        for job in jobs.values().flatten() {
            record::save(&mut transaction, job).await?;
        }
        transaction.commit().await?;
        self.cache.drop_jobs(jobs.into_keys());
        Ok(folded)
    }
}

async fn load(connection: &mut AnyConnection, id: JobId) -> Result<Option<Job>, StoreError> {
    let row: Option<JobRecord> = sqlx::query_as("SELECT * FROM jobs WHERE id = $1")
        .bind(id.to_string())
        .fetch_optional(&mut *connection)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let stages: Vec<StageRecord> = sqlx::query_as("SELECT * FROM job_stages WHERE job_id = $1")
        .bind(id.to_string())
        .fetch_all(&mut *connection)
        .await?;
    row.into_job(stages).map(Some)
}
