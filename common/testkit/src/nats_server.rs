//! A nats-server of one test's own.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;
use tools::child::{self, Child};

use crate::eventually;

/// Start-up takes 0.1 s; a machine that is busy with other tests may take much longer.
const START: Duration = Duration::from_secs(30);

/// A running nats-server with JetStream on a free loopback port, its store in a scratch directory.
/// Killed when dropped.
pub struct NatsServer {
    program: PathBuf,
    scratch: TempDir,
    child: Child,
    port: u16,
}

impl NatsServer {
    /// A server that lets everybody in.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// A server with this configuration; address, port and store directory are ours whatever it says.
    pub async fn start_with(conf: &str) -> Self {
        let program = tokio::task::spawn_blocking(tools::nats_server)
            .await
            .expect("looking for a nats-server")
            .unwrap_or_else(|error| panic!("{error}"));
        let scratch = tempfile::tempdir().expect("a scratch directory");
        std::fs::write(scratch.path().join("server.conf"), conf).expect("writing server.conf");
        let (child, port) = launch(&program, &scratch, None).await;
        Self {
            program,
            scratch,
            child,
            port,
        }
    }

    /// `nats://127.0.0.1:<port>`; the port stays over [`Self::restart`].
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Where it keeps streams.
    pub fn store(&self) -> PathBuf {
        self.scratch.path().join("store")
    }

    /// Kills it as a crash would (SIGKILL), and waits until it is gone.
    pub async fn kill(&mut self) {
        self.child.kill();
        self.child
            .wait()
            .await
            .expect("waiting for the server's end");
    }

    /// Kills it where it runs, and starts it again on the same port and store.
    pub async fn restart(&mut self) {
        self.kill().await;
        let (child, _) = launch(&self.program, &self.scratch, Some(self.port)).await;
        self.child = child;
    }
}

/// Starts the server on `port`, or on any free one, and waits until it listens.
async fn launch(program: &PathBuf, scratch: &TempDir, port: Option<u16>) -> (Child, u16) {
    let log = scratch.path().join("log");
    let log_file = std::fs::File::create(&log).expect("creating the log");
    let mut command = Command::new(program);
    command
        .args(["--addr", "127.0.0.1", "--jetstream", "--port"])
        .arg(port.map_or_else(|| "-1".to_owned(), |port| port.to_string()))
        .arg("--config")
        .arg(scratch.path().join("server.conf"))
        .arg("--store_dir")
        .arg(scratch.path().join("store"))
        .arg("--ports_file_dir")
        .arg(scratch.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log_file);
    let mut child = child::spawn(command).expect("starting nats-server");
    let id = child.id().expect("just started");
    let ports_file = scratch.path().join(format!("nats-server_{id}.ports"));
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    let listens = async || {
        if let Ok(ended) = tokio::time::timeout(Duration::ZERO, child.wait()).await {
            panic!("nats-server ended with {ended:?}:\n{}", said());
        }
        port_in(&std::fs::read_to_string(&ports_file).ok()?)
    };
    let port = eventually("nats-server listens", START, listens).await;
    (child, port)
}

/// The client port in the server's ports file, once it is written whole.
fn port_in(ports: &str) -> Option<u16> {
    let (_, rest) = ports.split_once("nats://127.0.0.1:")?;
    let (port, _) = rest.split_once('"')?;
    port.parse().ok()
}
