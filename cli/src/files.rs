//! How many files and connections this process may have open at once.

use rustix::process::{Resource, getrlimit, setrlimit};

/// More than anyone needs here; a hard limit may be without end.
const PLENTY: u64 = 65_536;

/// Raises the limit as far as we may ourselves: each connection is an open file, and the usual limit of
/// 1024 is from a time of programs that could bear no more.
pub(crate) fn allow_many() {
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(PLENTY).min(PLENTY);
    if limit.current.is_some_and(|current| current < wanted) {
        limit.current = Some(wanted);
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            eprintln!("the limit of open files stays as it is: {error}");
        }
    }
}
