//! A task's own folder, and what becomes of the folders of workers that were killed.
//!
//! Each folder is locked by whoever works in it. The lock goes with the process, however it ends, so a
//! folder without one is nobody's, and the next worker of the stage removes it.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use model::StageKind;
use tempfile::TempDir;
use tracing::{info, warn};

/// How often a folder is made anew that another worker took for left over before it was locked.
const TRIES: usize = 20;

/// A folder that is removed when it is dropped.
#[derive(Debug)]
pub(crate) struct Scratch {
    // Removed first, unlocked then.
    folder: TempDir,
    _lock: Option<File>,
}

impl Scratch {
    /// One for a task of `stage`.
    pub(crate) fn make(within: &Path, stage: StageKind) -> io::Result<Self> {
        let mut tries = 1;
        loop {
            let folder = tempfile::Builder::new()
                .prefix(&prefix(stage))
                .tempdir_in(within)?;
            match lock(folder.path()) {
                Ok(lock) => {
                    return Ok(Self {
                        folder,
                        _lock: Some(lock),
                    });
                }
                // Nobody can lock here, so nobody removes what is not his either.
                Err(error) if error.kind() == io::ErrorKind::Unsupported => {
                    return Ok(Self {
                        folder,
                        _lock: None,
                    });
                }
                Err(error) if tries == TRIES => return Err(error),
                Err(_) => tries += 1,
            }
        }
    }

    /// One that no worker looks for.
    pub(crate) fn detached() -> io::Result<Self> {
        Ok(Self {
            folder: tempfile::tempdir()?,
            _lock: None,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the folders of `stage` in which nobody works any more. What cannot be removed stays: it costs
/// room, no work.
pub(crate) fn sweep(within: &Path, stage: StageKind) {
    let entries = match fs::read_dir(within) {
        Ok(entries) => entries,
        Err(error) => {
            warn!(folder = %within.display(), %error, "what is left over is not looked for");
            return;
        }
    };
    let prefix = prefix(stage);
    for entry in entries.filter_map(Result::ok) {
        let ours = entry.file_name().to_string_lossy().starts_with(&prefix);
        if !ours || !entry.file_type().is_ok_and(|sort| sort.is_dir()) {
            continue;
        }
        let path = entry.path();
        let Ok(_lock) = lock(&path) else {
            continue;
        };
        match fs::remove_dir_all(&path) {
            Ok(()) => info!(folder = %path.display(), "removed what a killed worker left"),
            Err(error) => warn!(folder = %path.display(), %error, "a left folder stays"),
        }
    }
}

/// The lock of a folder, if it is free and the folder is still there.
fn lock(folder: &Path) -> io::Result<File> {
    let file = File::open(folder)?;
    file.try_lock()?;
    // Whoever removed it held the lock until then.
    fs::metadata(folder)?;
    Ok(file)
}

fn prefix(stage: StageKind) -> String {
    format!("beatreel-task-{stage}-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_in_which_nobody_works_are_swept_and_only_the_stages_own() {
        let within = tempfile::tempdir().unwrap();
        let living = Scratch::make(within.path(), StageKind::Composer).unwrap();
        let left = within.path().join("beatreel-task-composer-left");
        let others = within.path().join("beatreel-task-audio_parser-left");
        let foreign = within.path().join("beatreel-upload-x");
        for folder in [&left, &others, &foreign] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("half a film"), "…").unwrap();
        }

        sweep(within.path(), StageKind::Composer);

        assert!(!left.exists());
        for folder in [living.path(), &others, &foreign] {
            assert!(folder.exists(), "{}", folder.display());
        }
        let path = living.path().to_owned();
        drop(living);
        assert!(!path.exists());
    }

    #[test]
    fn a_worker_keeps_its_folder_while_others_sweep() {
        let within = tempfile::tempdir().unwrap();
        let making = std::sync::atomic::AtomicBool::new(true);
        let still = || making.load(std::sync::atomic::Ordering::Relaxed);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while still() {
                    sweep(within.path(), StageKind::Composer);
                }
            });
            let made = (0..200)
                .map(|_| Scratch::make(within.path(), StageKind::Composer))
                .collect::<Vec<_>>();
            making.store(false, std::sync::atomic::Ordering::Relaxed);
            for scratch in made {
                let scratch = scratch.unwrap();
                assert!(scratch.path().exists());
            }
        });
    }
}
