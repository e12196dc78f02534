//! What is served to everyone: the page, the health report, the pages of problems, and refusals.

use reqwest::Method;
use serde_json::Value;

use crate::app::{TestApp, assert_problem};

#[tokio::test]
async fn the_page_is_served_under_a_strict_policy_and_not_sent_twice() {
    let app = TestApp::start().await;
    let answer = app.request(Method::GET, "/").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let headers = answer.headers().clone();
    assert_eq!(headers["content-type"], "text/html; charset=utf-8");
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains("default-src 'none'") && policy.contains("script-src 'self';"),
        "{policy}"
    );
    assert!(answer.text().await.unwrap().contains("Beatreel"));
    let again = app
        .request(Method::GET, "/")
        .header("if-none-match", &headers["etag"])
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), 304);
    let changed = app
        .request(Method::POST, "/index.html")
        .send()
        .await
        .unwrap();
    assert_problem(changed, 405, "method-not-allowed").await;
}

#[tokio::test]
async fn every_refusal_is_a_problem_with_a_page_and_keeps_the_clients_request_id() {
    let app = TestApp::start().await;
    assert_problem(
        app.request(Method::GET, "/nowhere").send().await.unwrap(),
        404,
        "not-found",
    )
    .await;
    let wrong_method = app
        .request(Method::DELETE, "/api/v1/jobs")
        .send()
        .await
        .unwrap();
    assert_eq!(wrong_method.headers()["allow"], "GET,HEAD");
    assert_problem(wrong_method, 405, "method-not-allowed").await;
    let named = app
        .request(Method::GET, "/api/v1/jobs")
        .header("x-request-id", "mine-1")
        .send()
        .await
        .unwrap();
    let body = assert_problem(named, 401, "token-missing").await;
    assert_eq!(body["request_id"], "mine-1");
    assert!(body["type"].as_str().unwrap().starts_with(&app.base_url));
    for kind in gateway::problem::ALL {
        let page = app
            .request(Method::GET, &format!("/problems/{}", kind.slug))
            .send()
            .await
            .unwrap();
        assert_eq!(page.status(), 200, "{}", kind.slug);
        assert!(page.text().await.unwrap().contains(kind.title));
    }
    let no_page = app
        .request(Method::GET, "/problems/none")
        .send()
        .await
        .unwrap();
    assert_problem(no_page, 404, "not-found").await;
}

#[tokio::test]
async fn health_tells_what_is_counted() {
    let app = TestApp::start().await;
    let ada = app.user();
    ada.uploads().await;
    app.settled().await;
    let workers = nats::kv::Bucket::new(app.jetstream.clone(), nats::buckets::WORKERS);
    workers.put("composer.w1", "{}".into()).await.unwrap();
    testkit::eventually(
        "the job's first task waits",
        crate::app::PATIENCE,
        async || {
            let answer = app
                .request(Method::GET, "/api/v1/health")
                .send()
                .await
                .unwrap();
            assert_eq!(answer.status(), 200);
            let health: Value = answer.json().await.unwrap();
            assert_eq!(health["status"], "healthy");
            assert_eq!(health["database"], "connected");
            assert_eq!(health["nats"], "connected");
            assert_eq!(health["queue"]["active_jobs"], 1);
            assert_eq!(health["queue"]["workers"], 1);
            assert_eq!(health["stages"]["composer"]["workers"], 1);
            let waiting = (
                &health["queue"]["size"],
                &health["stages"]["audio_parser"]["waiting"],
            );
            (waiting == (&Value::from(1), &Value::from(1))).then_some(())
        },
    )
    .await;
    for path in ["/livez", "/readyz"] {
        assert_eq!(
            app.request(Method::GET, path)
                .send()
                .await
                .unwrap()
                .status(),
            200
        );
    }
}

#[tokio::test]
async fn only_the_named_origins_may_use_the_api_from_a_browser() {
    let app = TestApp::start_with(|config| {
        config.frontend_origins = vec!["https://films.example".parse().unwrap()];
    })
    .await;
    let asked = async |origin: &str| {
        let request = app.request(Method::GET, "/livez").header("origin", origin);
        let headers = request.send().await.unwrap().headers().clone();
        headers
            .get("access-control-allow-origin")
            .map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(
        asked("https://films.example").await.as_deref(),
        Some("https://films.example")
    );
    for other in [
        "https://evil.example",
        "https://films.example.evil.example",
        "null",
    ] {
        assert_eq!(asked(other).await, None, "{other}");
    }
}
