//! CPU time of this process and of the programs it started and waited for, shared among the tasks at work.
//!
//! The kernel counts by process and by thread, while a task works on several threads and in programs of its
//! own. So what is spent between two readings is counted in equal shares for all who were at work then: the
//! sum over tasks is exact, and so is the share of one that works alone.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use model::Seconds;

/// Ticks a second of what the kernel tells user space: `USER_HZ`, 100 on every Linux.
const TICKS: f64 = 100.0;

/// Of all tasks of this process.
static SHARES: Mutex<Shares> = Mutex::new(Shares::none());

/// What each task at work has had.
#[derive(Debug)]
struct Shares {
    /// What the process had spent at the last reading.
    read: f64,
    next: u64,
    had: BTreeMap<u64, f64>,
}

impl Shares {
    const fn none() -> Self {
        Self {
            read: 0.0,
            next: 0,
            had: BTreeMap::new(),
        }
    }

    /// The process has spent `now` so far: what is new goes to all at work alike.
    fn read(&mut self, now: Seconds) {
        let each = (now.0 - self.read).max(0.0) / self.had.len().max(1) as f64;
        for had in self.had.values_mut() {
            *had += each;
        }
        self.read = self.read.max(now.0);
    }

    fn join(&mut self, now: Seconds) -> u64 {
        self.read(now);
        self.next += 1;
        self.had.insert(self.next, 0.0);
        self.next
    }

    fn leave(&mut self, id: u64, now: Seconds) {
        self.read(now);
        self.had.remove(&id);
    }
}

/// A task's share, from its making to its drop.
#[derive(Debug)]
pub struct Share {
    /// `None` where the machine does not tell.
    id: Option<u64>,
}

impl Share {
    /// The share of a task that begins now.
    #[must_use]
    pub fn begin() -> Self {
        let id = spent().map(|now| with(|shares| shares.join(now)));
        Self { id }
    }

    /// What the task has had so far. `None` where the machine does not tell.
    #[must_use]
    pub fn so_far(&self) -> Option<Seconds> {
        let (id, now) = (self.id?, spent()?);
        with(|shares| {
            shares.read(now);
            shares.had.get(&id).copied().map(Seconds)
        })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some((id, now)) = self.id.zip(spent()) {
            with(|shares| shares.leave(id, now));
        }
    }
}

/// Nothing under the lock can panic halfway.
fn with<T>(work: impl FnOnce(&mut Shares) -> T) -> T {
    work(&mut SHARES.lock().unwrap_or_else(PoisonError::into_inner))
}

/// CPU time of the process so far, user and system together.
fn spent() -> Option<Seconds> {
    parsed(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

/// Fields 14–17 of `stat` (proc(5)): utime, stime, cutime, cstime. The name in field 2 may hold anything.
fn parsed(stat: &str) -> Option<Seconds> {
    let (_, rest) = stat.rsplit_once(')')?;
    let fields = rest.split_whitespace().skip(11).take(4);
    let ticks = fields
        .map(|field| field.parse::<u64>().ok())
        .collect::<Option<Vec<_>>>()?;
    (ticks.len() == 4).then(|| Seconds(ticks.iter().sum::<u64>() as f64 / TICKS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_of_any_name_is_read() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 200 0 0 150 50 20 30 20 0 4 0 12 34 56";
        assert_eq!(parsed(stat), Some(Seconds(2.5)));
        assert_eq!(parsed("7 (a) S 1"), None);
        assert_eq!(parsed(""), None);
    }

    #[test]
    fn tasks_at_the_same_time_share_what_is_spent_and_nothing_is_counted_twice() {
        let mut shares = Shares::none();
        let had = |shares: &Shares, id| shares.had.get(&id).copied();
        let first = shares.join(Seconds(10.0));
        let second = shares.join(Seconds(14.0));
        shares.read(Seconds(20.0));
        assert_eq!(had(&shares, first), Some(4.0 + 3.0));
        assert_eq!(had(&shares, second), Some(3.0));
        shares.leave(first, Seconds(22.0));
        shares.read(Seconds(25.0));
        assert_eq!(had(&shares, first), None);
        assert_eq!(had(&shares, second), Some(3.0 + 1.0 + 3.0));
    }

    #[test]
    fn a_task_that_works_alone_has_all_that_is_spent() {
        // Other tests of this process may be at work: it has at most all, and something.
        let before = spent().unwrap();
        let share = Share::begin();
        let mut sum = 0_u64;
        while spent().unwrap().0 < before.0 + 0.05 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        let had = share.so_far().unwrap().0;
        assert!(had > 0.0 && had <= spent().unwrap().0 - before.0 + 0.011);
    }
}
