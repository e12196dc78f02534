//! The processes of a run, as the kernel knows them: who is whose child, in which state, with how many
//! files. Only what descends from this process is looked at, and only that is ever signalled.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// A process below us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Descendant {
    /// Its id.
    pub(super) pid: u32,
    /// Its parent's.
    pub(super) parent: u32,
    /// What it runs, as the kernel calls it (15 letters at most).
    pub(super) name: String,
    /// `R`, `S`, `T` (stopped), `Z` (ended, and not yet waited for) …
    pub(super) state: char,
}

/// All that descends from this process.
pub(super) fn descendants() -> Vec<Descendant> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let all: Vec<_> = pids.filter_map(read).collect();
    let mut ours = vec![std::process::id()];
    let mut found = Vec::new();
    let mut next = 0;
    while let Some(parent) = ours.get(next).copied() {
        for child in all.iter().filter(|process| process.parent == parent) {
            ours.push(child.pid);
            found.push(child.clone());
        }
        next += 1;
    }
    found
}

fn read(pid: u32) -> Option<Descendant> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold any of them.
    let (head, tail) = text.rsplit_once(") ")?;
    let (_, name) = head.split_once('(')?;
    let mut words = tail.split(' ');
    Some(Descendant {
        pid,
        name: name.to_owned(),
        state: words.next()?.chars().next()?,
        parent: words.next()?.parse().ok()?,
    })
}

/// Sends `signal` to `pid`, if that is a descendant of ours. False where it is gone.
pub(super) fn signal(pid: u32, signal: Signal) -> bool {
    let ours = descendants().iter().any(|process| process.pid == pid);
    let pid = Pid::from_raw(pid.cast_signed()).filter(|_| ours);
    pid.is_some_and(|pid| kill_process(pid, signal).is_ok())
}

/// How many files `pid` has open; `None` where it is gone.
pub(super) fn open_files(pid: u32) -> Option<usize> {
    Some(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count())
}

/// How much memory `pid` holds, in bytes; `None` where it is gone.
pub(super) fn memory(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use tokio::process::Command;

    use super::*;

    #[tokio::test]
    async fn only_what_descends_from_us_is_seen_and_signalled() {
        let mut command = Command::new("sleep");
        command.arg("60").stdin(Stdio::null());
        let mut child = tools::child::spawn(command).unwrap();
        let pid = child.id().unwrap();
        let seen = || descendants().into_iter().find(|process| process.pid == pid);
        assert_eq!(seen().unwrap().parent, std::process::id());
        assert!(open_files(pid).unwrap() > 0);
        assert!(!signal(1, Signal::CONT), "not ours");
        assert!(signal(pid, Signal::KILL));
        child.wait().await.unwrap();
        assert_eq!(seen(), None);
        assert!(!signal(pid, Signal::KILL));
    }
}
