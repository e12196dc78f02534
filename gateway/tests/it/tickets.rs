//! Stream tickets and the development mode's tokens.

use futures::future::join_all;
use model::JobId;
use reqwest::Method;
use serde_json::Value;

use crate::app::{TestApp, User, assert_problem};

async fn ticket(user: &User<'_>, job: JobId) -> Value {
    let answer = user
        .post(&format!("/api/v1/jobs/{job}/stream-ticket"))
        .await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    answer.json().await.unwrap()
}

#[tokio::test]
async fn a_ticket_opens_its_jobs_stream_and_nothing_else() {
    let app = TestApp::start().await;
    let ada = app.user();
    let (job, other) = (ada.uploads().await, ada.uploads().await);
    let issued = ticket(&ada, job).await;
    assert_eq!(issued["expires_in"], 30);
    let issued_ticket = issued["ticket"].as_str().unwrap();
    let ask = async |path: String, slug: &str| {
        let answer = app.request(Method::GET, &path).send().await.unwrap();
        assert_problem(answer, 401, slug).await;
    };
    let ticket = issued_ticket;
    ask(
        format!("/api/v1/jobs/{other}/stream?ticket={ticket}"),
        "token-invalid",
    )
    .await;
    ask(
        format!("/api/v1/jobs/{job}/stream?ticket={ticket}0"),
        "token-invalid",
    )
    .await;
    for path in [
        format!("/api/v1/jobs/{job}?ticket={ticket}"),
        format!("/api/v1/jobs/{job}/download?ticket={ticket}"),
        format!("/api/v1/jobs?ticket={ticket}"),
    ] {
        ask(path, "token-missing").await;
    }
    // None of that has used it. As `EventSource` asks: by the address alone.
    let url = issued["stream_url"].as_str().unwrap();
    let answer = app.http.get(url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    ask(
        format!("/api/v1/jobs/{job}/stream?ticket={ticket}"),
        "token-invalid",
    )
    .await;
}

#[tokio::test]
async fn of_many_who_show_a_ticket_at_once_one_is_let_in() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    let issued = ticket(&ada, job).await;
    let url = issued["stream_url"].as_str().unwrap();
    let shown = (0..8).map(|_| async { app.http.get(url).send().await.unwrap().status().as_u16() });
    let mut answers = join_all(shown).await;
    answers.sort_unstable();
    assert_eq!(answers, [200, 401, 401, 401, 401, 401, 401, 401]);
}

#[tokio::test]
async fn a_token_in_the_query_lets_nobody_in() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    for name in ["token", "access_token"] {
        let path = format!("/api/v1/jobs/{job}/stream?{name}={}", ada.token);
        let answer = app.request(Method::GET, &path).send().await.unwrap();
        assert_problem(answer, 401, "token-missing").await;
    }
}

#[tokio::test]
async fn two_authorization_headers_are_refused() {
    let app = TestApp::start().await;
    let ada = app.user();
    let answer = ada
        .request(Method::GET, "/api/v1/jobs")
        .header("authorization", format!("Bearer {}", ada.token))
        .send()
        .await
        .unwrap();
    assert_problem(answer, 401, "token-invalid").await;
}

#[tokio::test]
async fn tokens_for_whoever_asks_are_there_in_development_only() {
    let path = "/api/v1/dev/token?user=0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f";
    let app = TestApp::start().await;
    let answer = app.request(Method::POST, path).send().await.unwrap();
    assert_problem(answer, 404, "not-found").await;

    let app = TestApp::start_with(|config| config.auth.dev_tokens = true).await;
    let answer = app.request(Method::POST, path).send().await.unwrap();
    let token: Value = answer.json().await.unwrap();
    assert_eq!(token["user"], "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f");
    let list = app
        .request(Method::GET, "/api/v1/jobs")
        .bearer_auth(token["access_token"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(list.status(), 200);
    // A page elsewhere whose name was made to point here.
    let answer = app
        .request(Method::POST, path)
        .header("host", "evil.example")
        .send()
        .await
        .unwrap();
    assert_problem(answer, 404, "not-found").await;
}
