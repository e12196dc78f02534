//! A gateway on Postgres: the same answers, also while the database is slow, silent or broken off.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use testkit::FaultProxy;

use crate::app::{PATIENCE, PROMPT, TestApp, assert_problem, form, job_id};

#[tokio::test]
async fn a_job_lives_on_postgres_from_upload_to_film() {
    let Some(database) = testkit::postgres_database().await else {
        return;
    };
    let app = TestApp::start_with(|config| config.database_url = database.url()).await;
    let ada = app.user();
    let (job, cancelled) = (ada.uploads().await, ada.uploads().await);

    app.completes(job, b"a film").await;
    let answer = ada.post(&format!("/api/v1/jobs/{cancelled}/cancel")).await;
    assert_eq!(answer.status(), 200);
    app.settled().await;

    let shown = ada.job(job).await;
    assert_eq!(
        (&shown["status"], &shown["progress"]),
        (&"completed".into(), &100.into())
    );
    assert_eq!(ada.job(cancelled).await["status"], "cancelled");
    let list: Value = ada
        .get("/api/v1/jobs?status=completed")
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(
        (&list["total"], &list["jobs"][0]["job_id"]),
        (&1.into(), &shown["job_id"])
    );
    let foreign = app.user().get(&format!("/api/v1/jobs/{job}")).await;
    assert_problem(foreign, 404, "job-not-found").await;
}

#[tokio::test]
async fn silent_connections_to_the_database_are_given_up_and_made_anew() {
    let Some((proxy, app)) = behind_a_proxy().await else {
        return;
    };
    let ada = app.user();
    ada.uploads().await;
    proxy.swallows_what_is_open();
    testkit::eventually("the rows are read again", PATIENCE, async || {
        let answer = ada.get("/api/v1/jobs").await;
        if answer.status() == 200 {
            return Some(());
        }
        assert!(answer.headers().contains_key("retry-after"));
        assert_problem(answer, 503, "unavailable").await;
        None
    })
    .await;
    ada.uploads().await;
    app.settled().await;
}

#[tokio::test]
async fn a_database_that_says_nothing_is_told_in_time_and_found_again() {
    let Some((proxy, app)) = behind_a_proxy().await else {
        return;
    };
    let ada = app.user();
    ada.uploads().await;
    proxy.is_black_hole(true);
    testkit::eventually("health is truthful", PATIENCE, async || {
        let answer = app.request(Method::GET, "/api/v1/health").send().await;
        let answer = answer.unwrap();
        let status = answer.status();
        let health: Value = answer.json().await.unwrap();
        (status == 503 && health["database"] == "disconnected" && health["nats"] == "connected")
            .then_some(())
    })
    .await;
    let refused = ada
        .submit(form(testkit::sound::tone(440.0, 2.0).wav(), PROMPT))
        .await;
    assert!(refused.headers().contains_key("retry-after"));
    assert_problem(refused, 503, "unavailable").await;

    proxy.is_black_hole(false);
    testkit::eventually("it is ready again", PATIENCE, async || {
        let answer = app.request(Method::GET, "/readyz").send().await.unwrap();
        (answer.status() == 200).then_some(())
    })
    .await;
    ada.uploads().await;
    assert_eq!(app.count("SELECT COUNT(*) FROM jobs").await, 2);
    app.settled().await;
}

#[tokio::test]
async fn a_database_that_takes_half_a_second_for_every_answer_costs_no_job() {
    let Some((proxy, app)) = behind_a_proxy().await else {
        return;
    };
    let ada = app.user();
    proxy.delays(Duration::from_millis(500));
    let job = ada.uploads().await;
    app.completes(job, b"a film").await;
    testkit::eventually("the row tells the end", 2 * PATIENCE, async || {
        (ada.job(job).await["status"] == "completed").then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_upload_whose_database_breaks_off_anywhere_is_one_job_with_its_song() {
    const UPLOADS: usize = 8;
    let Some((proxy, app)) = behind_a_proxy().await else {
        return;
    };
    let song = testkit::sound::tone(440.0, 2.0).wav();
    let mut jobs = vec![];
    for upload in 0..UPLOADS {
        let user = app.user();
        let key = format!("upload-{upload}");
        // From the greeting of a connection to far behind a commit.
        proxy.breaks_after(Some(500 + 225 * upload as u64));
        proxy.breaks_what_is_open();
        let accepted = testkit::eventually("the upload is accepted", 3 * PATIENCE, async || {
            let upload = user.request(Method::POST, "/api/v1/upload-audio");
            let upload = upload.header("idempotency-key", &key);
            let upload = upload.multipart(form(song.clone(), PROMPT));
            let answer = upload.send().await.unwrap();
            let status = answer.status();
            if status == 201 {
                return Some(job_id(&answer.json().await.unwrap()));
            }
            assert!(status == 503 || status == 409, "{status}");
            proxy.breaks_after(None);
            None
        });
        jobs.push(accepted.await);
    }
    proxy.breaks_after(None);
    let count = app.count("SELECT COUNT(*) FROM jobs").await;
    assert_eq!(count, UPLOADS as i64);
    for job in jobs {
        let kept = app.artifacts.keys_of_job(job).await.unwrap();
        assert!(!kept.is_empty(), "{job} has lost its song");
    }
    app.settled().await;
}

/// A gateway whose database lies behind a proxy; `None` where this machine has no Postgres.
async fn behind_a_proxy() -> Option<(FaultProxy, TestApp)> {
    let database = testkit::postgres_database().await?;
    let proxy = FaultProxy::before_socket(database.socket()).await;
    let url = database.url_through(proxy.address());
    let mut app = TestApp::start_with(|config| config.database_url = url).await;
    app.keeps(database);
    Some((proxy, app))
}
