//! Asking for a job politely: tags, held answers, pages, places in the queue, quotes.

use std::time::{Duration, Instant};

use model::{EventBody, JobId, StageKind};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::app::{TestApp, User, assert_problem};

fn message() -> EventBody {
    EventBody::Message {
        text: "still at it".to_owned(),
        stage: StageKind::AudioParser,
    }
}

fn header(answer: &Response, name: &str) -> String {
    answer.headers()[name].to_str().unwrap().to_owned()
}

impl User<'_> {
    async fn asks(&self, job: JobId, headers: &[(&str, &str)]) -> Response {
        let mut request = self.request(Method::GET, &format!("/api/v1/jobs/{job}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }
}

#[tokio::test]
async fn a_job_that_has_not_changed_is_answered_with_304_and_a_changed_one_at_once_anew() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    app.settled().await;
    let tag = header(&ada.asks(job, &[]).await, "etag");
    assert!(tag.starts_with("W/\""), "{tag}");
    let known = ada.asks(job, &[("if-none-match", &tag)]).await;
    assert_eq!(known.status(), 304);
    assert_eq!(header(&known, "etag"), tag);
    assert_eq!(header(&known, "cache-control"), "private, no-cache");
    assert_eq!(known.text().await.unwrap(), "");

    app.says(job, message()).await;
    app.settled().await;
    let changed = ada.asks(job, &[("if-none-match", &tag)]).await;
    assert_eq!(changed.status(), 200);
    assert_ne!(header(&changed, "etag"), tag);
    // A stranger who knows the tag learns nothing.
    let eve = app.user();
    assert_problem(
        eve.asks(job, &[("if-none-match", &tag)]).await,
        404,
        "job-not-found",
    )
    .await;
}

#[tokio::test]
async fn a_held_answer_comes_with_the_change_or_the_end_or_when_its_time_is_over() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    app.settled().await;
    let late = ada.asks(job, &[("prefer", "wait=0")]).await;
    assert_eq!(header(&late, "preference-applied"), "wait=0");
    assert!(header(&late, "vary").contains("prefer"));
    let tag = header(&late, "etag");
    assert_eq!(late.json::<Value>().await.unwrap()["status"], "queued");

    let headers = [("prefer", "wait=0"), ("if-none-match", tag.as_str())];
    assert_eq!(ada.asks(job, &headers).await.status(), 304);

    let begun = Instant::now();
    let headers = [("prefer", "wait=60"), ("if-none-match", tag.as_str())];
    let (changed, _) = tokio::join!(ada.asks(job, &headers), app.says(job, message()));
    assert_eq!(changed.status(), 200);
    let (ended, _) = tokio::join!(
        ada.asks(job, &[("prefer", "wait=60")]),
        app.completes(job, b"a film")
    );
    assert_eq!(ended.json::<Value>().await.unwrap()["status"], "completed");
    assert!(begun.elapsed() < Duration::from_secs(50));
}

#[tokio::test]
async fn pages_follow_each_other_by_cursor_and_link_whatever_comes_in_between() {
    let app = TestApp::start().await;
    let ada = app.user();
    let mut jobs = vec![];
    for _ in 0..3 {
        jobs.push(ada.uploads().await.to_string());
    }
    let first = ada.get("/api/v1/jobs?limit=2&status=queued").await;
    let links = header(&first, "link");
    let first: Value = first.json().await.unwrap();
    let cursor = first["next_cursor"].as_str().unwrap().to_owned();
    let next = format!("/api/v1/jobs?limit=2&status=queued&cursor={cursor}");
    assert!(
        links.contains(&format!("<{next}>; rel=\"next\"")),
        "{links}"
    );
    ada.uploads().await;
    let second = ada.get(&next).await;
    assert!(!header(&second, "link").contains("next"));
    let second: Value = second.json().await.unwrap();
    assert_eq!(second["jobs"].as_array().unwrap().len(), 1);
    assert_eq!(second["jobs"][0]["job_id"], json!(jobs[0]));
    assert_eq!(second["next_cursor"], Value::Null);
    assert_eq!(second["total"], 4);

    for query in [
        "cursor=x",
        "cursor=",
        "cursor=MTIz",
        &format!("cursor={cursor}&offset=1"),
    ] {
        let answer = ada.get(&format!("/api/v1/jobs?{query}")).await;
        let body = assert_problem(answer, 422, "validation-failed").await;
        assert_eq!(body["errors"][0]["pointer"], "#/cursor");
    }
}

#[tokio::test]
async fn a_queued_job_knows_its_place_and_loses_it_when_it_begins() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.user(), app.user());
    let (first, second) = (ada.uploads().await, bob.uploads().await);
    app.settled().await;
    assert_eq!(ada.job(first).await["queue"]["position"], 1);
    assert_eq!(
        bob.job(second).await["queue"],
        json!({ "position": 2, "estimated_wait": null })
    );
    let list: Value = bob.get("/api/v1/jobs").await.json().await.unwrap();
    assert_eq!(list["jobs"][0]["queue"]["position"], 2);
    app.says(
        first,
        EventBody::Progress {
            progress: 3,
            stage: StageKind::AudioParser,
            estimated_remaining: None,
            total_cost: model::Usd::ZERO,
        },
    )
    .await;
    app.settled().await;
    assert_eq!(ada.job(first).await.get("queue"), None);
    assert_eq!(bob.job(second).await["queue"]["position"], 1);
}

#[tokio::test]
async fn a_quote_tells_the_price_and_the_limits_and_keeps_nothing() {
    let app = TestApp::start_with(|config| {
        config.prices.per_minute = model::Usd::from_dollars(300);
    })
    .await;
    let ada = app.user();
    let quote = async |body: &str| {
        let request = ada.request(Method::POST, "/api/v1/quotes");
        let request = request.header("content-type", "application/json");
        request.body(body.to_owned()).send().await.unwrap()
    };
    let answer = quote(r#"{"duration": 180}"#).await;
    assert_eq!(header(&answer, "ratelimit"), r#""jobs";r=5;t=1"#);
    assert_eq!(header(&answer, "ratelimit-policy"), r#""jobs";q=5;w=3600"#);
    assert_eq!(
        answer.json::<Value>().await.unwrap(),
        json!({ "duration": 180.0, "estimated_cost": 900.0, "limit": 2000.0, "within_limit": true })
    );
    let dear: Value = quote(r#"{"duration": 500.5}"#).await.json().await.unwrap();
    assert_eq!(dear["within_limit"], false);
    for (body, status, slug) in [
        (r#"{"duration": 0.5}"#, 422, "validation-failed"),
        (r#"{"duration": 601}"#, 422, "validation-failed"),
        (r#"{"duration": "long"}"#, 400, "invalid-request"),
        (r#"{"duration": 3, "x": 1}"#, 400, "invalid-request"),
        ("", 400, "invalid-request"),
    ] {
        assert_problem(quote(body).await, status, slug).await;
    }
    // What the description says of lengths holds.
    for (field, text) in [
        ("lyrics", "la ".repeat(5_400)),
        ("outputs", "9:16, ".repeat(20)),
    ] {
        let body = json!({ "duration": 3, field: text }).to_string();
        assert_problem(quote(&body).await, 422, "validation-failed").await;
    }
    let plain = ada.request(Method::POST, "/api/v1/quotes").body("{}");
    assert_problem(plain.send().await.unwrap(), 415, "unsupported-media-type").await;
    app.kept_nothing_for(&ada).await;
}
