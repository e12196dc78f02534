//! Films: every frame of every clip, the whole song under them, nothing encoded twice.

use std::fs;
use std::path::Path;

use media::ffmpeg::{Still, Storyboard};
use media::film::{self, FilmError, FilmParts, JoinedClip};
use media::house;
use media::mp4::{self, Movie, TimedText};
use model::Seconds;
use model::format::Quality;
use tempfile::tempdir;
use testkit::sound::{self, Sound};
use tokio_util::sync::CancellationToken;

use crate::pictures::{FORMAT, FRAME, clip, decoded, ffmpeg, heard, number_of};

/// Clips of these lengths, whose frames are numbered through.
async fn clips(directory: &Path, lengths: &[usize]) -> Vec<JoinedClip> {
    let mut first = 0;
    let mut made = Vec::new();
    for length in lengths {
        made.push(clip(directory, first, *length).await);
        first += length;
    }
    made
}

async fn film(directory: &Path, clips: &[JoinedClip], song: &Sound, title: &str) -> Movie {
    let parts = parts(directory, clips, song, title).await;
    let out = directory.join("film.mp4");
    film::join(&parts, &out, &CancellationToken::new()).unwrap();
    mp4::read(&out).unwrap()
}

/// A film without chapters and captions.
async fn parts(directory: &Path, clips: &[JoinedClip], song: &Sound, title: &str) -> FilmParts {
    let [wav, m4a] = ["song.wav", "song.m4a"].map(|name| directory.join(name));
    fs::write(&wav, song.wav()).unwrap();
    let cancel = CancellationToken::new();
    ffmpeg()
        .encode_song(&wav, &m4a, Quality::Standard, &cancel)
        .await
        .unwrap();
    FilmParts {
        format: FORMAT,
        clips: clips.to_vec(),
        song: m4a,
        title: Some(title.to_owned()),
        chapters: Vec::new(),
        captions: Vec::new(),
    }
}

