//! What becomes of work whose worker is asked to stop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::StageKind;
use runtime::worker::ClaimState;
use testkit::eventually;
use tokio::sync::Notify;

use crate::bench::{BUSY, Bench, SOON};
use crate::toys::Planner;

#[tokio::test]
async fn work_is_given_back_at_once_and_loses_no_attempt() {
    let bench = Bench::start().await;
    let begun = Arc::new(Notify::new());
    let stopping = bench.serve("one", Planner::stuck(&begun));
    let task = bench.submit_heard().await;
    begun.notified().await;
    let _two = bench.serve("two", Planner::willing());

    stopping.shutdown.begin();
    let asked = Instant::now();
    stopping.serving.await.unwrap().unwrap();
    bench.settled(StageKind::ScenePlanner).await;
    let took = asked.elapsed();

    // Far below the time after which the server would have taken it away.
    assert!(took < BUSY, "{took:?}");
    let claim = bench.claim(&task).await.unwrap();
    assert_eq!(
        (claim.worker.as_str(), claim.epoch, claim.attempts),
        ("two", 2, 1)
    );
}

#[tokio::test]
async fn work_that_ends_within_the_drain_is_handed_over() {
    let bench = Bench::start().await;
    let (begun, finish) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let toy = Planner::new({
        let (begun, finish) = (begun.clone(), finish.clone());
        move |_, _| {
            let (begun, finish) = (begun.clone(), finish.clone());
            async move {
                begun.notify_one();
                finish.notified().await;
                Ok(())
            }
        }
    });
    let worker = bench.serve_with("one", toy, |settings| settings.drain = SOON);
    let task = bench.submit_heard().await;
    begun.notified().await;

    worker.shutdown.begin();
    finish.notify_one();
    worker.serving.await.unwrap().unwrap();

    let claim = bench.claim(&task).await.unwrap();
    assert!(matches!(claim.state, ClaimState::Done { .. }));
    assert!(
        bench
            .has_message(&bench.task(StageKind::ReferenceGenerator))
            .await
    );
}

#[tokio::test]
async fn an_idle_worker_stops_at_once_and_takes_nothing_with_it() {
    let bench = Bench::start().await;
    let worker = bench.serve("one", Planner::willing());
    eventually("it asks for work", SOON, async || {
        let info = bench.consumer(StageKind::ScenePlanner).await?;
        (info.num_waiting > 0).then_some(())
    })
    .await;

    worker.shutdown.begin();
    let stopped = tokio::time::timeout(BUSY, worker.serving).await;
    stopped.expect("at once").unwrap().unwrap();
    bench.submit_heard().await;

    // The consumer hears of a message a moment after the stream has it.
    let info = eventually("the work waits", SOON, async || {
        let info = bench.consumer(StageKind::ScenePlanner).await?;
        (info.num_pending == 1).then_some(info)
    })
    .await;
    assert_eq!(info.num_ack_pending, 0);
}

#[tokio::test]
async fn a_worker_waits_for_a_server_that_is_not_there_yet_and_stops_when_asked() {
    let mut bench = Bench::start().await;
    bench.server.kill().await;
    let toy = Planner::willing();
    let worker = bench.serve("one", toy.clone());
    let idle = bench.serve("two", Planner::willing());
    idle.shutdown.begin();
    let stopped = tokio::time::timeout(Duration::from_secs(10), idle.serving).await;
    stopped.expect("in time").unwrap().unwrap();

    bench.server.restart().await;
    bench.submit_heard().await;
    bench.settled(StageKind::ScenePlanner).await;

    assert_eq!(toy.calls(), 1);
    assert!(!worker.serving.is_finished());
}
