//! Whole films of a small size, from clips in a store to a film in it.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod studio;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

use composer::Composer;
use media::mp4;
use model::film::{COMPOSED, Composed, FilmReport, OutputFile, SOUND};
use model::format::FrameSize;
use model::lyrics::LyricsSource;
use model::plan::TransitionKind;
use model::{ArtifactKey, ArtifactRef, ClipIndex, EventBody, Seconds, Stored};
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
    assert_eq!(
        report.transitions,
        BTreeMap::from([(TransitionKind::Cut, 2)])
    );
    assert_eq!(report.cuts_seen, 2);
    assert_eq!(report.audio_lag_ms, [Some(0.0); 3]);
    // The index ends the sound with the song; ffmpeg's decoder plays its last packet to the end.
    assert!((0..1024).contains(&report.audio_surplus_samples));
    assert_eq!(report.replaced, []);
    let kinds: BTreeSet<&str> = report
        .outputs
        .iter()
        .map(|output| output.kind.as_str())
        .collect();
    for kind in [
        "thumbnail",
        "contact_sheet",
        "storyboard",
        "storyboard_sheet",
        "loop",
        "otio",
        "edl",
    ] {
        assert!(kinds.contains(kind), "{kind}");
    }
    assert_eq!(report.captions, None);
    assert!(!kinds.iter().any(|kind| kind.starts_with("captions")));
    for output in &report.outputs {
        cx.artifacts().get_bytes(&output.file).await.unwrap();
    }

    let file = studio.root().join("film.mp4");
    cx.artifacts().fetch(&film.video, &file).await.unwrap();
    let movie = mp4::read(&file).unwrap();
    assert_eq!(movie.captions, None);
    assert_eq!(movie.video.unwrap().frames, 181);
    let poster = cx.artifacts().get_bytes(&film.poster).await.unwrap();
    assert!(poster.starts_with(b"\xff\xd8\xff"), "no JPEG");
}

#[tokio::test]
async fn what_is_sung_lies_in_the_film_as_captions_and_beside_it_in_three_formats() {
    let words = [
        ("Dark water,", 0.5, 1.25),
        ("{a city} & <light>", 1.25, 2.0),
        ("Dark water.", 2.5, 2.9),
    ];
    let studio = Studio::new(&sound::click_track(120.0, 3.0)).await;
    let studio = studio.singing(&words);
    let (cx, _) = studio.context();
    let input = studio.input(&[0.0, 1.4, 3.0]).await;
    let film = Composer::new(ffmpeg()).run(input, &cx).await.unwrap();

    let report = cx.load(&film.report).await.unwrap();
    let captions = report.captions.unwrap();
    assert_eq!((captions.cues, captions.source), (3, LyricsSource::Timed));
    let file = studio.root().join("film.mp4");
    cx.artifacts().fetch(&film.video, &file).await.unwrap();
    let movie = mp4::read(&file).unwrap();
    let track = movie.captions.unwrap();
    assert_eq!((&track.codec.0, track.cues), (b"tx3g", 3));
    assert!((track.end.0 - 3.0).abs() < 0.001, "{}", track.end);

    let beside = async |kind: &str| {
        let of_kind = |output: &&OutputFile| output.kind == kind;
        let output = report.outputs.iter().find(of_kind).unwrap();
        let bytes = cx.artifacts().get_bytes(&output.file).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    };
    let shown = text_track(&file).await;
    assert_eq!(shown.trim(), beside("captions_srt").await.trim());
    assert!(shown.contains("00:00:01,250 --> 00:00:02,000\n(a city) & ‹light›\n"));
    let vtt = beside("captions_vtt").await;
    assert!(vtt.starts_with("WEBVTT\n\n00:00:00.500 --> 00:00:01.250\nDark water,\n"));
    assert!(
        beside("captions_lrc")
            .await
            .contains("[00:02.50]Dark water.\n")
    );
}

/// The captions of a film as ffmpeg reads them.
async fn text_track(film: &Path) -> String {
    let program = tools::ffmpeg().unwrap();
    let mut command = tokio::process::Command::new(program);
    command.args(["-v", "error", "-i"]).arg(film);
    command.args(["-map", "0:s:0", "-f", "srt", "-"]);
    String::from_utf8(command.output().await.unwrap().stdout).unwrap()
}

