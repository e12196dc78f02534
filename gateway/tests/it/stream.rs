//! Streams: the state, then everything after it, without a gap and without a repeat.

use std::time::Duration;

use eventsource_stream::{Event as Frame, Eventsource};
use futures::{Stream, StreamExt};
use model::job::StageStatus;
use model::{EventBody, JobId, StageKind, Usd};
use reqwest::Method;
use serde_json::Value;
use testkit::eventually;

use crate::app::{PATIENCE, SECRET, TestApp, User, assert_problem, has_at_most_microseconds};

pub(crate) fn message(text: &str) -> EventBody {
    EventBody::Message {
        text: text.to_owned(),
        stage: StageKind::AudioParser,
    }
}

pub(crate) fn progress(percent: u8) -> EventBody {
    EventBody::Progress {
        progress: percent,
        stage: StageKind::VideoGenerator,
        estimated_remaining: None,
        total_cost: Usd::ZERO,
    }
}

/// An open stream of a job.
pub(crate) struct Open {
    frames: std::pin::Pin<Box<dyn Stream<Item = Frame> + Send>>,
}

impl Open {
    pub(crate) async fn of(user: &User<'_>, job: JobId, after: Option<&str>) -> Self {
        Self::at(user, &format!("/api/v1/jobs/{job}/stream"), after).await
    }

    pub(crate) async fn at(user: &User<'_>, path: &str, after: Option<&str>) -> Self {
        let mut request = user.request(Method::GET, path);
        if let Some(id) = after {
            request = request.header("last-event-id", id);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(answer.headers()["x-accel-buffering"], "no");
        assert!(!answer.headers().contains_key("content-length"));
        let frames = answer
            .bytes_stream()
            .eventsource()
            .filter_map(|frame| async { frame.ok().filter(|frame| !frame.data.is_empty()) });
        Self {
            frames: Box::pin(frames),
        }
    }

    /// The next event, or `None` once the server has closed the stream.
    pub(crate) async fn next(&mut self) -> Option<(String, String, Value)> {
        let frame = tokio::time::timeout(PATIENCE, self.frames.next())
            .await
            .expect("an event")?;
        Some((
            frame.event,
            frame.id,
            serde_json::from_str(&frame.data).unwrap(),
        ))
    }

    /// The texts of the next messages.
    async fn texts(&mut self, count: usize) -> Vec<String> {
        let mut texts = vec![];
        while texts.len() < count {
            let (event, _, data) = self.next().await.expect("a message");
            if event == "message" {
                texts.push(data["text"].as_str().unwrap().to_owned());
            }
        }
        texts
    }
}

#[tokio::test]
async fn a_stream_begins_with_the_state_and_ends_with_the_end() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    app.says(job, progress(12)).await;
    app.settled().await;

    let mut stream = Open::of(&ada, job, None).await;
    let (event, first_id, state) = stream.next().await.unwrap();
    assert_eq!(event, "progress");
    assert_eq!(state["job_id"], job.to_string());
    assert_eq!(state["status"], "processing");
    assert_eq!(state["progress"], 12);
    assert_eq!(state["stages"]["audio_parser"]["status"], "pending");
    assert!(has_at_most_microseconds(&state["timestamp"]), "{state}");

    let sequence = app.says(job, message("hello")).await;
    let (event, id, data) = stream.next().await.unwrap();
    assert_eq!((event.as_str(), id), ("message", sequence.to_string()));
    assert!(first_id.parse::<u64>().unwrap() < sequence);
    assert_eq!(data["text"], "hello");
    assert!(has_at_most_microseconds(&data["timestamp"]), "{data}");

    app.completes(job, b"a film").await;
    let (event, end, data) = stream.next().await.unwrap();
    assert_eq!(event, "completed");
    assert_eq!(data["total_cost"], 0.0);
    assert!(
        data.get("video").is_none(),
        "keys are nobody's business: {data}"
    );
    let link = data["video_url"].as_str().unwrap();
    assert_eq!(
        app.http
            .get(link)
            .send()
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap(),
        "a film".as_bytes()
    );
    assert!(stream.next().await.is_none());

