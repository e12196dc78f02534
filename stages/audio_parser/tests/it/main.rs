//! The analyser against songs whose every beat is known, and the stage around it.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests may fail the test"
)]

mod any_lyrics;
mod anything;
mod corrections;
mod hearing;
mod robust;
mod stage;

use std::path::PathBuf;

use testkit::sound::Sound;

/// A file that is gone with its folder.
struct File {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

fn file(bytes: &[u8]) -> File {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let path = folder.path().join("song.wav");
    std::fs::write(&path, bytes).expect("room for a song");
    File {
        path,
        _folder: folder,
    }
}

/// `seconds` of nothing.
fn silence(seconds: f64) -> Sound {
    Sound {
        samples: vec![0.0; (seconds * 44_100.0) as usize],
        sample_rate: 44_100,
    }
}