#[tokio::test]
async fn each_shape_has_a_film_of_its_own_that_was_measured() {
    let tall = FrameSize {
        width: 36,
        height: 64,
    };
    let studio = Studio::new(&sound::click_track(120.0, 3.0)).await;
    let studio = studio.also_in(tall);
    let (cx, _) = studio.context();
    let input = studio.input(&[0.0, 1.4, 3.0]).await;
    let film = Composer::new(ffmpeg()).run(input, &cx).await.unwrap();

    let [other] = film.others.as_slice() else {
        panic!("{:?}", film.others);
    };
    assert_eq!(other.size, tall);
    let folder = |name: &str| format!("run-1/36x64/{name}");
    for (artifact, name) in [(&other.video, "film.mp4"), (&other.poster, "poster.jpg")] {
        let key = ArtifactKey::of_job(cx.job().id, &folder(name)).unwrap();
        assert_eq!(artifact.key, key);
    }
    let own = cx.load(&film.report).await.unwrap();
    let report = cx
        .load(&Stored::<FilmReport>::new(other.report.clone()))
        .await;
    let report = report.unwrap();
    assert_eq!(report.sha256, other.video.sha256);
    assert_ne!(report.sha256, own.sha256);
    assert_eq!((report.frames, &report.cut_frames), (90, &own.cut_frames));
    assert_eq!(report.audio_lag_ms, [Some(0.0); 3]);
    assert_eq!(report.outputs.len(), own.outputs.len());
    let file = studio.root().join("film.mp4");
    cx.artifacts().fetch(&other.video, &file).await.unwrap();
    let video = mp4::read(&file).unwrap().video.unwrap();
    assert_eq!((video.size, video.frames), (tall, 90));
    // Nothing is left but what is in the store.
    assert_eq!(std::fs::read_dir(cx.scratch()).unwrap().count(), 0);
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
    // Not the report: it tells how long it took.
    assert_eq!((first.video, first.poster), (again.video, again.poster));
}

#[tokio::test]
async fn a_clip_that_is_too_short_is_stretched_and_nothing_after_it_is_shifted() {
    let studio = Studio::new(&sound::click_track(120.0, 3.0)).await;
    let (cx, _) = studio.context();
    let input = studio.input_with_a_clip_too_short(&[0.0, 1.4, 3.0]).await;
    let film = Composer::new(ffmpeg()).run(input, &cx).await.unwrap();
    let report = cx.load(&film.report).await.unwrap();
    assert_eq!((report.frames, report.cut_frames), (90, vec![42]));
    let [replaced] = report.replaced.as_slice() else {
        panic!("{:?}", report.replaced);
    };
    assert_eq!(replaced.clip, ClipIndex(1));
    assert!(
        replaced.why.ends_with(
            "the number of frames is 47 instead of 48; it was brought to the format of the film"
        ),
        "{}",
        replaced.why
    );
}

#[tokio::test]
async fn a_foreign_clip_is_shown_in_its_place_and_one_that_cannot_be_decoded_is_drawn() {
    let studio = Studio::new(&sound::click_track(120.0, 4.0)).await;
    let (cx, mut events) = studio.context();
    let mut input = studio.input(&[0.0, 1.0, 2.0, 3.0, 4.0]).await;
    let mut clips = cx.load(&input.clips).await.unwrap();
    // Another size, rate, length and colour matrix: white on the left, black on the right.
    let foreign = "color=white:s=100x80:r=24:d=0.9,pad=200:80:0:0:black";
    clips.clips[1].video =
        foreign_clip(&studio, &cx, foreign, "-c:v libx264 -colorspace smpte170m").await;
    // Another codec, of the right size, rate and length.
    clips.clips[2].video =
        foreign_clip(&studio, &cx, "testsrc2=s=64x36:r=30:d=1", "-c:v mpeg4").await;
    let key = ArtifactKey::of_job(cx.job().id, "clips/noise.mp4").unwrap();
    let noise = cx
        .artifacts()
        .put_bytes(&key, b"no film at all".to_vec().into());
    clips.clips[3].video = noise.await.unwrap();
    input.clips = cx.store("other.json", &clips).await.unwrap();

    let film = Composer::new(ffmpeg()).run(input, &cx).await.unwrap();

    let report = cx.load(&film.report).await.unwrap();
    assert_eq!((report.frames, report.cut_frames), (120, vec![30, 60, 90]));
    let told: Vec<(u32, &str)> = report
        .replaced
        .iter()
        .map(|clip| (clip.clip.0, clip.why.rsplit("; ").next().unwrap()))
        .collect();
    let brought = "it was brought to the format of the film";
    assert_eq!(told, [(1, brought), (2, brought), (3, "it was drawn anew")]);
    let file = studio.root().join("film.mp4");
    cx.artifacts().fetch(&film.video, &file).await.unwrap();
    // Its picture is in the film: white on the left and black on the right.
    let halves = light_of_halves(&file, 45).await;
    assert!(
        matches!(halves.as_slice(), [200..=255, 0..=39]),
        "{halves:?}"
    );
    let mut lines = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let EventBody::Message { text, .. } = event {
            lines.push(text);
        }
    }
    let is_told = |begin: &str| lines.iter().any(|line| line.starts_with(begin));
    assert!(
        is_told("Clip 1 is brought to the format of the film:"),
        "{lines:?}"
    );
}

