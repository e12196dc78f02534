//! Bytes that somebody calls a message or a document: the entry of the fuzz target (`fuzz/`), and of what
//! the tests do with its seeds.

use model::analysis::AudioAnalysis;
use model::clip::{ClipPrompts, Clips};
use model::dead_letter::DeadLetter;
use model::film::{Film, FilmReport};
use model::handoff::{ClipTask, Heard, Instructed, Planned, Referenced, Song, ToCompose};
use model::lyrics::transcript::Transcript;
use model::music::Envelopes;
use model::plan::ScenePlan;
use model::reference::ReferenceImages;
use model::{Envelope, Event, TaskId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads `bytes` as the document that their first one names. Gives whether they are one.
///
/// # Panics
///
/// If what was read is another once it was written.
pub(crate) fn read(bytes: &[u8]) -> bool {
    let Some((kind, bytes)) = bytes.split_first() else {
        return false;
    };
    match kind {
        b'a' => same::<Envelope<Song>>(bytes),
        b'b' => same::<Envelope<Heard>>(bytes),
        b'c' => same::<Envelope<Planned>>(bytes),
        b'd' => same::<Envelope<Referenced>>(bytes),
        b'e' => same::<Envelope<ClipTask>>(bytes),
        b'f' => same::<Envelope<ToCompose>>(bytes),
        b'g' => same::<Event>(bytes),
        b'h' => same::<DeadLetter>(bytes),
        b'i' => same::<AudioAnalysis>(bytes),
        b'j' => same::<ScenePlan>(bytes),
        b'k' => same::<ReferenceImages>(bytes),
        b'l' => same::<ClipPrompts>(bytes),
        b'm' => same::<Clips>(bytes),
        b'n' => same::<Film>(bytes) || same::<FilmReport>(bytes),
        b'o' => same::<Transcript>(bytes),
        b'p' => same::<Envelopes>(bytes) || same::<Instructed>(bytes),
        b'q' => subject(bytes),
        _ => false,
    }
}

/// Numbers may be written otherwise than they came, but only once.
fn same<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> bool {
    let Ok(first) = serde_json::from_slice::<T>(bytes) else {
        return false;
    };
    // A number beyond f32 becomes infinite, which JSON cannot say; no writer of ours writes one. And what
    // is passed over in a document may be no JSON that a whole value could be read from.
    if !serde_json::from_slice(bytes).is_ok_and(|all: Value| !is_beyond_f32(&all)) {
        return false;
    }
    let written = serde_json::to_vec(&first).expect("what was read can be written");
    let again: T = serde_json::from_slice(&written).unwrap_or_else(|error| {
        let text = String::from_utf8_lossy(&written);
        panic!("what was written cannot be read: {error}: {text}")
    });
    assert_eq!(written, serde_json::to_vec(&again).expect("as above"));
    true
}

fn is_beyond_f32(value: &Value) -> bool {
    match value {
        Value::Number(number) => number
            .as_f64()
            .is_some_and(|number| number.abs() > f64::from(f32::MAX)),
        Value::Array(values) => values.iter().any(is_beyond_f32),
        Value::Object(members) => members.values().any(is_beyond_f32),
        _ => false,
    }
}

/// The name of a task as it stands in subjects and keys.
fn subject(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let task = TaskId::parse(text).map(|task| task.to_string());
    assert!(
        task.as_deref().is_none_or(|task| task == text),
        "{task:?} was {text}"
    );
    task.is_some()
}
