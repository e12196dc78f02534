//! Who may in.

use std::time::Duration;

use reqwest::Method;
use secrecy::ExposeSecret;
use testkit::sound;

use crate::app::{PROMPT, SECRET, TestApp, assert_problem, form};

const CLOSED: [(&str, &str); 7] = [
    (
        "POST",
        "/api/v1/jobs/0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f/stream-ticket",
    ),
    ("POST", "/api/v1/upload-audio"),
    ("GET", "/api/v1/jobs"),
    ("GET", "/api/v1/jobs/0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f"),
    (
        "POST",
        "/api/v1/jobs/0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f/cancel",
    ),
    (
        "GET",
        "/api/v1/jobs/0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f/stream",
    ),
    (
        "GET",
        "/api/v1/jobs/0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f/download",
    ),
];

#[tokio::test]
async fn without_a_token_that_counts_nobody_gets_in() {
    let app = TestApp::start().await;
    let ada = app.user();
    let expired = {
        let past = gateway::mint_token(&SECRET.into(), ada.id, Duration::ZERO).unwrap();
        past.expose_secret().to_owned()
    };
    let foreign = gateway::mint_token(
        &"another secret of 32 bytes and more".into(),
        ada.id,
        Duration::from_mins(1),
    )
    .unwrap();
    for (method, path) in CLOSED {
        let request = || app.request(Method::from_bytes(method.as_bytes()).unwrap(), path);
        let answer = request().send().await.unwrap();
        assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        assert_problem(answer, 401, "token-missing").await;
        for bad in ["x", "a.b.c", foreign.expose_secret()] {
            let answer = request().bearer_auth(bad).send().await.unwrap();
            let challenge = answer.headers()["www-authenticate"]
                .to_str()
                .unwrap()
                .to_owned();
            assert_eq!(challenge, r#"Bearer error="invalid_token""#);
            assert_problem(answer, 401, "token-invalid").await;
        }
    }
    // Within the leeway of 30 s a token that has just ended still counts: the unit tests go beyond.
    let answer = app
        .request(Method::GET, "/api/v1/jobs")
        .bearer_auth(expired)
        .send()
        .await;
    assert_eq!(answer.unwrap().status(), 200);
}

#[tokio::test]
async fn an_upload_without_a_token_is_answered_although_its_body_was_not_read_and_keeps_nothing() {
    let app = TestApp::start().await;
    let ada = app.user();
    let answer = app
        .request(Method::POST, "/api/v1/upload-audio")
        .multipart(form(sound::tone(440.0, 60.0).wav(), PROMPT))
        .send()
        .await
        .unwrap();
    assert_problem(answer, 401, "token-missing").await;
    app.kept_nothing_for(&ada).await;
}

#[tokio::test]
async fn a_stranger_cannot_tell_my_job_from_none() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.user(), app.user());
    let job = ada.uploads().await;
    let missing = "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f";
    for tail in [
        "",
        "/stream",
        "/events",
        "/download",
        "/webhooks",
        "/cancel",
        "/stream-ticket",
    ] {
        let mut bodies = vec![];
        for id in [job.to_string(), missing.to_owned(), "42".to_owned()] {
            let path = format!("/api/v1/jobs/{id}{tail}");
            let answer = if matches!(tail, "/cancel" | "/stream-ticket") {
                eve.post(&path).await
            } else {
                eve.get(&path).await
            };
            let mut body = assert_problem(answer, 404, "job-not-found").await;
            body.as_object_mut().unwrap().remove("request_id");
            bodies.push(body);
        }
        assert!(bodies.iter().all(|body| *body == bodies[0]));
    }
    assert_eq!(ada.job(job).await["status"], "queued");
    let list: serde_json::Value = eve.get("/api/v1/jobs").await.json().await.unwrap();
    assert_eq!(list["total"], 0);
}
