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
        sqlx::query(sql).execute(&self.store.writer).await.unwrap();
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

mod requests;

on_both! {
    an_accepted_job_is_read_back_as_it_was_and_by_its_owner_only
    a_job_whose_messages_cannot_all_be_written_leaves_nothing
    the_outbox_keeps_its_order_and_forgets_what_was_published
    a_list_is_newest_first_and_counts_what_the_filter_lets_through
    events_are_folded_once_by_however_many_gateways
    a_new_stream_is_read_from_its_begin
    a_reader_is_told_how_far_progress_had_come
    an_ended_job_is_swept_once
    a_newer_schema_is_refused_in_one_sentence
    an_older_schema_is_brought_up_to_date
    a_job_that_was_read_is_read_anew_after_each_event
    what_is_kept_of_jobs_is_what_their_rows_say
    a_waiting_job_knows_its_place_and_the_pace
    a_later_pass_begins_once_with_its_tasks
}

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

fn progress(percent: u8) -> EventBody {
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

async fn an_accepted_job_is_read_back_as_it_was_and_by_its_owner_only(bench: Bench) {
    let ada = user();
    let job = bench.accepts(ada).await;
    assert_eq!(bench.reads(&job).await, job);
    let stranger = bench.store.job_of(user(), job.brief.id).await.unwrap();
    assert_eq!(stranger, None);
    assert_eq!(bench.store.live_count().await.unwrap(), 1);
    assert!(bench.store.has_job(job.brief.id).await.unwrap());
    let now = job.created_at;
    let silent = async |before| bench.store.silent_jobs(before).await.unwrap();
    assert_eq!(silent(now).await, []);
    let soon = now + time::Duration::milliseconds(1);
    assert_eq!(silent(soon).await, [job]);
}

async fn a_job_whose_messages_cannot_all_be_written_leaves_nothing(bench: Bench) {
    let job = job_of(user());
    let twice = [entries(&job), entries(&job)].concat();
    assert!(bench.store.accept(&job, &twice, None).await.is_err());
    let found = bench.store.job_of(job.brief.user, job.brief.id).await;
    assert_eq!(found.unwrap(), None);
    assert_eq!(bench.store.outbox_count().await.unwrap(), 0);
}

async fn the_outbox_keeps_its_order_and_forgets_what_was_published(bench: Bench) {
    let job = bench.accepts(user()).await;
    let waiting = bench.store.outbox().await.unwrap();
    assert_eq!(waiting, entries(&job));
    bench.store.published(&waiting[0]).await.unwrap();
    assert_eq!(bench.store.outbox().await.unwrap(), waiting[1..]);
}

async fn a_list_is_newest_first_and_counts_what_the_filter_lets_through(bench: Bench) {
    let ada = user();
    let mut jobs = vec![];
    for _ in 0..3 {
        jobs.push(bench.accepts(ada).await);
    }
    bench.accepts(user()).await;
    bench.store.position("one").await.unwrap();
    let end = said(&jobs[0], 1, ended("MODULE_FAILURE"));
    bench.store.project(&[end]).await.unwrap();

    let ids = |page: &JobPage| page.jobs.iter().map(|job| job.brief.id).collect::<Vec<_>>();
    let mut page = Page {
        limit: 2,
        ..Page::default()
    };
    let all = bench.store.jobs_of(ada, &page).await.unwrap();
    assert_eq!((all.total, all.has_more), (3, true));
    assert_eq!(all.jobs, [jobs[2].clone(), jobs[1].clone()]);
    let last = all.jobs.last().unwrap();
    page.after = Some((record::millis(last.created_at), last.brief.id.to_string()));
    let behind = bench.store.jobs_of(ada, &page).await.unwrap();
    assert_eq!(
        (ids(&behind), behind.has_more),
        (vec![jobs[0].brief.id], false)
    );
    page.after = None;
    page.offset = 2;
    let behind = bench.store.jobs_of(ada, &page).await.unwrap();
    assert_eq!(
        (ids(&behind), behind.has_more),
        (vec![jobs[0].brief.id], false)
    );
    page.offset = 0;
    page.status = Some(JobStatus::Failed);
    let failed = bench.store.jobs_of(ada, &page).await.unwrap();
    assert_eq!((failed.total, ids(&failed)), (1, vec![jobs[0].brief.id]));
}

async fn events_are_folded_once_by_however_many_gateways(bench: Bench) {
    let job = bench.accepts(user()).await;
    let other = Store::open(&bench.url).await.unwrap();
    assert_eq!(bench.store.position("one").await.unwrap(), 0);
    assert_eq!(other.position("one").await.unwrap(), 0);
    let events: Vec<_> = (1..=40)
        .map(|sequence| said(&job, sequence, progress(sequence as u8)))
        .collect();
    let read = async |store: &Store| {
        for batch in events.chunks(3) {
            assert_eq!(store.project(batch).await.unwrap().len(), batch.len());
        }
    };
    tokio::join!(read(&bench.store), read(&other));
    let state = bench.reads(&job).await.state;
    assert_eq!((state.progress, state.last_sequence), (40, 40));
    assert_eq!(state.total_cost, Usd::from_micros(7));
    assert_eq!(state.estimated_remaining, Some(Seconds(9.5)));
    assert_eq!(bench.store.position("one").await.unwrap(), 40);
    other.close().await;
}

async fn a_new_stream_is_read_from_its_begin(bench: Bench) {
    let job = bench.accepts(user()).await;
    bench.store.position("one").await.unwrap();
    let events = [said(&job, 50, progress(30)), said(&job, 51, progress(41))];
    bench.store.project(&events).await.unwrap();
    assert_eq!(bench.store.position("one").await.unwrap(), 51);
    assert!(!bench.store.is_successor("one").await.unwrap());
    assert!(bench.store.is_successor("two").await.unwrap());
    assert_eq!(bench.store.position("two").await.unwrap(), 0);
    assert!(!bench.store.is_successor("two").await.unwrap());
    let first = [said(&job, 1, progress(60))];
    bench.store.project(&first).await.unwrap();
    let state = bench.reads(&job).await.state;
    assert_eq!((state.progress, state.last_sequence), (60, 1));
}

async fn a_reader_is_told_how_far_progress_had_come(bench: Bench) {
    let job = bench.accepts(user()).await;
    bench.store.position("one").await.unwrap();
    let events = [
        said(&job, 3, progress(20)),
        said(&job, 5, progress(15)),
        said(&job, 8, progress(44)),
    ];
    bench.store.project(&events).await.unwrap();
    let at = async |sequence| bench.store.progress_at(job.brief.id, sequence).await;
    for (sequence, progress) in [(0, 0), (3, 20), (7, 20), (8, 44), (900, 44)] {
        assert_eq!(at(sequence).await.unwrap(), progress, "{sequence}");
    }
}

async fn an_ended_job_is_swept_once(bench: Bench) {
    let job = bench.accepts(user()).await;
    bench.accepts(user()).await;
    bench.store.position("one").await.unwrap();
    let end = said(&job, 1, ended(JOB_CANCELLED));
    bench.store.project(&[end]).await.unwrap();
    let pass = (job.brief.id, RunNumber::FIRST);
    assert_eq!(bench.store.to_sweep().await.unwrap(), [(pass, false)]);
    let now = OffsetDateTime::now_utc();
    bench.store.swept(pass, now).await.unwrap();
    assert_eq!(bench.store.to_sweep().await.unwrap(), []);
    let state = bench.reads(&job).await.state;
    assert_eq!(state.status, JobStatus::Cancelled);
    assert!(state.error.unwrap().retryable);
}

async fn a_later_pass_begins_once_with_its_tasks(bench: Bench) {
    let job = bench.accepts(user()).await;
    let id = job.brief.id;
    let entry = |name: &str| OutboxEntry {
        subject: format!("{name}.{id}"),
        payload: name.to_owned(),
    };
    let pass = NewPass {
        job: id,
        run: RunNumber(2),
        base: RunNumber::FIRST,
        from: StageKind::VideoGenerator,
        anew: vec![ClipIndex(7)],
        clips: 40,
        begin: entry("begin"),
        tasks: vec![entry("task")],
    };
    let now = OffsetDateTime::now_utc();
    assert_eq!(
        bench.store.begin_pass(&pass, now).await.unwrap(),
        None,
        "it runs"
    );
    bench.store.position("one").await.unwrap();
    let end = [said(&job, 3, ended(JOB_CANCELLED))];
    bench.store.project(&end).await.unwrap();

    let begun = bench.store.begin_pass(&pass, now).await.unwrap().unwrap();
    assert_eq!(begun.brief.run, RunNumber(2));
    let read = bench.reads(&job).await;
    assert_eq!(
        (read.brief.run, read.state.status),
        (RunNumber(2), JobStatus::Queued)
    );
    assert_eq!(
        (read.state.clips_completed, read.state.clips_total),
        (39, Some(40))
    );
    assert_eq!(
        bench.store.begin_pass(&pass, now).await.unwrap(),
        None,
        "once"
    );
    let outbox = bench.store.outbox().await.unwrap();
    assert!(
        outbox.ends_with(&[entry("begin"), entry("task")]),
        "{outbox:?}"
    );
    let tasks = bench.store.tasks_of_pass((id, RunNumber(2))).await.unwrap();
    assert_eq!(tasks, pass.tasks);
    let progress = bench.store.progress_at(id, 900).await.unwrap();
    assert_eq!(progress, read.state.progress);
    told_as_versions(&bench, id).await;
}

async fn told_as_versions(bench: &Bench, id: JobId) {
    let versions = bench.store.versions(id).await.unwrap();
    let told: Vec<_> = versions
        .iter()
        .map(|version| (version.run.0, version.status, version.base))
        .collect();
    let first = (1, JobStatus::Cancelled, None);
    let second = (2, JobStatus::Queued, Some(RunNumber::FIRST));
    assert_eq!(told, [first, second]);
    assert_eq!(versions[1].anew, Some(vec![ClipIndex(7)]));
}

async fn a_newer_schema_is_refused_in_one_sentence(bench: Bench) {
    bench
        .sql(
            "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES (9999, 'newer', TRUE, '', 0)",
        )
        .await;
    let Err(refused) = Store::open(&bench.url).await else {
        panic!("a newer schema was opened");
    };
    let words = refused.to_string();
    assert!(
        words.starts_with("the database has schema 9999, and this build knows"),
        "{words}"
    );
}

async fn an_older_schema_is_brought_up_to_date(bench: Bench) {
    let job = bench.accepts(user()).await;
    // What the later steps made, unmade.
    for sql in [
        "DROP TABLE job_runs",
        "ALTER TABLE jobs DROP COLUMN film_run",
        "ALTER TABLE jobs DROP COLUMN others",
        "DROP TABLE webhook_attempts",
        "DROP TABLE webhook_deliveries",
        "DROP TABLE webhook_secrets",
        "DROP TABLE idempotency_keys",
        "DROP INDEX jobs_to_cancel",
        "DROP INDEX jobs_waiting",
        "ALTER TABLE jobs DROP COLUMN cancel_at",
        "ALTER TABLE jobs DROP COLUMN webhook_url",
        "DELETE FROM _sqlx_migrations WHERE version > 1",
    ] {
        bench.sql(sql).await;
    }
    let newer = Store::open(&bench.url).await.unwrap();
    let found = newer.job_of(job.brief.user, job.brief.id).await.unwrap();
    assert_eq!(found.as_deref(), Some(&job));
    newer.close().await;
}

async fn a_job_that_was_read_is_read_anew_after_each_event(bench: Bench) {
    let job = bench.accepts(user()).await;
    bench.store.position("one").await.unwrap();
    for sequence in 1..=20 {
        assert_eq!(bench.reads(&job).await.state.last_sequence, sequence - 1);
        let event = said(&job, sequence, progress(sequence as u8));
        bench.store.project(&[event]).await.unwrap();
    }
    let stranger = bench.store.job_of(user(), job.brief.id).await.unwrap();
    assert_eq!(stranger, None);
}

async fn what_is_kept_of_jobs_is_what_their_rows_say(bench: Bench) {
    let jobs = [
        bench.accepts(user()).await,
        bench.accepts(user()).await,
        bench.accepts(user()).await,
    ];
    bench.store.position("one").await.unwrap();
    let text = |text: &str| EventBody::Message {
        text: text.to_owned(),
        stage: StageKind::Composer,
    };
    let mut sequence = 0;
    for body in [
        progress(30),
        text("a"),
        text("b"),
        progress(40),
        ended("X"),
        text("c"),
    ] {
        let mut events = vec![];
        for job in &jobs {
            sequence += 1;
            let mut event = said(job, sequence, body.clone());
            let told = Arc::make_mut(event.event.as_mut().unwrap());
            told.timestamp += time::Duration::nanoseconds(1_234_567 * sequence as i64);
            events.push(event);
        }
        bench.store.project(&events).await.unwrap();
        for job in &jobs {
            let kept = bench.reads(job).await;
            // Another gateway, which reads the rows as it keeps nothing yet.
            let other = Store::open(&bench.url).await.unwrap();
            let row = other.job_of(job.brief.user, job.brief.id).await.unwrap();
            assert_eq!(Some(&kept), row.as_deref());
            other.close().await;
        }
    }
}

async fn a_waiting_job_knows_its_place_and_the_pace(bench: Bench) {
    let (first, second) = (bench.accepts(user()).await, bench.accepts(user()).await);
    let queue = async |job: &Job| bench.store.queue_of(job).await.unwrap();
    assert_eq!(queue(&first).await.position, 1);
    assert_eq!(queue(&second).await.position, 2);
    assert_eq!(queue(&second).await.estimated_wait, None);
    for status in ["completed", "processing"] {
        let made = job_of(user());
        bench
            .store
            .accept(&made, &entries(&made), None)
            .await
            .unwrap();
        let sql = "UPDATE jobs SET status = $1, completed_at = 31000 WHERE id = $2";
        sqlx::query(sql)
            .bind(status)
            .bind(made.brief.id.to_string())
            .execute(&bench.store.writer)
            .await
            .unwrap();
    }
    bench
        .sql("UPDATE job_stages SET started_at = 1000 WHERE stage = 'audio_parser'")
        .await;
    // What others wrote counts after a second at the latest, and at once when the queue moves here.
    bench.store.position("one").await.unwrap();
    let begun = said(&first, 1, progress(3));
    bench.store.project(&[begun]).await.unwrap();
    assert_eq!(queue(&second).await.position, 1);
    assert_eq!(queue(&second).await.estimated_wait, Some(15.0));
}
