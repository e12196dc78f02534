//! Why a tool is not there, in words that say what to do about it.

use std::io;
use std::path::PathBuf;

/// Why a tool could neither be found nor fetched.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The variable that names the program names something else.
    #[error("{variable} is {path:?}, which is not an executable file")]
    NotAProgram {
        /// `NATS_SERVER_BIN` or `FFMPEG_BIN`.
        variable: &'static str,
        /// What it holds.
        path: PathBuf,
    },
    /// The program that the variable names cannot do what we need.
    #[error("{variable} is {path:?}: {shortcoming}")]
    Unfit {
        /// `NATS_SERVER_BIN` or `FFMPEG_BIN`.
        variable: &'static str,
        /// What it holds.
        path: PathBuf,
        /// What it lacks.
        shortcoming: String,
    },
    /// A file or directory could not be used.
    #[error("{doing} {path:?}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is no way to fetch it on this machine, or the way failed.
    #[error("{tool} is not on this machine and could not be fetched: {reason}\n{remedy}")]
    NotFetched {
        /// The program.
        tool: &'static str,
        /// What went wrong, in the last words of the one who failed.
        reason: String,
        /// The line to type.
        remedy: String,
    },
}

impl ToolError {
    pub(crate) fn io(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }
}
