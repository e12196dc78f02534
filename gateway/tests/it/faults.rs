//! What happens while something is away.

use reqwest::Method;
use testkit::{SmallDisk, sound};

use crate::app::{PATIENCE, PROMPT, TestApp, assert_problem, form};

#[tokio::test]
async fn without_nats_an_upload_is_refused_with_503_and_nothing_is_kept() {
    let mut app = TestApp::start().await;
    app.nats.kill().await;
    let (answer, health, ready) = {
        let ada = app.user();
        let answer = ada
            .submit(form(sound::tone(440.0, 2.0).wav(), PROMPT))
            .await;
        let health = app
            .request(Method::GET, "/api/v1/health")
            .send()
            .await
            .unwrap();
        let ready = app.request(Method::GET, "/readyz").send().await.unwrap();
        (answer, health, ready)
    };
    assert!(answer.headers().contains_key("retry-after"));
    assert_problem(answer, 503, "unavailable").await;
    assert_problem(ready, 503, "unavailable").await;
    assert_eq!(health.status(), 503);
    let health: serde_json::Value = health.json().await.unwrap();
    assert_eq!(health["status"], "unhealthy");
    assert_eq!(health["nats"], "disconnected");
    assert_eq!(app.count("SELECT COUNT(*) FROM jobs").await, 0);
    assert_eq!(app.objects(), Vec::<String>::new());

    app.nats.restart().await;
    testkit::eventually("uploads are taken again", PATIENCE, async || {
        let user = app.user();
        let answer = user
            .submit(form(sound::tone(440.0, 2.0).wav(), PROMPT))
            .await;
        (answer.status() == 201).then_some(())
    })
    .await;
}

#[tokio::test]
async fn without_nats_a_cancel_is_refused_with_503_and_works_afterwards() {
    let mut app = TestApp::start().await;
    let (job, path, token) = {
        let ada = app.user();
        let job = ada.uploads().await;
        (job, format!("/api/v1/jobs/{job}/cancel"), ada.token)
    };
    app.nats.kill().await;
    let cancel = app.request(Method::POST, &path).bearer_auth(&token);
    assert_problem(cancel.send().await.unwrap(), 503, "unavailable").await;
    app.nats.restart().await;
    testkit::eventually("the job is cancelled", PATIENCE, async || {
        let cancel = app.request(Method::POST, &path).bearer_auth(&token);
        (cancel.send().await.unwrap().status() == 200).then_some(())
    })
    .await;
    let subject = nats::subject::end(job, model::RunNumber::FIRST);
    assert!(
        nats::publish::last(&app.jetstream, &subject)
            .await
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn rows_and_events_go_on_after_nats_was_killed() {
    let mut app = TestApp::start().await;
    let job = app.user().uploads().await;
    app.settled().await;
    app.nats.kill().await;
    app.nats.restart().await;
    let spoken = testkit::eventually("NATS takes events again", PATIENCE, async || {
        let body = model::EventBody::Message {
            text: "back".to_owned(),
            stage: model::StageKind::AudioParser,
        };
        tokio::time::timeout(std::time::Duration::from_secs(1), app.says(job, body))
            .await
            .ok()
    })
    .await;
    let sql = "SELECT sequence FROM projection";
    testkit::eventually("the rows are up to date", PATIENCE, async || {
        (app.count(sql).await >= spoken as i64).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_upload_whose_row_cannot_be_written_gives_back_its_slot_and_its_object() {
    let app = TestApp::start().await;
    let ada = app.user();
    app.sql("CREATE TRIGGER full BEFORE INSERT ON jobs BEGIN SELECT RAISE(ABORT, 'full'); END")
        .await;
    let answer = ada
        .submit(form(sound::tone(440.0, 2.0).wav(), PROMPT))
        .await;
    assert_problem(answer, 503, "unavailable").await;
    app.kept_nothing_for(&ada).await;
    app.sql("DROP TRIGGER full").await;
    ada.uploads().await;
}

#[tokio::test]
async fn a_full_store_refuses_an_upload_with_503_keeps_nothing_and_is_used_again_once_it_has_room()
{
    let app = TestApp::start().await;
    let ada = app.user();
    let Some(disk) = SmallDisk::on(&app.scratch.path().join("objects"), "64k") else {
        return;
    };
    let answer = ada
        .submit(form(sound::tone(440.0, 2.0).wav(), PROMPT))
        .await;
    assert!(answer.headers().contains_key("retry-after"));
    assert_problem(answer, 503, "unavailable").await;
    app.kept_nothing_for(&ada).await;
    disk.resize("64m");
    ada.uploads().await;
}

#[tokio::test]
async fn a_full_disk_below_nats_is_told_keeps_nothing_and_loses_nothing() {
    let mut app = TestApp::start().await;
    app.nats.kill().await;
    let Some(disk) = SmallDisk::on(&app.nats.store(), "24m") else {
        return;
    };
    app.nats.restart().await;
    testkit::eventually("streams are there", PATIENCE, async || {
        nats::apply(&app.jetstream).await.ok()
    })
    .await;
    let health = async |app: &TestApp| {
        let asked = app.request(Method::GET, "/api/v1/health").send().await;
        let answer = asked.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    let healthy = async || (health(&app).await.0 == 200).then_some(());
    testkit::eventually("all is well", 2 * PATIENCE, healthy).await;
    app.user().uploads().await;
    app.settled().await;

    disk.fill();
    testkit::eventually("health tells of it", 2 * PATIENCE, async || {
        let (status, told) = health(&app).await;
        (status == 503 && told.contains("NATS takes no messages")).then_some(())
    })
    .await;
    let ready = app.request(Method::GET, "/readyz").send().await.unwrap();
    assert_problem(ready, 503, "unavailable").await;
    let refused = {
        let user = app.user();
        let song = sound::tone(440.0, 2.0).wav();
        user.submit(form(song, PROMPT)).await
    };
    assert!(refused.headers().contains_key("retry-after"));
    assert_problem(refused, 503, "unavailable").await;
    assert_eq!(app.count("SELECT COUNT(*) FROM jobs").await, 1);

    disk.clear();
    app.nats.restart().await;
    let healthy = async || (health(&app).await.0 == 200).then_some(());
    testkit::eventually("all is well again", 2 * PATIENCE, healthy).await;
    app.user().uploads().await;
    app.settled().await;
    let stream = app.jetstream.get_stream(nats::streams::WORK).await.unwrap();
    assert_eq!(stream.cached_info().state.messages, 2);
}

#[tokio::test]
async fn what_was_accepted_and_not_published_is_published_at_the_next_start() {
    let mut app = TestApp::start().await;
    app.user().uploads().await;
    app.settled().await;
    testkit::eventually("the outbox is empty", PATIENCE, async || {
        (app.count("SELECT COUNT(*) FROM outbox").await == 0).then_some(())
    })
    .await;
    app.stop().await;
    // As if the process had died between the row and the publish.
    app.sql(
        "INSERT INTO outbox (job_id, position, subject, payload, created_at) \
         SELECT id, 9, 'work.audio_parser.' || id || '.2', '{}', created_at FROM jobs",
    )
    .await;
    app.restart().await;
    testkit::eventually("the outbox is empty again", PATIENCE, async || {
        (app.count("SELECT COUNT(*) FROM outbox").await == 0).then_some(())
    })
    .await;
    let stream = app.jetstream.get_stream(nats::streams::WORK).await.unwrap();
    assert_eq!(stream.cached_info().state.messages, 2);
}
