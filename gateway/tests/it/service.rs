//! What ops and developers read: the description, its page, and the figures.

use reqwest::Method;
use serde_json::Value;

use crate::app::TestApp;

#[tokio::test]
async fn the_description_is_served_and_its_page_asks_nobody_else() {
    let app = TestApp::start().await;
    let get = async |path: &str| app.request(Method::GET, path).send().await.unwrap();
    let document: Value = get("/openapi.json").await.json().await.unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let page = get("/docs").await;
    assert_eq!(page.status(), 200);
    let policy = page.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(policy.contains("script-src 'self'"), "{policy}");
    let mut texts = vec![page.text().await.unwrap()];
    for file in ["/docs.js", "/docs.css"] {
        let answer = get(file).await;
        assert_eq!(answer.status(), 200, "{file}");
        texts.push(answer.text().await.unwrap());
    }
    for text in texts {
        assert!(
            !text.contains("//cdn") && !text.contains("https://"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn figures_count_requests_by_route_and_tell_what_waits_without_ids() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    app.settled().await;
    ada.job(job).await;
    ada.get(&format!("/api/v1/jobs/{}", uuid::Uuid::new_v4()))
        .await;
    let answer = app.request(Method::GET, "/metrics").send().await.unwrap();
    let text = answer.text().await.unwrap();
    for line in [
        r#"beatreel_http_requests_total{method="GET",route="/api/v1/jobs/{job_id}",status="200"} 1"#,
        r#"beatreel_http_requests_total{method="GET",route="/api/v1/jobs/{job_id}",status="404"} 1"#,
        r#"beatreel_http_request_duration_seconds_count{method="POST",route="/api/v1/upload-audio"} 1"#,
        "beatreel_live_jobs 1",
        "beatreel_sse_connections 0",
        "beatreel_events_behind 0",
        "beatreel_database_up 1",
        "beatreel_nats_up 1",
        r#"beatreel_queue_pending{stage="composer"} 0"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
    }
    assert!(!text.contains(&job.to_string()));
    assert!(text.ends_with("# EOF\n"));
}
