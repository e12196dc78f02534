//! A song goes in, a film comes out: also when a worker is killed, and not when it is cancelled.

use std::collections::BTreeMap;
use std::path::Path;

use reqwest::Method;
use serde_json::Value;
use testkit::{Reply, StandIn, eventually};

use crate::beatreel::{self, FILM, PROMPT, SOON, Up, signal, text};

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

        // A watcher may come too late for the plan; the history has it.
        let all = history(&up, &job).await;
        let plan = all
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
async fn one_plan_becomes_films_in_several_shapes() {
    let up = Up::start(2).await;
    let job = up.submit_with(3.2, &["--outputs", "9:16,1:1"]).await;
    let (events, code) = up.watch(&job).rest().await;
    assert_eq!(code, Some(0), "{:?}", events.last());

    let view = up.json(Method::GET, &format!("jobs/{job}")).await;
    let clips = view["film"]["clips"].as_u64().expect("clips");
    assert_eq!(view["clips"]["total"], 3 * clips, "all are counted");
    assert_eq!(clips_made(&events).len() as u64, 3 * clips);
    let others = view["film"]["others"].as_array().expect("others");
    for (other, ratio, size) in [
        (&others[0], "9:16", (480, 854)),
        (&others[1], "1:1", (480, 480)),
    ] {
        assert_eq!(other["aspect_ratio"], ratio);
        assert_eq!(other["film"]["cut_frames"], view["film"]["cut_frames"]);
        assert_eq!(other["film"]["audio_lag_ms"], view["film"]["audio_lag_ms"]);
        let path = format!("jobs/{job}/download?aspect_ratio={ratio}");
        let film = up.film_at(&path).await;
        let movie = media::mp4::read(&film).expect("a film that can be read");
        let video = movie.video.expect("a picture");
        assert_eq!((video.size.width, video.size.height), size);
        assert_eq!(video.frames, 96);
    }
    check_film(&up.film(&job).await, 3.2);
    let refused = format!("jobs/{job}/download?aspect_ratio=21:9");
    let refused = up
        .http(Method::GET, &refused)
        .send()
        .await
        .expect("an answer");
    assert_eq!(refused.status(), 422);
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

    // They lie in the film, in the report, and beside it; so does what they cost.
    let film = &end["film"];
    assert_eq!(film["captions"]["cues"], 1);
    assert_eq!(film["captions"]["source"], "transcribed");
    assert_eq!(film["cost"], 0.05);
    let stages = film["times"]["stages"].as_object().expect("times");
    assert_eq!(stages.len(), 6);
    for (stage, time) in stages {
        assert!(time["wall"].as_f64().expect("a time") >= 0.0, "{stage}");
        assert!(time["cpu"].as_f64().expect("a CPU time") >= 0.0, "{stage}");
    }
    let outputs = film["outputs"].as_array().expect("outputs");
    let is_vtt = |output: &&Value| output["kind"] == "captions_vtt";
    let vtt = outputs.iter().find(is_vtt).expect("captions")["url"].as_str();
    let client = reqwest::Client::builder().no_proxy().build();
    let vtt = client.expect("a client").get(vtt.expect("a link")).send();
    let vtt = vtt.await.expect("an answer");
    assert_eq!(vtt.headers()["content-type"], "text/vtt; charset=utf-8");
    let vtt = vtt.text().await.expect("a text");
    assert_eq!(
        vtt,
        "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nCome <00:00:01.500>home\n"
    );
}

/// What a pass of a job kept of its tasks, by name.
fn tasks(up: &Up, job: &str, run: u32) -> Vec<String> {
    let folder = up.data().join(format!("objects/jobs/{job}/run-{run}/done"));
    let entries = std::fs::read_dir(folder).expect("tasks").flatten();
    let mut names: Vec<_> = entries
        .map(|entry| text(entry.file_name().as_encoded_bytes()))
        .collect();
    names.sort();
    names
}

/// The first clip behind which there is a cut: nothing but itself shows it.
fn clip_before_a_cut(film: &Value) -> u64 {
    let cuts = film["cut_frames"].as_array().expect("cuts");
    let soft = film["transition_spans"].as_array().expect("spans");
    let is_hard = |cut: &&Value| !soft.iter().any(|span| &&span["cut"] == cut);
    cuts.iter()
        .position(|cut| is_hard(&cut))
        .expect("a hard cut") as u64
}

