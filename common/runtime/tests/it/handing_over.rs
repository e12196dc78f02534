//! What becomes of finished work.

use model::handoff::Planned;
use model::job::StageStatus;
use model::{EventBody, Seconds, StageKind};
use runtime::worker::{Claim, ClaimState};
use serde_json::json;

use crate::bench::{Bench, SOON, TRACE, heard};
use crate::toys::Planner;

#[tokio::test]
async fn finished_work_is_handed_over_once_with_its_job_and_trace_and_told() {
    let bench = Bench::start().await;
    let toy = Planner::new(|_, cx| {
        cx.progress(0.5);
        cx.message("a storm it is");
        async { Ok(()) }
    });
    let _one = bench.serve("one", toy.clone());
    let _two = bench.serve("two", toy.clone());

    let task = bench.submit_heard().await;
    let next = bench.task(StageKind::ReferenceGenerator);
    let (envelope, headers) = bench.message_of::<Planned>(&next).await;
    bench.settled(StageKind::ScenePlanner).await;

    assert_eq!(envelope.job, bench.brief());
    assert_eq!(envelope.input.analysis, heard().analysis);
    assert_eq!(headers.get("traceparent").unwrap().as_str(), TRACE);
    assert_eq!(toy.calls(), 1);
    let claim = bench.claim(&task).await.unwrap();
    assert_eq!((claim.epoch, claim.attempts), (1, 1));
    assert!(matches!(claim.state, ClaimState::Done { .. }));
    let events = bench.events().await;
    assert_eq!(
        statuses(&events),
        [StageStatus::Processing, StageStatus::Completed]
    );
    assert!(
        events.iter().any(
            |event| matches!(event, EventBody::Message { text, .. } if text == "a storm it is")
        )
    );
    let last = events.iter().rev().find_map(|event| match event {
        EventBody::Progress { progress, .. } => Some(*progress),
        _ => None,
    });
    assert_eq!(last, Some(20));
}

#[tokio::test]
async fn work_that_is_done_already_is_handed_over_without_working_again() {
    let bench = Bench::start().await;
    let task = bench.task(StageKind::ScenePlanner);
    let plan = json!({"key": "plan.json", "length": 0, "sha256": ""});
    let done = Claim {
        worker: "the one that died".to_owned(),
        epoch: 2,
        attempts: 2,
        lost: vec![],
        state: ClaimState::Done {
            output: json!({"analysis": plan, "plan": plan}),
            seconds: 3.0,
        },
    };
    let value = serde_json::to_vec(&done).unwrap();
    bench
        .claims()
        .put(&task.to_string(), value.into())
        .await
        .unwrap();
    let toy = Planner::willing();
    let _one = bench.serve("one", toy.clone());

    bench.submit_heard().await;
    let next = bench.task(StageKind::ReferenceGenerator);
    let (envelope, _) = bench.message_of::<Planned>(&next).await;
    bench.settled(StageKind::ScenePlanner).await;

    assert_eq!(toy.calls(), 0);
    assert_eq!(envelope.input.plan.artifact.key.as_str(), "plan.json");
    assert_eq!(bench.claim(&task).await, Some(done));
    let told = bench
        .events()
        .await
        .into_iter()
        .find_map(|event| match event {
            EventBody::StageUpdate { duration, .. } => duration,
            _ => None,
        });
    assert_eq!(told, Some(Seconds(3.0)));
}

#[tokio::test]
async fn a_message_of_a_newer_build_is_left_to_a_newer_worker() {
    let bench = Bench::start().await;
    let toy = Planner::willing();
    let _one = bench.serve("one", toy.clone());
    let task = bench.task(StageKind::ScenePlanner);

    bench
        .submit_raw(&task, br#"{"v": 2, "new": "world"}"#.to_vec())
        .await;
    testkit::eventually("it is delivered, and more is asked for", SOON, async || {
        let info = bench.consumer(StageKind::ScenePlanner).await?;
        (info.num_pending == 0 && info.num_waiting > 0).then_some(())
    })
    .await;

    let info = bench.consumer(StageKind::ScenePlanner).await.unwrap();
    assert_eq!(info.num_ack_pending, 1, "to come again");
    assert_eq!(bench.claim(&task).await, None);
    assert_eq!(toy.calls(), 0);
    assert_eq!(bench.events().await, []);
}

pub(crate) fn statuses(events: &[EventBody]) -> Vec<StageStatus> {
    let status = |event: &EventBody| match event {
        EventBody::StageUpdate { status, .. } => Some(*status),
        _ => None,
    };
    events.iter().filter_map(status).collect()
}
