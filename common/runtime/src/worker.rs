//! The worker loop: take a permit, ask for one message, work on it, settle it.

mod attempt;
mod claim;
mod deadline;
mod hand_over;
mod join;
mod kept;
mod link;
mod losses;
mod park;
mod pull;
mod settle;
mod task;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::{self, Context};
use nats::kv::Bucket;
use nats::{ConnectError, ServerAddress, buckets};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

pub use claim::{Claim, ClaimState};
use deadline::Watchdog;
pub(crate) use kept::key as kept_key;
pub use settle::{MAX_ATTEMPTS, Settlement, backoff, settle};

use crate::cancellations::CancellationWatch;
use crate::events::EventPublisher;
use crate::presence::{self, InHand, Presence};
use crate::purchase::Underway;
use crate::{
    ArtifactError, Artifacts, Cancellations, ConfigError, Ledgers, Shutdown, Stage, Storage, Vars,
    scratch,
};

/// How a worker of a stage is to run.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Where the server is.
    pub server: ServerAddress,
    /// Where artifacts lie.
    pub storage: Storage,
    /// Its name among the workers; letters, digits, `-` and `_`. No two workers may share one.
    pub worker: String,
    /// How many tasks it takes at once.
    pub concurrency: usize,
    /// How long the work in hand may go on once stopping was asked for, before it is given back.
    pub drain: Duration,
    /// Where the scratch folders of tasks are made.
    pub scratch: PathBuf,
    /// How long an attempt may take, where it is not the stage's own.
    pub deadline: Option<Duration>,
}

/// Work in hand is given back soon: another worker begins it anew within a second, while waiting for
/// this one would hold up a deploy, and on a laptop everything stops together anyway.
const DRAIN: Duration = Duration::from_millis(200);

impl WorkerSettings {
    /// From `NATS_URL`, `NATS_USER`, `NATS_PASSWORD`, what [`Storage`] names, `WORKER_NAME` (the host's
    /// name with a random tail), `CONCURRENCY` (1), `DRAIN_SECONDS` (a fifth of one), `SCRATCH_DIR` (the system's),
    /// `STAGE_DEADLINE_SECONDS` (by stage, 10 minutes to an hour).
    pub fn from_config(vars: &Vars) -> Result<Self, ConfigError> {
        let concurrency = vars.parsed_or("CONCURRENCY", 1);
        if concurrency == 0 {
            vars.note("CONCURRENCY", "must be at least 1");
        }
        let scratch = vars.text("SCRATCH_DIR").map(PathBuf::from);
        let settings = Self {
            server: vars.nats(),
            storage: Storage::from_vars(vars),
            worker: word(&vars.text("WORKER_NAME").unwrap_or_else(random_name)),
            concurrency,
            drain: vars
                .parsed("DRAIN_SECONDS")
                .map_or(DRAIN, Duration::from_secs),
            scratch: scratch.unwrap_or_else(std::env::temp_dir),
            deadline: vars
                .parsed("STAGE_DEADLINE_SECONDS")
                .map(Duration::from_secs),
        };
        vars.check(settings)
    }
}

/// How long the server may take for one answer. Then it is asked again: every request of ours may be
/// made twice, and one that was lost with the connection would hold the work up for the client's 5 s.
const ANSWER: Duration = Duration::from_secs(2);

