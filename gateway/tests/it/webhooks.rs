//! Webhooks, told to a real receiver.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use model::JobId;
use reqwest::Method;
use serde_json::Value;
use sha2::Sha256;
use testkit::{eventually, sound};
use tokio_util::task::AbortOnDropHandle;

use crate::app::{PATIENCE, PROMPT, TestApp, User, assert_problem, form, job_id};
use crate::versions::{ends_with_a_film, has_a_film};

/// A receiver that answers as it was told to, and then with 204.
pub(crate) struct Receiver {
    pub(crate) url: String,
    heard: Arc<Mutex<Heard>>,
    _serving: AbortOnDropHandle<()>,
}

#[derive(Default)]
struct Heard {
    answers: VecDeque<StatusCode>,
    messages: Vec<(HeaderMap, String)>,
}

async fn hook(
    State(heard): State<Arc<Mutex<Heard>>>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, [(&'static str, &'static str); 1]) {
    let mut heard = heard.lock().unwrap();
    heard.messages.push((headers, body));
    let status = heard.answers.pop_front().unwrap_or(StatusCode::NO_CONTENT);
    (status, [("location", "/hook")])
}

impl Receiver {
    pub(crate) async fn answering(answers: &[u16]) -> Self {
        let answers = answers
            .iter()
            .map(|code| StatusCode::from_u16(*code).unwrap());
        let heard = Arc::new(Mutex::new(Heard {
            answers: answers.collect(),
            messages: vec![],
        }));
        let router = Router::new()
            .route("/hook", post(hook))
            .with_state(Arc::clone(&heard));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url,
            heard,
            _serving: AbortOnDropHandle::new(serving),
        }
    }

    pub(crate) async fn hears(&self, count: usize) -> Vec<(HeaderMap, String)> {
        eventually("the webhook is told", PATIENCE, async || {
            let messages = self.heard.lock().unwrap().messages.clone();
            (messages.len() >= count).then_some(messages)
        })
        .await
    }
}

impl User<'_> {
    pub(crate) async fn uploads_for(&self, webhook: &str) -> JobId {
        let song = form(sound::tone(440.0, 2.0).wav(), PROMPT);
        let answer = self
            .submit(song.text("webhook_url", webhook.to_owned()))
            .await;
        assert_eq!(answer.status(), 201);
        job_id(&answer.json().await.unwrap())
    }

    async fn deliveries(&self, job: JobId) -> Value {
        let answer = self.get(&format!("/api/v1/jobs/{job}/webhooks")).await;
        answer.json::<Value>().await.unwrap()["deliveries"].take()
    }

    pub(crate) async fn delivery_that_is(&self, job: JobId, status: &str) -> Value {
        eventually("the log says so", PATIENCE, async || {
            let delivery = self.deliveries(job).await.get_mut(0)?.take();
            (delivery["status"] == status).then_some(delivery)
        })
        .await
    }
}

async fn app() -> TestApp {
    TestApp::start_with(|config| {
        config.webhooks_may_be_private = true;
        config.webhook_retries = vec![Duration::from_millis(10); 2];
    })
    .await
}

fn is_signed(secret: &str, (headers, body): &(HeaderMap, String)) -> bool {
    let key = STANDARD
        .decode(secret.strip_prefix("whsec_").unwrap())
        .unwrap();
    let of = |name: &str| headers[name].to_str().unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{}.{}.{body}", of("webhook-id"), of("webhook-timestamp")).as_bytes());
    let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    of("webhook-signature")
        .split(' ')
        .any(|signature| signature == expected)
}

#[tokio::test]
async fn a_finished_film_is_told_signed_and_told_again_until_it_is_heard() {
    let app = app().await;
    let receiver = Receiver::answering(&[500, 302]).await;
    let ada = app.user();
    let job = ada.uploads_for(&receiver.url).await;
    assert_eq!(ada.deliveries(job).await, serde_json::json!([]));
    app.completes(job, b"a film").await;

    let heard = receiver.hears(3).await;
    let delivery = ada.delivery_that_is(job, "delivered").await;
    let statuses: Vec<_> = delivery["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| attempt["http_status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [500, 302, 204]);
    let secret: Value = ada
        .get("/api/v1/webhook-secret")
        .await
        .json()
        .await
        .unwrap();
    for message in &heard {
        assert!(is_signed(secret["secret"].as_str().unwrap(), message));
        assert_eq!(message.0["webhook-id"], delivery["id"].as_str().unwrap());
    }
    let body: Value = serde_json::from_str(&heard[0].1).unwrap();
    assert_eq!(body["type"], "job.completed");
    assert_eq!(body["data"]["job_id"], job.to_string());
    assert!(body["data"]["video_url"].is_string());
    assert!(body["timestamp"].is_string());
    assert!(heard[0].1.len() < 20_000);
}

