//! Bytes that somebody calls a song, heard to their end: the entry of the fuzz target (`fuzz/`), and of what
//! `robust` does with damaged files.

use std::path::PathBuf;

use audio_parser::hearing::{Hearing, hear};
use media::audio::{AudioError, Limits, canonicalise};
use model::FrameRate;
use tempfile::TempDir;

/// Decodes and hears `bytes` as the pipeline does, songs of any length up to `max_seconds`. What is heard
/// keeps its promises; what is refused is the file's own fault, and its owner is told.
///
/// # Panics
///
/// If either is not so.
pub(crate) fn heard(bytes: &[u8], max_seconds: f64) -> Result<Hearing, AudioError> {
    let song = decoded(bytes, max_seconds)?;
    let hearing = hear(&song.canonical, FrameRate::FPS_30, |_| true);
    let hearing = hearing
        .expect("a canonical file")
        .expect("nobody stopped it");
    check(&hearing, song.seconds);
    Ok(hearing)
}

/// A song as intake leaves it; gone with the value.
pub(crate) struct Decoded {
    canonical: PathBuf,
    seconds: f64,
    _scratch: TempDir,
}

/// Only decodes `bytes`, which is far faster.
///
/// # Panics
///
/// If what is decoded is not as it is said to be, or what is refused is not the file's own fault.
pub(crate) fn decoded(bytes: &[u8], max_seconds: f64) -> Result<Decoded, AudioError> {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let (upload, canonical) = (
        scratch.path().join("upload"),
        scratch.path().join("song.wav"),
    );
    std::fs::write(&upload, bytes).expect("room for a file");
    let limits = Limits {
        min_seconds: 0.0,
        max_seconds,
    };
    let shape = match canonicalise(&upload, &canonical, &limits) {
        Ok(shape) => shape,
        Err(error) => {
            assert!(error.is_about_the_file(), "{error:?}");
            assert!(!matches!(error, AudioError::Broken), "the decoder panicked");
            assert!(!canonical.exists(), "half a song is left");
            return Err(error);
        }
    };
    let seconds = shape.seconds();
    assert!((0.0..=max_seconds).contains(&seconds), "{shape:?}");
    Ok(Decoded {
        canonical,
        seconds,
        _scratch: scratch,
    })
}

fn check(hearing: &Hearing, seconds: f64) {
    assert_eq!(hearing.duration().0, seconds);
    let tempo = hearing.tempo();
    assert!(
        tempo.bpm == 0.0 || (39.0..=245.0).contains(&tempo.bpm),
        "{tempo:?}"
    );
    assert!((0.0..=1.0).contains(&tempo.confidence), "{tempo:?}");
    let beats: Vec<f64> = hearing.beats().iter().map(|beat| beat.time.0).collect();
    assert!(beats.is_sorted_by(|a, b| a < b), "{beats:?}");
    assert!(
        beats.iter().all(|time| (0.0..=seconds).contains(time)),
        "{beats:?}"
    );
    let parts = hearing.sections();
    tiles(parts.iter().map(|part| (part.start.0, part.end.0)), seconds);
    for part in parts {
        let sure = part.beat_confidence.unwrap_or(0.0);
        assert!((0.0..=1.0).contains(&sure), "{part:?}");
    }
    let slots = hearing.clip_grid().iter();
    tiles(slots.map(|slot| (slot.start.0, slot.end.0)), seconds);
    // Numbers that are none cannot be written as JSON.
    let document = serde_json::to_string(hearing).expect("JSON");
    assert!(!document.contains("null,null"), "{document}");
}

fn tiles(spans: impl Iterator<Item = (f64, f64)>, seconds: f64) {
    let mut end = 0.0;
    for (from, to) in spans {
        assert_eq!(from, end);
        assert!(from < to, "{from} to {to}");
        end = to;
    }
    assert_eq!(end, seconds);
}
