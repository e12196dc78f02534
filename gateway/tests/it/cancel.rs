//! Cancelling: at once, repeatable, and never beside another end.

use model::EventBody;
use model::event::JOB_CANCELLED;
use reqwest::Method;
use runtime::Cancellations;
use serde_json::Value;
use testkit::eventually;

use crate::app::{PATIENCE, TestApp, assert_problem};

#[tokio::test]
async fn a_cancelled_job_is_flagged_ended_and_swept_and_may_be_cancelled_again() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    for _ in 0..2 {
        let answer = ada.post(&format!("/api/v1/jobs/{job}/cancel")).await;
        assert_eq!(answer.status(), 200);
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["job_id"], job.to_string());
        assert_eq!(body["status"], "cancelled");
        assert!(body["message"].is_string());
        let shown = ada.job(job).await;
        assert_eq!(shown["status"], "cancelled");
        assert_eq!(shown["error_code"], JOB_CANCELLED);
    }
    let flags = Cancellations::new(app.jetstream.clone());
    assert!(flags.is_raised(job).await.unwrap());
    eventually("the objects are gone", PATIENCE, async || {
        app.objects().is_empty().then_some(())
    })
    .await;
    // The composer is too late: its end is refused by the stream itself.
    app.completes(job, b"a film").await;
    app.settled().await;
    assert_eq!(ada.job(job).await["status"], "cancelled");
}

#[tokio::test]
async fn a_completed_job_cannot_be_cancelled() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    app.completes(job, b"a film").await;
    app.settled().await;
    let answer = ada.post(&format!("/api/v1/jobs/{job}/cancel")).await;
    assert_problem(answer, 409, "already-finished").await;
    assert_eq!(ada.job(job).await["status"], "completed");
    assert_eq!(
        ada.get(&format!("/api/v1/jobs/{job}/download"))
            .await
            .status(),
        200
    );
}

#[tokio::test]
async fn when_cancel_and_completion_race_there_is_one_end_and_everybody_says_the_same() {
    let app = TestApp::start().await;
    for _ in 0..5 {
        let ada = app.user();
        let job = ada.uploads().await;
        let path = format!("/api/v1/jobs/{job}/cancel");
        let (answer, _) = tokio::join!(ada.post(&path), app.completes(job, b"a film"));
        app.settled().await;
        let status = ada.job(job).await["status"].clone();
        match answer.status().as_u16() {
            200 => assert_eq!(status, "cancelled"),
            409 => assert_eq!(status, "completed"),
            other => panic!("{other}"),
        }
        let subject = nats::subject::end(job, model::RunNumber::FIRST);
        let end = nats::publish::last(&app.jetstream, &subject)
            .await
            .unwrap()
            .unwrap();
        let end: model::Event = serde_json::from_slice(&end.payload).unwrap();
        let completed = matches!(end.body, EventBody::Completed { .. });
        assert_eq!(completed, status == "completed");
    }
}

#[tokio::test]
async fn a_cancellation_that_was_broken_off_after_its_flag_is_brought_to_its_end() {
    let mut app = TestApp::start().await;
    let (job, path, token) = {
        let ada = app.user();
        let job = ada.uploads().await;
        (job, format!("/api/v1/jobs/{job}"), ada.token)
    };
    app.settled().await;
    // As if the process had died between the two. The relay leaves young jobs alone.
    let flags = Cancellations::new(app.jetstream.clone());
    flags
        .raise(job, "a user", "no longer wanted")
        .await
        .unwrap();
    app.sql("UPDATE jobs SET updated_at = created_at - 120000")
        .await;
    app.restart().await;
    eventually("the job is cancelled", PATIENCE, async || {
        let show = app.request(Method::GET, &path).bearer_auth(&token);
        let shown: Value = show.send().await.unwrap().json().await.unwrap();
        (shown["status"] == "cancelled" && shown["error_code"] == JOB_CANCELLED).then_some(())
    })
    .await;
}