/// Why a worker does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The server refuses us.
    #[error("connecting to NATS")]
    Connect(#[from] ConnectError),
    /// The object store cannot be used.
    #[error("opening the object store")]
    Artifacts(#[from] ArtifactError),
    /// Work that was given up blocks a thread for ever. The process has to end, and without waiting for
    /// that thread.
    #[error("work that was given up does not end")]
    Stuck,
    /// The watchdog cannot be started.
    #[error("starting the watchdog")]
    Watchdog(#[from] std::io::Error),
    /// A bug of ours.
    #[error("the worker loop ended by itself")]
    Ended(#[from] tokio::task::JoinError),
}

/// What all tasks of a worker share.
struct Worker<S> {
    stage: Arc<S>,
    settings: WorkerSettings,
    jetstream: Context,
    link: link::Link,
    artifacts: Artifacts,
    events: EventPublisher,
    cancellations: Cancellations,
    watch: CancellationWatch,
    claims: Bucket,
    clips: Bucket,
    ledgers: Ledgers,
    in_hand: InHand,
    underway: Underway,
    shutdown: Shutdown,
    /// Raised when a thread is lost to work that does not end.
    stuck: CancellationToken,
}

/// Works until stopping is asked for, and then until nothing is in hand any more.
///
/// A server that is not there yet is waited for; one that refuses us is an error. Dropping the future
/// drops the work: what was in hand is redelivered.
pub async fn serve<S: Stage>(
    stage: S,
    settings: WorkerSettings,
    shutdown: Shutdown,
) -> Result<(), ServeError> {
    let artifacts = Artifacts::of(&settings.storage)?;
    let within = settings.scratch.clone();
    tokio::task::spawn_blocking(move || scratch::sweep(&within, S::KIND)).await?;
    let Some(client) = connect(&settings, S::KIND.name(), &shutdown).await? else {
        return Ok(());
    };
    let mut jetstream = jetstream::new(client.clone());
    jetstream.set_timeout(ANSWER);
    let cancellations = Cancellations::new(jetstream.clone());
    let worker = Arc::new(Worker {
        stage: Arc::new(stage),
        events: EventPublisher::new(jetstream.clone()),
        watch: cancellations.watch(),
        cancellations,
        claims: Bucket::new(jetstream.clone(), buckets::CLAIMS),
        clips: Bucket::new(jetstream.clone(), buckets::CLIPS),
        ledgers: Ledgers::new(jetstream.clone(), artifacts.clone()),
        artifacts,
        in_hand: InHand::default(),
        underway: Underway::default(),
        link: link::Link::new(client.clone()),
        jetstream,
        settings,
        shutdown,
        stuck: CancellationToken::new(),
    });
    let _watchdog = Watchdog::start()?;
    let _underway = worker.underway.guard();
    let _presence = AbortOnDropHandle::new(tokio::spawn(presence::keep(
        worker.jetstream.clone(),
        presence_of(&worker),
        worker.in_hand.clone(),
    )));
    info!(stage = %S::KIND, worker = %worker.settings.worker, "waiting for work");
    let mut slots = JoinSet::new();
    for _ in 0..worker.settings.concurrency {
        slots.spawn(slot(Arc::clone(&worker)));
    }
    tokio::select! {
        ended = all_of(&mut slots) => ended?,
        () = stuck(&worker) => {}
    }
    if worker.stuck.is_cancelled() {
        return Err(ServeError::Stuck);
    }
    tokio::select! {
        () = worker.underway.taken_in() => {}
        () = worker.shutdown.forced() => {}
    }
    if let Err(error) = client.flush().await {
        warn!(%error, "the last words to NATS may be lost");
    }
    info!(stage = %S::KIND, "stopped");
    Ok(())
}

/// Completes when a thread is lost to work that does not end, and what is in hand beside it is given back.
async fn stuck<S>(worker: &Worker<S>) {
    worker.stuck.cancelled().await;
    worker.shutdown.begin();
    let within = worker.settings.drain * 2;
    worker.shutdown.forced_within(within).await;
}

async fn all_of(slots: &mut JoinSet<()>) -> Result<(), JoinError> {
    while let Some(ended) = slots.join_next().await {
        ended?;
    }
    Ok(())
}

/// One permit: asks for one message at a time, and for the next only when that one is settled.
async fn slot<S: Stage>(worker: Arc<Worker<S>>) {
    let serving = async {
        let puller = pull::Puller::new(worker.jetstream.clone(), S::KIND);
        while let Some(message) = puller.next(&worker.shutdown).await {
            task::work_on(&worker, message).await;
        }
    };
    tokio::select! {
        () = serving => {}
        () = worker.shutdown.forced() => {}
    }
}

async fn connect(
    settings: &WorkerSettings,
    stage: &str,
    shutdown: &Shutdown,
) -> Result<Option<Client>, ConnectError> {
    let name = format!("{stage} {}", settings.worker);
    let mut pause = Duration::from_millis(200);
    loop {
        match nats::connect(&settings.server, &name).await {
            Ok(client) => return Ok(Some(client)),
            Err(error) if error.is_passing() => {
                warn!(error = &error as &dyn std::error::Error, "waiting for NATS");
            }
            Err(error) => return Err(error),
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => pause = (pause * 2).min(Duration::from_secs(3)),
            () = shutdown.begun() => return Ok(None),
        }
    }
}

fn presence_of<S: Stage>(worker: &Worker<S>) -> Presence {
    Presence {
        stage: S::KIND,
        worker: worker.settings.worker.clone(),
        host: host_name(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        concurrency: worker.settings.concurrency,
        since: crate::events::now(),
        in_hand: Vec::new(),
    }
}

fn random_name() -> String {
    let tail: u16 = fastrand::u16(..);
    format!("{}-{}-{tail:04x}", host_name(), std::process::id())
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}

/// A text as one token of a subject.
fn word(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.chars()
        .map(|c| if fits(c) { c } else { '-' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_needs_only_a_store_and_its_name_becomes_one_token() {
        let vars = Vars::from_pairs([
            ("STORAGE_URL", "file:///srv/beatreel"),
            ("WORKER_NAME", "rack 1.left"),
        ]);
        let settings = WorkerSettings::from_config(&vars).unwrap();
        assert_eq!(settings.worker, "rack-1-left");
        assert_eq!(settings.concurrency, 1);
        assert!(WorkerSettings::from_config(&Vars::from_pairs([("CONCURRENCY", "0")])).is_err());
    }
}
