//! Finds or fetches the pinned nats-server and ffmpeg, and keeps child processes tied to us.
//!
//! Knows nothing of jobs, stages or media. Start reading at `find.rs`'s order of places, or at
//! [`child::spawn`].

pub mod child;
mod error;
mod fetch;
mod find;
mod pinned;
mod places;

use std::path::PathBuf;
use std::sync::OnceLock;

pub use error::ToolError;
use find::Surroundings;

/// The path of a nats-server of at least version 2.11, fetched once where the machine has none.
///
/// Looks at `NATS_SERVER_BIN`, `PATH`, and the tools directory, in this order. Blocks: for
/// milliseconds where a server is found, for seconds where it has to be fetched.
pub fn nats_server() -> Result<PathBuf, ToolError> {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    once(&FOUND, &pinned::NATS_SERVER)
}

/// The path of an ffmpeg of at least version 5 that has libx264 and AAC, fetched once where the
/// machine has none.
///
/// Looks at `FFMPEG_BIN`, `PATH`, and the tools directory, in this order. Blocks as
/// [`nats_server`] does.
pub fn ffmpeg() -> Result<PathBuf, ToolError> {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    once(&FOUND, &pinned::FFMPEG)
}

/// Checks that `program` is an ffmpeg that can do what [`ffmpeg`] promises.
pub fn ffmpeg_at(program: PathBuf) -> Result<PathBuf, ToolError> {
    find::checked(&pinned::FFMPEG, program)
}

fn once(found: &OnceLock<PathBuf>, tool: &pinned::Tool) -> Result<PathBuf, ToolError> {
    if let Some(path) = found.get() {
        return Ok(path.clone());
    }
    let path = find::find(tool, &Surroundings::of_this_process())?;
    Ok(found.get_or_init(|| path).clone())
}
