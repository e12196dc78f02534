//! What each role may not do. What it may is proved by the worker's tests, which run under these users.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::{self, Context};
use model::StageKind;
use nats::ConnectError;
use nats::publish::Published;
use nats::users::Role;
use nats::{buckets, kv::Bucket, publish, streams, subject};
use testkit::NatsServer;

use crate::bench;

/// A violation is told on the connection only; the call waits for an answer that never comes.
const SOON: Duration = Duration::from_millis(400);

async fn hasty(server: &NatsServer, role: Role) -> Context {
    let client = nats::connect(&bench::address(server, role), "test")
        .await
        .unwrap();
    let mut jetstream = jetstream::new(client);
    jetstream.set_timeout(SOON);
    jetstream
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_not_waited_for() {
    let server = bench::guarded().await;
    let mut address = bench::address(&server, Role::Gateway);
    address.password = Some("wrong".to_owned());
    let error = nats::connect(&address, "test").await.unwrap_err();
    assert!(matches!(error, ConnectError::Refused { .. }), "{error:?}");
    assert!(!error.is_passing());
}

#[tokio::test]
async fn a_stage_hands_over_to_the_next_one_only() {
    let server = bench::guarded().await;
    let planner = hasty(&server, Role::Stage(StageKind::ScenePlanner)).await;
    for stage in StageKind::ALL {
        let subject = subject::work(&match stage {
            StageKind::VideoGenerator => {
                model::TaskId::of_clip(bench::job(), model::RunNumber::FIRST, model::ClipIndex(0))
            }
            stage => bench::task(stage),
        });
        let publishing = planner.publish(subject, "x".into()).await.unwrap();
        let published = publishing.await.is_ok();
        assert_eq!(published, stage == StageKind::ReferenceGenerator, "{stage}");
    }
}

#[tokio::test]
async fn a_stage_cannot_delete_or_change_or_listen_to_what_is_not_its_own() {
    let server = bench::guarded().await;
    let planner = hasty(&server, Role::Stage(StageKind::ScenePlanner)).await;
    assert!(planner.delete_stream(streams::WORK).await.is_err());
    assert!(planner.update_stream(streams::work()).await.is_err());
    let stream = planner.get_stream_no_info(streams::WORK).await.unwrap();
    assert!(stream.purge().await.is_err());
    let other = StageKind::Composer.name();
    assert!(stream.delete_consumer(other).await.is_err());
    assert!(
        stream
            .consumer_info(StageKind::ScenePlanner.name())
            .await
            .is_ok()
    );

    let others_claim = buckets::subject(buckets::CLAIMS, "composer.x");
    let stealing = planner.publish(others_claim, "x".into()).await.unwrap();
    assert!(stealing.await.is_err());
    let flag = buckets::subject(buckets::CANCELLATIONS, "x");
    let cancelling = planner.publish(flag, "x".into()).await.unwrap();
    assert!(cancelling.await.is_err());

    let admin = bench::connected(&bench::address(&server, Role::Admin)).await;
    assert_eq!(nats::apply(&admin).await.unwrap(), [], "all is as it was");

    let mut overheard = planner
        .client()
        .subscribe("_INBOX_composer.>")
        .await
        .unwrap();
    let mut work = planner.client().subscribe("work.>").await.unwrap();
    planner.client().flush().await.unwrap();
    let admin = admin.client();
    admin
        .publish("_INBOX_composer.x", "secret".into())
        .await
        .unwrap();
    admin
        .publish("work.composer.x", "secret".into())
        .await
        .unwrap();
    admin.flush().await.unwrap();
    let heard = async {
        tokio::select! {
            message = futures::StreamExt::next(&mut overheard) => message,
            message = futures::StreamExt::next(&mut work) => message,
        }
    };
    assert!(tokio::time::timeout(SOON, heard).await.is_err());
}

#[tokio::test]
async fn the_gateway_starts_jobs_and_ends_them_and_keeps_its_buckets() {
    let server = bench::guarded().await;
    let gateway = bench::connected(&bench::address(&server, Role::Gateway)).await;
    let first = subject::work(&bench::task(StageKind::AudioParser));
    let end = subject::end(bench::job(), model::RunNumber::FIRST);
    for subject in [first, end] {
        for expected_new in [true, false] {
            let writing =
                publish::write_once(&gateway, subject.clone(), "x".into(), HeaderMap::new());
            let published = writing.await.unwrap();
            assert_eq!(matches!(published, Published::Stored { .. }), expected_new);
        }
    }
    for bucket in [
        buckets::CANCELLATIONS,
        buckets::RATE_LIMITS,
        buckets::LEDGERS,
    ] {
        let bucket = Bucket::new(gateway.clone(), bucket);
        bucket.put("key", "value".into()).await.unwrap();
        assert!(bucket.get("key").await.unwrap().is_some());
    }
    let events = gateway.get_stream(streams::EVENTS).await.unwrap();
    let config = jetstream::consumer::pull::OrderedConfig::default();
    let reader = events.create_consumer(config).await.unwrap();
    let mut all = reader.messages().await.unwrap();
    assert!(futures::StreamExt::next(&mut all).await.unwrap().is_ok());
    let of_job = subject::events_of(bench::job());
    assert!(
        events
            .get_first_raw_message_by_subject(&of_job, 1)
            .await
            .is_ok()
    );

    let mut hasty = gateway.clone();
    hasty.set_timeout(SOON);
    let composer = subject::work(&bench::task(StageKind::Composer));
    assert!(
        hasty
            .publish(composer, "x".into())
            .await
            .unwrap()
            .await
            .is_err()
    );
    assert!(hasty.delete_stream(streams::EVENTS).await.is_err());
}
