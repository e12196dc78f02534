//! One clip of a finished film made anew: what is handed out for it, and what becomes of the versions.

use model::clip::{Clip, ClipSource};
use model::event::{EventBody, JOB_CANCELLED};
use model::job::StageStatus;
use model::{ArtifactKey, ClipIndex, JobId, RunNumber, Seconds, StageKind, TaskId, Usd};
use nats::{publish, subject};
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::app::{TestApp, User, assert_problem};
use crate::stream::Open;

const CLIPS: u32 = 40;

fn instruction(index: u32) -> Value {
    let colours = ["deep", "shade", "tone", "light", "accent"].map(|name| (name, "#000000"));
    let colours: std::collections::BTreeMap<_, _> = colours.into_iter().collect();
    json!({
        "index": index, "start": index, "end": index + 1, "first_frame": index * 30, "frames": 30,
        "prompt": "", "negative_prompt": "", "beats": [], "reference": null,
        "scene": { "scene": "ink", "seed": 1, "palette": colours, "camera": "hold",
            "intensity": 0.5, "reactivity": 0.5 },
    })
}

/// Says and stores what workers would for a first pass that ends with a film.
pub(crate) async fn has_a_film(app: &TestApp, job: JobId) {
    let key = |name: &str| ArtifactKey::of_job(job, &format!("run-1/{name}")).unwrap();
    let clips: Vec<Value> = (0..CLIPS).map(instruction).collect();
    let prompts = json!({ "clips": clips, "frames": CLIPS * 30 });
    let put = async |name: &str, document: &Value| {
        app.artifacts
            .put_json(&key(name), document)
            .await
            .unwrap()
            .artifact
    };
    let clip = app.stores(job, "clips/a.mp4", b"a clip").await;
    let made = |index: u32| Clip {
        index: ClipIndex(index),
        video: clip.clone(),
        frames: 30,
        source: ClipSource::Builtin,
        elapsed: Seconds(1.0),
        cpu: None,
    };
    let clips: Vec<Clip> = (0..CLIPS).map(made).collect();
    let composed = json!({
        "film": {
            "analysis": put("analysis.json", &json!({})).await,
            "envelopes": put("envelopes.json", &json!({})).await,
            "prompts": put("prompts.json", &prompts).await,
            "clips": CLIPS,
        },
        "clips": clips,
    });
    put("composed.json", &composed).await;
    ends_with_a_film(app, job, 1).await;
}

/// Ends a pass as the composer would.
pub(crate) async fn ends_with_a_film(app: &TestApp, job: JobId, run: u32) {
    let name = |name: &str| format!("run-{run}/{name}");
    let body = EventBody::Completed {
        video: app
            .stores(job, &name("film.mp4"), format!("film {run}").as_bytes())
            .await,
        poster: app.stores(job, &name("poster.jpg"), b"a picture").await,
        report: app.stores(job, &name("report.json"), b"{}").await,
        duration: Seconds(40.0),
        clips: CLIPS,
        total_cost: Usd::ZERO,
        others: vec![],
    };
    app.says_in((job, RunNumber(run)), body).await;
    app.settled().await;
}

impl User<'_> {
    pub(crate) async fn forks(&self, job: JobId, body: Value) -> Response {
        self.request(Method::POST, &format!("/api/v1/jobs/{job}/fork"))
            .json(&body)
            .send()
            .await
            .unwrap()
    }

    async fn forks_with(&self, key: &str, job: JobId, body: &Value) -> Response {
        self.request(Method::POST, &format!("/api/v1/jobs/{job}/fork"))
            .header("idempotency-key", key)
            .json(body)
            .send()
            .await
            .unwrap()
    }

    /// Runs, statuses, and which is shown.
    async fn versions(&self, job: JobId) -> Vec<(u64, String, bool)> {
        let list: Value = self
            .get(&format!("/api/v1/jobs/{job}/versions"))
            .await
            .json()
            .await
            .unwrap();
        let versions = list["versions"].as_array().unwrap().iter();
        versions
            .map(|version| {
                (
                    version["run"].as_u64().unwrap(),
                    version["status"].as_str().unwrap().to_owned(),
                    version["selected"].as_bool().unwrap(),
                )
            })
            .collect()
    }
}

fn version(run: u64, status: &str, selected: bool) -> (u64, String, bool) {
    (run, status.to_owned(), selected)
}

/// What the film that is shown holds.
async fn film(app: &TestApp, user: &User<'_>, job: JobId) -> String {
    let link = user.job(job).await["video_url"]
        .as_str()
        .unwrap()
        .to_owned();
    app.http
        .get(link)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap()
}

