//! What an accepted upload leaves behind.

use model::envelope::Envelope;
use model::handoff::Song;
use model::{ArtifactKey, RunNumber, StageKind, TaskId};
use serde_json::Value;
use testkit::{eventually, sound};

use crate::app::{PATIENCE, PROMPT, TestApp, form, has_at_most_microseconds, job_id};

#[tokio::test]
async fn an_upload_becomes_a_job_with_its_first_message() {
    let app = TestApp::start().await;
    let ada = app.user();
    let form = form(sound::tone(440.0, 3.0).wav(), &format!("  {PROMPT}\n"))
        .text("title", "Rain")
        .text("resolution", "480p")
        .text("seed", "7");

    let answer = ada.submit(form).await;

    assert_eq!(answer.status(), 201);
    assert_eq!(answer.headers()["ratelimit-policy"], r#""jobs";q=5;w=3600"#);
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    let body: Value = answer.json().await.unwrap();
    let job = job_id(&body);
    assert_eq!(location, format!("/api/v1/jobs/{job}"));
    assert_eq!(body["status"], "queued");
    assert_eq!(body["estimated_cost"], 0.0);
    assert!(body["created_at"].is_string());

    let task = TaskId::of_stage(StageKind::AudioParser, job, RunNumber::FIRST);
    let subject = nats::subject::work(&task);
    let message = eventually("the first message is there", PATIENCE, async || {
        nats::publish::last(&app.jetstream, &subject).await.unwrap()
    })
    .await;
    let envelope: Envelope<Song> = serde_json::from_slice(&message.payload).unwrap();
    assert_eq!(envelope.job.user, ada.id);
    assert_eq!(envelope.job.prompt.as_str(), PROMPT);
    assert_eq!(envelope.job.title.as_deref(), Some("Rain"));
    assert_eq!(envelope.job.seed, 7);
    assert_eq!(envelope.job.format.size.height, 480);
    assert_eq!(envelope.job.song, envelope.input);
    assert!((envelope.input.duration().0 - 3.0).abs() < 1e-9);
    let wav = app
        .artifacts
        .get_bytes(&envelope.input.audio)
        .await
        .unwrap();
    assert_eq!(&wav[..4], b"RIFF");
    assert_eq!(
        envelope.input.audio.key,
        ArtifactKey::of_job(job, "song.wav").unwrap()
    );

    app.settled().await;
    let shown = ada.job(job).await;
    assert_eq!(shown["status"], "queued");
    assert_eq!(shown["created_at"], body["created_at"]);
    assert!(has_at_most_microseconds(&body["created_at"]), "{body}");
    assert_eq!(shown["title"], "Rain");
    assert_eq!(shown["user_prompt"], PROMPT);
    assert_eq!(shown["progress"], 0);
    assert_eq!(shown["stages"]["audio_parser"]["status"], "pending");
    assert_eq!(shown["duration"], 3.0);
    eventually("the outbox is empty", PATIENCE, async || {
        (app.count("SELECT COUNT(*) FROM outbox").await == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn of_thirty_uploads_at_once_exactly_five_are_accepted() {
    let app = TestApp::start().await;
    let ada = app.user();
    let song = sound::tone(440.0, 1.0).wav();
    let uploads = (0..30).map(|_| ada.submit(form(song.clone(), PROMPT)));

    let answers = futures::future::join_all(uploads).await;

    let mut accepted = 0;
    for answer in answers {
        match answer.status().as_u16() {
            201 => accepted += 1,
            429 => {
                let headers = answer.headers();
                let wait: u64 = headers["retry-after"].to_str().unwrap().parse().unwrap();
                assert!((3500..=3600).contains(&wait), "{wait}");
                assert!(
                    headers["ratelimit"]
                        .to_str()
                        .unwrap()
                        .starts_with(r#""jobs";r=0;t="#)
                );
                crate::app::assert_problem(answer, 429, "rate-limited").await;
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!(accepted, 5);
    assert_eq!(app.count("SELECT COUNT(*) FROM jobs").await, 5);
    assert_eq!(app.objects().len(), 5);
    assert_eq!(app.slots_of(&ada).await, 5);
    // The limit is each user's own.
    app.user().uploads().await;
}
