//! What becomes of work whose worker, or whose server, is suddenly gone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::StageKind;
use nats::kv::Bucket;
use nats::{buckets, consumers};
use runtime::worker::{Claim, ClaimState};
use testkit::FaultProxy;
use tokio::sync::Notify;

use crate::bench::Bench;
use crate::toys::Planner;

#[tokio::test]
async fn the_task_of_a_dead_worker_runs_elsewhere_within_ten_seconds_and_costs_an_attempt() {
    let bench = Bench::start().await;
    let begun = Arc::new(Notify::new());
    let dying = bench.serve("one", Planner::stuck(&begun));
    let task = bench.submit_heard().await;
    begun.notified().await;
    let next = bench.serve("two", Planner::willing());

    let died = Instant::now();
    drop(dying);
    bench.settled(StageKind::ScenePlanner).await;
    let took = died.elapsed();

    // The server takes it away within ten seconds by what it is told; the rest is how busy this machine is.
    assert!(consumers::ACK_WAIT < Duration::from_secs(10));
    assert!(took < Duration::from_secs(20), "{took:?}");
    let claim = bench.claim(&task).await.unwrap();
    assert_eq!(
        (claim.worker.as_str(), claim.epoch, claim.attempts),
        ("two", 2, 2)
    );
    assert!(
        bench
            .has_message(&bench.task(StageKind::ReferenceGenerator))
            .await
    );
    assert!(!next.serving.is_finished());
}

#[tokio::test]
async fn a_worker_behind_a_black_hole_loses_its_task_says_nothing_and_works_again_when_it_is_gone()
{
    let mut bench = Bench::start().await;
    let upstream = bench.server.url();
    let upstream = upstream.trim_start_matches("nats://").parse().unwrap();
    let proxy = FaultProxy::start(upstream).await;
    let begun = Arc::new(Notify::new());
    let toy = Planner::new({
        let begun = Arc::clone(&begun);
        move |call, _| {
            begun.notify_one();
            async move {
                if call == 1 {
                    std::future::pending::<()>().await;
                }
                Ok(())
            }
        }
    });
    let address = proxy.address();
    let one = bench.serve_with("one", toy.clone(), |settings| {
        settings.server.url = format!("nats://{address}");
    });
    let task = bench.submit_heard().await;
    begun.notified().await;

    proxy.is_black_hole(true);
    let two = bench.serve("two", Planner::willing());
    bench.settled(StageKind::ScenePlanner).await;
    drop(two);
    proxy.is_black_hole(false);
    bench.job = model::JobId::new(uuid::Uuid::now_v7());
    bench.submit_heard().await;
    bench.settled(StageKind::ScenePlanner).await;

    assert_eq!(toy.calls(), 2);
    assert!(!one.serving.is_finished());
    let claim = bench.claim(&task).await.unwrap();
    assert_eq!((claim.worker.as_str(), claim.epoch), ("two", 2));
}

#[tokio::test]
async fn a_worker_removes_what_a_killed_one_left_before_it_works() {
    let bench = Bench::start().await;
    let left = bench.scratch().join("beatreel-task-scene_planner-killed");
    std::fs::create_dir(&left).unwrap();
    std::fs::write(left.join("half a plan"), "…").unwrap();
    let begun = Arc::new(Notify::new());
    let _worker = bench.serve("one", Planner::stuck(&begun));
    bench.submit_heard().await;
    begun.notified().await;
    assert!(!left.exists());
    let working = std::fs::read_dir(bench.scratch()).unwrap().count();
    assert_eq!(working, 1, "its own");
}

#[tokio::test]
async fn a_worker_whose_claim_has_moved_on_drops_its_work_and_says_nothing() {
    let bench = Bench::start().await;
    let begun = Arc::new(Notify::new());
    let (finish, finished) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let toy = Planner::new({
        let (begun, finish, finished) = (begun.clone(), finish.clone(), finished.clone());
        move |_, _| {
            let (begun, finish, finished) = (begun.clone(), finish.clone(), finished.clone());
            async move {
                begun.notify_one();
                finish.notified().await;
                finished.notify_one();
                Ok(())
            }
        }
    });
    let _zombie = bench.serve("zombie", toy);
    let task = bench.submit_heard().await;
    begun.notified().await;
    let claim = bench.claim(&task).await.unwrap();
    let moved = Claim {
        worker: "other".to_owned(),
        epoch: claim.epoch + 1,
        attempts: claim.attempts + 1,
        lost: vec![],
        state: ClaimState::Working,
    };
    let value = serde_json::to_vec(&moved).unwrap();
    bench
        .claims()
        .put(&task.to_string(), value.into())
        .await
        .unwrap();

    finish.notify_one();
    finished.notified().await;
    // What it says, it says before it asks for work again.
    testkit::eventually("it asks again", crate::bench::SOON, async || {
        let info = bench.consumer(StageKind::ScenePlanner).await?;
        (info.num_waiting > 0).then_some(())
    })
    .await;

    assert!(
        !bench
            .has_message(&bench.task(StageKind::ReferenceGenerator))
            .await
    );
    assert_eq!(bench.claim(&task).await, Some(moved));
    let info = bench.consumer(StageKind::ScenePlanner).await.unwrap();
    assert_eq!(
        info.num_ack_pending, 1,
        "neither acknowledged nor given back"
    );
}