/// A clip that ffmpeg draws and encodes, in the store.
async fn foreign_clip(
    studio: &Studio,
    cx: &runtime::StageContext,
    drawn: &str,
    encoding: &str,
) -> ArtifactRef {
    let file = studio.root().join("foreign.mp4");
    let mut command = tokio::process::Command::new(tools::ffmpeg().unwrap());
    command.args(["-v", "error", "-y", "-f", "lavfi", "-i", drawn]);
    command
        .args(encoding.split(' '))
        .args(["-pix_fmt", "yuv420p"])
        .arg(&file);
    assert!(command.status().await.unwrap().success());
    let key = format!("clips/foreign-{}.mp4", encoding.len());
    let key = ArtifactKey::of_job(cx.job().id, &key).unwrap();
    cx.artifacts().put_file(&key, &file).await.unwrap()
}

/// The mean light of the left and the right half of a frame.
async fn light_of_halves(film: &Path, frame: u32) -> Vec<u8> {
    let mut command = tokio::process::Command::new(tools::ffmpeg().unwrap());
    command.args(["-v", "error", "-i"]).arg(film);
    let graph = format!("select='eq(n,{frame})',scale=2:1:flags=area,format=gray");
    command.args(["-vf", &graph, "-frames:v", "1", "-f", "rawvideo", "-"]);
    command.output().await.unwrap().stdout
}

#[tokio::test]
async fn a_damaged_and_a_missing_clip_are_drawn_anew_and_the_user_hears_of_it() {
    let studio = Studio::new(&sound::click_track(120.0, 3.0)).await;
    let (cx, mut events) = studio.context();
    let mut input = studio.input(&[0.0, 1.0, 2.0, 3.0]).await;
    let mut clips = cx.load(&input.clips).await.unwrap();
    "0".repeat(64).clone_into(&mut clips.clips[0].video.sha256);
    clips.clips[2].video.key = ArtifactKey::of_job(cx.job().id, "clips/gone.mp4").unwrap();
    input.clips = cx.store("other.json", &clips).await.unwrap();

    let film = Composer::new(ffmpeg()).run(input, &cx).await.unwrap();

    let report = cx.load(&film.report).await.unwrap();
    let replaced: Vec<u32> = report
        .replaced
        .iter()
        .map(|replaced| replaced.clip.0)
        .collect();
    assert_eq!(replaced, [0, 2]);
    assert_eq!((report.frames, report.clips), (90, 3));
    // What players and later passes are told of the film is what is in it.
    let composed: Composed = {
        let name = format!("run-1/{COMPOSED}");
        let key = ArtifactKey::of_job(cx.job().id, &name).unwrap();
        serde_json::from_slice(&cx.artifacts().read(&key).await.unwrap()).unwrap()
    };
    let digests: Vec<String> = composed
        .clips
        .iter()
        .map(|clip| clip.video.sha256.clone())
        .collect();
    assert_eq!(digests, report.made_of.clips);
    for clip in &composed.clips {
        cx.artifacts().get_bytes(&clip.video).await.unwrap();
    }
    let mut lines = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let EventBody::Message { text, .. } = event {
            lines.push(text);
        }
    }
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("Clip 2 is drawn anew: there is no artifact")),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_film_whose_sound_is_another_song_is_refused_with_its_measurement() {
    let studio = Studio::new(&sound::click_track(120.0, 3.0)).await;
    let other = Studio::new(&sound::tone(440.0, 3.0)).await;
    let (cx, _) = other.context();
    let input = other.input(&[0.0, 3.0]).await;
    Composer::new(ffmpeg()).run(input, &cx).await.unwrap();
    let wrong = ArtifactKey::of_job(cx.job().id, SOUND).unwrap();
    let wrong = cx.artifacts().exists(&wrong).await.unwrap().unwrap();
    let file = studio.root().join(SOUND);
    cx.artifacts().fetch(&wrong, &file).await.unwrap();

    let (cx, _) = studio.context();
    let key = ArtifactKey::of_job(cx.job().id, SOUND).unwrap();
    cx.artifacts().put_file(&key, &file).await.unwrap();
    let input = studio.input(&[0.0, 3.0]).await;
    let error = Composer::new(ffmpeg()).run(input, &cx).await.unwrap_err();
    let StageError::Fatal { source, .. } = error else {
        panic!("{error:?}");
    };
    let told = source.to_string();
    assert!(told.contains("the sound is like the song by"), "{told}");
    assert!(!film_is_stored(cx.artifacts(), &cx).await);
}

#[tokio::test]
async fn a_cancelled_film_stops_within_two_seconds_and_is_not_stored() {
    // Long enough that its song is still being encoded when the token is raised.
    let studio = Studio::new(&sound::tone(440.0, 300.0)).await;
    let (cx, _) = studio.context();
    let input = studio.input(&[0.0, 300.0]).await;
    let cancel = cx.cancelled();
    let part = cx.scratch().join("sound.m4a.part");
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