/// What ffmpeg makes of a film, or says of it.
async fn asked(film: &Path, arguments: &str) -> String {
    let mut command = tokio::process::Command::new(tools::ffmpeg().unwrap());
    command.args(["-v", "error", "-i"]).arg(film);
    command.args(arguments.split(' '));
    let output = command.output().await.unwrap();
    assert!(output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn text(start: f64, end: f64, text: &str) -> TimedText {
    TimedText {
        start: Seconds(start),
        end: Seconds(end),
        text: text.to_owned(),
    }
}

#[tokio::test]
async fn other_programs_find_title_chapters_and_captions_in_a_film() {
    let scratch = tempdir().unwrap();
    let clips = clips(scratch.path(), &[60, 60]).await;
    let song = sound::tone(440.0, 4.0);
    let mut parts = parts(scratch.path(), &clips, &song, "Ä = b;\\").await;
    parts.chapters = vec![text(0.0, 1.5, "Verse"), text(1.5, 4.0, "Chörus; #2")];
    parts.captions = vec![text(0.5, 1.25, "One\ntwo"), text(3.0, 3.5, "drei")];
    let out = scratch.path().join("film.mp4");
    film::join(&parts, &out, &CancellationToken::new()).unwrap();

    let told = asked(&out, "-f ffmetadata -").await;
    assert!(told.contains("title=Ä \\= b\\;\\\\\n"), "{told}");
    for (start, end, title) in [(0, 1500, "Verse"), (1500, 4000, "Chörus\\; \\#2")] {
        let chapter = format!("START={start}\nEND={end}\ntitle={title}\n");
        let also = format!("START={start}0000\nEND={end}0000\ntitle={title}\n");
        assert!(told.contains(&chapter) || told.contains(&also), "{told}");
    }
    let shown = asked(&out, "-map 0:s:0 -f srt -").await;
    let shown = shown.replace('\r', "");
    let expected = "1\n00:00:00,500 --> 00:00:01,250\nOne\ntwo\n\n\
                    2\n00:00:03,000 --> 00:00:03,500\ndrei\n\n";
    assert_eq!(shown, expected);
    let movie = mp4::read(&out).unwrap();
    assert_eq!((movie.tracks, movie.captions.unwrap().cues), (4, 2));
    // Packets come one after the other, and the film ends with the last of them.
    let listed = asked(&out, "-map 0:v -map 0:a -c copy -f framecrc -").await;
    assert_eq!(
        listed.lines().filter(|line| line.starts_with("0,")).count(),
        120
    );
}

#[tokio::test]
async fn a_clip_that_is_not_as_was_said_joins_no_film_and_nothing_is_left() {
    let scratch = tempdir().unwrap();
    let clips = clips(scratch.path(), &[5, 7]).await;
    let whole = parts(scratch.path(), &clips, &sound::tone(440.0, 0.4), "x").await;
    let out = scratch.path().join("film.mp4");
    let cancel = CancellationToken::new();
    let refused = |parts: &FilmParts| film::join(parts, &out, &cancel).unwrap_err();

    let mut other = whole.clone();
    other.clips[1].frames = 8;
    let error = refused(&other).to_string();
    assert!(error.ends_with("has 7 frames of 8"), "{error}");
    fs::write(&other.clips[0].file, b"no clip").unwrap();
    assert!(matches!(refused(&other), FilmError::Part { .. }));
    other.clips.clear();
    assert!(matches!(refused(&other), FilmError::Empty));
    cancel.cancel();
    other.clips = clips[1..].to_vec();
    assert!(matches!(refused(&other), FilmError::Cancelled));
    let names = fs::read_dir(scratch.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let made: Vec<_> = names.filter(|name| name.starts_with("film")).collect();
    assert!(made.is_empty(), "{made:?}");
}

#[tokio::test]
async fn a_film_has_every_frame_of_its_clips_unchanged_at_a_constant_step() {
    let scratch = tempdir().unwrap();
    let lengths = [7, 61, 1, 2, 3, 1, 1, 44, 7, 7, 7];
    let clips = clips(scratch.path(), &lengths).await;
    let frames: usize = lengths.iter().sum();
    let movie = film(
        scratch.path(),
        &clips,
        &sound::song(frames as f64 / 30.0),
        "x",
    )
    .await;

    let video = movie.video.unwrap();
    let mut inspection = house::Inspection::default();
    house::check_picture(&video, FORMAT, &mut inspection);
    inspection.verdict().unwrap();
    assert_eq!(video.frames as usize, frames);
    assert!(movie.index_first);
    assert_eq!(movie.tracks, 2);
    let mut cut = 0;
    for length in lengths {
        assert!(
            video.key_frames.contains(&cut),
            "no key frame at the cut {cut}"
        );
        cut += length as u32;
    }

    let pictures = decoded(&scratch.path().join("film.mp4")).await;
    let numbers: Vec<usize> = pictures.chunks(FRAME).map(number_of).collect();
    assert_eq!(numbers, (0..frames).collect::<Vec<_>>());
    let mut before = Vec::new();
    for clip in &clips {
        before.extend(decoded(&clip.file).await);
    }
    assert!(pictures == before, "the pictures were encoded again");
}

#[tokio::test]
async fn hundreds_of_short_clips_do_not_drift() {
    let scratch = tempdir().unwrap();
    let one = clip(scratch.path(), 0, 7).await;
    let clips = vec![one; 250];
    let movie = film(scratch.path(), &clips, &sound::tone(440.0, 58.0), "x").await;
    let video = movie.video.unwrap();
    assert_eq!(
        (video.frames, video.step, video.start),
        (1750, Some(1000), 0)
    );
}

#[tokio::test]
async fn the_whole_song_is_heard_and_not_a_sample_late() {
    let scratch = tempdir().unwrap();
    let song = sound::click_track(97.0, 5.017);
    // The picture is shorter than the song here: the song must not be cut for that.
    let clips = clips(scratch.path(), &[60, 60]).await;
    let movie = film(scratch.path(), &clips, &song, "x").await;
    let audio = movie.audio.unwrap();
    assert!(
        (audio.duration.0 - song.seconds()).abs() < 0.002,
        "{audio:?}"
    );
    assert_eq!((audio.sample_rate, audio.channels), (44_100, 1));

    let heard = heard(&scratch.path().join("film.mp4")).await;
    assert!(
        heard.len() >= song.samples.len(),
        "{} of {}",
        heard.len(),
        song.samples.len()
    );
    assert_eq!(lag(&song.samples, &heard), 0);
}

/// By how many samples `heard` is late: where the two agree best.
fn lag(song: &[f32], heard: &[i16]) -> i64 {
    let agreement = |lag: i64| -> f32 {
        let shifted = |at: usize| {
            heard
                .get((at as i64 + lag) as usize)
                .map_or(0.0, |s| f32::from(*s))
        };
        song.iter()
            .enumerate()
            .map(|(at, sample)| sample * shifted(at))
            .sum()
    };
    (-60..=60)
        .max_by(|a, b| agreement(*a).total_cmp(&agreement(*b)))
        .unwrap()
}

#[tokio::test]
async fn a_title_is_only_ever_a_title() {
    let scratch = tempdir().unwrap();
    let clips = clips(scratch.path(), &[3]).await;
    let title = "Ä'; -i /etc/passwd\n[in]null\0[out] $(ls) %d";
    film(scratch.path(), &clips, &sound::tone(440.0, 0.1), title).await;
    let bytes = fs::read(scratch.path().join("film.mp4")).unwrap();
    let kept = "Ä'; -i /etc/passwd [in]null [out] $(ls) %d".as_bytes();
    assert!(bytes.windows(kept.len()).any(|window| window == kept));
}

#[tokio::test]
async fn a_folder_of_any_name_holds_a_film() {
    let scratch = tempfile::Builder::new()
        .prefix("it's 3:00  %d \\ \"ä\" ")
        .tempdir()
        .unwrap();
    let clips = clips(scratch.path(), &[3, 5]).await;
    let movie = film(scratch.path(), &clips, &sound::tone(440.0, 0.3), "x").await;
    assert_eq!(movie.video.unwrap().frames, 8);

    let poster = scratch.path().join("poster.jpg");
    let still = Still {
        format: FORMAT,
        frame: 4,
    };
    ffmpeg()
        .poster(
            &scratch.path().join("film.mp4"),
            still,
            &poster,
            &CancellationToken::new(),
        )
        .await
        .unwrap();
    let picture = image::open(&poster).unwrap();
    assert_eq!(picture.width(), 160);
}

#[tokio::test]
async fn a_poster_is_the_frame_that_was_asked_for_in_its_colours() {
    let scratch = tempdir().unwrap();
    // Frame 16 is the one with a single white bar, the fifth.
    let clips = clips(scratch.path(), &[9, 23]).await;
    film(scratch.path(), &clips, &sound::tone(440.0, 1.0), "x").await;
    let poster = scratch.path().join("poster.jpg");
    let still = Still {
        format: FORMAT,
        frame: 16,
    };
    let cancel = CancellationToken::new();
    ffmpeg()
        .poster(&scratch.path().join("film.mp4"), still, &poster, &cancel)
        .await
        .unwrap();

    let picture = image::open(&poster).unwrap().to_rgb8();
    assert_eq!(picture.dimensions(), (160, 90));
    for bar in 0..10 {
        let [red, green, blue] = picture.get_pixel(bar * 16 + 8, 45).0;
        // Limited range: 220 is (220 − 16) · 255 / 219 = 238, and 30 is 16.
        let expected: i32 = if bar == 4 { 238 } else { 16 };
        for channel in [red, green, blue] {
            assert!(
                (i32::from(channel) - expected).abs() < 12,
                "bar {bar}: {red} {green} {blue}"
            );
        }
    }
}

#[tokio::test]
async fn a_film_of_many_clips_has_a_thumbnail_of_each() {
    let scratch = tempdir().unwrap();
    let clips = clips(scratch.path(), &[320]).await;
    film(scratch.path(), &clips, &sound::song(320.0 / 30.0), "x").await;
    let board = Storyboard {
        format: FORMAT,
        thumbnails: (0..310).collect(),
        every: 30,
        sheet: (10, 10),
    };
    let film = scratch.path().join("film.mp4");
    let cancel = CancellationToken::new();
    let watched = ffmpeg().watch(&film, &board, scratch.path(), &cancel).await;
    watched.unwrap();
    let is_there = |name: &str| scratch.path().join(name).exists();
    assert!(
        is_there(&Storyboard::thumbnail_name(309)) && !is_there(&Storyboard::thumbnail_name(310))
    );
    assert!(is_there(Storyboard::CONTACT_SHEET));
}