    // Whoever comes back after the end is told to stay away; a newcomer sees the end once.
    let path = format!("/api/v1/jobs/{job}/stream");
    let back = ada
        .request(Method::GET, &path)
        .header("last-event-id", &end)
        .send()
        .await
        .unwrap();
    assert_eq!(back.status(), 204);
    assert_eq!(ada.get(&format!("{path}?after={end}")).await.status(), 204);
    app.settled().await;
    let mut late = Open::of(&ada, job, None).await;
    assert_eq!(late.next().await.unwrap().2["status"], "completed");
    let (event, id, _) = late.next().await.unwrap();
    assert_eq!((event.as_str(), &id), ("completed", &end));
    assert!(late.next().await.is_none());
}

#[tokio::test]
async fn a_stream_is_resumed_anywhere_without_a_gap_or_a_repeat() {
    let app = TestApp::start().await;
    let ada = app.user();
    let (job, other) = (ada.uploads().await, ada.uploads().await);
    let mut sequences = vec![];
    for number in 0..30 {
        app.says(other, message("noise")).await;
        sequences.push(app.says(job, message(&number.to_string())).await);
    }
    let mut resumed = vec![];
    for from in [0, 7, 28, 29] {
        let after = sequences[from].to_string();
        let mut stream = Open::of(&ada, job, Some(&after)).await;
        let expected: Vec<_> = (from + 1..30).map(|number| number.to_string()).collect();
        assert_eq!(stream.texts(expected.len()).await, expected);
        resumed.push(stream);
    }
    app.says(job, message("live")).await;
    for stream in &mut resumed {
        assert_eq!(stream.texts(1).await, ["live"]);
    }
    let path = format!("/api/v1/jobs/{job}/stream?after=x");
    assert_problem(ada.get(&path).await, 422, "validation-failed").await;
}

#[tokio::test]
async fn from_zero_all_that_is_kept_of_a_job_comes_again_whatever_is_gone_of_others() {
    let app = TestApp::start().await;
    let ada = app.user();
    let (old, job) = (ada.uploads().await, ada.uploads().await);
    for _ in 0..20 {
        app.says(old, message("noise")).await;
    }
    let first = app.says(job, message("0")).await;
    app.says(job, message("1")).await;
    app.settled().await;
    app.forgets(old, None).await;

    let path = format!("/api/v1/jobs/{job}/stream");
    assert_eq!(ada.get(&format!("{path}?after=0")).await.status(), 200);
    let mut stream = Open::of(&ada, job, Some("0")).await;
    assert_eq!(stream.next().await.unwrap().0, "stage_update");
    assert_eq!(stream.texts(2).await, ["0", "1"]);

    // Of a history of which the beginning is gone, what is left comes.
    let second = first + 1;
    app.forgets(job, Some(second)).await;
    let mut stream = Open::of(&ada, job, Some("0")).await;
    assert_eq!(stream.next().await.unwrap().1, second.to_string());
    // Of one that is gone altogether, the state and the end as the row has them.
    app.completes(job, b"a film").await;
    app.settled().await;
    app.forgets(job, None).await;
    let mut stream = Open::of(&ada, job, Some("0")).await;
    assert_eq!(stream.next().await.unwrap().0, "reset");
    assert_eq!(stream.next().await.unwrap().2["status"], "completed");
    assert_eq!(stream.next().await.unwrap().0, "completed");
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn who_may_have_missed_an_event_that_is_gone_gets_the_whole_state() {
    let app = TestApp::start().await;
    let ada = app.user();
    let (job, other) = (ada.uploads().await, ada.uploads().await);
    let seen = app.says(job, message("seen")).await.to_string();
    app.says(other, message("noise")).await;
    app.settled().await;
    // The last event of the job is gone, but it was seen.
    app.forgets(job, None).await;
    app.forgets(other, None).await;
    let mut stream = Open::of(&ada, job, Some(&seen)).await;
    app.says(job, message("missed")).await;
    assert_eq!(stream.texts(1).await, ["missed"]);
    // Now there is one that was not.
    let kept = app.says(job, message("kept")).await;
    app.settled().await;
    app.forgets(job, Some(kept)).await;
    let mut stream = Open::of(&ada, job, Some(&seen)).await;
    let (event, id, why) = stream.next().await.unwrap();
    assert_eq!((event.as_str(), id.as_str()), ("reset", ""));
    assert_eq!(why["reason"], "history-gone");
    let (event, id, state) = stream.next().await.unwrap();
    assert_eq!((event, id), ("progress".to_owned(), kept.to_string()));
    assert_eq!(state["job_id"], job.to_string());
}

#[tokio::test]
async fn streams_opened_while_events_pour_in_see_each_event_once() {
    const EVENTS: usize = 300;
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    app.settled().await;
    let first = app.says(job, message("begin")).await.to_string();
    let pouring = async {
        for number in 0..EVENTS {
            app.says(job, message(&number.to_string())).await;
        }
    };
    let watching = |delay: u64| {
        let (ada, first) = (&ada, &first);
        async move {
            // Spread over the pouring, so that catching up and listening meet at different places.
            tokio::time::sleep(Duration::from_millis(delay)).await;
            let mut stream = Open::of(ada, job, Some(first)).await;
            stream.texts(EVENTS).await
        }
    };
    let watchers = futures::future::join_all((0..8).map(|watcher| watching(watcher * 20)));
    let ((), seen) = tokio::join!(pouring, watchers);
    let expected: Vec<_> = (0..EVENTS).map(|number| number.to_string()).collect();
    for texts in seen {
        assert_eq!(texts, expected);
    }
}

#[tokio::test]
async fn progress_on_a_stream_never_falls_also_not_over_a_resume() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    let at_forty = {
        app.says(job, progress(30)).await;
        app.says(job, progress(40)).await
    };
    app.says(job, progress(35)).await;
    app.says(
        job,
        EventBody::StageUpdate {
            stage: StageKind::VideoGenerator,
            status: StageStatus::Completed,
            duration: None,
            error: None,
        },
    )
    .await;
    app.says(job, progress(50)).await;
    app.settled().await;
    let mut resumed = Open::of(&ada, job, Some(&at_forty.to_string())).await;
    let mut seen = vec![];
    while seen.len() < 2 {
        let (event, _, data) = resumed.next().await.unwrap();
        if event == "progress" {
            seen.push(data["progress"].as_u64().unwrap());
        }
    }
    assert_eq!(seen, [40, 85]);
}

