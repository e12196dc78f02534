//! The cancellation flag of a pass of a job: raised by the gateway, watched by every worker. A later pass
//! of the same job has a flag of its own.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::kv::{Operation, Watch};
use futures::StreamExt;
use model::{JobId, RunNumber};
use nats::buckets;
use nats::kv::{Bucket, KvError};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info, warn};

/// How long a broken watch waits before it is opened again.
const PAUSE: Duration = Duration::from_millis(500);

/// A job, and which pass of it.
pub type Pass = (JobId, RunNumber);

fn key((job, run): Pass) -> String {
    format!("{job}.{run}")
}

fn named(key: &str) -> Option<Pass> {
    let (job, run) = key.split_once('.')?;
    Some((job.parse().ok()?, run.parse().ok()?))
}

/// The flags of all jobs.
#[derive(Debug, Clone)]
pub struct Cancellations {
    jetstream: Context,
    bucket: Bucket,
}

/// Who asked to stop a job, when, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// A user id, or the name of a tool.
    pub by: String,
    /// When.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// Why, for people.
    pub reason: String,
}

impl Cancellations {
    /// The flags on that server.
    pub fn new(jetstream: Context) -> Self {
        Self {
            bucket: Bucket::new(jetstream.clone(), buckets::CANCELLATIONS),
            jetstream,
        }
    }

    /// Raises the flag of a pass of a job. Every worker drops its work within two seconds.
    pub async fn raise(&self, pass: Pass, by: &str, reason: &str) -> Result<(), KvError> {
        let notice = Notice {
            by: by.to_owned(),
            at: OffsetDateTime::now_utc(),
            reason: reason.to_owned(),
        };
        // A notice of three texts is always JSON.
        let value = serde_json::to_vec(&notice).unwrap_or_default();
        self.bucket.put(&key(pass), value.into()).await?;
        Ok(())
    }

    /// Whether the flag of a pass is raised, as the server knows it now.
    pub async fn is_raised(&self, pass: Pass) -> Result<bool, KvError> {
        Ok(self.bucket.get(&key(pass)).await?.is_some())
    }

    /// Watches all flags, in one task for the whole process. It heals itself for as long as it is held.
    ///
    /// Must be called within a tokio runtime.
    pub fn watch(&self) -> CancellationWatch {
        let board = Arc::new(Mutex::new(Board::default()));
        let task = tokio::spawn(watch(self.jetstream.clone(), Arc::clone(&board)));
        CancellationWatch {
            board,
            _task: Arc::new(AbortOnDropHandle::new(task)),
        }
    }
}

/// Flags as they come in. Clones are one.
#[derive(Debug, Clone)]
pub struct CancellationWatch {
    board: Arc<Mutex<Board>>,
    _task: Arc<AbortOnDropHandle<()>>,
}

impl CancellationWatch {
    /// The flag of one pass, for as long as it is held.
    pub fn of(&self, pass: Pass) -> Cancellation {
        let mut board = lock(&self.board);
        let token = CancellationToken::new();
        if board.raised.contains(&pass) {
            token.cancel();
        }
        let number = board.next;
        board.next += 1;
        board.listeners.insert(number, (pass, token.clone()));
        Cancellation {
            token,
            number,
            board: Arc::clone(&self.board),
        }
    }
}

/// The flag of one pass.
#[derive(Debug)]
pub struct Cancellation {
    token: CancellationToken,
    number: u64,
    board: Arc<Mutex<Board>>,
}

impl Cancellation {
    /// Completes when the flag is raised.
    pub async fn raised(&self) {
        self.token.cancelled().await;
    }

    /// Raised with the flag.
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }
}

impl Drop for Cancellation {
    fn drop(&mut self) {
        lock(&self.board).listeners.remove(&self.number);
    }
}

#[derive(Debug, Default)]
struct Board {
    raised: HashSet<Pass>,
    listeners: HashMap<u64, (Pass, CancellationToken)>,
    next: u64,
}

fn lock(board: &Mutex<Board>) -> MutexGuard<'_, Board> {
    board.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn watch(jetstream: Context, board: Arc<Mutex<Board>>) {
    loop {
        match open(&jetstream).await {
            Ok(mut entries) => {
                while let Some(entry) = entries.next().await {
                    match entry {
                        Ok(entry) => note(&board, &entry.key, entry.operation),
                        Err(error) => {
                            warn!(%error, "the watch for cancellations broke; opening it again");
                            break;
                        }
                    }
                }
            }
            Err(error) => debug!(%error, "cancellations cannot be watched yet"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn open(jetstream: &Context) -> Result<Watch, Box<dyn std::error::Error + Send + Sync>> {
    let store = jetstream.get_key_value(buckets::CANCELLATIONS).await?;
    // With history: a plain watch does not tell the flags that are raised already.
    Ok(store.watch_with_history(">").await?)
}

fn note(board: &Mutex<Board>, key: &str, operation: Operation) {
    let Some(pass) = named(key) else {
        warn!(
            key,
            "no pass of a job is called so; the cancellation is ignored"
        );
        return;
    };
    let mut board = lock(board);
    if operation != Operation::Put {
        board.raised.remove(&pass);
        return;
    }
    if board.raised.insert(pass) {
        info!(job.id = %pass.0, run = %pass.1, "the job is cancelled");
    }
    for (_, token) in board.listeners.values().filter(|(of, _)| *of == pass) {
        token.cancel();
    }
}
