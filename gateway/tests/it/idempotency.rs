//! The same upload sent twice, and jobs that may take only so long.

use reqwest::{Method, Response};
use serde_json::Value;
use testkit::{eventually, sound};

use crate::app::{PATIENCE, PROMPT, TestApp, User, assert_problem, form, job_id};

impl User<'_> {
    async fn uploads_with(&self, headers: &[(&str, &str)], prompt: &str) -> Response {
        let song = sound::tone(440.0, 2.0).wav();
        let mut request = self.request(Method::POST, "/api/v1/upload-audio");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.multipart(form(song, prompt)).send().await.unwrap()
    }
}

#[tokio::test]
async fn the_same_upload_with_the_same_key_is_one_job_also_without_a_free_slot() {
    let app = TestApp::start_with(|config| config.rate_limit.jobs = 1).await;
    let ada = app.user();
    let key = [(
        "idempotency-key",
        "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"",
    )];
    let first = ada.uploads_with(&key, PROMPT).await;
    assert_eq!(first.status(), 201);
    assert!(!first.headers().contains_key("idempotent-replayed"));
    assert_eq!(
        first.headers()["ratelimit"].to_str().unwrap().get(..8),
        Some("\"jobs\";r")
    );
    let first: Value = first.json().await.unwrap();

    let again = ada.uploads_with(&key, PROMPT).await;
    assert_eq!(again.status(), 201);
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(
        again.headers()["location"],
        format!("/api/v1/jobs/{}", job_id(&first))
    );
    assert!(again.headers().contains_key("ratelimit"));
    assert_eq!(again.json::<Value>().await.unwrap(), first);

    let other = ada
        .uploads_with(&key, &format!("{PROMPT}, and a cat"))
        .await;
    assert_problem(other, 422, "idempotency-key-reused").await;
    let without = ada.uploads_with(&[], PROMPT).await;
    assert_problem(without, 429, "rate-limited").await;
    assert_eq!(app.count("SELECT COUNT(*) FROM jobs").await, 1);
    // A key is its user's own.
    let eve = app.user();
    let hers: Value = eve.uploads_with(&key, PROMPT).await.json().await.unwrap();
    assert_ne!(hers["job_id"], first["job_id"]);
}

#[tokio::test]
async fn of_uploads_with_one_key_at_once_one_becomes_a_job_and_none_another() {
    let app = TestApp::start().await;
    let ada = app.user();
    let key = [("idempotency-key", "one")];
    let uploads = (0..8).map(|_| ada.uploads_with(&key, PROMPT));
    let answers = futures::future::join_all(uploads).await;
    let mut jobs = std::collections::BTreeSet::new();
    for answer in answers {
        if answer.status() == 201 {
            jobs.insert(job_id(&answer.json().await.unwrap()));
        } else {
            assert!(answer.headers().contains_key("retry-after"));
            assert_problem(answer, 409, "idempotency-key-in-use").await;
        }
    }
    assert_eq!(jobs.len(), 1);
    assert_eq!(app.count("SELECT COUNT(*) FROM jobs").await, 1);
    assert_eq!(app.slots_of(&ada).await, 1);
}

#[tokio::test]
async fn a_refused_upload_keeps_no_key_and_a_bad_key_is_refused() {
    let app = TestApp::start().await;
    let ada = app.user();
    let key = [("idempotency-key", "one")];
    let request = ada.request(Method::POST, "/api/v1/upload-audio");
    let noise = request.header("idempotency-key", "one");
    let noise = noise.multipart(form(b"no song at all".to_vec(), PROMPT));
    assert_problem(noise.send().await.unwrap(), 415, "unsupported-media-type").await;
    assert_eq!(app.count("SELECT COUNT(*) FROM idempotency_keys").await, 0);
    assert_eq!(ada.uploads_with(&key, PROMPT).await.status(), 201);
    let bad = ada
        .uploads_with(&[("idempotency-key", "two words")], PROMPT)
        .await;
    assert_problem(bad, 400, "invalid-request").await;
}

#[tokio::test]
async fn a_refusal_says_how_many_jobs_are_left_too() {
    let app = TestApp::start().await;
    let answer = app.user().uploads_with(&[], "too short").await;
    assert_eq!(answer.headers()["ratelimit"], r#""jobs";r=5;t=1"#);
    assert_problem(answer, 422, "validation-failed").await;
}

#[tokio::test]
async fn a_job_whose_time_is_up_is_cancelled_and_says_why() {
    let app = TestApp::start().await;
    let ada = app.user();
    let answer = ada.uploads_with(&[("cancel-after", "2h")], PROMPT).await;
    let job = job_id(&answer.json().await.unwrap());
    app.settled().await;
    assert!(ada.job(job).await["cancel_at"].is_string());
    app.sql("UPDATE jobs SET cancel_at = created_at").await;
    let shown = eventually("the job is cancelled", PATIENCE, async || {
        let shown = ada.job(job).await;
        (shown["status"] == "cancelled").then_some(shown)
    })
    .await;
    assert_eq!(shown["error_code"], "JOB_CANCELLED");
    let words = shown["error_message"].as_str().unwrap();
    assert!(words.contains("Cancel-After"), "{words}");
    let bad = ada.uploads_with(&[("cancel-after", "soon")], PROMPT).await;
    assert_problem(bad, 400, "invalid-request").await;
}

#[tokio::test]
async fn an_upload_may_wait_for_its_film() {
    let app = TestApp::start().await;
    let ada = app.user();
    let waiting = ada.uploads_with(&[("prefer", "wait=60")], PROMPT);
    let making = async {
        let job = eventually("the job is there", PATIENCE, async || {
            let list: Value = ada.get("/api/v1/jobs").await.json().await.unwrap();
            list["jobs"][0]["job_id"]
                .as_str()
                .map(|id| id.parse().unwrap())
        })
        .await;
        app.completes(job, b"a film").await;
    };
    let (answer, ()) = tokio::join!(waiting, making);
    assert_eq!(answer.status(), 201);
    assert_eq!(answer.headers()["preference-applied"], "wait=60");
    assert_eq!(answer.json::<Value>().await.unwrap()["status"], "completed");
}