#[tokio::test]
async fn progress_does_not_fall_either_when_events_begins_anew() {
    let mut app = TestApp::start().await;
    let (job, id) = {
        let ada = app.user();
        (ada.uploads().await, ada.id)
    };
    for percent in [10, 20, 30, 40] {
        app.says(job, progress(percent)).await;
    }
    app.settled().await;
    app.stop().await;
    let events = nats::streams::EVENTS;
    app.jetstream.delete_stream(events).await.unwrap();
    nats::apply(&app.jetstream).await.unwrap();
    app.restart().await;
    let first = app.says(job, message("again")).await;
    assert_eq!(first, 1);
    let ada = app.user_of(id);
    let mut resumed = Open::of(&ada, job, Some("1")).await;
    app.says(job, progress(15)).await;
    let (event, sequence, data) = resumed.next().await.unwrap();
    assert_eq!((event.as_str(), sequence.as_str()), ("progress", "2"));
    assert_eq!(data["progress"], 40);
    let steps = "SELECT COUNT(*) FROM progress_steps";
    assert_eq!(
        app.count(steps).await,
        1,
        "those of the old stream are gone"
    );
}

#[tokio::test]
async fn who_comes_back_with_a_number_of_lost_events_begins_anew_however_many_there_are_again() {
    let mut app = TestApp::start().await;
    let (job, id) = {
        let ada = app.user();
        (ada.uploads().await, ada.id)
    };
    let seen = app.says(job, message("seen")).await;
    app.settled().await;
    app.stop().await;
    let events = nats::streams::EVENTS;
    app.jetstream.delete_stream(events).await.unwrap();
    nats::apply_again(&app.jetstream).await.unwrap();
    app.restart().await;
    {
        // Also while nothing of the job is there again.
        let ada = app.user_of(id);
        let mut resumed = Open::of(&ada, job, Some(&seen.to_string())).await;
        assert_eq!(resumed.next().await.unwrap().0, "reset");
    }
    for number in 0..2 * seen {
        app.says(job, message(&number.to_string())).await;
    }
    app.settled().await;
    let ada = app.user_of(id);
    let mut resumed = Open::of(&ada, job, Some(&seen.to_string())).await;
    let (event, _, why) = resumed.next().await.unwrap();
    assert_eq!(
        (event.as_str(), &why["reason"]),
        ("reset", &"history-gone".into())
    );
}

