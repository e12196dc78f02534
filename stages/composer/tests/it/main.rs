//! Whole films of a small size, from clips in a store to a film in it.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod studio;

use std::time::{Duration, Instant};

use composer::Composer;
use media::mp4;
use model::{ArtifactKey, Seconds};
use runtime::{Artifacts, Stage, StageError};
use studio::{Studio, ffmpeg};
use testkit::eventually;
use testkit::sound;

#[tokio::test]
async fn clips_and_song_become_a_film_with_a_poster_and_a_report() {
    let studio = Studio::new(&sound::click_track(120.0, 6.02)).await;
    let (cx, _) = studio.context();
    let input = studio.input(&[0.0, 2.0, 3.5, 6.02]).await;

    let film = Composer::new(ffmpeg()).run(input, &cx).await.unwrap();

    let of_run = |name: &str| ArtifactKey::of_job(cx.job().id, &format!("run-1/{name}")).unwrap();
    assert_eq!(film.video.key, of_run("film.mp4"));
    assert_eq!(film.poster.key, of_run("poster.jpg"));
    assert_eq!(film.clips, 3);
    assert_eq!(film.duration, Seconds(181.0 / 30.0)); // 6.02 s are 180.6 frames

    let report = cx.load(&film.report).await.unwrap();
    assert_eq!((report.frames, report.clips), (181, 3));
    assert_eq!(report.cut_frames, [60, 105]);
    assert_eq!(report.cut_to_beat_ms.unwrap().max, 0.0); // 2.0 s and 3.5 s are beats and frames
    assert!((report.length_error.0 - 0.4 / 30.0).abs() < 1e-9);
    assert!((report.audio_duration.0 - 6.02).abs() < 0.001);
    assert_eq!(report.sha256, film.video.sha256);

    let file = studio.root().join("film.mp4");
    cx.artifacts().fetch(&film.video, &file).await.unwrap();
    let movie = mp4::read(&file).unwrap();
    assert_eq!(movie.video.unwrap().frames, 181);
    let poster = cx.artifacts().get_bytes(&film.poster).await.unwrap();
    assert!(poster.starts_with(b"\xff\xd8\xff"), "no JPEG");
}

#[tokio::test]
async fn composing_twice_gives_the_same_film() {
    let studio = Studio::new(&sound::tone(440.0, 1.0)).await;
    let input = studio.input(&[0.0, 0.4, 1.0]).await;
    let (cx, _) = studio.context();
    let first = Composer::new(ffmpeg())
        .run(input.clone(), &cx)
        .await
        .unwrap();
    let (cx, _) = studio.context();
    let again = Composer::new(ffmpeg()).run(input, &cx).await.unwrap();
    assert_eq!(first, again);
}

#[tokio::test]
async fn a_clip_with_another_number_of_frames_than_it_says_is_refused() {
    let studio = Studio::new(&sound::tone(440.0, 1.0)).await;
    let (cx, _) = studio.context();
    let input = studio.input_with_a_clip_too_short(&[0.0, 0.4, 1.0]).await;
    let error = Composer::new(ffmpeg()).run(input, &cx).await.unwrap_err();
    let StageError::Fatal { doing, source, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(doing, "checking a clip");
    assert!(
        source
            .to_string()
            .contains("the number of frames is 17 instead of 18"),
        "{source}"
    );
}

#[tokio::test]
async fn a_damaged_clip_is_refused() {
    let studio = Studio::new(&sound::tone(440.0, 1.0)).await;
    let (cx, _) = studio.context();
    let mut input = studio.input(&[0.0, 1.0]).await;
    let mut clips = cx.load(&input.clips).await.unwrap();
    "0".repeat(64)
        .clone_into(&mut clips.clips.first_mut().unwrap().video.sha256);
    input.clips = cx.store("other.json", &clips).await.unwrap();
    let error = Composer::new(ffmpeg()).run(input, &cx).await.unwrap_err();
    assert!(matches!(error, StageError::Fatal { .. }), "{error:?}");
}

#[tokio::test]
async fn a_cancelled_film_stops_within_two_seconds_and_is_not_stored() {
    // Long enough that its song is still being encoded when the token is raised.
    let studio = Studio::new(&sound::tone(440.0, 300.0)).await;
    let (cx, _) = studio.context();
    let input = studio.input(&[0.0, 300.0]).await;
    let cancel = cx.cancelled();
    let part = cx.scratch().join("song.m4a.part");
    let cancelled = async {
        let encoding = async || part.exists().then_some(());
        eventually("ffmpeg encodes the song", Duration::from_mins(1), encoding).await;
        cancel.cancel();
        Instant::now()
    };
    let composer = Composer::new(ffmpeg());
    let (outcome, at) = tokio::join!(composer.run(input, &cx), cancelled);

    // Two seconds are the promise; a machine with other work to do may take longer.
    assert!(at.elapsed() < Duration::from_secs(6), "{:?}", at.elapsed());
    assert!(matches!(outcome, Err(StageError::Cancelled)), "{outcome:?}");
    assert!(!film_is_stored(cx.artifacts(), &cx).await);
    assert!(!part.exists());
}

async fn film_is_stored(artifacts: &Artifacts, cx: &runtime::StageContext) -> bool {
    let keys = artifacts.keys_of_job(cx.job().id).await.unwrap();
    keys.iter().any(|key| key.as_str().ends_with("film.mp4"))
}
