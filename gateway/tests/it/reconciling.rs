//! What a crash, a lost stream or a restored backup leaves behind, mended.

use futures::TryStreamExt;
use model::job::StageStatus;
use model::{ArtifactKey, EventBody, JobId, RunNumber, StageKind, TaskId, UserId};
use nats::kv::Bucket;
use testkit::eventually;
use time::OffsetDateTime;
use uuid::{NoContext, Timestamp, Uuid};

use crate::app::{PATIENCE, TestApp};

fn work_of(job: JobId, stage: StageKind) -> String {
    nats::subject::work(&TaskId::of_stage(stage, job, RunNumber::FIRST))
}

fn completed(stage: StageKind) -> EventBody {
    EventBody::StageUpdate {
        stage,
        status: StageStatus::Completed,
        duration: None,
        error: None,
    }
}

/// The id of a job that is older than any upload takes.
fn made_an_hour_ago() -> JobId {
    let then = OffsetDateTime::now_utc().unix_timestamp() - 3600;
    let then = Timestamp::from_unix(NoContext, then.unsigned_abs(), 0);
    JobId::new(Uuid::new_v7(then))
}

impl TestApp {
    /// How many messages of work lie on `subject`.
    async fn messages_on(&self, subject: &str) -> u64 {
        let work = self
            .jetstream
            .get_stream(nats::streams::WORK)
            .await
            .unwrap();
        let info = work.info_with_subjects(subject).await.unwrap();
        let counted: Vec<(String, usize)> = info.try_collect().await.unwrap();
        counted.iter().map(|(_, count)| *count as u64).sum()
    }

    /// A new process, for which every job has been silent for long.
    async fn restarts_much_later(&mut self) {
        self.stop().await;
        self.sql("UPDATE jobs SET updated_at = 0").await;
        self.restart().await;
    }
}

#[tokio::test]
async fn a_job_whose_first_message_is_lost_gets_it_again() {
    let mut app = TestApp::start().await;
    let job = app.user().uploads().await;
    let subject = work_of(job, StageKind::AudioParser);
    eventually("the first message is there", PATIENCE, async || {
        (app.messages_on(&subject).await == 1).then_some(())
    })
    .await;
    let work = app.jetstream.get_stream(nats::streams::WORK).await.unwrap();
    work.purge().await.unwrap();
    app.restarts_much_later().await;
    eventually("the first message is there again", PATIENCE, async || {
        (app.messages_on(&subject).await == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_last_message_before_a_gap_is_said_again_once() {
    let mut app = TestApp::start().await;
    let job = app.user().uploads().await;
    let first = work_of(job, StageKind::AudioParser);
    eventually("the first message is there", PATIENCE, async || {
        (app.messages_on(&first).await == 1).then_some(())
    })
    .await;
    let plan = work_of(job, StageKind::ScenePlanner);
    app.jetstream
        .publish(plan.clone(), "the planner's work".into())
        .await
        .unwrap()
        .await
        .unwrap();
    for stage in [StageKind::AudioParser, StageKind::ScenePlanner] {
        app.says(job, completed(stage)).await;
    }
    app.settled().await;
    // The work of the reference generator never came.
    for _ in 0..2 {
        app.restarts_much_later().await;
        eventually("it is said again", PATIENCE, async || {
            (app.messages_on(&plan).await == 2).then_some(())
        })
        .await;
    }
    let last = nats::publish::last(&app.jetstream, &plan).await.unwrap();
    assert_eq!(last.unwrap().payload, "the planner's work");
    assert_eq!(app.messages_on(&first).await, 1);
}

#[tokio::test]
async fn a_song_and_a_slot_without_a_job_are_taken_back() {
    let mut app = TestApp::start().await;
    let ada = UserId::new(Uuid::new_v4());
    let kept = app.user_of(ada).uploads().await;
    let lost = made_an_hour_ago();
    let song = ArtifactKey::of_job(lost, "song.wav").unwrap();
    app.artifacts
        .put_bytes(&song, "sound".into())
        .await
        .unwrap();
    let film = ArtifactKey::of_job(made_an_hour_ago(), "run-1/film.mp4").unwrap();
    app.artifacts
        .put_bytes(&film, "a film".into())
        .await
        .unwrap();
    let slots = Bucket::new(app.jetstream.clone(), nats::buckets::RATE_LIMITS);
    let entry = slots.get(&ada.to_string()).await.unwrap().unwrap();
    let mut window: serde_json::Value = serde_json::from_slice(&entry.value).unwrap();
    let mut slot = window["slots"][0].clone();
    slot["job"] = lost.to_string().into();
    window["slots"].as_array_mut().unwrap().push(slot);
    let window = window.to_string().into();
    slots.put(&ada.to_string(), window).await.unwrap();
    // A new process looks at once.
    app.restart().await;

    eventually("song and slot are gone", PATIENCE, async || {
        let song_is_gone = app.artifacts.head(&song).await.unwrap().is_none();
        let slots = app.slots_of(&app.user_of(ada)).await;
        (song_is_gone && slots == 1).then_some(())
    })
    .await;
    assert!(app.artifacts.head(&film).await.unwrap().is_some());
    assert!(!app.artifacts.keys_of_job(kept).await.unwrap().is_empty());
}
