//! One stream of several jobs, and a job's history as JSON.

use model::{EventBody, JobId, StageKind};
use serde_json::Value;
use testkit::eventually;

use crate::app::{PATIENCE, TestApp, User, assert_problem};
use crate::cuts::history;
use crate::stream::{Open, message, progress};

async fn open(user: &User<'_>, jobs: &[JobId], after: Option<&str>) -> Open {
    Open::at(user, &path(jobs), after).await
}

fn path(jobs: &[JobId]) -> String {
    let ids: Vec<_> = jobs.iter().map(JobId::to_string).collect();
    format!("/api/v1/events?jobs={}", ids.join(","))
}

/// Frames until `ready`, which has the first id.
async fn states(stream: &mut Open) -> (Vec<(String, Value)>, String) {
    let mut states = vec![];
    loop {
        let (event, id, data) = stream.next().await.expect("a frame");
        if event == "ready" {
            return (states, id);
        }
        assert_eq!(id, "", "{event}");
        states.push((event, data));
    }
}

fn fails() -> EventBody {
    EventBody::Error {
        error: "no".to_owned(),
        code: "MODULE_FAILURE".to_owned(),
        retryable: false,
        stage: Some(StageKind::Composer),
        total_cost: None,
        pending_cost: None,
    }
}

#[tokio::test]
async fn one_stream_tells_of_many_jobs_and_ends_with_the_last_of_them() {
    let app = TestApp::start().await;
    let ada = app.user();
    let jobs = [
        ada.uploads().await,
        ada.uploads().await,
        ada.uploads().await,
    ];
    app.says(jobs[0], progress(30)).await;
    app.says(jobs[2], fails()).await;
    app.settled().await;
    let mut stream = open(&ada, &jobs, None).await;
    let (told, ready) = states(&mut stream).await;
    let names: Vec<_> = told.iter().map(|(event, _)| event.as_str()).collect();
    assert_eq!(names, ["progress", "progress", "progress", "error"]);
    assert_eq!(told[0].1["progress"], 30);
    assert_eq!(told[3].1["job_id"], jobs[2].to_string());
    let mut last: u64 = ready.parse().unwrap();
    for (job, text) in [(1, "a"), (0, "b"), (1, "c")] {
        app.says(jobs[job], message(text)).await;
        let (_, id, data) = stream.next().await.unwrap();
        let id: u64 = id.parse().unwrap();
        assert!(id > last);
        last = id;
        assert_eq!(data["text"], text);
        assert_eq!(data["job_id"], jobs[job].to_string());
    }
    app.says(jobs[0], fails()).await;
    assert_eq!(stream.next().await.unwrap().0, "error");
    app.says(jobs[1], fails()).await;
    let (event, end, _) = stream.next().await.unwrap();
    assert_eq!(event, "error");
    assert!(stream.next().await.is_none());
    let back = ada.get(&format!("{}&after={end}", path(&jobs))).await;
    assert_eq!(back.status(), 204);
}

#[tokio::test]
async fn a_stream_of_many_jobs_is_resumed_anywhere_in_one_order() {
    let app = TestApp::start().await;
    let ada = app.user();
    let jobs = [ada.uploads().await, ada.uploads().await];
    eventually("both jobs are told of", PATIENCE, async || {
        (app.last_event().await >= 2).then_some(())
    })
    .await;
    let mut told = vec![];
    for number in 0..40 {
        let text = number.to_string();
        let id = app.says(jobs[number % 3 % 2], message(&text)).await;
        told.push((id.to_string(), text));
    }
    app.settled().await;
    for from in [0, 17, 38] {
        let mut stream = open(&ada, &jobs, Some(&told[from].0)).await;
        for (id, text) in &told[from + 1..] {
            let (event, found, data) = stream.next().await.unwrap();
            assert_eq!((event.as_str(), &found), ("message", id));
            assert_eq!(data["text"], *text);
        }
        assert_eq!(stream.next().await.unwrap().0, "ready");
    }
}