#[tokio::test]
async fn a_receiver_that_never_answers_well_is_given_up_and_can_be_told_again_by_hand() {
    let app = app().await;
    let receiver = Receiver::answering(&[500, 500, 500]).await;
    let ada = app.user();
    let job = ada.uploads_for(&receiver.url).await;
    assert_eq!(
        ada.post(&format!("/api/v1/jobs/{job}/cancel"))
            .await
            .status(),
        200
    );
    let delivery = ada.delivery_that_is(job, "failed").await;
    assert_eq!(delivery["type"], "job.cancelled");
    assert_eq!(delivery["attempts"].as_array().unwrap().len(), 3);

    let id = delivery["id"].as_str().unwrap();
    let resend = format!("/api/v1/jobs/{job}/webhooks/{id}/resend");
    assert_problem(app.user().post(&resend).await, 404, "job-not-found").await;
    assert_eq!(ada.post(&resend).await.status(), 202);
    let delivery = ada.delivery_that_is(job, "delivered").await;
    assert_eq!(delivery["attempts"].as_array().unwrap().len(), 4);
    let other = format!("/api/v1/jobs/{job}/webhooks/msg_none/resend");
    assert_problem(ada.post(&other).await, 404, "not-found").await;
}

#[tokio::test]
async fn the_end_of_each_pass_is_told_and_names_it() {
    let app = app().await;
    let receiver = Receiver::answering(&[]).await;
    let ada = app.user();
    let job = ada.uploads_for(&receiver.url).await;
    has_a_film(&app, job).await;
    receiver.hears(1).await;
    let asked = serde_json::json!({ "from": "video_generator", "clip": 0, "version": 1 });
    for run in 2..=3 {
        assert_eq!(ada.forks(job, asked.clone()).await.status(), 202);
        app.settled().await;
        ends_with_a_film(&app, job, run).await;
        receiver.hears(run as usize).await;
    }
    let heard = receiver.hears(3).await;
    let told: Vec<(Value, Value)> = heard
        .iter()
        .map(|(_, body)| serde_json::from_str::<Value>(body).unwrap())
        .map(|body| (body["type"].clone(), body["run"].clone()))
        .collect();
    let expected = [1, 2, 3].map(|run| ("job.completed".into(), run.into()));
    assert_eq!(told, expected);
    let deliveries = ada.deliveries(job).await;
    let runs = deliveries.as_array().unwrap().iter();
    let runs: Vec<_> = runs.map(|delivery| delivery["run"].clone()).collect();
    assert_eq!(runs, [1, 2, 3]);
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_told_once() {
    let app = app().await;
    let receiver = Receiver::answering(&[410]).await;
    let ada = app.user();
    let job = ada.uploads_for(&receiver.url).await;
    app.completes(job, b"a film").await;
    let delivery = ada.delivery_that_is(job, "failed").await;
    assert_eq!(delivery["attempts"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_new_secret_signs_beside_the_old_one() {
    let app = app().await;
    let receiver = Receiver::answering(&[]).await;
    let ada = app.user();
    let secret = async |answer: reqwest::Response| -> String {
        let body: Value = answer.json().await.unwrap();
        body["secret"].as_str().unwrap().to_owned()
    };
    let old = secret(ada.get("/api/v1/webhook-secret").await).await;
    let new = secret(ada.post("/api/v1/webhook-secret/rotate").await).await;
    assert_ne!(old, new);
    let job = ada.uploads_for(&receiver.url).await;
    app.completes(job, b"a film").await;
    let heard = receiver.hears(1).await;
    assert!(is_signed(&old, &heard[0]) && is_signed(&new, &heard[0]));
}

#[tokio::test]
async fn a_webhook_that_leads_inside_is_refused_at_the_upload_and_at_the_call() {
    let app = TestApp::start_with(|config| config.webhook_retries = vec![]).await;
    let receiver = Receiver::answering(&[]).await;
    let ada = app.user();
    for url in [
        receiver.url.as_str(),
        "https://127.0.0.1/",
        "https://169.254.169.254/",
        "nonsense",
    ] {
        let song = form(sound::tone(440.0, 2.0).wav(), PROMPT);
        let answer = ada.submit(song.text("webhook_url", url.to_owned())).await;
        let body = assert_problem(answer, 422, "validation-failed").await;
        assert_eq!(body["errors"][0]["pointer"], "#/webhook_url");
    }
    app.kept_nothing_for(&ada).await;
    // A name that was harmless at the upload and leads inside at the call.
    let job = ada.uploads_for("https://localtest.example.org/hook").await;
    app.sql("UPDATE jobs SET webhook_url = 'https://localhost./hook'")
        .await;
    app.completes(job, b"a film").await;
    let delivery = ada.delivery_that_is(job, "failed").await;
    assert_eq!(delivery["attempts"][0]["http_status"], Value::Null);
    let answer = app.request(Method::GET, &format!("/api/v1/jobs/{job}/webhooks"));
    assert_problem(answer.send().await.unwrap(), 401, "token-missing").await;
    assert!(receiver.heard.lock().unwrap().messages.is_empty());
}
