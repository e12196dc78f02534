//! What a process and its programs hold, sampled until it is over.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How often it is looked.
const EVERY: Duration = Duration::from_millis(20);

/// The most that was seen, in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Peak {
    /// Of memory, of all processes together.
    pub(super) memory: u64,
    /// Of files in the folder.
    pub(super) room: u64,
}

/// Someone who looks.
pub(super) struct Watch {
    stop: oneshot::Sender<()>,
    seen: JoinHandle<Peak>,
}

/// Looks at the process and at the folder.
pub(super) fn start(pid: u32, folder: PathBuf) -> Watch {
    let (stop, mut stopped) = oneshot::channel();
    let seen = tokio::spawn(async move {
        let mut peak = Peak::default();
        let mut ticks = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                _ = &mut stopped => return peak,
                _ = ticks.tick() => {}
            }
            peak.memory = peak.memory.max(memory_of(pid));
            peak.room = peak.room.max(size_of(&folder));
        }
    });
    Watch { stop, seen }
}

impl Watch {
    /// What was seen until now.
    pub(super) async fn stop(self) -> Peak {
        // Nobody listens only where the watch has ended, which it does not by itself.
        let _stopped = self.stop.send(());
        self.seen.await.unwrap_or_default()
    }
}

/// Resident memory of a process and all that it has started, in bytes; 0 where the system does not tell.
fn memory_of(pid: u32) -> u64 {
    let own = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let resident = own.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = resident.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024 + children_of(pid).into_iter().map(memory_of).sum::<u64>()
}

fn children_of(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten();
    let lists = threads.flatten().filter_map(|thread| {
        let path = thread.path().join("children");
        fs::read_to_string(path).ok()
    });
    let children = lists.flat_map(|list| {
        let children = list.split_whitespace().map(str::parse::<u32>);
        children.flatten().collect::<Vec<_>>()
    });
    children.collect()
}

/// All files within a folder, in bytes.
pub(super) fn size_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(about) if about.is_dir() => size_of(&entry.path()),
        Ok(about) => about.len(),
        // Gone meanwhile.
        Err(_) => 0,
    });
    sizes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_as_large_as_all_that_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::write(folder.path().join("a"), [0; 100]).unwrap();
        fs::write(inner.join("b"), [0; 11]).unwrap();
        assert_eq!(size_of(folder.path()), 111);
        assert_eq!(size_of(&inner.join("gone")), 0);
    }

    #[tokio::test]
    async fn the_most_that_was_there_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        fs::write(&file, [0; 100]).unwrap();
        let watch = start(std::process::id(), folder.path().to_owned());
        tokio::time::sleep(EVERY * 3).await;
        fs::remove_file(&file).unwrap();
        let peak = watch.stop().await;
        assert_eq!(peak.room, 100);
        assert!(peak.memory > 0);
    }
}
