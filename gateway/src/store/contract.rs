//! What the store promises, on SQLite and on Postgres alike.

use std::sync::Arc;

use model::event::JOB_CANCELLED;
use model::format::{Resolution, VideoFormat};
use model::handoff::Song;
use model::job::JobStatus;
use model::{
    ArtifactKey, ArtifactRef, ClipIndex, Event, EventBody, FrameRate, JobBrief, JobId, JobOptions,
    RunNumber, Seconds, StageKind, Usd, UserId,
};
use tempfile::TempDir;
use testkit::Database;
use uuid::Uuid;

use super::*;
use crate::job::JobState;

/// A database of one test's own.
pub(super) struct Bench {
    pub(super) store: Store,
    pub(super) url: String,
    _scratch: Option<TempDir>,
    _database: Option<Database>,
}

impl Bench {
    pub(super) async fn sqlite() -> Option<Self> {
        let scratch = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/jobs.db?mode=rwc", scratch.path().display());
        Some(Self {
            store: Store::open(&url).await.unwrap(),
            url,
            _scratch: Some(scratch),
            _database: None,
        })
    }

    pub(super) async fn postgres() -> Option<Self> {
        let database = testkit::postgres_database().await?;
        let url = database.url();
        Some(Self {
            store: Store::open(&url).await.unwrap(),
            url,
            _scratch: None,
            _database: Some(database),
        })
    }

    pub(super) async fn accepts(&self, user: UserId) -> Job {
        let job = job_of(user);
        self.store.accept(&job, &entries(&job), None).await.unwrap();
        job
    }

    pub(super) async fn sql(&self, sql: &'static str) {
        sqlx::query(sql)
            .execute(&self.store.connections.writer())
            .await
            .unwrap();
    }

    pub(super) async fn reads(&self, job: &Job) -> Job {
        let found = self.store.job_of(job.brief.user, job.brief.id).await;
        Arc::unwrap_or_clone(found.unwrap().unwrap())
    }
}

/// Runs every promise on both databases.
macro_rules! on_both {
    ($($promise:ident)+) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $promise() {
                let bench = super::Bench::sqlite().await.unwrap();
                super::$promise(bench).await;
            })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $promise() {
                if let Some(bench) = super::Bench::postgres().await {
                    super::$promise(bench).await;
                }
            })+
        }
    };
}

mod events;
mod jobs;
mod requests;
mod schema;

pub(crate) fn user() -> UserId {
    UserId::new(Uuid::new_v4())
}

pub(crate) fn job_of(user: UserId) -> Job {
    let id = JobId::new(Uuid::now_v7());
    let now = OffsetDateTime::now_utc().truncate_to_millisecond();
    let audio = ArtifactRef {
        key: ArtifactKey::of_job(id, "song.wav").unwrap(),
        length: 88_244,
        sha256: "0".repeat(64),
    };
    let song = Song {
        audio,
        sample_rate: 44_100,
        channels: 1,
        samples: 44_100 * 3,
    };
    Job {
        brief: JobBrief {
            id,
            user,
            run: RunNumber::FIRST,
            prompt: "A neon city at night in the rain, slow camera, 夜 and magenta"
                .to_owned()
                .try_into()
                .unwrap(),
            title: Some("Rain's \"song\"".to_owned()),
            song,
            format: VideoFormat {
                size: Resolution::default().size(),
                rate: FrameRate::FPS_30,
            },
            options: JobOptions::default(),
            seed: u64::MAX,
            budget: Usd::from_dollars(2000),
        },
        estimated_cost: Usd::from_micros(1_234_567),
        created_at: now,
        cancel_at: None,
        webhook_url: None,
        state: JobState::accepted(Seconds(3.0), now),
    }
}

pub(super) fn entries(job: &Job) -> Vec<OutboxEntry> {
    crate::relay::first_messages(job).unwrap()
}

pub(super) fn said(job: &Job, sequence: u64, body: EventBody) -> Sequenced {
    let event = Event {
        job_id: job.brief.id,
        run: RunNumber::FIRST,
        timestamp: job.created_at,
        body,
    };
    Sequenced {
        sequence,
        event: Some(Arc::new(event)),
    }
}

pub(super) fn progress(percent: u8) -> EventBody {
    EventBody::Progress {
        progress: percent,
        stage: StageKind::VideoGenerator,
        estimated_remaining: Some(Seconds(9.5)),
        total_cost: Usd::from_micros(7),
    }
}

pub(super) fn ended(code: &str) -> EventBody {
    EventBody::Error {
        error: "no".to_owned(),
        code: code.to_owned(),
        retryable: true,
        stage: None,
        total_cost: None,
        pending_cost: None,
    }
}
