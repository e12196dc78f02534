//! What becomes of work whose claim, or whose thread, is lost.

use std::time::Duration;

use model::StageKind;
use nats::{buckets, streams};
use runtime::ServeError;

use crate::bench::{Bench, SOON};
use crate::toys::Planner;

#[tokio::test]
async fn work_that_was_done_before_the_broker_lost_its_store_is_only_handed_over() {
    let bench = Bench::start().await;
    let toy = Planner::willing();
    let _one = bench.serve("one", toy.clone());
    bench.submit_heard().await;
    bench.settled(StageKind::ScenePlanner).await;
    let next = bench.task(StageKind::ReferenceGenerator);
    let (before, _) = bench.message_of::<serde_json::Value>(&next).await;

    for stream in [
        streams::WORK,
        streams::EVENTS,
        &buckets::stream(buckets::CLAIMS),
    ] {
        bench.jetstream.delete_stream(stream).await.unwrap();
    }
    nats::apply(&bench.jetstream).await.unwrap();
    assert!(!bench.has_message(&next).await);
    bench.submit_heard().await;
    let (after, _) = bench.message_of::<serde_json::Value>(&next).await;
    bench.settled(StageKind::ScenePlanner).await;

    assert_eq!(after.input, before.input);
    assert_eq!(toy.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_attempt_whose_time_is_up_has_failed_and_the_next_one_goes_on() {
    let bench = Bench::start().await;
    let toy = Planner::new(|call, _| async move {
        match call {
            1 => std::future::pending().await,
            _ => Ok(()),
        }
    });
    let one = bench.serve_with("one", toy.clone(), |settings| {
        settings.deadline = Some(Duration::from_millis(300));
    });
    let task = bench.submit_heard().await;
    bench.settled(StageKind::ScenePlanner).await;

    assert_eq!(toy.calls(), 2);
    assert_eq!(bench.claim(&task).await.unwrap().attempts, 2);
    assert!(
        !one.serving.is_finished(),
        "its work ended when it was dropped"
    );
}

#[tokio::test]
async fn a_task_that_takes_too_long_every_time_ends_its_job_with_that_reason() {
    let bench = Bench::start().await;
    let toy = Planner::new(|_, _| std::future::pending());
    let _one = bench.serve_with("one", toy, |settings| {
        settings.deadline = Some(Duration::from_millis(100));
    });
    let task = bench.submit_heard().await;
    let letter = bench.parked(&task).await;
    assert_eq!(letter.code, "STAGE_TIMEOUT");
    assert_eq!(letter.attempts, runtime::MAX_ATTEMPTS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_worker_whose_thread_is_blocked_for_ever_gives_the_task_back_and_ends() {
    let bench = Bench::start().await;
    // Freed at the end of the test, so that the test's own runtime can end.
    let (free, blocked) = std::sync::mpsc::channel::<()>();
    let blocked = std::sync::Mutex::new(blocked);
    let toy = Planner::new(move |_, _| {
        let _freed = blocked.lock().unwrap().recv();
        async { Ok(()) }
    });
    let mut stuck = bench.serve_with("stuck", toy, |settings| {
        settings.deadline = Some(Duration::from_millis(300));
    });
    let task = bench.submit_heard().await;
    let given_up = testkit::eventually("the attempt is given up", SOON, async || {
        let claim = bench.claim(&task).await?;
        (claim.state == runtime::worker::ClaimState::Retrying).then_some(claim)
    });
    assert_eq!(given_up.await.attempts, 1);
    let sound = bench.serve("sound", Planner::willing());
    bench.settled(StageKind::ScenePlanner).await;
    let ended = tokio::time::timeout(2 * SOON, &mut stuck.serving).await;
    drop(free);
    let ended = ended.expect("it ends by itself").unwrap();
    assert!(matches!(ended, Err(ServeError::Stuck)), "{ended:?}");
    assert!(!sound.serving.is_finished());
}
