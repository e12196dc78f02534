//! What this process and its children have spent and hold, as the system tells it.

use std::path::Path;
use std::time::Instant;

/// Seconds that this thread has spent on the CPU; where the system does not tell, time on the clock.
pub(super) fn thread_cpu() -> f64 {
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let spent = schedule.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    spent.map_or_else(|| START.elapsed().as_secs_f64(), |ns| ns * 1e-9)
}

/// Seconds on the CPU of all children that have ended, as Linux counts them.
pub(super) fn children_cpu() -> Option<f64> {
    const TICKS: f64 = 100.0; // a second, on every Linux there is
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(13);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS)
}

/// A line of this process's status, in bytes.
pub(super) fn memory(name: &str) -> Option<u64> {
    status_of(Path::new("/proc/self/status"), name)
}

fn status_of(file: &Path, name: &str) -> Option<u64> {
    let status = std::fs::read_to_string(file).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1_024)
}

/// The most memory that any running child has held.
pub(super) fn children_memory() -> Option<u64> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?;
    let children = threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    let peaks = children.flat_map(|children| {
        let peak =
            |child: &str| status_of(&Path::new("/proc").join(child).join("status"), "VmHWM:");
        children
            .split_whitespace()
            .filter_map(peak)
            .collect::<Vec<_>>()
    });
    peaks.max()
}
