//! I7: nothing is left running, and what runs holds no more than at the begin.

use std::collections::BTreeMap;

use super::Findings;
use crate::chaos::processes::{self, Descendant};

/// Files more than at the begin that a process may have open: connections come and go.
const FILES: usize = 24;
/// Memory more than at the begin that a process may hold. Allocators keep what they had: this finds
/// leaks, not working sets.
const BYTES: u64 = 256 * 1024 * 1024;

/// What each process held before anything happened, by its name.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Baseline {
    held: BTreeMap<String, (usize, u64)>,
}

impl Baseline {
    /// Of these processes, by name and id.
    pub(in super::super) fn of(running: &BTreeMap<String, u32>) -> Self {
        let held = |pid: u32| processes::open_files(pid).zip(processes::memory(pid));
        let all = running.iter();
        Self {
            held: all
                .filter_map(|(name, pid)| Some((name.clone(), held(*pid)?)))
                .collect(),
        }
    }
}

/// I7: no zombie, no child that nobody waits for, no files and memory that grow. `running` are the
/// processes that ought to be there.
pub(in super::super) fn nothing_left(
    running: &BTreeMap<String, u32>,
    before: &Baseline,
) -> Findings {
    let mut findings = Findings::of("I7", "no process, file or memory left behind");
    let descendants = processes::descendants();
    for Descendant {
        pid, name, state, ..
    } in &descendants
    {
        let known = running.values().any(|known| known == pid);
        findings.expect(known, || format!("{name} ({pid}, {state}) was left"));
        findings.expect(!matches!(state, 'Z' | 'T'), || {
            format!("{name} ({pid}) is in state {state}")
        });
    }
    let now = Baseline::of(running);
    for (name, (files, bytes)) in &before.held {
        let Some((files_now, bytes_now)) = now.held.get(name) else {
            findings.broken.push(format!("{name} does not run"));
            continue;
        };
        findings.expect(*files_now <= files + FILES, || {
            format!("{name} has {files_now} files open, {files} at the begin")
        });
        findings.expect(*bytes_now <= bytes + BYTES, || {
            format!("{name} holds {bytes_now} bytes, {bytes} at the begin")
        });
    }
    let most = now
        .held
        .values()
        .map(|(files, _)| *files)
        .max()
        .unwrap_or(0);
    let heaviest = now
        .held
        .values()
        .map(|(_, bytes)| *bytes)
        .max()
        .unwrap_or(0);
    findings.after(format!(
        "{} processes, at most {most} files and {} MB each",
        descendants.len(),
        heaviest / 1_000_000
    ))
}
