//! One song in other clothes: in another format, softer, in mono.

use std::path::Path;

use serde_json::Value;
use tokio::process::Command;

use crate::beatreel::{run, text};

/// Encodes `from` as ffmpeg is told to.
async fn encode(from: &Path, to: &Path, options: &[&str]) {
    let ffmpeg = tokio::task::spawn_blocking(tools::ffmpeg)
        .await
        .expect("a thread")
        .expect("an ffmpeg");
    let output = Command::new(ffmpeg)
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(from)
        .args(options)
        .arg(to)
        .output()
        .await
        .expect("ffmpeg starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
}

fn times(heard: &Value, which: &str) -> Vec<f64> {
    let times = heard[which].as_array().expect("times");
    times
        .iter()
        .map(|time| time.as_f64().expect("seconds"))
        .collect()
}

/// By how many seconds the beats and downbeats of two hearings differ at most; they must be as many.
fn apart(one: &Value, other: &Value) -> f64 {
    ["beats", "downbeats"]
        .map(|which| {
            let (one, other) = (times(one, which), times(other, which));
            assert_eq!(one.len(), other.len(), "{which}");
            let pairs = one.iter().zip(&other);
            pairs.fold(0.0_f64, |most, (a, b)| most.max((a - b).abs()))
        })
        .into_iter()
        .fold(0.0, f64::max)
}

fn cuts(heard: &Value) -> Vec<f64> {
    let grid = heard["analysis"]["clip_grid"].as_array().expect("a grid");
    grid.iter()
        .map(|slot| slot["start"].as_f64().expect("seconds"))
        .collect()
}

#[tokio::test]
async fn a_song_has_the_same_beats_in_every_format_and_the_same_grid_softer_and_in_mono() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let path = |name: &str| scratch.path().join(name);
    let song = song::play(5).wav().expect("a song");
    std::fs::write(path("plain.wav"), song).expect("writing a file");
    for (name, options) in [
        (
            "pressed.mp3",
            ["-c:a", "libmp3lame", "-b:a", "128k"].as_slice(),
        ),
        ("lossless.flac", &["-c:a", "flac"]),
        ("softer.wav", &["-af", "volume=-20dB"]),
        ("mono.wav", &["-ac", "1"]),
    ] {
        encode(&path("plain.wav"), &path(name), options).await;
    }

    let heard = path("heard").display().to_string();
    let file = |name: &str| path(name).display().to_string();
    let output = run([
        "analyse",
        "--out",
        &heard,
        &file("plain.wav"),
        &file("pressed.mp3"),
        &file("lossless.flac"),
        &file("softer.wav"),
        &file("mono.wav"),
    ])
    .await;
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let [plain, pressed, lossless, softer, mono] =
        ["plain", "pressed", "lossless", "softer", "mono"].map(|name| {
            let json = std::fs::read(path("heard").join(name).with_added_extension("json"));
            let heard: Value = serde_json::from_slice(&json.expect("a document")).expect("JSON");
            heard
        });

    assert!(times(&plain, "beats").len() > 100);
    for (name, other) in [("MP3", &pressed), ("FLAC", &lossless)] {
        let seconds = apart(&plain, other);
        assert!(seconds <= 0.003, "{name}: {seconds} s apart");
    }
    for (name, other) in [("softer", &softer), ("mono", &mono)] {
        let seconds = apart(&plain, other);
        assert!(seconds <= 0.003, "{name}: {seconds} s apart");
        let (cuts, others) = (cuts(&plain), cuts(other));
        assert_eq!(cuts.len(), others.len(), "{name}");
        let pairs = cuts.iter().zip(&others);
        let most = pairs.fold(0.0_f64, |most, (a, b)| most.max((a - b).abs()));
        assert!(most <= 0.003, "{name}: cuts {most} s apart");
    }
}
