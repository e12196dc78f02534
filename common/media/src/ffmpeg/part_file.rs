//! A file in the making: beside its place, gone again unless it is kept.

use std::fs;
use std::path::{Path, PathBuf};

use super::FfmpegError;

/// The file `<name>.part`, removed when dropped.
#[derive(Debug)]
pub(super) struct PartFile {
    path: PathBuf,
}

impl PartFile {
    /// The part file of `out`.
    pub(super) fn of(out: &Path) -> Self {
        let mut path = out.as_os_str().to_owned();
        path.push(".part");
        Self { path: path.into() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// It is whole: lets it appear as `out`.
    pub(super) fn keep_as(self, out: &Path) -> Result<(), FfmpegError> {
        fs::rename(&self.path, out).map_err(|source| FfmpegError::Io {
            doing: "renaming",
            path: self.path.clone(),
            source,
        })
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // After `keep_as`, and where ffmpeg had not begun to write, there is none to remove.
        let _absent = fs::remove_file(&self.path);
    }
}
