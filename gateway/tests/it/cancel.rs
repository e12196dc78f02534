//! Cancelling: at once, repeatable, and never beside another end.

use model::event::JOB_CANCELLED;
use model::job::StageStatus;
use model::{EventBody, RunNumber, StageKind, Usd};
use reqwest::Method;
use runtime::{Cancellations, Ledger, Ledgers};
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
    assert!(flags.is_raised((job, RunNumber::FIRST)).await.unwrap());
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
async fn the_answer_and_the_end_of_a_cancelled_job_tell_what_it_cost_and_what_it_may_still_cost() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    let begun = EventBody::StageUpdate {
        stage: StageKind::AudioParser,
        status: StageStatus::Processing,
        duration: None,
        error: None,
    };
    app.says(job, begun).await;
    app.settled().await;
    let ledgers = Ledgers::new(app.jetstream.clone(), app.artifacts.clone());
    let (bought, asked) = (Usd::from_dollars(2), Usd::from_dollars(3));
    let buy = |ledger: &mut Ledger| {
        ledger.reserve("bought", "a provider", bought)?;
        ledger.settle("bought", bought)?;
        ledger.reserve("asked", "a provider", asked)
    };
    ledgers
        .change(job, Usd::from_dollars(9), buy)
        .await
        .unwrap();

    for _ in 0..2 {
        let answer = ada.post(&format!("/api/v1/jobs/{job}/cancel")).await;
        let body: Value = answer.json().await.unwrap();
        assert_eq!(body["stage"], "audio_parser");
        assert_eq!(
            (&body["total_cost"], &body["pending_cost"]),
            (&2.0.into(), &3.0.into())
        );
    }
    let end = app.end_of(job).await;
    let EventBody::Error {
        stage,
        total_cost,
        pending_cost,
        ..
    } = end.body
    else {
        panic!("{end:?}");
    };
    assert_eq!(stage, Some(StageKind::AudioParser));
    assert_eq!((total_cost, pending_cost), (Some(bought), Some(asked)));
    assert_eq!(ada.job(job).await["total_cost"], 2.0);

    // The answer that was under way comes, and the provider has charged.
    let charged = EventBody::CostUpdate {
        stage: StageKind::AudioParser,
        cost: asked,
        total: Usd::from_dollars(5),
    };
    app.says(job, charged).await;
    app.settled().await;
    let shown = ada.job(job).await;
    assert_eq!(
        (&shown["status"], &shown["total_cost"]),
        (&"cancelled".into(), &5.0.into())
    );
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
        let end = app.end_of(job).await;
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
        .raise((job, RunNumber::FIRST), "a user", "no longer wanted")
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
