//! CPU time of this process and of the programs it started and waited for.

use model::Seconds;

/// Ticks a second of what the kernel tells user space: `USER_HZ`, 100 on every Linux.
const TICKS: f64 = 100.0;

/// CPU time so far, user and system together. `None` where the machine does not tell.
///
/// The difference of two readings is a task's, where its worker has one at a time.
pub fn time() -> Option<Seconds> {
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
}
