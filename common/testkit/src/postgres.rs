//! A Postgres of one test binary's own, and in it a database for each test.
//!
//! To make one takes two seconds, so the tests that run at the same time share it; the last one stops it.

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::Mutex;
use tools::child::{self, Child};

use crate::eventually;

/// Start-up takes a second; a machine that is busy with other tests may take much longer.
const START: Duration = Duration::from_mins(1);
/// How long it may take to end.
const END: Duration = Duration::from_secs(10);

/// An empty database; gone with its server.
pub struct Database {
    server: Arc<Server>,
    name: String,
}

/// A running server that listens on a socket in its scratch directory and nowhere else.
struct Server {
    programs: PathBuf,
    scratch: TempDir,
    child: Child,
    databases: AtomicU32,
}

/// An empty database, or `None` where this machine has no Postgres: that is said on the test's error
/// output, past the capture of the test harness.
pub async fn postgres_database() -> Option<Database> {
    static SERVER: Mutex<Weak<Server>> = Mutex::const_new(Weak::new());
    let Some(programs) = programs() else {
        let mut out = std::io::stderr();
        writeln!(out, "SKIPPED on Postgres: no initdb on this machine").expect("a line");
        return None;
    };
    let mut shared = SERVER.lock().await;
    let server = match shared.upgrade() {
        Some(running) => running,
        None => Arc::new(Server::start(programs).await),
    };
    *shared = Arc::downgrade(&server);
    drop(shared);
    let number = server.databases.fetch_add(1, Ordering::Relaxed);
    let name = format!("test_{number}");
    server.run("createdb", &[&name]).await;
    Some(Database { server, name })
}

impl Database {
    /// `postgres://…`, by the server's socket.
    pub fn url(&self) -> String {
        let folder = self.server.scratch.path().display();
        format!("postgres://test@localhost/{}?host={folder}", self.name)
    }

    /// The same through whoever listens at `address`, which passes on to [`Self::socket`].
    pub fn url_through(&self, address: SocketAddr) -> String {
        format!("postgres://test@{address}/{}?sslmode=disable", self.name)
    }

    /// Where its server listens.
    pub fn socket(&self) -> PathBuf {
        self.server.scratch.path().join(".s.PGSQL.5432")
    }
}

impl Server {
    async fn start(programs: PathBuf) -> Self {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let owner = owner();
        if let Some((user, group)) = owner {
            chown(scratch.path(), Some(user), Some(group)).expect("giving the directory away");
        }
        let data = scratch.path().join("data");
        let mut initdb = Command::new(programs.join("initdb"));
        initdb
            .args(["--auth=trust", "--username=test", "--encoding=UTF8"])
            .args(["--locale=C", "--no-sync", "--pgdata"])
            .arg(&data);
        finish(as_owner(initdb, owner)).await;

        let log = std::fs::File::create(scratch.path().join("log")).expect("creating the log");
        let mut postgres = Command::new(programs.join("postgres"));
        postgres
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(scratch.path())
            // Nothing has to outlive the test.
            .args(["-c", "listen_addresses=", "-c", "fsync=off"])
            .args(["-c", "full_page_writes=off", "-c", "max_connections=200"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let child = child::spawn(as_owner(postgres, owner)).expect("starting postgres");
        let server = Self {
            programs,
            scratch,
            child,
            databases: AtomicU32::new(0),
        };
        eventually("postgres listens", START, async || server.listens().await).await;
        server
    }

    async fn listens(&self) -> Option<()> {
        let mut ask = self.client("pg_isready");
        ask.arg("--quiet").arg("--dbname=postgres");
        let answer = ask.status().await.expect("running pg_isready");
        answer.success().then_some(())
    }

    async fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = self.client(program);
        command.args(arguments);
        finish(command).await;
    }

    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command
            .arg("--host")
            .arg(self.scratch.path())
            .arg("--username=test");
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Killed, it would leave its shared memory behind; it has ended when its file is gone.
        self.child.quit();
        let file = self.scratch.path().join("data/postmaster.pid");
        let deadline = Instant::now() + END;
        while file.exists() && Instant::now() < deadline {
            #[expect(
                clippy::disallowed_methods,
                reason = "between two looks at a condition, where nothing async can run"
            )]
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

async fn finish(mut command: Command) {
    let done = command
        .output()
        .await
        .expect("starting a program of Postgres");
    assert!(
        done.status.success(),
        "{}: {}",
        command.as_std().get_program().display(),
        String::from_utf8_lossy(&done.stderr)
    );
}

/// The newest Postgres of this machine: on the `PATH`, or where Debian puts it.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    let mut versions: Vec<_> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    versions.sort_by_key(|folder| version(folder));
    folders.extend(versions.iter().rev().map(|folder| folder.join("bin")));
    folders.into_iter().find(|folder| {
        ["initdb", "postgres", "pg_isready", "createdb"]
            .iter()
            .all(|program| {
                std::fs::metadata(folder.join(program))
                    .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
            })
    })
}

fn version(folder: &Path) -> u32 {
    let name = folder.file_name().and_then(|name| name.to_str());
    name.and_then(|name| name.parse().ok()).unwrap_or(0)
}

/// User and group that the server runs as, where we are root, which Postgres refuses: its own user, or
/// else nobody.
fn owner() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("the users of this machine");
    let find = |name: &str| {
        let line = users
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut ids = line.split(':').skip(2);
        Some((ids.next()?.parse().ok()?, ids.next()?.parse().ok()?))
    };
    find("postgres").or_else(|| find("nobody"))
}

fn as_owner(mut command: Command, owner: Option<(u32, u32)>) -> Command {
    command.current_dir("/");
    if let Some((user, group)) = owner {
        command.uid(user).gid(group);
    }
    command
}
