//! Applying: create, compare, update, refuse.

use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use async_nats::jetstream::stream;
use model::StageKind;
use nats::{ApplyError, Change, consumers, streams};

use crate::bench;

#[tokio::test]
async fn a_second_run_changes_nothing() {
    let server = testkit::NatsServer::start().await;
    let jetstream = bench::connected(&nats::ServerAddress::open(server.url())).await;

    let first = nats::apply(&jetstream).await.unwrap();
    let parts = streams::all().len() + consumers::all().len();
    assert_eq!(first.len(), parts, "{first:?}");
    assert_eq!(nats::apply(&jetstream).await.unwrap(), []);
}

#[tokio::test]
async fn events_that_are_made_anew_count_on_from_where_no_stream_before_them_was() {
    let server = testkit::NatsServer::start().await;
    let jetstream = bench::connected(&nats::ServerAddress::open(server.url())).await;
    let before = nats::apply_again(&jetstream).await.unwrap();
    assert_eq!(before.len(), streams::all().len() + consumers::all().len());
    let last = async || {
        let mut events = jetstream.get_stream(streams::EVENTS).await.unwrap();
        events.info().await.unwrap().state.last_sequence
    };
    let first = last().await;
    assert!(first > 1_700_000_000_000, "{first}");
    assert_eq!(nats::apply_again(&jetstream).await.unwrap(), []);
    // It can still be set right.
    let mut bent = jetstream.get_stream(streams::EVENTS).await.unwrap();
    let mut config = bent.info().await.unwrap().config.clone();
    config.max_age = Duration::from_hours(1);
    jetstream.update_stream(config).await.unwrap();
    assert_eq!(nats::apply_again(&jetstream).await.unwrap().len(), 1);
    assert_eq!(last().await, first);

    jetstream.delete_stream(streams::EVENTS).await.unwrap();
    nats::apply_again(&jetstream).await.unwrap();
    assert!(last().await > first);
}

#[tokio::test]
async fn what_someone_changed_is_set_right_and_named() {
    let (_server, jetstream) = bench::open().await;
    let bent = stream::Config {
        max_age: Duration::from_hours(1),
        ..streams::work()
    };
    jetstream.update_stream(bent).await.unwrap();
    let composer = consumers::of_stage(StageKind::Composer);
    let bent = pull::Config {
        max_ack_pending: 7,
        max_deliver: 1_000,
        ..composer.config
    };
    let bending = jetstream.update_consumer_on_stream(bent, composer.stream);
    bending.await.unwrap();

    let changes = nats::apply(&jetstream).await.unwrap();

    let said: Vec<_> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "updated stream WORK (max_age: 3600000000000 → 604800000000000)",
            "updated consumer composer of WORK (max_ack_pending: 7 → 5000, max_deliver: 1000 → -1)",
        ]
    );
    assert_eq!(nats::apply(&jetstream).await.unwrap(), Vec::<Change>::new());
}

#[tokio::test]
async fn what_may_not_be_changed_is_refused_with_the_difference() {
    let server = testkit::NatsServer::start().await;
    let jetstream = bench::connected(&nats::ServerAddress::open(server.url())).await;
    let in_memory = stream::Config {
        storage: stream::StorageType::Memory,
        ..streams::work()
    };
    jetstream.create_stream(in_memory).await.unwrap();

    let error = nats::apply(&jetstream).await.unwrap_err();

    assert!(matches!(error, ApplyError::Refused { .. }));
    let said = error.to_string();
    assert!(said.contains(r#"storage: "memory" → "file""#), "{said}");
}
