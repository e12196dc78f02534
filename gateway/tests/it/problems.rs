//! Every refusal is a problem, whoever made it.

use reqwest::{Method, StatusCode};

use crate::app::{TestApp, problem};

const JOB: &str = "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f";

/// Every route, with the methods that it takes. `{job}` is a job, `{x}` anything.
const ROUTES: [(&str, &[&str]); 20] = [
    ("/api/v1/upload-audio", &["POST"]),
    ("/api/v1/quotes", &["POST"]),
    ("/api/v1/webhook-secret", &["GET"]),
    ("/api/v1/webhook-secret/rotate", &["POST"]),
    ("/api/v1/jobs", &["GET"]),
    ("/api/v1/jobs/{job}", &["GET"]),
    ("/api/v1/jobs/{job}/cancel", &["POST"]),
    ("/api/v1/jobs/{job}/webhooks", &["GET"]),
    ("/api/v1/jobs/{job}/webhooks/{x}/resend", &["POST"]),
    ("/api/v1/jobs/{job}/stream", &["GET"]),
    ("/api/v1/jobs/{job}/events", &["GET"]),
    ("/api/v1/events", &["GET"]),
    ("/api/v1/jobs/{job}/stream-ticket", &["POST"]),
    ("/api/v1/dev/token", &["POST"]),
    ("/api/v1/jobs/{job}/download", &["GET"]),
    ("/api/v1/files/{x}", &["GET"]),
    ("/api/v1/health", &["GET"]),
    ("/livez", &["GET"]),
    ("/readyz", &["GET"]),
    ("/problems/{x}", &["GET"]),
];

/// Words that no refusal may say: what we are made of and where we lie.
const INNER: [&str; 10] = [
    "sqlx",
    "SELECT ",
    "INSERT ",
    "async_nats",
    "hyper",
    "axum",
    "src/",
    "/tmp",
    "jsonwebtoken",
    "serde",
];

/// Bodies that nobody can read.
const BODIES: [(&str, &[u8]); 7] = [
    ("application/json", b""),
    ("application/json", b"{"),
    ("application/json", b"[[[["),
    ("application/json", &[0xff, 0x00]),
    ("text/plain", b"hello"),
    ("multipart/form-data", b"--"),
    ("multipart/form-data; boundary=b", b"--b\r\n\r\n"),
];

/// Queries that nobody can answer, and none.
const QUERIES: [&str; 12] = [
    "",
    "?limit=0",
    "?limit=x",
    "?limit=1&limit=2",
    "?offset=-1",
    "?status=asleep",
    "?after=x",
    "?cursor=%00",
    "?%ff",
    "?jobs=%2e%2e",
    "?ticket=x",
    "?limit=99999999999999999999",
];

#[tokio::test]
async fn a_method_that_a_route_does_not_take_is_refused_with_those_it_takes() {
    let app = TestApp::start().await;
    let ada = app.user();
    for (route, takes) in ROUTES {
        let path = route.replace("{job}", JOB).replace("{x}", "7");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"] {
            if takes.contains(&method) {
                continue;
            }
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = ada.request(method.clone(), &path).send().await.unwrap();
            let allow = answer.headers()["allow"].to_str().unwrap().to_owned();
            for taken in takes {
                assert!(allow.contains(taken), "{method} {path}: {allow}");
            }
            let (status, slug, _) = problem(answer).await;
            let found = (status.as_u16(), slug.as_str());
            assert_eq!(found, (405, "method-not-allowed"), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_a_request_the_refusal_is_a_problem_that_tells_nothing_of_us() {
    let app = TestApp::start().await;
    let ada = app.user();
    let mut refused = 0;
    for (route, takes) in ROUTES {
        for id in [JOB, "7", "%2e%2e%2f", "%00", "%ff", "' OR 1=1 --"] {
            let path = route.replace("{job}", id).replace("{x}", id);
            for method in takes {
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                for query in QUERIES {
                    let request = ada.request(method.clone(), &format!("{path}{query}"));
                    refused += is_fine(request).await;
                }
                if method == Method::POST {
                    for (kind, body) in BODIES {
                        let request = ada
                            .request(Method::POST, &path)
                            .header("content-type", kind)
                            .body(body);
                        refused += is_fine(request).await;
                    }
                }
            }
            if !route.contains('{') {
                break;
            }
        }
    }
    assert!(refused > 200, "{refused}");
    for path in [
        "/nothing",
        "/api/v1/nothing",
        "/api",
        "/problems/nothing",
        "/..%2f..%2fetc",
    ] {
        let (status, slug, _) = problem(ada.get(path).await).await;
        assert_eq!(
            (status, slug.as_str()),
            (StatusCode::NOT_FOUND, "not-found")
        );
    }
}

/// 1 where the request was refused, and refused as it should be.
async fn is_fine(request: reqwest::RequestBuilder) -> usize {
    let answer = request.send().await.unwrap();
    let (url, status) = (answer.url().clone(), answer.status());
    assert!(status.as_u16() < 500, "{status} {url}");
    if !status.is_client_error() {
        return 0;
    }
    let (_, _, body) = problem(answer).await;
    let text = body.to_string();
    for word in INNER {
        assert!(!text.contains(word), "{word} in {text}");
    }
    1
}
