//! Half objects in a folder: what the store stages beside a key until it is whole. A writer that is
//! killed leaves them, no listing shows them, and nothing else would ever remove them.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Removes them below `folder`, where nothing was written to them for `silence`.
pub(super) fn sweep(folder: &Path, silence: Duration) -> io::Result<usize> {
    let mut removed = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = match fs::read_dir(&next) {
            // Jobs go with their folders.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if is_half(&entry.file_name().to_string_lossy())
                && is_silent(&entry, silence)
                && fs::remove_file(entry.path()).is_ok()
            {
                removed += 1;
            }
        }
    }
    Ok(removed)
}

/// Whether the store, or we, write so what is not whole: `key#1`, `key.<32 hex digits>.part`.
fn is_half(name: &str) -> bool {
    let staged_by_the_store = name.rsplit_once('#').is_some_and(|(_, number)| {
        !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
    });
    let staged_by_us = name
        .strip_suffix(".part")
        .and_then(|rest| rest.rsplit_once('.'))
        .is_some_and(|(_, id)| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()));
    staged_by_the_store || staged_by_us
}

/// What is renamed or removed meanwhile is nobody's leftover.
fn is_silent(entry: &fs::DirEntry, silence: Duration) -> bool {
    let written = entry.metadata().and_then(|of| of.modified());
    let age = |written| SystemTime::now().duration_since(written).ok();
    written.ok().and_then(age).is_some_and(|age| age >= silence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_halves_to_which_nobody_writes_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let job = folder.path().join("jobs/one/run-1");
        fs::create_dir_all(&job).unwrap();
        let part = format!("film.mp4.{}.part", "0a".repeat(16));
        let halves = ["plan.json#1", "clip.mp4#23", &part];
        let whole = ["plan.json", "song.part", "a#b", "film.0a.part"];
        for name in halves.iter().chain(&whole) {
            fs::write(job.join(name), "x").unwrap();
        }
        assert_eq!(sweep(folder.path(), Duration::from_hours(1)).unwrap(), 0);
        assert_eq!(sweep(folder.path(), Duration::ZERO).unwrap(), halves.len());
        for name in whole {
            assert!(job.join(name).exists(), "{name}");
        }
        assert_eq!(
            sweep(&folder.path().join("gone"), Duration::ZERO).unwrap(),
            0
        );
    }
}
