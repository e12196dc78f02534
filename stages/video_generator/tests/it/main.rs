//! Real clips of a small size: drawn by the real renderer, encoded by a real ffmpeg.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod studio;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use media::ffmpeg::Ffmpeg;
use media::house;
use model::EventBody;
use model::clip::ClipSource;
use runtime::{Stage, StageError, Vars};
use studio::{FORMAT, Studio, ffmpeg};
use testkit::eventually;
use video_generator::VideoGenerator;

#[tokio::test]
async fn a_clip_has_the_frames_that_were_asked_for_and_is_stored() {
    let studio = Studio::new();
    let (cx, mut events) = studio.context();
    let task = studio.task(40, 25).await;

    let made = VideoGenerator::new(ffmpeg())
        .run(task.clone(), &cx)
        .await
        .unwrap();

    assert_eq!(
        (made.clip.index, made.clip.frames),
        (task.instruction.index, 25)
    );
    assert_eq!(made.clip.source, ClipSource::Builtin);
    assert_eq!(made.film, task.film);
    let file = studio.root().join("clip.mp4");
    cx.artifacts().fetch(&made.clip.video, &file).await.unwrap();
    house::check_clip(&file, FORMAT, 25).unwrap();
    let began = EventBody::VideoGenerationStart {
        clip_index: task.instruction.index,
        total_clips: 2,
    };
    assert_eq!(events.recv().await, Some(began));
}

#[tokio::test]
async fn a_task_that_comes_twice_finds_its_clip_made() {
    let studio = Studio::new();
    let task = studio.task(0, 12).await;
    let (cx, _) = studio.context();
    let first = VideoGenerator::new(ffmpeg())
        .run(task.clone(), &cx)
        .await
        .unwrap();

    let version = ffmpeg().version().await.unwrap().to_owned();
    let unable = VideoGenerator::new(stand_in(&studio, &version).await);
    let (cx, _) = studio.context();
    let again = unable.run(task.clone(), &cx).await.unwrap();
    assert_eq!(again.clip.video, first.clip.video);

    let (mut other, mut written) = (task.clone(), task);
    other.instruction.scene.seed += 1;
    written.instruction.lettering = Some(studio::title("Night"));
    for task in [other, written] {
        let error = unable.run(task, &cx).await.unwrap_err();
        assert!(
            is_of_encoding(&error),
            "another clip has to be made: {error}"
        );
    }
}

#[tokio::test]
async fn a_clip_of_another_encoder_is_made_anew() {
    let studio = Studio::new();
    let task = studio.task(0, 12).await;
    let (cx, _) = studio.context();
    let made = VideoGenerator::new(ffmpeg()).run(task.clone(), &cx).await;
    made.unwrap();

    let other = VideoGenerator::new(stand_in(&studio, "ffmpeg version of another build").await);
    let (cx, _) = studio.context();
    let error = other.run(task, &cx).await.unwrap_err();
    assert!(is_of_encoding(&error), "it was not encoded: {error}");
}

/// A program that tells this version, and can do nothing else.
async fn stand_in(studio: &Studio, version: &str) -> Ffmpeg {
    let program = studio.root().join("ffmpeg");
    let script =
        format!("#!/bin/sh\n[ \"$1\" = -version ] || exit 1\ncat <<'END'\n{version}\nEND\n");
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let ffmpeg = Ffmpeg::at(program);
    // A fork of another test may hold the script open for writing, until it executes its own program.
    let tells = async || ffmpeg.version().await.ok().map(drop);
    eventually("the script runs", Duration::from_secs(20), tells).await;
    ffmpeg
}

fn is_of_encoding(error: &StageError) -> bool {
    matches!(error, StageError::Retry { doing, .. } if *doing == "encoding the clip")
}

#[tokio::test]
async fn the_same_instruction_gives_the_same_bytes_in_another_job() {
    let (one, other) = (Studio::new(), Studio::new());
    let mut digests = Vec::new();
    for studio in [&one, &other] {
        let (cx, _) = studio.context();
        let task = studio.task(7, 10).await;
        let made = VideoGenerator::new(ffmpeg()).run(task, &cx).await.unwrap();
        digests.push(made.clip.video.sha256);
    }
    assert_eq!(digests[0], digests[1]);
}

#[tokio::test]
async fn a_clip_without_frames_can_never_be_made() {
    let studio = Studio::new();
    let (cx, _) = studio.context();
    let task = studio.task(0, 0).await;
    let error = VideoGenerator::new(ffmpeg())
        .run(task, &cx)
        .await
        .unwrap_err();
    assert!(matches!(error, StageError::Fatal { .. }), "{error}");
}

#[tokio::test]
async fn a_cancelled_clip_stops_within_two_seconds_and_leaves_nothing() {
    let studio = Studio::new();
    let (cx, _) = studio.context();
    let task = studio.task(0, 1_000_000).await;
    let generator = VideoGenerator::new(ffmpeg());
    let part = cx.scratch().join("clip.mp4.part");
    let cancel = cx.cancelled();
    let cancelled = async {
        let encoding = async || part.exists().then_some(());
        eventually("ffmpeg writes", Duration::from_secs(20), encoding).await;
        cancel.cancel();
        Instant::now()
    };
    let (outcome, at) = tokio::join!(generator.run(task, &cx), cancelled);

    // Two seconds are the promise; a machine with other work to do may take longer.
    assert!(at.elapsed() < Duration::from_secs(6), "{:?}", at.elapsed());
    assert!(matches!(outcome, Err(StageError::Cancelled)), "{outcome:?}");
    assert!(!part.exists());
    let keys = cx.artifacts().keys_of_job(cx.job().id).await.unwrap();
    assert_eq!(
        keys.iter()
            .filter(|key| key.as_str().contains("/clips/"))
            .count(),
        0
    );
}

#[test]
fn an_ffmpeg_that_is_none_is_a_mistake_in_the_configuration() {
    let vars = Vars::from_pairs([("FFMPEG_BIN", "/nowhere/ffmpeg")]);
    let error = VideoGenerator::from_config(&vars).unwrap_err();
    assert!(error.to_string().contains("FFMPEG_BIN"), "{error}");
}
