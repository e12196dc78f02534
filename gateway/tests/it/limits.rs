//! How much one address, one user, a day and all uploads together may take.

use std::time::Duration;

use futures::future::join_all;
use gateway::Config;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use model::Usd;
use reqwest::{Method, Response};
use serde_json::json;
use testkit::{eventually, sound};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::app::{PATIENCE, PROMPT, SECRET, TestApp, User, assert_problem, form};

/// A song of two seconds costs two dollars.
fn dollar_a_second(config: &mut Config) {
    config.prices.per_minute = Usd::from_dollars(60);
}

#[tokio::test]
async fn an_address_that_is_refused_too_often_hears_of_nothing_else_for_a_while() {
    let app = TestApp::start_with(|config| {
        config.refusals_per_minute = 3;
        config.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    })
    .await;
    let (ada, path) = (app.user(), "/api/v1/jobs");
    let from = async |client: &str, path: &str| {
        let request = app.request(Method::GET, path);
        let request = request.header("x-forwarded-for", client.to_owned());
        request.send().await.unwrap()
    };
    for _ in 0..2 {
        assert_problem(from("192.0.2.7", path).await, 401, "token-missing").await;
    }
    let bad_link = "/api/v1/files/jobs/1/film.mp4?as=inline&exp=1&sig=00";
    assert_problem(from("192.0.2.7", bad_link).await, 403, "forbidden").await;
    for _ in 0..2 {
        let refused = from("192.0.2.7", path).await;
        let wait = retry_after(&refused);
        assert!((1..=60).contains(&wait), "{wait}");
        assert_problem(refused, 429, "refused-too-often").await;
    }
    // Others, and those who show a token from behind the same address, notice nothing.
    assert_problem(from("192.0.2.8", path).await, 401, "token-missing").await;
    let request = ada
        .request(Method::GET, path)
        .header("x-forwarded-for", "192.0.2.7");
    assert_eq!(request.send().await.unwrap().status(), 200);
}

fn retry_after(answer: &Response) -> u64 {
    let wait = answer.headers()["retry-after"].to_str().unwrap();
    wait.parse().unwrap()
}

#[tokio::test]
async fn uploads_that_are_no_songs_are_limited_and_take_no_slot() {
    let app = TestApp::start_with(|config| config.failed_uploads_per_hour = 2).await;
    let ada = app.user();
    for _ in 0..2 {
        let answer = ada.submit(form(b"no song".to_vec(), PROMPT)).await;
        assert_problem(answer, 415, "unsupported-media-type").await;
    }
    let song = sound::tone(440.0, 2.0).wav();
    let refused = ada.submit(form(song, PROMPT)).await;
    assert!((3500..=3600).contains(&retry_after(&refused)));
    assert_problem(refused, 429, "refused-too-often").await;
    app.kept_nothing_for(&ada).await;
    app.user().uploads().await;
}

async fn the_day_has_money_for_two_films(config: impl FnOnce(&mut Config)) {
    let app = TestApp::start_with(|settings| {
        dollar_a_second(settings);
        settings.daily_limit = Some(Usd::from_dollars(5));
        config(settings);
    })
    .await;
    let users: Vec<_> = (0..6).map(|_| app.user()).collect();
    let song = sound::tone(440.0, 2.0).wav();
    let uploads = users
        .iter()
        .map(|user| user.submit(form(song.clone(), PROMPT)));
    let mut accepted = vec![];
    for (user, answer) in users.iter().zip(join_all(uploads).await) {
        if answer.status() == 201 {
            accepted.push((user, crate::app::job_id(&answer.json().await.unwrap())));
            continue;
        }
        assert_eq!(retry_after(&answer), 3600);
        assert_problem(answer, 503, "daily-limit").await;
        assert_eq!(app.slots_of(user).await, 0);
    }
    assert_eq!(accepted.len(), 2);
    assert_eq!(app.objects().len(), 2);
    // What was promised and never spent can be promised again.
    let (user, job) = accepted[0];
    user.post(&format!("/api/v1/jobs/{job}/cancel")).await;
    app.settled().await;
    app.user().uploads().await;
}

