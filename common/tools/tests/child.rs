//! Children end when they are dropped, stopped, or orphaned, and take their own children with them.
//!
//! Without the test harness, since one claim needs a process of ours that is killed: this program
//! started again as `parent`.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test without the harness"
)]

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{self, Stdio};
use std::time::{Duration, Instant};

use tokio::io::AsyncBufReadExt;
use tokio::process::Command;
use tools::child::{self, Bounds, Child, Misdeed};

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    match env::args().nth(1).as_deref() {
        Some("parent") => runtime.block_on(parent()),
        Some("--list") => {} // asked by test runners
        _ => {
            runtime.block_on(a_dropped_child_takes_its_group_along());
            runtime.block_on(a_polite_child_ends_at_once_and_a_stubborn_one_after_the_grace());
            runtime.block_on(a_child_outlives_the_thread_that_asked_for_it());
            runtime.block_on(a_bounded_child_gets_no_more_than_its_bounds());
            #[cfg(target_os = "linux")]
            runtime.block_on(two_hundred_children_leave_no_zombie_and_no_open_file());
            #[cfg(target_os = "linux")]
            runtime.block_on(a_child_that_waits_uses_no_processor());
            #[cfg(target_os = "linux")]
            children_of_a_killed_parent_are_killed();
        }
    }
}

/// A shell that starts a child of its own, says both ids, and stays; and the two ids.
async fn shell_with_a_child() -> (Child, [u32; 2]) {
    let mut command = Command::new("sh");
    command
        .args(["-c", "sleep 600 & echo $! $$; wait"])
        .stdout(Stdio::piped());
    let mut child = child::spawn(command).unwrap();
    let mut line = String::new();
    let stdout = child.take_stdout().unwrap();
    tokio::io::BufReader::new(stdout)
        .read_line(&mut line)
        .await
        .unwrap();
    let ids: Vec<u32> = line
        .split_whitespace()
        .map(|id| id.parse().unwrap())
        .collect();
    (child, ids.try_into().unwrap())
}

async fn a_dropped_child_takes_its_group_along() {
    let (child, ids) = shell_with_a_child().await;
    assert_eq!(child.id(), Some(ids[1]));
    drop(child);
    for id in ids {
        ends(id).await;
    }
}

async fn a_polite_child_ends_at_once_and_a_stubborn_one_after_the_grace() {
    let (mut polite, ids) = shell_with_a_child().await;
    let begin = Instant::now();
    polite.stop(Duration::from_mins(1)).await.unwrap();
    assert!(begin.elapsed() < Duration::from_secs(30));
    ends(ids[0]).await;

    let mut command = Command::new("sh");
    command
        .args([
            "-c",
            "trap '' TERM; echo ready; while :; do sleep 600; done",
        ])
        .stdout(Stdio::piped());
    let mut stubborn = child::spawn(command).unwrap();
    let mut line = String::new();
    let stdout = stubborn.take_stdout().unwrap();
    tokio::io::BufReader::new(stdout)
        .read_line(&mut line)
        .await
        .unwrap();
    let status = stubborn.stop(Duration::from_millis(100)).await.unwrap();
    assert_eq!(
        std::os::unix::process::ExitStatusExt::signal(&status),
        Some(9)
    );
}

async fn a_child_outlives_the_thread_that_asked_for_it() {
    let handle = tokio::runtime::Handle::current();
    let mut child = std::thread::spawn(move || {
        let _within = handle.enter();
        let mut command = Command::new("cat");
        command.stdin(Stdio::piped());
        child::spawn(command).unwrap()
    })
    .join()
    .unwrap();
    drop(child.take_stdin()); // `cat` ends well now, unless the kernel has killed it
    assert!(child.wait().await.unwrap().success());
}

/// How a shell with this script ends within bounds of 1 s of CPU, 1 GB of memory and 1 MB a file.
async fn bounded(script: &str) -> process::ExitStatus {
    let mut command = Command::new("sh");
    command.args(["-c", script]).stderr(Stdio::null());
    let bounds = Bounds {
        cpu_seconds: 1,
        address_space: 1 << 30,
        file_size: 1 << 20,
    };
    let mut child = child::spawn_within(command, bounds).unwrap();
    child.wait().await.unwrap()
}

async fn a_bounded_child_gets_no_more_than_its_bounds() {
    assert!(bounded("exit 0").await.success());
    let spun = bounded("while :; do :; done").await;
    assert_eq!(child::misdeed(spun), Some(Misdeed::CpuTime));
    let gave_up = bounded("kill -ABRT $$").await;
    assert_eq!(child::misdeed(gave_up), Some(Misdeed::Abort));
    let ended = bounded("kill -KILL $$").await;
    assert_eq!(child::misdeed(ended), None, "that was somebody else");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("written").display().to_string();
    let wrote = bounded(&format!("exec head -c 3000000 /dev/zero > '{file}'")).await;
    assert!(!wrote.success());
    assert!(fs::metadata(&file).unwrap().len() <= 1 << 20);
    let script = "test \"$(ulimit -c)\" = 0 && test \"$(ulimit -v)\" = 1048576 && test \"$(ulimit -n)\" = 512";
    assert!(bounded(script).await.success(), "no core, 1 GB, 512 files");
}

/// The part of the process that is killed: tells the id of a child and waits for the end.
#[cfg(target_os = "linux")]
async fn two_hundred_children_leave_no_zombie_and_no_open_file() {
    let files = || fs::read_dir("/proc/self/fd").unwrap().count();
    let run = async || {
        let mut command = Command::new("true");
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = child::spawn(command).unwrap();
        assert!(child.wait().await.unwrap().success());
    };
    run().await;
    let before = files();
    for _ in 0..200 {
        run().await;
    }
    assert_eq!(files(), before);
    let children = fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
    assert_eq!(children.trim(), "");
}

#[cfg(target_os = "linux")]
async fn a_child_that_waits_uses_no_processor() {
    let mut waiting = Command::new("sleep");
    waiting.arg("60");
    let waiting = child::spawn(waiting).unwrap();
    let mut busy = Command::new("sh");
    busy.args(["-c", "while :; do :; done"]);
    let mut busy = child::spawn(busy).unwrap();
    // Once it runs the program that was asked for, and no longer us.
    while busy.cpu_ticks().unwrap() < 20 {
        tokio::task::yield_now().await;
    }
    let before = waiting.cpu_ticks().unwrap();
    while busy.cpu_ticks().unwrap() < 40 {
        tokio::task::yield_now().await;
    }
    assert_eq!(waiting.cpu_ticks().unwrap(), before);
    busy.kill();
    busy.wait().await.unwrap();
    assert_eq!(busy.cpu_ticks(), None);
}

async fn parent() {
    let mut command = Command::new("sleep");
    command.arg("600");
    let child = child::spawn(command).unwrap();
    println!("{}", child.id().unwrap());
    std::future::pending::<()>().await;
}

#[cfg(target_os = "linux")]
fn children_of_a_killed_parent_are_killed() {
    let mut parent = process::Command::new(env::current_exe().unwrap())
        .arg("parent")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(parent.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    parent.kill().unwrap();
    parent.wait().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(ends(line.trim().parse().unwrap()));
}

/// Waits until no process `id` runs; one that ended but was not reaped counts as ended.
async fn ends(id: u32) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let runs = || match fs::read_to_string(format!("/proc/{id}/stat")) {
        Ok(stat) => !stat
            .rsplit(") ")
            .next()
            .is_some_and(|rest| rest.starts_with('Z')),
        Err(_) => false,
    };
    while runs() {
        assert!(Instant::now() < deadline, "process {id} still runs");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
