//! Songs heard from the command line, without a server.

use serde_json::Value;
use testkit::sound;

use crate::beatreel::{run, text};

#[tokio::test]
async fn a_click_track_is_written_as_json_with_what_scorers_read() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let file = scratch.path().join("clicks.wav");
    std::fs::write(&file, sound::click_track(120.0, 20.0).wav()).expect("writing a file");
    let out = scratch.path().join("heard");

    let output = run([
        "analyse",
        "--json",
        "--out",
        &out.display().to_string(),
        &file.display().to_string(),
    ])
    .await;

    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let heard: Value = serde_json::from_slice(&output.stdout).expect("one line of JSON");
    let tempo = heard["tempo_bpm"].as_f64().expect("a tempo");
    assert!((tempo - 120.0).abs() < 0.1, "{tempo}");
    let beats = heard["beats"].as_array().expect("beats");
    assert_eq!(beats.len(), 40);
    assert!(heard["downbeats"].as_array().expect("downbeats").len() >= 10);
    assert_eq!(heard["segments"][0]["start"], 0.0);
    assert_eq!(heard["analysis"]["beats"][7]["time"], beats[7]);
    assert!(heard.get("key").is_some());
    let written = std::fs::read(out.join("clicks.json")).expect("a document");
    assert_eq!(written, output.stdout);
}

#[tokio::test]
async fn a_file_that_is_no_song_is_named_with_its_kind_and_stops_no_other() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let path = |name: &str| scratch.path().join(name).display().to_string();
    std::fs::write(path("notes.mp3"), "this is no music").expect("writing a file");
    std::fs::write(path("clicks.wav"), sound::click_track(100.0, 12.0).wav())
        .expect("writing a file");

    let files = [path("notes.mp3"), path("absent.flac"), path("clicks.wav")];
    let output = run(["analyse", &files[0], &files[1], &files[2]]).await;

    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(
        said.contains("notes.mp3: the file is a text file; MP3, WAV and FLAC are accepted"),
        "{said}"
    );
    assert!(said.contains("absent.flac: it cannot be opened"), "{said}");
    let table = text(&output.stdout);
    assert!(table.contains("clicks.wav"), "{table}");
    assert!(table.contains("100.0"), "{table}");
    assert!(table.contains("4 beats a bar"), "{table}");
}

#[tokio::test]
async fn the_picture_has_a_line_at_each_downbeat() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let path = |name: &str| scratch.path().join(name).display().to_string();
    std::fs::write(path("clicks.wav"), sound::click_track(120.0, 16.0).wav())
        .expect("writing a file");

    let output = run(["analyse", &path("clicks.wav"), "--plot", &path("heard.png")]).await;

    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let told = run(["analyse", &path("clicks.wav"), "--json"]).await;
    let heard: Value = serde_json::from_slice(&told.stdout).expect("one line of JSON");
    let downbeats = heard["downbeats"].as_array().expect("downbeats");
    assert!(downbeats.len() >= 7, "{downbeats:?}");
    let picture = image::open(path("heard.png"))
        .expect("a picture")
        .to_luma8();
    assert_eq!(picture.dimensions(), (2_000, 1_230));
    // A line of the wave's lane that no peak and no beat's tick reaches; 16 seconds over 1 830 pixels.
    let bright = |x: u32| picture.get_pixel(x, 232).0[0] > 60;
    for downbeat in downbeats {
        let seconds = downbeat.as_f64().expect("seconds");
        let x = 130 + (seconds / 16.0 * 1_830.0).round() as u32;
        assert!((x.saturating_sub(2)..x + 3).any(bright), "at {seconds}");
        let bar = (x + 20..x + 200).take_while(|x| *x < 1_955);
        assert!(!bar.into_iter().any(bright), "behind {seconds}");
    }
}

#[tokio::test]
async fn a_click_track_of_a_corrected_song_has_its_clicks_where_the_beats_are_said_to_be() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let path = |name: &str| scratch.path().join(name).display().to_string();
    std::fs::write(path("clicks.wav"), sound::click_track(120.0, 16.0).wav())
        .expect("writing a file");

    // Moved by a tenth of a second, the song's own clicks cannot be mistaken for ours.
    let output = run([
        "analyse",
        &path("clicks.wav"),
        "--json",
        "--offset",
        "-0.1",
        "--clicks",
        &path("heard.wav"),
    ])
    .await;

    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let heard: Value = serde_json::from_slice(&output.stdout).expect("one line of JSON");
    let beats = heard["beats"].as_array().expect("beats");
    assert!(beats.len() > 28, "{}", beats.len());
    let mut mixed = hound::WavReader::open(path("heard.wav")).expect("a WAV file");
    let samples: Vec<i16> = mixed
        .samples::<i16>()
        .map(|sample| sample.expect("a sample"))
        .collect();
    for beat in beats {
        let at = (beat.as_f64().expect("seconds") * 44_100.0).round() as usize;
        let before = &samples[at.saturating_sub(200)..at];
        assert!(
            before.iter().all(|sample| sample.abs() < 300),
            "before {at}"
        );
        assert!(samples[at].abs() > 15_000, "at {at}: {}", samples[at]);
    }
}

#[tokio::test]
async fn a_correction_that_cannot_be_meant_is_refused_before_anything_is_heard() {
    for (flag, value, reason) in [
        ("--tempo", "thrice", "half, double, or from 30 to 300"),
        ("--shift", "12", "at most 6 beats"),
        ("--beats-per-bar", "1", "2 to 7 beats"),
        ("--offset", "-30", "at most 2 seconds"),
    ] {
        let output = run(["analyse", "absent.mp3", flag, value]).await;
        assert_eq!(output.status.code(), Some(2), "{flag}");
        let said = text(&output.stderr);
        assert!(said.contains(reason), "{said}");
    }
}