#[tokio::test]
async fn a_fork_hands_out_one_clip_of_forty_and_takes_the_others_over() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    let early = ada
        .forks(job, json!({ "from": "video_generator", "clip": 7 }))
        .await;
    assert_problem(early, 409, "still-running").await;
    has_a_film(&app, job).await;
    let before = app.last_event().await;

    let patch = json!({ "scene": { "scene": "ridges" } });
    let asked = json!({ "from": "video_generator", "clip": 7, "patch": patch });
    let answer = ada.forks(job, asked.clone()).await;
    assert_eq!(answer.status(), 202);
    assert_eq!(answer.headers()["location"], format!("/api/v1/jobs/{job}"));
    let forked: Value = answer.json().await.unwrap();
    assert_eq!((&forked["run"], &forked["base"]), (&json!(2), &json!(1)));
    assert_eq!(forked["clips"], json!([7]));
    assert_problem(ada.forks(job, asked).await, 409, "still-running").await;
    app.settled().await;

    let task = |clip: u32| TaskId::of_clip(job, RunNumber(2), ClipIndex(clip));
    let message = publish::last(&app.jetstream, &subject::work(&task(7))).await;
    let message: Value = serde_json::from_slice(&message.unwrap().unwrap().payload).unwrap();
    assert_eq!(message["job"]["run"], 2);
    assert_eq!(message["input"]["instruction"]["scene"]["scene"], "ridges");
    assert_eq!(message["input"]["film"]["base"]["anew"], json!([7]));
    for other in [6, 8] {
        let message = publish::last(&app.jetstream, &subject::work(&task(other))).await;
        assert!(message.unwrap().is_none(), "{other}");
    }

    let view = ada.job(job).await;
    assert_eq!(
        (&view["status"], &view["run"]),
        (&json!("queued"), &json!(2))
    );
    assert_eq!(view["clips"], json!({ "completed": 39, "total": 40 }));
    assert_eq!(view["progress"], 83);
    assert_eq!(view["stages"]["video_generator"]["status"], "pending");
    assert_eq!(view["version"], 1, "the film before it is still shown");
    assert_eq!(film(&app, &ada, job).await, "film 1");
    let events: Value = ada
        .get(&format!("/api/v1/jobs/{job}/events?after={before}"))
        .await
        .json()
        .await
        .unwrap();
    let begun = &events["events"][0];
    assert_eq!(begun["event"], "run_started", "{events}");
    assert_eq!(begun["data"]["clips"], json!([7]));
}

#[tokio::test]
async fn each_pass_makes_a_version_that_can_be_chosen_again() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.user(), app.user());
    let job = ada.uploads().await;
    has_a_film(&app, job).await;
    let asked = json!({ "from": "video_generator", "clip": 0 });
    assert_eq!(ada.forks(job, asked.clone()).await.status(), 202);
    app.settled().await;
    // A worker of the first pass that says something late changes nothing.
    let late = EventBody::StageUpdate {
        stage: StageKind::Composer,
        status: StageStatus::Processing,
        duration: None,
        error: None,
    };
    app.says(job, late).await;
    app.settled().await;
    assert_eq!(ada.job(job).await["status"], "queued");

    ends_with_a_film(&app, job, 2).await;
    assert_eq!(film(&app, &ada, job).await, "film 2");
    let both = [
        version(1, "completed", false),
        version(2, "completed", true),
    ];
    assert_eq!(ada.versions(job).await, both);

    let select = format!("/api/v1/jobs/{job}/versions/1/select");
    assert_problem(eve.post(&select).await, 404, "job-not-found").await;
    let tag = ada.get(&format!("/api/v1/jobs/{job}")).await.headers()["etag"].clone();
    assert_eq!(ada.post(&select).await.status(), 200);
    let both = [
        version(1, "completed", true),
        version(2, "completed", false),
    ];
    assert_eq!(ada.versions(job).await, both);
    assert_eq!(film(&app, &ada, job).await, "film 1");
    let answer = ada.get(&format!("/api/v1/jobs/{job}")).await;
    assert_ne!(answer.headers()["etag"], tag);
    let third = format!("/api/v1/jobs/{job}/versions/3/select");
    assert_problem(ada.post(&third).await, 422, "validation-failed").await;
}

#[tokio::test]
async fn who_resumes_before_the_first_end_sees_every_pass_and_the_history_has_them_all() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    app.settled().await;
    let seen = app.last_event().await.to_string();
    has_a_film(&app, job).await;
    let asked = json!({ "from": "video_generator", "clip": 0 });
    assert_eq!(ada.forks(job, asked).await.status(), 202);
    app.settled().await;
    ends_with_a_film(&app, job, 2).await;

    let mut stream = Open::of(&ada, job, Some(&seen)).await;
    let mut streamed = Vec::new();
    while let Some((name, id, _)) = stream.next().await {
        streamed.push((name, id));
    }
    let ends = streamed.iter().filter(|(name, _)| name == "completed");
    assert_eq!(ends.count(), 2, "{streamed:?}");
    let path = format!("/api/v1/jobs/{job}/events?after={seen}&limit=500");
    let history: Value = ada.get(&path).await.json().await.unwrap();
    let told = history["events"].as_array().unwrap().iter();
    let told: Vec<_> = told
        .map(|event| ["event", "id"].map(|name| event[name].as_str().unwrap().to_owned()))
        .map(|[name, id]| (name, id))
        .collect();
    assert_eq!(told, streamed);
    assert_eq!(history["next_after"], Value::Null);
}

