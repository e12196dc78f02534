//! The analysis as JSON: what scorers read, then everything.

use std::path::Path;

use audio_parser::hearing::Hearing;
use model::Seconds;
use serde_json::{Value, json};

/// One document. `segments` are the sections by their repetition labels, times are seconds from the
/// song's first sample.
pub(super) fn of(file: &Path, hearing: &Hearing) -> Result<Value, serde_json::Error> {
    let beats = hearing.beats();
    let times: Vec<Seconds> = beats.iter().map(|beat| beat.time).collect();
    let downbeats: Vec<Seconds> = beats
        .iter()
        .filter(|beat| beat.downbeat)
        .map(|beat| beat.time)
        .collect();
    let segments: Vec<Value> = hearing
        .sections()
        .iter()
        .map(|part| json!({"start": part.start, "end": part.end, "label": part.label}))
        .collect();
    Ok(json!({
        "file": file.display().to_string(),
        "duration": hearing.duration(),
        "tempo_bpm": hearing.tempo().bpm,
        "beats": times,
        "downbeats": downbeats,
        "key": hearing.key().map(|key| key.to_string()),
        "segments": segments,
        "analysis": serde_json::to_value(hearing)?,
    }))
}
