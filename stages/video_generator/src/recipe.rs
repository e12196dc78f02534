//! What a clip is made of, as one number: equal recipes give equal pictures.

use model::format::VideoFormat;
use model::handoff::ClipTask;
use model::look::SceneParameters;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// The renderer and the encoding. Raise the number when the same recipe begins to give other pictures.
const MADE_BY: &str = "builtin-1";

#[derive(Serialize)]
struct Recipe<'a> {
    made_by: &'static str,
    scene: SceneParameters,
    first_frame: u64,
    frames: u32,
    format: VideoFormat,
    envelopes: &'a str,
}

/// SHA-256 of all that decides how the clip of `task` looks, in hex.
pub(crate) fn digest(task: &ClipTask, format: VideoFormat) -> Result<String, serde_json::Error> {
    let recipe = Recipe {
        made_by: MADE_BY,
        scene: task.instruction.scene,
        first_frame: task.instruction.first_frame,
        frames: task.instruction.frames,
        format,
        envelopes: &task.film.envelopes.artifact.sha256,
    };
    Ok(hex::encode(Sha256::digest(serde_json::to_vec(&recipe)?)))
}
