//! Two gateways on one Postgres, one NATS and one object store: as good as one.

use futures::future::join_all;
use model::EventBody;
use reqwest::Method;
use serde_json::Value;
use testkit::{Database, eventually, sound};

use crate::app::{Beside, PATIENCE, PROMPT, TestApp, User, assert_problem, form, job_id};
use crate::stream::{Open, message};
use crate::webhooks::Receiver;

/// None where there is no Postgres. The database goes with the last field.
async fn two() -> Option<(TestApp, Beside, Database)> {
    let database = testkit::postgres_database().await?;
    let app = TestApp::start_with(|config| {
        config.database_url = database.url();
        config.webhooks_may_be_private = true;
    })
    .await;
    let beside = app.beside().await;
    Some((app, beside, database))
}

#[tokio::test]
async fn a_job_of_one_gateway_is_streamed_and_cancelled_by_another() {
    let Some((app, beside, _database)) = two().await else {
        return;
    };
    let here = app.user();
    let there = here.at(&beside);
    let job = here.uploads().await;
    app.settled().await;
    let mut stream = Open::of(&there, job, None).await;
    assert_eq!(stream.next().await.unwrap().2["status"], "queued");
    // Read on both, so that both have it in their caches.
    assert_eq!(here.job(job).await["status"], "queued");
    assert_eq!(there.job(job).await["status"], "queued");
    app.says(job, message("hello")).await;
    assert_eq!(stream.next().await.unwrap().2["text"], "hello");

    let cancelled = here.post(&format!("/api/v1/jobs/{job}/cancel")).await;
    assert_eq!(cancelled.status(), 200);
    let (event, id, data) = stream.next().await.unwrap();
    assert_eq!(
        (event.as_str(), &data["code"]),
        ("error", &"JOB_CANCELLED".into())
    );
    assert!(stream.next().await.is_none());
    // Who has seen the end on one is told so by the other; and neither answers out of an old cache.
    assert_eq!(there.job(job).await["status"], "cancelled");
    assert_eq!(here.job(job).await["status"], "cancelled");
    let again = here
        .request(Method::GET, &format!("/api/v1/jobs/{job}/stream"))
        .header("last-event-id", id);
    assert_eq!(again.send().await.unwrap().status(), 204);
    let foreign = app.user().at(&beside);
    let foreign = foreign.get(&format!("/api/v1/jobs/{job}")).await;
    assert_problem(foreign, 404, "job-not-found").await;
}

/// The same upload to each of two gateways, `each` times at once.
async fn uploads_to_both(users: [&User<'_>; 2], each: usize, key: Option<&str>) -> Vec<Value> {
    let song = sound::tone(440.0, 1.0).wav();
    let uploads = (0..2 * each).map(|number| {
        let mut request = users[number % 2].request(Method::POST, "/api/v1/upload-audio");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        request.multipart(form(song.clone(), PROMPT)).send()
    });
    let mut accepted = vec![];
    for answer in join_all(uploads).await {
        let answer = answer.unwrap();
        match answer.status().as_u16() {
            201 => accepted.push(answer.json().await.unwrap()),
            // Of those with a key the others wait for the first, or are told to.
            409 | 429 => {}
            other => panic!("{other}"),
        }
    }
    accepted
}

#[tokio::test]
async fn one_idempotency_key_is_one_job_over_two_gateways() {
    let Some((app, beside, _database)) = two().await else {
        return;
    };
    let here = app.user();
    let there = here.at(&beside);
    let accepted = uploads_to_both([&here, &there], 3, Some("\"one-key\"")).await;
    assert!(!accepted.is_empty());
    assert_eq!(app.count("SELECT COUNT(*) FROM jobs").await, 1);
    assert_eq!(app.slots_of(&here).await, 1);
    // Asked again once it is answered, both say the same.
    for user in [&here, &there] {
        let again = uploads_to_both([user, user], 1, Some("\"one-key\"")).await;
        assert!(
            again.iter().all(|answer| answer == &accepted[0]),
            "{again:?}"
        );
    }
}

#[tokio::test]
async fn the_limit_of_jobs_holds_over_two_gateways() {
    let Some((app, beside, _database)) = two().await else {
        return;
    };
    let here = app.user();
    let there = here.at(&beside);
    let accepted = uploads_to_both([&here, &there], 15, None).await;
    assert_eq!(accepted.len(), 5);
    assert_eq!(app.count("SELECT COUNT(*) FROM jobs").await, 5);
    assert_eq!(app.objects().len(), 5);
}

#[tokio::test]
async fn a_stream_ticket_is_used_up_at_both_gateways() {
    let Some((app, beside, _database)) = two().await else {
        return;
    };
    let here = app.user();
    let there = here.at(&beside);
    let job = here.uploads().await;
    app.settled().await;
    let issue = format!("/api/v1/jobs/{job}/stream-ticket");
    let issued: Value = here.post(&issue).await.json().await.unwrap();
    let path = format!(
        "/api/v1/jobs/{job}/stream?ticket={}",
        issued["ticket"].as_str().unwrap()
    );
    let ask = async |user: &User<'_>| {
        let url = format!("{}{path}", user.base_url);
        app.http.get(url).send().await.unwrap()
    };
    assert_eq!(ask(&there).await.status(), 200);
    for user in [&here, &there] {
        assert_problem(ask(user).await, 401, "token-invalid").await;
    }
}

#[tokio::test]
async fn of_two_gateways_one_tells_the_end_and_sweeps_once() {
    let Some((app, beside, _database)) = two().await else {
        return;
    };
    let receiver = Receiver::answering(&[]).await;
    let here = app.user();
    let there = here.at(&beside);
    let job = here.uploads_for(&receiver.url).await;
    let other = there.uploads_for(&receiver.url).await;
    for job in [job, other] {
        let body = EventBody::Error {
            error: "no".to_owned(),
            code: "MODULE_FAILURE".to_owned(),
            retryable: false,
            stage: None,
            total_cost: None,
            pending_cost: None,
        };
        app.says(job, body).await;
    }
    eventually("all is swept", PATIENCE, async || {
        let swept = "SELECT COUNT(*) FROM jobs WHERE swept_at IS NOT NULL";
        (app.objects().is_empty() && app.count(swept).await == 2).then_some(())
    })
    .await;
    receiver.hears(2).await;
    for (user, job) in [(&there, job), (&here, other)] {
        let delivery = user.delivery_that_is(job, "delivered").await;
        assert_eq!(
            delivery["attempts"].as_array().map_or(1, Vec::len),
            1,
            "{delivery}"
        );
    }
    // Both have had their chance by now: the log says that nothing is due any more.
    assert_eq!(receiver.hears(2).await.len(), 2);
    let stream = app.jetstream.get_stream(nats::streams::WORK).await.unwrap();
    assert_eq!(
        stream.cached_info().state.messages,
        2,
        "each job's first message, once"
    );
    assert_eq!(job_id(&here.job(job).await), job);
}
