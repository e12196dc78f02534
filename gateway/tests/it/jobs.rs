//! Jobs as their owner sees them, and how events change them.

use std::time::Duration;

use model::job::StageStatus;
use model::{EventBody, JobId, RunNumber, StageKind, Usd};
use runtime::Cancellations;
use serde_json::{Value, json};
use testkit::eventually;

use crate::app::{PATIENCE, TestApp, assert_problem};

fn progress(percent: u8) -> EventBody {
    EventBody::Progress {
        progress: percent,
        stage: StageKind::VideoGenerator,
        estimated_remaining: Some(model::Seconds(9.0)),
        total_cost: Usd::ZERO,
    }
}

fn failure() -> EventBody {
    EventBody::Error {
        error: "the model is gone".to_owned(),
        code: "MODULE_FAILURE".to_owned(),
        retryable: true,
        stage: Some(StageKind::ScenePlanner),
        total_cost: None,
        pending_cost: None,
    }
}

#[tokio::test]
async fn events_become_what_the_owner_sees() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    app.says(
        job,
        EventBody::StageUpdate {
            stage: StageKind::AudioParser,
            status: StageStatus::Processing,
            duration: None,
            error: None,
        },
    )
    .await;
    app.says(job, progress(55)).await;
    app.says(job, progress(50)).await;
    app.settled().await;
    let shown = ada.job(job).await;
    assert_eq!(shown["status"], "processing");
    assert_eq!(shown["progress"], 55);
    assert_eq!(shown["current_stage"], "video_generator");
    assert_eq!(shown["estimated_remaining"], 9.0);
    assert_eq!(shown["stages"]["audio_parser"]["status"], "processing");
    assert!(shown["stages"]["audio_parser"]["started_at"].is_string());
    assert_eq!(shown["video_url"], Value::Null);

    app.completes(job, b"a film").await;
    app.settled().await;
    let shown = ada.job(job).await;
    assert_eq!(shown["status"], "completed");
    assert_eq!(shown["progress"], 100);
    assert_eq!(shown["clips"], json!({ "completed": 3, "total": 3 }));
    assert!(shown["completed_at"].is_string());
    assert!(
        shown["video_url"]
            .as_str()
            .unwrap()
            .starts_with(&app.base_url)
    );
    assert!(shown["poster_url"].is_string());
    assert_eq!(shown["stages"]["composer"]["status"], "completed");
}

#[tokio::test]
async fn a_job_that_has_ended_stays_as_it_is_and_a_failed_one_loses_its_objects() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    app.says(job, failure()).await;
    app.says(job, progress(99)).await;
    app.settled().await;
    let shown = ada.job(job).await;
    assert_eq!(shown["status"], "failed");
    assert_eq!(shown["error_message"], "the model is gone");
    assert_eq!(shown["error_code"], "MODULE_FAILURE");
    assert_eq!(shown["progress"], 0);
    assert_eq!(shown["stages"]["scene_planner"]["status"], "failed");
    eventually("the objects are gone", PATIENCE, async || {
        app.objects().is_empty().then_some(())
    })
    .await;
    assert_problem(
        ada.get(&format!("/api/v1/jobs/{job}/download")).await,
        404,
        "no-film-ever",
    )
    .await;
}

#[tokio::test]
async fn events_that_are_read_again_change_nothing_and_those_of_a_stop_are_not_missed() {
    let mut app = TestApp::start().await;
    let (job, before, user) = {
        let ada = app.user();
        let job = ada.uploads().await;
        for percent in [41, 60, 58] {
            app.says(job, progress(percent)).await;
        }
        app.settled().await;
        (job, ada.job(job).await, ada.id)
    };
    let steps = "SELECT COUNT(*) FROM progress_steps";
    assert_eq!(app.count(steps).await, 2);
    app.stop().await;
    // As after a crash between two writes: everything is read once more.
    app.sql("UPDATE projection SET sequence = 0").await;
    app.restart().await;
    app.settled().await;
    let token =
        gateway::mint_token(&crate::app::SECRET.into(), user, Duration::from_mins(1)).unwrap();
    let read = async |job: JobId| -> Value {
        let path = format!("/api/v1/jobs/{job}");
        let token = secrecy::ExposeSecret::expose_secret(&token);
        let answer = app
            .request(reqwest::Method::GET, &path)
            .bearer_auth(token)
            .send()
            .await;
        answer.unwrap().json().await.unwrap()
    };
    assert_eq!(read(job).await, before);
    assert_eq!(app.count(steps).await, 2);

    app.says(job, progress(70)).await;
    app.settled().await;
    assert_eq!(read(job).await["progress"], 70);
}

#[tokio::test]
async fn the_other_workers_of_a_failed_job_are_stopped_before_its_objects_go() {
    let app = TestApp::start_with(|config| config.sweep_grace = Duration::from_secs(2)).await;
    let job = app.user().uploads().await;
    app.says(job, failure()).await;
    let flags = Cancellations::new(app.jetstream.clone());
    eventually("the flag is raised", PATIENCE, async || {
        flags
            .is_raised((job, RunNumber::FIRST))
            .await
            .unwrap()
            .then_some(())
    })
    .await;
    assert!(!app.objects().is_empty());
    eventually("the objects are gone", PATIENCE, async || {
        app.objects().is_empty().then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_event_of_a_newer_build_or_a_broken_one_is_passed_over() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    for payload in [r#"{"type":"hologram"}"#, "not json", ""] {
        let subject = format!("events.{job}.hologram");
        let sent = app
            .jetstream
            .publish(subject, payload.into())
            .await
            .unwrap();
        sent.await.unwrap();
    }
    app.says(job, progress(60)).await;
    app.settled().await;
    assert_eq!(ada.job(job).await["progress"], 60);
}

#[tokio::test]
async fn a_list_has_pages_and_can_be_filtered_by_status() {
    let app = TestApp::start().await;
    let ada = app.user();
    let mut jobs = vec![];
    for _ in 0..3 {
        jobs.push(ada.uploads().await.to_string());
    }
    app.says(jobs[0].parse().unwrap(), failure()).await;
    app.settled().await;
    let list = async |query: &str| -> Value {
        ada.get(&format!("/api/v1/jobs{query}"))
            .await
            .json()
            .await
            .unwrap()
    };
    let ids = |list: &Value| -> Vec<String> {
        let jobs = list["jobs"].as_array().unwrap().iter();
        jobs.map(|job| job["job_id"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = list("").await;
    assert_eq!(
        (&all["total"], &all["limit"], &all["offset"]),
        (&json!(3), &json!(10), &json!(0))
    );
    let newest_first: Vec<_> = jobs.iter().rev().cloned().collect();
    assert_eq!(ids(&all), newest_first);
    assert_eq!(ids(&list("?limit=1&offset=1").await), [jobs[1].clone()]);
    let failed = list("?status=failed").await;
    assert_eq!(
        (ids(&failed), &failed["total"]),
        (vec![jobs[0].clone()], &json!(1))
    );
    assert_eq!(list("?status=completed").await["total"], 0);
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=51", "limit"),
        ("limit=ten", "limit"),
        ("offset=-1", "offset"),
        ("status=done", "status"),
    ] {
        let answer = ada.get(&format!("/api/v1/jobs?{query}")).await;
        let body = assert_problem(answer, 422, "validation-failed").await;
        assert_eq!(body["errors"][0]["pointer"], format!("#/{field}"));
    }
    let twice = ada.get("/api/v1/jobs?limit=1&limit=2").await;
    assert_problem(twice, 400, "invalid-request").await;
}
