//! A Beatreel of one test's own: `up` on a scratch directory and free ports, gone when dropped.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use testkit::eventually;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{ChildStdout, Command};
use tools::child::{self, Child};

/// Nothing here takes longer, even on a machine that is busy with other tests.
pub(crate) const SOON: Duration = Duration::from_mins(1);
/// A film of a few seconds, likewise.
pub(crate) const FILM: Duration = Duration::from_mins(3);

pub(crate) const PROMPT: &str =
    "Slow ink in clear water, black and red, that opens into gold at the chorus";

/// A running `beatreel up`.
pub(crate) struct Up {
    pub(crate) child: Child,
    pub(crate) base: String,
    pub(crate) token: String,
    pub(crate) page: String,
    pub(crate) scratch: TempDir,
}

/// The binary, with these arguments and an environment without surprises.
pub(crate) fn beatreel<const N: usize>(arguments: [&str; N]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_beatreel"));
    command
        .args(arguments)
        .env_remove("BEATREEL_BASE_URL")
        .env_remove("BEATREEL_TOKEN")
        .stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub(crate) async fn run<const N: usize>(arguments: [&str; N]) -> Output {
    let ended = tokio::time::timeout(SOON, beatreel(arguments).kill_on_drop(true).output());
    ended.await.expect("it ends soon").expect("it starts")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Up {
    /// Ready, with so many clips made at the same time.
    pub(crate) async fn start(workers: u32) -> Self {
        Self::start_on(tempfile::tempdir().expect("a scratch directory"), workers).await
    }

    /// The same on a directory that an earlier one may have used.
    pub(crate) async fn start_on(scratch: TempDir, workers: u32) -> Self {
        Self::start_with(scratch, workers, &[]).await
    }

    /// The same with more of an environment.
    pub(crate) async fn start_with(
        scratch: TempDir,
        workers: u32,
        environment: &[(&str, &str)],
    ) -> Self {
        let data = scratch.path().join("data");
        let mut command = beatreel(["up", "--json", "--port", "0"]);
        command
            .args(["--workers", &workers.to_string(), "--data"])
            .arg(&data)
            .envs(environment.iter().copied())
            .stdout(Stdio::piped());
        let mut child = child::spawn(command).expect("up starts");
        let mut lines = lines_of(&mut child);
        let ready = tokio::time::timeout(SOON, lines.next_line())
            .await
            .expect("up is ready soon");
        let ready = ready.expect("a line").expect("up is ready before it ends");
        let ready: Value = serde_json::from_str(&ready).expect("a line of JSON");
        let text = |member: &str| ready[member].as_str().expect(member).to_owned();
        Self {
            child,
            base: text("base_url"),
            token: text("token"),
            page: text("page"),
            scratch,
        }
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.scratch.path().join("data")
    }

    /// The process id of each of its processes, as it tells.
    pub(crate) fn processes(&self) -> Vec<(String, u32)> {
        let state = std::fs::read(self.data().join("up.json")).expect("up says what runs");
        let state: Value = serde_json::from_slice(&state).expect("as JSON");
        let processes = state["processes"].as_object().expect("processes").iter();
        processes
            .map(|(name, pid)| (name.clone(), pid.as_u64().expect("a number") as u32))
            .collect()
    }

    pub(crate) fn process(&self, name: &str) -> Option<u32> {
        self.processes()
            .into_iter()
            .find(|(other, _)| other == name)
            .map(|(_, pid)| pid)
    }

    /// Writes `seconds` of music, and submits it; gives the job.
    pub(crate) async fn submit(&self, seconds: f64) -> String {
        self.submit_with(seconds, &[]).await
    }

    /// The same with more arguments.
    pub(crate) async fn submit_with(&self, seconds: f64, more: &[&str]) -> String {
        let song = self.scratch.path().join("song.wav");
        std::fs::write(&song, testkit::sound::song(seconds).wav()).expect("writing the song");
        let path = song.display().to_string();
        let mut command = beatreel(["submit", &path, PROMPT, "--resolution", "480p", "--json"]);
        command.args(more);
        let output = self
            .addressed(&mut command)
            .output()
            .await
            .expect("submit runs");
        assert!(output.status.success(), "{}", text(&output.stderr));
        let accepted: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        accepted["job_id"].as_str().expect("a job id").to_owned()
    }

    /// The events of `job`, as `watch` prints them.
    pub(crate) fn watch(&self, job: &str) -> Watch {
        let mut command = beatreel(["watch", job, "--json"]);
        self.addressed(&mut command).stdout(Stdio::piped());
        let mut child = child::spawn(command).expect("watch starts");
        let lines = lines_of(&mut child);
        Watch { child, lines }
    }

    pub(crate) fn addressed<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.args(["--base", &self.base, "--token", &self.token])
    }

    pub(crate) fn http(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        client
            .request(method, format!("{}/api/v1/{path}", self.base))
            .bearer_auth(&self.token)
    }

    pub(crate) async fn json(&self, method: reqwest::Method, path: &str) -> Value {
        let answer = self.http(method, path).send().await.expect("an answer");
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.expect("JSON")
    }

    /// Fetches the film of `job`.
    pub(crate) async fn film(&self, job: &str) -> PathBuf {
        self.film_at(&format!("jobs/{job}/download")).await
    }

    /// The film that `path` links to.
    pub(crate) async fn film_at(&self, path: &str) -> PathBuf {
        let link = self.json(reqwest::Method::GET, path).await;
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        let url = link["download_url"].as_str().expect("a link");
        let film = client.get(url).send().await.expect("an answer");
        assert!(film.status().is_success(), "{}", film.status());
        let path = self.scratch.path().join("film.mp4");
        std::fs::write(&path, film.bytes().await.expect("the film")).expect("saving the film");
        path
    }
}

/// A running `beatreel watch --json`.
pub(crate) struct Watch {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watch {
    /// The next event; `None` after the last.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        let line = tokio::time::timeout(FILM, self.lines.next_line())
            .await
            .expect("something happens");
        let line = line.expect("a line")?;
        Some(serde_json::from_str(&line).expect("a line of JSON"))
    }

    /// Waits for the first event of a type.
    pub(crate) async fn until(&mut self, name: &str) -> Value {
        loop {
            let event = self
                .next()
                .await
                .unwrap_or_else(|| panic!("the job ended without {name}"));
            if event["type"] == name {
                return event;
            }
        }
    }

    /// All that is left, and the code it ends with.
    pub(crate) async fn rest(mut self) -> (Vec<Value>, Option<i32>) {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        (events, self.child.wait().await.expect("it ends").code())
    }
}

fn lines_of(child: &mut Child) -> Lines<BufReader<ChildStdout>> {
    BufReader::new(child.take_stdout().expect("a pipe")).lines()
}

/// Sends a signal to one process, not to its group.
pub(crate) async fn signal(name: &str, pid: u32) {
    let sent = Command::new("sh")
        .args(["-c", &format!("kill -{name} {pid}")])
        .status()
        .await;
    assert!(sent.expect("sh runs").success(), "kill -{name} {pid}");
}

/// Name and id of every process that `pid` has started, or one that it has started.
pub(crate) fn descendants(pid: u32) -> Vec<(String, u32)> {
    let processes = std::fs::read_dir("/proc")
        .expect("a list of processes")
        .flatten();
    let all: Vec<_> = processes
        .filter_map(|entry| {
            let id: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            let (name, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
            let parent: u32 = rest.split(' ').nth(1)?.parse().ok()?;
            Some((parent, name.to_owned(), id))
        })
        .collect();
    let mut family = vec![(String::new(), pid)];
    let mut next = 0;
    while let Some((_, parent)) = family.get(next).cloned() {
        let children = all.iter().filter(|(of, ..)| *of == parent);
        family.extend(children.map(|(_, name, id)| (name.clone(), *id)));
        next += 1;
    }
    family.split_off(1)
}

/// Waits until none of these processes is there any more.
pub(crate) async fn until_gone(processes: &[(String, u32)]) {
    let gone = async || {
        let left = processes.iter().find(|(_, pid)| is_running(*pid));
        left.is_none().then_some(())
    };
    eventually("every process is gone", SOON, gone).await;
}

/// Whether a process runs; one that has ended but has not been reaped does not.
fn is_running(pid: u32) -> bool {
    let state = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"));
    state.is_ok_and(|state| {
        !state
            .rsplit(") ")
            .next()
            .is_some_and(|rest| rest.starts_with('Z'))
    })
}