#[tokio::test]
async fn a_cancelled_pass_leaves_the_film_before_it_and_the_next_pass_is_wanted() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    has_a_film(&app, job).await;
    let asked = json!({ "from": "video_generator", "clip": 3 });
    ada.forks(job, asked.clone()).await;
    app.settled().await;

    let cancelled = ada.post(&format!("/api/v1/jobs/{job}/cancel")).await;
    assert_eq!(cancelled.status(), 200);
    app.settled().await;
    let view = ada.job(job).await;
    assert_eq!(view["status"], "cancelled");
    assert_eq!(view["error_code"], JOB_CANCELLED);
    assert_eq!(film(&app, &ada, job).await, "film 1");
    let flags = runtime::Cancellations::new(app.jetstream.clone());
    assert!(flags.is_raised((job, RunNumber(2))).await.unwrap());
    // What belongs to the cancelled pass is removed, and nothing else.
    testkit::eventually("its documents are gone", crate::app::PATIENCE, async || {
        let left = app.objects();
        let of_run = left.iter().any(|name| name.contains("/run-2/"));
        (!of_run).then_some(())
    })
    .await;
    assert!(
        app.objects()
            .iter()
            .any(|name| name.ends_with("run-1/film.mp4"))
    );

    assert_eq!(ada.forks(job, asked).await.status(), 202);
    app.settled().await;
    assert!(!flags.is_raised((job, RunNumber(3))).await.unwrap());
    ends_with_a_film(&app, job, 3).await;
    let expected = [
        version(1, "completed", false),
        version(2, "cancelled", false),
        version(3, "completed", true),
    ];
    assert_eq!(ada.versions(job).await, expected);
}

#[tokio::test]
async fn what_cannot_be_forked_is_refused_and_leaves_nothing() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.user(), app.user());
    let job = ada.uploads().await;
    has_a_film(&app, job).await;
    let objects = app.objects().len();
    for wrong in [
        json!({ "from": "composer", "clip": 0 }),
        json!({ "from": "video_generator", "clip": 40 }),
        json!({ "from": "video_generator", "clip": 0, "version": 9 }),
        json!({ "from": "video_generator", "clip": 0, "patch": { "scene": { "scene": "volcano" } } }),
    ] {
        assert_problem(ada.forks(job, wrong).await, 422, "validation-failed").await;
    }
    for wrong in [
        json!({ "clip": 0 }),
        json!({ "from": "video_generator", "clip": -1 }),
    ] {
        assert_problem(ada.forks(job, wrong).await, 400, "invalid-request").await;
    }
    let asked = json!({ "from": "video_generator", "clip": 0 });
    assert_problem(eve.forks(job, asked).await, 404, "job-not-found").await;
    assert_eq!(app.objects().len(), objects);
    assert_eq!(ada.job(job).await["run"], 1);
}

#[tokio::test]
async fn a_fork_that_is_sent_twice_with_one_key_is_one_pass() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.user(), app.user());
    let job = ada.uploads().await;
    let asked = json!({ "from": "video_generator", "clip": 7 });
    // What was refused keeps no key.
    assert_problem(
        ada.forks_with("one", job, &asked).await,
        409,
        "still-running",
    )
    .await;
    has_a_film(&app, job).await;

    let first = ada.forks_with("one", job, &asked).await;
    assert_eq!(first.status(), 202);
    assert!(!first.headers().contains_key("idempotent-replayed"));
    let first: Value = first.json().await.unwrap();
    // While the pass runs, and after it.
    for _ in 0..2 {
        let again = ada.forks_with("one", job, &asked).await;
        assert_eq!(again.status(), 202);
        assert_eq!(again.headers()["idempotent-replayed"], "true");
        assert_eq!(again.headers()["location"], format!("/api/v1/jobs/{job}"));
        assert_eq!(again.json::<Value>().await.unwrap(), first);
        app.settled().await;
        ends_with_a_film(&app, job, 2).await;
    }
    assert_eq!(ada.job(job).await["run"], 2);

    let other = json!({ "from": "video_generator", "clip": 8 });
    let reused = ada.forks_with("one", job, &other).await;
    assert_problem(reused, 422, "idempotency-key-reused").await;
    let hers = eve.forks_with("one", job, &asked).await;
    assert_problem(hers, 404, "job-not-found").await;
    let of_the_first = json!({ "from": "video_generator", "clip": 7, "version": 1 });
    let second = ada.forks_with("two", job, &of_the_first).await;
    assert_eq!(second.json::<Value>().await.unwrap()["run"], 3);
}

#[tokio::test]
async fn of_forks_with_one_key_at_once_one_begins_a_pass() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    has_a_film(&app, job).await;
    let asked = json!({ "from": "video_generator", "clip": 7 });
    let forks = (0..6).map(|_| ada.forks_with("one", job, &asked));
    let mut begun = 0;
    for answer in futures::future::join_all(forks).await {
        if answer.status() == 202 {
            assert_eq!(answer.json::<Value>().await.unwrap()["run"], 2);
            begun += 1;
        } else {
            assert_problem(answer, 409, "idempotency-key-in-use").await;
        }
    }
    assert!(begun >= 1);
    assert_eq!(ada.job(job).await["run"], 2);
}
