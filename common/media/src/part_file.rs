//! A file in the making: beside its place, gone again unless it is kept.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// The file `<name>.part`, removed when dropped.
#[derive(Debug)]
pub(crate) struct PartFile {
    path: PathBuf,
}

impl PartFile {
    /// The part file of `out`.
    pub(crate) fn of(out: &Path) -> Self {
        let mut path = out.as_os_str().to_owned();
        path.push(".part");
        Self { path: path.into() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// It is whole: lets it appear as `out`.
    pub(crate) fn keep_as(self, out: &Path) -> io::Result<()> {
        fs::rename(&self.path, out)
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // After `keep_as`, and where ffmpeg had not begun to write, there is none to remove.
        let _absent = fs::remove_file(&self.path);
    }
}