#[tokio::test]
async fn the_money_of_a_day_is_promised_once_however_many_ask() {
    the_day_has_money_for_two_films(|_| {}).await;
}

#[tokio::test]
async fn the_money_of_a_day_is_promised_once_on_postgres_too() {
    if let Some(database) = testkit::postgres_database().await {
        the_day_has_money_for_two_films(|config| config.database_url = database.url()).await;
    }
}

/// Bytes of memory that this process holds.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib: u64 = line
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    kib * 1024
}

/// Sends most of a large song, and then nothing.
async fn stalls(app: &TestApp, token: &str) -> TcpStream {
    let address = app.base_url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let part = "--b\r\ncontent-disposition: form-data; name=\"audio_file\"\r\n\r\nRIFF";
    let head = format!(
        "POST /api/v1/upload-audio HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
         content-type: multipart/form-data; boundary=b\r\ncontent-length: 10000000\r\n\r\n{part}"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let megabyte = vec![7; 1_000_000];
    for _ in 0..9 {
        stream.write_all(&megabyte).await.unwrap();
    }
    stream
}

#[tokio::test]
async fn uploads_that_stall_hold_places_and_no_memory_and_others_are_told_to_come_back() {
    const PLACES: u64 = 16;
    let app = TestApp::start_with(|config| {
        config.upload_patience = Duration::from_millis(100);
    })
    .await;
    let (ada, bob) = (app.user(), app.user());
    let before = memory();
    let stalled = join_all((0..PLACES).map(|_| stalls(&app, &ada.token))).await;
    let grown = memory().saturating_sub(before);
    // Nine megabytes of each are on the disk; other tests of this process take some memory, too.
    assert!(grown < PLACES * 9_000_000 * 2 / 3, "{grown}");
    let refused = bob
        .submit(form(sound::tone(440.0, 2.0).wav(), PROMPT))
        .await;
    assert_eq!(retry_after(&refused), 5);
    assert_problem(refused, 503, "unavailable").await;
    // Who goes leaves a place.
    drop(stalled);
    eventually("there is a place again", PATIENCE, async || {
        let song = form(sound::tone(440.0, 2.0).wav(), PROMPT);
        (bob.submit(song).await.status() == 201).then_some(())
    })
    .await;
    assert_eq!(app.slots_of(&ada).await, 0);
}

/// A token of someone who signed in without saying who they are, as Supabase signs it.
fn anonymous_token(user: &User<'_>) -> String {
    let claims = json!({
        "sub": user.id.to_string(),
        "aud": "authenticated",
        "role": "authenticated",
        "exp": 4_000_000_000_u64,
        "is_anonymous": true,
    });
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key).unwrap()
}

#[tokio::test]
async fn who_signed_in_as_nobody_may_start_fewer_jobs() {
    let app = TestApp::start().await;
    let mut nobody = app.user();
    nobody.token = anonymous_token(&nobody);
    let song = sound::tone(440.0, 2.0).wav();
    let uploads = (0..6).map(|_| nobody.submit(form(song.clone(), PROMPT)));
    let answers = join_all(uploads).await;
    let accepted = answers.iter().filter(|answer| answer.status() == 201);
    assert_eq!(accepted.count(), 2);
    for refused in answers.into_iter().filter(|answer| answer.status() != 201) {
        let policy = refused.headers()["ratelimit-policy"].to_str().unwrap();
        assert!(policy.contains("q=2;"), "{policy}");
        assert_problem(refused, 429, "rate-limited").await;
    }
    assert_eq!(app.slots_of(&nobody).await, 2);
    // Once they say who they are, the rest of the usual limit is theirs.
    let known = app.user_of(nobody.id);
    known.uploads().await;
}
