//! Write-once and what a lost answer means.

use std::time::Duration;

use async_nats::HeaderMap;
use model::StageKind;
use nats::publish::{self, Published, write_once};
use nats::subject;

use crate::bench;

const EVENT: &str = "events.0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f.message";

#[tokio::test]
async fn a_subject_is_written_once_and_the_second_writer_learns_what_is_there() {
    let (_server, jetstream) = bench::open().await;
    let subject = subject::work(&bench::task(StageKind::Composer));
    let write =
        |text: &'static str| write_once(&jetstream, subject.clone(), text.into(), HeaderMap::new());

    let first = write("first").await.unwrap();
    let sequence = first.sequence();

    assert_eq!(first, Published::Stored { sequence });
    let there = |same_payload| Published::AlreadyThere {
        sequence,
        same_payload,
    };
    assert_eq!(write("first").await.unwrap(), there(true));
    assert_eq!(write("second").await.unwrap(), there(false));
}

#[tokio::test]
async fn of_many_writers_at_once_exactly_one_is_first() {
    let (_server, jetstream) = bench::open().await;
    let subject = subject::end(bench::job(), model::RunNumber::FIRST);
    let writes = (0..32).map(|n: u32| {
        let payload = n.to_string().into();
        write_once(&jetstream, subject.clone(), payload, HeaderMap::new())
    });

    let outcomes = futures::future::join_all(writes).await;

    let stored = |outcome: &&Result<Published, _>| matches!(outcome, Ok(Published::Stored { .. }));
    assert_eq!(outcomes.iter().filter(stored).count(), 1);
    assert!(outcomes.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_message_published_while_the_server_is_away_is_there_once_when_it_is_back() {
    let (mut server, jetstream) = bench::open().await;
    let subject = subject::work(&bench::task(StageKind::Composer));
    server.kill().await;
    let publishing = tokio::spawn({
        let (jetstream, subject) = (jetstream.clone(), subject.clone());
        async move { write_once(&jetstream, subject, "once".into(), HeaderMap::new()).await }
    });
    server.restart().await;

    let published = tokio::time::timeout(Duration::from_secs(20), publishing).await;

    let published = published.expect("in time").unwrap().unwrap();
    let last = publish::last(&jetstream, &subject).await.unwrap().unwrap();
    assert_eq!(last.sequence, published.sequence());
    let mut work = jetstream.get_stream(nats::streams::WORK).await.unwrap();
    assert_eq!(work.info().await.unwrap().state.messages, 1);
}

#[tokio::test]
async fn a_message_that_was_tried_again_all_through_an_outage_is_there_once() {
    let (mut server, mut jetstream) = bench::open().await;
    // Many tries, each of which the client sends once the connection is back.
    jetstream.set_timeout(Duration::from_millis(500));
    server.kill().await;
    let mut appending = tokio::spawn({
        let jetstream = jetstream.clone();
        async move { publish::append(&jetstream, EVENT.to_owned(), "x".into(), "one id").await }
    });
    let outage = tokio::time::timeout(Duration::from_secs(3), &mut appending).await;
    assert!(outage.is_err(), "there is nobody to answer");
    server.restart().await;

    let appended = tokio::time::timeout(Duration::from_secs(20), appending).await;
    appended.expect("in time").unwrap().unwrap();
    jetstream.set_timeout(Duration::from_secs(15));
    jetstream.client().flush().await.unwrap();
    let other = publish::append(&jetstream, EVENT.to_owned(), "x".into(), "other id").await;
    other.unwrap();

    let mut events = jetstream.get_stream(nats::streams::EVENTS).await.unwrap();
    assert_eq!(events.info().await.unwrap().state.messages, 2);
}

#[tokio::test]
async fn what_the_server_will_never_take_is_refused_at_once() {
    let (_server, jetstream) = bench::open().await;
    let subject = subject::work(&bench::task(StageKind::Composer));
    let payload = vec![0; 2 * 1024 * 1024].into();
    let error = write_once(&jetstream, subject, payload, HeaderMap::new()).await;
    assert!(matches!(error, Err(publish::PublishError::Refused { .. })));

    let elsewhere = write_once(
        &jetstream,
        "else.where".to_owned(),
        "x".into(),
        HeaderMap::new(),
    );
    let error = elsewhere.await.unwrap_err();
    assert!(matches!(error, publish::PublishError::NoStream { .. }));
}