#[tokio::test]
async fn who_has_seen_the_end_is_told_so_also_while_the_rows_are_behind() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    app.settled().await;
    let rows = app.holds_the_rows().await;
    app.completes(job, b"a film").await;
    let end = app.last_event().await;
    let path = format!("/api/v1/jobs/{job}/stream?after={end}");
    let mut answer = Box::pin(ada.request(Method::GET, &path).send());
    let early = tokio::time::timeout(Duration::from_millis(300), &mut answer).await;
    assert!(early.is_err(), "the answer waits for the rows: {early:?}");
    rows.rollback().await.unwrap();
    let answer = answer.await.unwrap();
    assert_eq!(answer.status(), 204);
}

#[tokio::test]
async fn an_id_from_nowhere_gets_the_whole_state() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    app.settled().await;
    for id in ["999999", "not-a-number"] {
        let mut stream = Open::of(&ada, job, Some(id)).await;
        if id == "999999" {
            assert_eq!(stream.next().await.unwrap().0, "reset");
        }
        let (event, _, state) = stream.next().await.unwrap();
        assert_eq!(
            (event.as_str(), &state["status"]),
            ("progress", &Value::from("queued"))
        );
    }
}

#[tokio::test]
async fn the_eleventh_stream_of_a_job_is_refused_until_one_goes() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    let mut open = vec![];
    for _ in 0..10 {
        let mut stream = Open::of(&ada, job, None).await;
        stream.next().await.unwrap();
        open.push(stream);
    }
    let path = format!("/api/v1/jobs/{job}/stream");
    let refused = ada.get(&path).await;
    assert!(refused.headers().contains_key("retry-after"));
    assert_problem(refused, 429, "too-many-streams").await;
    open.pop();
    eventually("the place is free", PATIENCE, async || {
        (ada.get(&path).await.status() == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_quiet_stream_says_that_it_lives() {
    let app = TestApp::start_with(|config| config.heartbeat = Duration::from_millis(200)).await;
    let ada = app.user();
    let job = ada.uploads().await;
    let answer = ada.get(&format!("/api/v1/jobs/{job}/stream")).await;
    let mut bytes = answer.bytes_stream();
    let mut text = String::new();
    let both = |text: &str| text.contains("event: heartbeat") && text.contains("\n:");
    while !both(&text) {
        let chunk = tokio::time::timeout(PATIENCE, bytes.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    assert!(text.contains("retry: 2000"), "{text}");
    let heartbeat = text
        .split("\n\n")
        .find(|frame| frame.contains("heartbeat"))
        .unwrap();
    assert!(
        heartbeat.contains("timestamp") && !heartbeat.contains("id:"),
        "{heartbeat}"
    );
}

#[tokio::test]
async fn a_stop_closes_open_streams() {
    let mut app = TestApp::start().await;
    let mut stream = {
        let ada = app.user();
        let job = ada.uploads().await;
        let mut stream = Open::of(&ada, job, None).await;
        stream.next().await.unwrap();
        stream
    };
    let stopping = std::time::Instant::now();
    app.stop().await;
    assert!(
        stopping.elapsed() < Duration::from_secs(5),
        "{:?}",
        stopping.elapsed()
    );
    let mut last = None;
    while let Some((event, _, data)) = stream.next().await {
        last = Some((event, data["reason"].clone()));
    }
    assert_eq!(last, Some(("closing".to_owned(), "stopping".into())));
}

#[tokio::test]
async fn a_stream_is_closed_when_its_token_ends_and_goes_on_with_another() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    // 30 s of leeway, of which 28 are over.
    let mut ending = app.user();
    ending.token = token_of(&ada, -28);
    let mut stream = Open::of(&ending, job, None).await;
    let (_, mut last, _) = stream.next().await.unwrap();
    let mut why = None;
    while let Some((event, id, data)) = stream.next().await {
        if event == "closing" {
            why = Some(data["reason"].clone());
            continue;
        }
        assert_eq!(event, "stage_update", "the job has not ended");
        last = id;
    }
    assert_eq!(why, Some("token-expired".into()));
    let path = format!("/api/v1/jobs/{job}/stream");
    assert_problem(ending.get(&path).await, 401, "token-invalid").await;
    let mut stream = Open::of(&ada, job, Some(&last)).await;
    app.says(job, message("still here")).await;
    assert_eq!(stream.texts(1).await, ["still here"]);
}

/// A token of `user` that ends in so many seconds.
fn token_of(user: &User<'_>, seconds: i64) -> String {
    let exp = time::OffsetDateTime::now_utc().unix_timestamp() + seconds;
    let claims =
        serde_json::json!({ "sub": user.id.to_string(), "aud": "authenticated", "exp": exp });
    let key = jsonwebtoken::EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
}
