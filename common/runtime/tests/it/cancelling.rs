//! What becomes of work that the user does not want any more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{RunNumber, StageKind};
use runtime::worker::ClaimState;
use testkit::eventually;
use tokio::sync::{Notify, mpsc};

use crate::bench::{BUSY, Bench};
use crate::toys::Planner;

#[tokio::test]
async fn cancelled_work_is_dropped_soon_with_all_it_left_behind() {
    let bench = Bench::start().await;
    let (begun, mut begins) = mpsc::unbounded_channel();
    let (dropped, mut drops) = mpsc::unbounded_channel::<()>();
    let toy = Planner::new(move |_, cx| {
        std::fs::write(cx.scratch().join("half a clip"), "…").unwrap();
        begun.send(()).unwrap();
        // Closed when the work is dropped.
        let held = dropped.clone();
        async move {
            let _held = held;
            std::future::pending().await
        }
    });
    let worker = bench.serve("one", toy.clone());
    let task = bench.submit_heard().await;
    begins.recv().await.unwrap();

    let asked = Instant::now();
    let raising = bench.cancellations();
    raising
        .raise((bench.job, RunNumber::FIRST), "ada", "changed my mind")
        .await
        .unwrap();
    bench.settled(StageKind::ScenePlanner).await;
    let took = asked.elapsed();

    // Two seconds on an idle machine. Here it is far below the time after which the server would have
    // delivered the work again.
    assert!(took < BUSY, "{took:?}");
    assert!(drops.try_recv().is_err());
    assert!(
        !bench
            .has_message(&bench.task(StageKind::ReferenceGenerator))
            .await
    );
    assert_eq!(bench.claim(&task).await.unwrap().state, ClaimState::Working);
    let left = || std::fs::read_dir(bench.scratch()).unwrap().count();
    eventually(
        "the scratch folder is removed",
        Duration::from_secs(5),
        async || (left() == 0).then_some(()),
    )
    .await;
    assert!(!worker.serving.is_finished());
}

#[tokio::test]
async fn work_that_notices_ends_by_itself() {
    let bench = Bench::start().await;
    let begun = Arc::new(Notify::new());
    let (noticed, mut notices) = mpsc::unbounded_channel();
    let toy = Planner::new({
        let begun = Arc::clone(&begun);
        move |_, cx| {
            let (token, noticed) = (cx.cancelled(), noticed.clone());
            begun.notify_one();
            async move {
                token.cancelled().await;
                noticed.send(()).unwrap();
                Err(runtime::StageError::Cancelled)
            }
        }
    });
    let _one = bench.serve("one", toy);
    bench.submit_heard().await;
    begun.notified().await;

    bench
        .cancellations()
        .raise((bench.job, RunNumber::FIRST), "ada", "")
        .await
        .unwrap();

    let noticed = tokio::time::timeout(BUSY, notices.recv()).await;
    noticed.expect("in time").unwrap();
    bench.settled(StageKind::ScenePlanner).await;
    assert!(
        !bench
            .has_message(&bench.task(StageKind::ReferenceGenerator))
            .await
    );
}

#[tokio::test]
async fn work_of_a_cancelled_job_is_never_begun() {
    let bench = Bench::start().await;
    bench
        .cancellations()
        .raise((bench.job, RunNumber::FIRST), "ada", "")
        .await
        .unwrap();
    let toy = Planner::willing();
    let _one = bench.serve("one", toy.clone());

    bench.submit_heard().await;
    bench.settled(StageKind::ScenePlanner).await;

    assert_eq!(toy.calls(), 0);
    assert!(
        !bench
            .has_message(&bench.task(StageKind::ReferenceGenerator))
            .await
    );
}

#[tokio::test]
async fn a_flag_that_was_raised_before_the_watch_began_is_seen_by_it() {
    let bench = Bench::start().await;
    let cancellations = bench.cancellations();
    cancellations
        .raise((bench.job, RunNumber::FIRST), "ada", "")
        .await
        .unwrap();
    let watch = cancellations.watch();
    let raised = watch.of((bench.job, RunNumber::FIRST));
    tokio::time::timeout(Duration::from_secs(10), raised.raised())
        .await
        .expect("the flag is seen");
    assert!(
        cancellations
            .is_raised((bench.job, RunNumber::FIRST))
            .await
            .unwrap()
    );
}