#[tokio::test]
async fn a_late_renewal_of_its_own_does_not_cost_a_worker_its_task() {
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
    let _one = bench.serve("one", toy.clone());
    let task = bench.submit_heard().await;
    begun.notified().await;

    // What a publish of its own does that nobody waited for any more.
    let key = task.to_string();
    let claim = bench.claims().get(&key).await.unwrap().unwrap();
    bench.claims().put(&key, claim.value).await.unwrap();
    finish.notify_one();
    bench.settled(StageKind::ScenePlanner).await;

    let claim = bench.claim(&task).await.unwrap();
    assert!(matches!(claim.state, ClaimState::Done { .. }), "{claim:?}");
    assert_eq!((claim.worker.as_str(), claim.epoch), ("one", 1));
    assert_eq!(toy.calls(), 1);
    assert!(
        bench
            .has_message(&bench.task(StageKind::ReferenceGenerator))
            .await
    );
}

#[tokio::test]
async fn a_task_whose_worker_may_be_alive_is_left_alone_until_its_claim_is_old() {
    let bench = Bench::start().await;
    let task = bench.task(StageKind::ScenePlanner);
    let fresh = Claim {
        worker: "alive".to_owned(),
        epoch: 1,
        attempts: 1,
        lost: vec![],
        state: ClaimState::Working,
    };
    let value = serde_json::to_vec(&fresh).unwrap();
    let written = Instant::now();
    let claims = bench.claims();
    claims.put(&task.to_string(), value.into()).await.unwrap();
    let toy = Planner::willing();
    let _one = bench.serve("one", toy.clone());

    bench.submit_heard().await;
    bench.settled(StageKind::ScenePlanner).await;

    let believed = consumers::RENEWAL * 2;
    assert!(written.elapsed() > believed, "{:?}", written.elapsed());
    assert_eq!(toy.calls(), 1);
    assert_eq!(bench.claim(&task).await.unwrap().epoch, 2);
}

#[tokio::test]
async fn a_task_that_kills_its_workers_is_parked_and_not_tried_for_ever() {
    let bench = Bench::start().await;
    let task = bench.task(StageKind::ScenePlanner);
    let crashed = Claim {
        worker: "last-one".to_owned(),
        epoch: 3,
        attempts: runtime::MAX_ATTEMPTS,
        lost: vec![],
        state: ClaimState::Working,
    };
    let value = serde_json::to_vec(&crashed).unwrap();
    bench
        .claims()
        .put(&task.to_string(), value.into())
        .await
        .unwrap();
    let toy = Planner::willing();
    let _one = bench.serve("one", toy.clone());

    bench.submit_heard().await;
    let letter = bench.parked(&task).await;
    bench.end().await;

    assert_eq!(toy.calls(), 0);
    assert_eq!(letter.attempts, runtime::MAX_ATTEMPTS);
    assert!(
        letter.causes.join(": ").contains("last-one"),
        "{:?}",
        letter.causes
    );
}

#[tokio::test]
async fn a_task_whose_workers_die_where_others_die_too_goes_on() {
    let bench = Bench::start().await;
    let task = bench.task(StageKind::ScenePlanner);
    let crashed = Claim {
        worker: "last-one".to_owned(),
        epoch: 3,
        attempts: runtime::MAX_ATTEMPTS,
        lost: vec!["first-one".to_owned()],
        state: ClaimState::Working,
    };
    let value = serde_json::to_vec(&crashed).unwrap().into();
    bench.claims().put(&task.to_string(), value).await.unwrap();
    let workers = Bucket::new(bench.jetstream.clone(), buckets::WORKERS);
    let minute = Duration::from_mins(1);
    for lost in ["scene_planner.first-one", "composer.elsewhere"] {
        let key = format!("lost.{lost}");
        workers.put_for(&key, "".into(), minute).await.unwrap();
    }
    let toy = Planner::willing();
    let _one = bench.serve("one", toy.clone());

    bench.submit_heard().await;
    bench.settled(StageKind::ScenePlanner).await;

    assert_eq!(toy.calls(), 1);
    let claim = bench.claim(&task).await.unwrap();
    assert_eq!(
        (claim.attempts, claim.lost),
        (
            runtime::MAX_ATTEMPTS,
            vec!["first-one".to_owned(), "last-one".to_owned()]
        )
    );
}

#[tokio::test]
async fn work_goes_on_over_a_restart_of_the_server_and_is_handed_over_once() {
    let mut bench = Bench::start().await;
    let begun = Arc::new(Notify::new());
    let finish = Arc::new(Notify::new());
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
    let _one = bench.serve("one", toy.clone());
    let task = bench.submit_heard().await;
    begun.notified().await;

    bench.server.kill().await;
    finish.notify_one();
    bench.server.restart().await;
    bench.settled(StageKind::ScenePlanner).await;

    assert!(
        bench
            .has_message(&bench.task(StageKind::ReferenceGenerator))
            .await
    );
    assert_eq!(toy.calls(), 1);
    assert_eq!(bench.claim(&task).await.unwrap().epoch, 1);
}
