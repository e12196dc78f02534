//! What a clip is made of, as one number: equal recipes give equal pictures.

use media::house;
use model::clip::Joints;
use model::format::{Quality, VideoFormat};
use model::handoff::ClipTask;
use model::lettering::Lettering;
use model::look::SceneParameters;
use serde::Serialize;
use sha2::{Digest, Sha256};

#[derive(Serialize)]
struct Recipe<'a> {
    drawn_by: &'static str,
    encoded_by: &'a str,
    encoding: Vec<String>,
    scene: SceneParameters,
    first_frame: u64,
    frames: u32,
    joints: Joints,
    /// Who draws letters, and which; clips without any do not depend on them.
    #[serde(skip_serializing_if = "Option::is_none")]
    lettering: Option<(&'static str, &'a Lettering)>,
    format: VideoFormat,
    envelopes: &'a str,
}

/// SHA-256 of all that decides how the clip of `task` looks, in hex. `encoder` is the version of ffmpeg:
/// another one gives other bytes.
pub(crate) fn digest(
    task: &ClipTask,
    (format, quality): (VideoFormat, Quality),
    encoder: &str,
) -> Result<String, serde_json::Error> {
    let lettering = task.instruction.lettering.as_ref();
    let recipe = Recipe {
        drawn_by: visuals::VERSION,
        encoded_by: encoder,
        encoding: house::encoding(format, quality),
        scene: task.instruction.scene,
        first_frame: task.instruction.first_frame,
        frames: task.instruction.frames,
        joints: task.instruction.joints,
        lettering: lettering.map(|lettering| (render::LETTERING_VERSION, lettering)),
        format,
        envelopes: &task.film.envelopes.artifact.sha256,
    };
    Ok(hex::encode(Sha256::digest(serde_json::to_vec(&recipe)?)))
}
