//! What becomes of work that fails.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use model::EventBody;
use model::StageKind;
use model::job::StageStatus;
use runtime::worker::{Claim, ClaimState};
use runtime::{MAX_ATTEMPTS, StageError, StageResultExt};

use crate::bench::Bench;
use crate::handing_over::statuses;
use crate::toys::Planner;

#[tokio::test]
async fn a_stage_that_keeps_failing_is_parked_with_its_reason_and_ends_the_job() {
    let bench = Bench::start().await;
    let times = Arc::new(Mutex::new(Vec::new()));
    let toy = Planner::new({
        let times = Arc::clone(&times);
        move |_, _| {
            times.lock().unwrap().push(Instant::now());
            async { Err(std::io::Error::other("503")).or_retry("calling the toy model") }
        }
    });
    let _one = bench.serve("one", toy.clone());

    let task = bench.submit_heard().await;
    let letter = bench.parked(&task).await;
    let end = bench.end().await;
    bench.settled(StageKind::ScenePlanner).await;

    assert_eq!((letter.attempts, toy.calls()), (MAX_ATTEMPTS, MAX_ATTEMPTS));
    assert_eq!(letter.causes, ["calling the toy model", "503"]);
    assert_eq!(letter.worker, "one");
    assert_eq!(letter.message["job"]["id"], bench.job.to_string());
    let EventBody::Error {
        error,
        code,
        retryable,
        stage,
        total_cost,
        ..
    } = end
    else {
        panic!("the job ends with an error, not {end:?}");
    };
    assert_eq!(error, "scene_planner failed while calling the toy model");
    assert_eq!((code.as_str(), retryable), ("MODULE_FAILURE", true));
    assert_eq!(stage, Some(StageKind::ScenePlanner));
    assert_eq!(total_cost, Some(model::Usd::ZERO));
    assert_eq!(
        statuses(&bench.events().await).last(),
        Some(&StageStatus::Failed)
    );
    let times = times.lock().unwrap().clone();
    let pauses: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses[0] >= Duration::from_secs(1), "{pauses:?}");
    assert!(pauses[1] >= Duration::from_secs(3), "{pauses:?}");
    assert!(
        !bench
            .has_message(&bench.task(StageKind::ReferenceGenerator))
            .await
    );
}

#[tokio::test]
async fn what_can_never_work_is_tried_once_and_keeps_its_code() {
    let bench = Bench::start().await;
    let toy = Planner::new(|_, _| async {
        Err(StageError::fatal("hearing it", "no sound").coded("AUDIO_ANALYSIS_ERROR"))
    });
    let _one = bench.serve("one", toy.clone());

    let task = bench.submit_heard().await;
    let letter = bench.parked(&task).await;

    assert_eq!((letter.attempts, toy.calls()), (1, 1));
    assert_eq!(letter.code, "AUDIO_ANALYSIS_ERROR");
    let end = bench.end().await;
    assert!(
        matches!(end, EventBody::Error { code, retryable: false, .. } if code == "AUDIO_ANALYSIS_ERROR")
    );
}

#[tokio::test]
async fn a_program_that_somebody_kills_costs_no_attempt() {
    let bench = Bench::start().await;
    let killed = || StageError::of_program("encoding", "ffmpeg was killed", true);
    let toy = Planner::new(move |call, _| async move {
        if call <= MAX_ATTEMPTS {
            Err(killed())
        } else {
            Ok(())
        }
    });
    let _one = bench.serve("one", toy.clone());

    let task = bench.submit_heard().await;
    bench.settled(StageKind::ScenePlanner).await;

    assert!(
        bench
            .has_message(&bench.task(StageKind::ReferenceGenerator))
            .await
    );
    let claim = bench.claim(&task).await.unwrap();
    assert_eq!(
        (claim.attempts, claim.lost.len(), toy.calls()),
        (1, MAX_ATTEMPTS as usize, MAX_ATTEMPTS + 1)
    );
}

#[tokio::test]
async fn a_task_whose_programs_are_killed_a_dozen_times_is_parked() {
    let bench = Bench::start().await;
    let task = bench.task(StageKind::ScenePlanner);
    let retried = Claim {
        worker: "last-one".to_owned(),
        epoch: 11,
        attempts: MAX_ATTEMPTS - 1,
        lost: vec!["a program of last-one".to_owned(); 11],
        state: ClaimState::Retrying,
    };
    let value = serde_json::to_vec(&retried).unwrap().into();
    bench.claims().put(&task.to_string(), value).await.unwrap();
    let toy = Planner::new(|_, _| async {
        Err(StageError::of_program(
            "encoding",
            "ffmpeg was killed",
            true,
        ))
    });
    let _one = bench.serve("one", toy.clone());

    bench.submit_heard().await;
    let letter = bench.parked(&task).await;
    bench.end().await;

    assert_eq!((letter.code.as_str(), toy.calls()), ("PROGRAM_KILLED", 1));
}

#[tokio::test]
async fn a_panic_costs_an_attempt_and_never_the_worker() {
    let bench = Bench::start().await;
    let toy = Planner::new(|call, _| async move {
        assert!(call > 1, "the first call is unlucky");
        Ok(())
    });
    let worker = bench.serve("one", toy.clone());

    let task = bench.submit_heard().await;
    bench.settled(StageKind::ScenePlanner).await;

    assert!(
        bench
            .has_message(&bench.task(StageKind::ReferenceGenerator))
            .await
    );
    assert_eq!(bench.claim(&task).await.unwrap().attempts, 2);
    assert!(!worker.serving.is_finished());
    let told = bench
        .events()
        .await
        .into_iter()
        .find_map(|event| match event {
            EventBody::StageUpdate { error, .. } => error,
            _ => None,
        });
    assert_eq!(told.as_deref(), Some("failed while running the stage"));
}

#[tokio::test]
async fn a_message_that_nobody_can_read_is_parked_and_ends_the_job() {
    let bench = Bench::start().await;
    let toy = Planner::willing();
    let _one = bench.serve("one", toy.clone());
    let task = bench.task(StageKind::ScenePlanner);

    bench.submit_raw(&task, b"\xff not json".to_vec()).await;
    let letter = bench.parked(&task).await;
    bench.end().await;
    bench.settled(StageKind::ScenePlanner).await;

    assert_eq!(letter.causes, ["reading the work message"]);
    assert!(letter.message.as_str().unwrap().contains("not json"));
    assert_eq!(toy.calls(), 0);
}
