//! A song goes in, a film comes out: also when a worker is killed, and not when it is cancelled.

use std::collections::BTreeMap;
use std::path::Path;

use reqwest::Method;
use serde_json::Value;
use testkit::{Reply, StandIn};

use crate::beatreel::{self, FILM, PROMPT, Up, signal, text};

/// Asserts that the picture is as long as the song to half a frame, and that the song is in it once.
fn check_film(film: &Path, song_seconds: f64) {
    let movie = media::mp4::read(film).expect("a film that can be read");
    let video = movie.video.expect("a picture");
    assert_eq!(
        (video.codec.0, video.profile),
        (*b"avc1", Some(100)),
        "H.264 High"
    );
    assert_eq!((video.size.width, video.size.height), (854, 480));
    let step = video.step.expect("a constant frame rate");
    assert_eq!(video.timescale / step, 30);
    let seconds = f64::from(video.frames) / 30.0;
    assert!(
        (seconds - song_seconds).abs() <= 0.5 / 30.0 + 1e-9,
        "{seconds} s of picture"
    );
    let sound = movie.audio.expect("sound");
    assert_eq!((sound.codec.0, movie.tracks), (*b"mp4a", 2));
    assert!(
        (sound.duration.0 - song_seconds).abs() < 0.06,
        "{} of sound",
        sound.duration
    );
    assert!(movie.index_first, "it can be played while it is loaded");
}