#[tokio::test]
async fn streams_of_many_jobs_opened_while_events_pour_in_see_each_event_once() {
    const EVENTS: usize = 200;
    let app = TestApp::start().await;
    let ada = app.user();
    let jobs = [ada.uploads().await, ada.uploads().await];
    app.settled().await;
    let first = app.says(jobs[0], message("begin")).await.to_string();
    let pouring = async {
        for number in 0..EVENTS {
            app.says(jobs[number % 2], message(&number.to_string()))
                .await;
        }
    };
    let watching = async |watcher: usize| {
        // Each begins when the one before it has heard a part of it.
        let mut texts = vec![];
        let mut last = first.clone();
        while texts.len() < EVENTS {
            let mut stream = open(&ada, &jobs, Some(&last)).await;
            for _ in 0..=(7 * (watcher + 1)) {
                let (event, id, data) = stream.next().await.unwrap();
                last = id;
                if event == "message" {
                    texts.push(data["text"].as_str().unwrap().to_owned());
                }
                if texts.len() == EVENTS {
                    break;
                }
            }
        }
        texts
    };
    let watchers = futures::future::join_all((0..4).map(watching));
    let ((), seen) = tokio::join!(pouring, watchers);
    let expected: Vec<_> = (0..EVENTS).map(|number| number.to_string()).collect();
    for texts in seen {
        assert_eq!(texts, expected);
    }
}

#[tokio::test]
async fn a_stream_of_many_jobs_is_refused_as_a_whole() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.user(), app.user());
    let (mine, hers) = (ada.uploads().await, eve.uploads().await);
    for wrong in ["", "?jobs=", "?jobs=x", "?jobs=,"] {
        let answer = ada.get(&format!("/api/v1/events{wrong}")).await;
        assert_problem(answer, 422, "validation-failed").await;
    }
    let many: Vec<JobId> = (0..21).map(|_| JobId::new(uuid::Uuid::new_v4())).collect();
    assert_problem(ada.get(&path(&many)).await, 422, "validation-failed").await;
    assert_problem(ada.get(&path(&[mine, hers])).await, 404, "job-not-found").await;
    let mut places = vec![];
    for _ in 0..10 {
        places.push(Open::of(&ada, mine, None).await);
    }
    assert_problem(ada.get(&path(&[mine])).await, 429, "too-many-streams").await;
}

#[tokio::test]
async fn a_jobs_history_is_read_page_by_page_and_says_where_it_has_a_gap() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    app.settled().await;
    for percent in [20, 40, 30] {
        app.says(job, progress(percent)).await;
    }
    app.completes(job, b"a film").await;
    let whole = history(&ada, job).await;
    let kinds: Vec<_> = whole.iter().map(|event| event["event"].clone()).collect();
    assert_eq!(
        kinds,
        [
            "stage_update",
            "progress",
            "progress",
            "progress",
            "completed"
        ]
    );
    // As the stream tells it: never backwards, with links in place of keys.
    assert_eq!(whole[3]["data"]["progress"], 40);
    assert!(whole[4]["data"]["video_url"].is_string());
    let base = format!("/api/v1/jobs/{job}/events");
    let page: Value = ada
        .get(&format!("{base}?limit=2"))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(page["events"].as_array().unwrap().len(), 2);
    assert_eq!(page["next_after"], whole[1]["id"]);
    for wrong in ["after=x", "limit=0", "limit=501", "after=-1"] {
        let answer = ada.get(&format!("{base}?{wrong}")).await;
        assert_problem(answer, 422, "validation-failed").await;
    }
    app.settled().await;
    let kept: u64 = whole[3]["id"].as_str().unwrap().parse().unwrap();
    app.forgets(job, Some(kept)).await;
    let seen = whole[0]["id"].as_str().unwrap();
    let page: Value = ada
        .get(&format!("{base}?after={seen}"))
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(page["gap"], true);
    assert_eq!(page["events"][0]["id"], whole[3]["id"]);
}
