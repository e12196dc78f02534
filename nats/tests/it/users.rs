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

/// Longer than any answer takes on a busy machine: for what must succeed.
const PATIENT: Duration = Duration::from_secs(15);

/// One connection, for what must succeed and for what must not.
async fn patient_and_hasty(server: &NatsServer, role: Role) -> (Context, Context) {
    let mut patient = bench::connected(&bench::address(server, role)).await;
    patient.set_timeout(PATIENT);
    let mut hasty = patient.clone();
    hasty.set_timeout(SOON);
    (patient, hasty)
}

/// True when the server has taken the message.
async fn takes(jetstream: &Context, subject: String) -> bool {
    let publishing = jetstream.publish(subject, "x".into()).await.unwrap();
    publishing.await.is_ok()
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
    let (patient, hasty) = patient_and_hasty(&server, Role::Stage(StageKind::ScenePlanner)).await;
    for stage in StageKind::ALL {
        let subject = subject::work(&match stage {
            StageKind::VideoGenerator => {
                model::TaskId::of_clip(bench::job(), model::RunNumber::FIRST, model::ClipIndex(0))
            }
            stage => bench::task(stage),
        });
        if stage == StageKind::ReferenceGenerator {
            assert!(takes(&patient, subject).await, "{stage}");
        } else {
            assert!(!takes(&hasty, subject).await, "{stage}");
        }
    }
}

#[tokio::test]
async fn a_stage_cannot_delete_or_change_or_listen_to_what_is_not_its_own() {
    let server = bench::guarded().await;
    let (patient, planner) = patient_and_hasty(&server, Role::Stage(StageKind::ScenePlanner)).await;
    assert!(planner.delete_stream(streams::WORK).await.is_err());
    assert!(planner.update_stream(streams::work()).await.is_err());
    let stream = planner.get_stream_no_info(streams::WORK).await.unwrap();
    assert!(stream.purge().await.is_err());
    let other = StageKind::Composer.name();
    assert!(stream.delete_consumer(other).await.is_err());
    let stream = patient.get_stream_no_info(streams::WORK).await.unwrap();
    assert!(
        stream
            .consumer_info(StageKind::ScenePlanner.name())
            .await
            .is_ok()
    );

    let others_claim = buckets::subject(buckets::CLAIMS, "composer.x");
    assert!(!takes(&planner, others_claim).await);
    let flag = buckets::subject(buckets::CANCELLATIONS, "x");
    assert!(!takes(&planner, flag).await);

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
    let (gateway, hasty) = patient_and_hasty(&server, Role::Gateway).await;
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
        buckets::STREAM_TICKETS,
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

    let composer = subject::work(&bench::task(StageKind::Composer));
    assert!(!takes(&hasty, composer).await);
    assert!(hasty.delete_stream(streams::EVENTS).await.is_err());
}