/// How often each clip was said to be there.
fn clips_made(events: &[Value]) -> BTreeMap<u64, u32> {
    let made = events
        .iter()
        .filter(|event| event["type"] == "video_generation_complete");
    made.fold(BTreeMap::new(), |mut clips, event| {
        *clips
            .entry(event["clip_index"].as_u64().expect("an index"))
            .or_default() += 1;
        clips
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_song_becomes_a_film_of_its_length() {
    let up = Up::start(2).await;
    let job = up.submit(10.37).await;
    let (events, code) = up.watch(&job).rest().await;

    assert_eq!(code, Some(0));
    assert_eq!(events.last().expect("events")["type"], "completed");
    let progress: Vec<_> = events
        .iter()
        .filter_map(|event| event["progress"].as_u64())
        .collect();
    assert!(progress.is_sorted(), "{progress:?}");
    let end = up.json(Method::GET, &format!("jobs/{job}")).await;
    assert_eq!(
        (&end["status"], &end["progress"]),
        (&"completed".into(), &100.into())
    );
    assert_eq!(end["clips"]["completed"], end["clips"]["total"]);
    check_film(&up.film(&job).await, 10.37);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_video_generator_costs_no_job_and_no_clip_twice() {
    let up = Up::start(1).await;
    let job = up.submit(12.0).await;
    let mut watch = up.watch(&job);
    let mut events = vec![watch.until("video_generation_complete").await];
    let killed = up.process("video_generator").expect("it runs");
    signal("KILL", killed).await;
    let (rest, code) = watch.rest().await;
    events.extend(rest);

    assert_eq!(code, Some(0), "{:?}", events.last());
    assert_ne!(
        up.process("video_generator").expect("it runs again"),
        killed
    );
    let clips = clips_made(&events);
    let total = events[0]["total_clips"].as_u64().expect("a number");
    assert!(total > 2, "the kill came in the middle");
    assert_eq!(clips, (0..total).map(|clip| (clip, 1)).collect());
    check_film(&up.film(&job).await, 12.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_gateway_costs_its_watchers_no_event_and_none_twice() {
    let up = Up::start(1).await;
    let job = up.submit(12.0).await;
    let mut watch = up.watch(&job);
    let mut events = vec![watch.until("video_generation_complete").await];
    signal("KILL", up.process("gateway").expect("it runs")).await;
    let (rest, code) = watch.rest().await;
    events.extend(rest);

    assert_eq!(code, Some(0), "{:?}", events.last());
    let total = events[0]["total_clips"].as_u64().expect("a number");
    assert_eq!(
        clips_made(&events),
        (0..total).map(|clip| (clip, 1)).collect()
    );
    assert_eq!(events.last().expect("events")["type"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_job_ends_soon_and_leaves_no_film() {
    let up = Up::start(1).await;
    let job = up.submit(30.0).await;
    let mut watch = up.watch(&job);
    watch.until("video_generation_start").await;
    up.json(Method::POST, &format!("jobs/{job}/cancel")).await;
    let (events, code) = watch.rest().await;

    assert_eq!(code, Some(1));
    let end = events.last().expect("an end");
    assert_eq!(
        (&end["type"], &end["code"]),
        (&"error".into(), &"JOB_CANCELLED".into())
    );
    let view = up.json(Method::GET, &format!("jobs/{job}")).await;
    assert_eq!(view["status"], "cancelled");
    let film = up
        .http(Method::GET, &format!("jobs/{job}/download"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(film.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_makes_a_film_of_a_users_song_and_ends() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let (song, data) = (scratch.path().join("song.wav"), scratch.path().join("data"));
    std::fs::write(&song, testkit::sound::song(6.5).wav()).expect("writing the song");
    let mut command = beatreel::beatreel([
        "demo",
        "--once",
        "--json",
        "--resolution",
        "480p",
        "--port",
        "0",
    ]);
    command
        .arg("--data")
        .arg(&data)
        .arg(&song)
        .arg(PROMPT)
        .kill_on_drop(true);
    let output = tokio::time::timeout(FILM, command.output())
        .await
        .expect("it ends")
        .expect("it runs");

    assert!(output.status.success(), "{}", text(&output.stderr));
    let lines = text(&output.stdout);
    assert_eq!(lines.lines().count(), 1, "{lines}");
    let told: Value = serde_json::from_str(&lines).expect("a line of JSON");
    let number = |member: &str| {
        told[member]
            .as_f64()
            .unwrap_or_else(|| panic!("{member} in {lines}"))
    };
    assert_eq!(number("audio_duration_s"), 6.5);
    assert!((number("duration_s") - 6.5).abs() <= 0.5 / 30.0 + 1e-9);
    assert!(number("clips") >= 1.0 && number("elapsed_s") > 0.0);
    assert_eq!(number("cost"), 0.0);
    assert!(told["job_id"].is_string());
    check_film(Path::new(told["video"].as_str().expect("a path")), 6.5);
    assert!(!data.join("up.json").exists(), "nothing runs any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_reaches_the_film() {
    let up = Up::start(2).await;
    for (asked, size, timescale, step) in [
        (
            ["9:16", "29.97", "draft", "noir"],
            (240, 426), // a draft: half of it
            30_000,
            1_001,
        ),
        (
            ["21:9", "50", "high", "golden_hour"],
            (1_120, 480),
            30_000,
            600,
        ),
    ] {
        let flags = ["--aspect-ratio", "--fps", "--quality", "--style"];
        let more: Vec<&str> = flags
            .into_iter()
            .zip(asked)
            .flat_map(|(flag, value)| [flag, value])
            .collect();
        let job = up.submit_with(3.2, &more).await;
        let (events, code) = up.watch(&job).rest().await;
        assert_eq!(code, Some(0), "{:?}", events.last());

        let plan = events
            .iter()
            .find(|event| event["type"] == "scene_planner_results");
        let summary = plan.expect("a plan")["video_summary"].to_string();
        assert!(summary.contains(asked[3]), "{summary}");
        let options = &up.json(Method::GET, &format!("jobs/{job}")).await["options"];
        let told = ["aspect_ratio", "fps", "quality", "style"].map(|name| options[name].clone());
        assert_eq!(told, asked.map(Value::from));
        let movie = media::mp4::read(&up.film(&job).await).expect("a film that can be read");
        let video = movie.video.expect("a picture");
        assert_eq!((video.size.width, video.size.height), size);
        assert_eq!((video.timescale, video.step), (timescale, Some(step)));
        let seconds = f64::from(video.frames) * f64::from(step) / f64::from(timescale);
        assert!((seconds - 3.2).abs() <= 0.5 * f64::from(step) / f64::from(timescale) + 1e-9);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn words_are_heard_on_the_way_and_their_price_is_the_jobs() {
    let heard = r#"{"words":[{"word":"Come","start":1.0,"end":1.4},{"word":"home","start":1.5,"end":2.0}]}"#;
    let server = StandIn::start(vec![Reply::ok(heard)]).await;
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let url = server.url();
    let environment = [
        ("OPENAI_BASE_URL", url.as_str()),
        ("SPEECH_PRICE_PER_MINUTE_USD", "1"),
    ];
    let up = Up::start_with(scratch, 2, &environment).await;
    let job = up.submit_with(3.0, &["--lyrics", "transcribe"]).await;
    let (events, code) = up.watch(&job).rest().await;
    assert_eq!(code, Some(0), "{:?}", events.last());

    let end = up.json(Method::GET, &format!("jobs/{job}")).await;
    assert_eq!(
        (&end["estimated_cost"], &end["total_cost"]),
        (&0.05.into(), &0.05.into())
    );
    let analysis = up
        .data()
        .join(format!("objects/jobs/{job}/run-1/analysis.json"));
    let analysis = std::fs::read(analysis).expect("an analysis");
    let analysis: Value = serde_json::from_slice(&analysis).expect("JSON");
    assert_eq!(analysis["lyrics"]["source"], "transcribed");
    assert_eq!(analysis["lyrics"]["lines"][0]["words"][1]["start"], 1.5);
    assert_eq!(server.asked().len(), 1);
}
