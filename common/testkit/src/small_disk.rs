//! A disk that is soon full.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What fills it.
const JUNK: &str = "junk";

/// A file system in memory, of a size of its own, over a folder. Gone on drop.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// A file system of `size` (as `mount` takes it: `64k`, `12m`) over `folder`; `None` where nothing may
    /// be mounted, which only root may: that is said on the test's error output.
    pub fn on(folder: &Path, size: &str) -> Option<Self> {
        let disk = Self(folder.to_owned());
        let made = disk.mount(&format!("size={size}"));
        if !made {
            let mut out = std::io::stderr();
            writeln!(out, "SKIPPED on a full disk: nothing may be mounted here").expect("a line");
        }
        made.then_some(disk)
    }

    /// Gives it another size.
    pub fn resize(&self, size: &str) {
        assert!(
            self.mount(&format!("remount,size={size}")),
            "the disk takes another size"
        );
    }

    /// Leaves no room on it.
    pub fn fill(&self) {
        let mut junk = std::fs::File::create(self.0.join(JUNK)).expect("a file for junk");
        let block = [0; 4096];
        while junk.write_all(&block).is_ok() {}
    }

    /// Makes room again.
    pub fn clear(&self) {
        std::fs::remove_file(self.0.join(JUNK)).expect("junk, removed");
    }

    fn mount(&self, how: &str) -> bool {
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", how, "tmpfs"]).arg(&self.0);
        mounted
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What cannot be unmounted goes with the machine.
        let _gone = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