#[tokio::test(flavor = "multi_thread")]
async fn one_clip_is_made_anew_through_a_kill_and_a_cancellation_leaves_the_film() {
    let up = Up::start(1).await;
    let job = up.submit(14.0).await;
    let (events, code) = up.watch(&job).rest().await;
    assert_eq!(code, Some(0), "{:?}", events.last());
    let view = up.json(Method::GET, &format!("jobs/{job}")).await;
    let first = view["film"].clone();
    let clip = clip_before_a_cut(&first);
    let before = ids(&up, &job).await;

    let forked = fork(&up, &job, clip).await;
    assert_eq!(forked["clips"], Value::from(vec![clip]));
    let begun = async || {
        let all = history(&up, &job).await;
        let of_two = all.iter().filter(|event| event["run"] == 2);
        let mut starts = of_two.filter(|event| event["type"] == "video_generation_start");
        starts.next().map(|_| ())
    };
    eventually("the clip is begun", SOON, begun).await;
    let killed = up.process("video_generator").expect("it runs");
    signal("KILL", killed).await;
    let (events, code) = up.watch(&job).rest().await;
    assert_eq!(code, Some(0), "{:?}", events.last());
    let events = history(&up, &job).await.split_off(before.len());
    assert!(clips_made(&events).keys().eq([&clip]), "{events:?}");

    // One clip and the composer: nothing else has done any work.
    let expected = [
        "composer.json".to_owned(),
        format!("video_generator-{clip}.json"),
    ];
    assert_eq!(tasks(&up, &job, 2), expected);
    let view = up.json(Method::GET, &format!("jobs/{job}")).await;
    assert_eq!(
        (&view["status"], &view["version"]),
        (&"completed".into(), &2.into())
    );
    let second = &view["film"];
    assert_eq!(second["made"], Value::from(vec![clip]));
    assert_eq!(second["cut_frames"], first["cut_frames"]);
    let clips = |film: &Value| film["made_of"]["clips"].as_array().expect("clips").clone();
    for (index, (old, new)) in clips(&first).iter().zip(clips(second)).enumerate() {
        assert_eq!(*old != new, index as u64 == clip, "{index}");
    }
    check_film(&up.film(&job).await, 14.0);
    let after = ids(&up, &job).await;
    assert!(after.is_sorted() && after.starts_with(&before), "{after:?}");
    assert!(after.len() > before.len());

    // A third pass is cancelled on its way: the film stays, and another version can be chosen.
    fork(&up, &job, clip).await;
    up.json(Method::POST, &format!("jobs/{job}/cancel")).await;
    let view = up.json(Method::GET, &format!("jobs/{job}")).await;
    assert_eq!(
        (&view["status"], &view["version"]),
        (&"cancelled".into(), &2.into())
    );
    let mut command = beatreel::beatreel(["versions", &job, "--select", "1"]);
    let chosen = up.addressed(&mut command).output().await.expect("it runs");
    let lines = text(&chosen.stdout);
    assert!(
        lines.starts_with("*   1  all clips\n    2  version 1 with clip "),
        "{lines}"
    );
    assert!(lines.contains("(cancelled)"), "{lines}");
}

/// The ids of all events of a job.
async fn ids(up: &Up, job: &str) -> Vec<u64> {
    let id = |event: &Value| event["id"].as_str().and_then(|id| id.parse().ok());
    let all = past(up, job).await;
    all.iter().map(|event| id(event).expect("an id")).collect()
}

/// Everything that has happened to a job, in order.
async fn history(up: &Up, job: &str) -> Vec<Value> {
    let all = past(up, job).await;
    all.into_iter()
        .map(|mut event| event["data"].take())
        .collect()
}

/// The same, with ids.
async fn past(up: &Up, job: &str) -> Vec<Value> {
    let path = format!("jobs/{job}/events?limit=500");
    let mut all = up.json(Method::GET, &path).await;
    serde_json::from_value(all["events"].take()).expect("events")
}

/// As `beatreel fork` does it.
async fn fork(up: &Up, job: &str, clip: u64) -> Value {
    let mut command = beatreel::beatreel(["fork", job, "--clip", &clip.to_string(), "--json"]);
    let output = up.addressed(&mut command).output().await.expect("it runs");
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}
