//! How long an attempt may take, and what becomes of work that does not even end when it is dropped.
//!
//! An attempt whose time is up has failed like any other. Work that blocks its thread cannot be dropped:
//! the thread is lost to the process, which therefore ends, and is started again by whoever looks after
//! it. A thread of our own watches for the case that all threads are lost.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use model::StageKind;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::error;

/// How long dropped work may take to end: longer than any piece of it that runs without a pause.
const STUCK_AFTER: Duration = Duration::from_secs(20);
/// How often the runtime shows that it lives.
const BEAT: Duration = Duration::from_secs(1);
/// How many looks without a beat mean that it does not. Looks, not seconds: a process that was stopped
/// and goes on has missed time, and no beats.
const MISSED: u32 = 30;

/// How long an attempt may take, by far: a song of ten minutes at the highest quality on a slow machine
/// has to fit.
pub(super) const fn of(stage: StageKind) -> Duration {
    Duration::from_mins(match stage {
        StageKind::ScenePlanner | StageKind::PromptGenerator => 10,
        StageKind::AudioParser | StageKind::ReferenceGenerator => 20,
        StageKind::VideoGenerator | StageKind::Composer => 60,
    })
}

/// Waits, in the background, for work that was dropped. Where it does not end, `stuck` is raised.
pub(super) fn see_to_its_end<T: Send + 'static>(
    work: AbortOnDropHandle<T>,
    stuck: CancellationToken,
) {
    work.abort();
    tokio::spawn(async move {
        if tokio::time::timeout(STUCK_AFTER, work).await.is_err() {
            error!("dropped work blocks its thread for ever; this process ends");
            stuck.cancel();
        }
    });
}

/// Ends the process where its runtime does not get to run anything for half a minute. Until dropped.
pub(super) struct Watchdog {
    _beats: AbortOnDropHandle<()>,
    /// Dropped, it ends the thread.
    _over: Sender<Infallible>,
}

impl Watchdog {
    /// Within a tokio runtime.
    pub(super) fn start() -> std::io::Result<Self> {
        let beats = Arc::new(AtomicU64::new(0));
        let (over, is_over) = mpsc::channel();
        let beating = Arc::clone(&beats);
        let watchdog = Self {
            _beats: AbortOnDropHandle::new(tokio::spawn(async move {
                loop {
                    beating.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(BEAT).await;
                }
            })),
            _over: over,
        };
        std::thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(move || {
                if watch(&beats, &is_over) {
                    error!("no thread of the runtime goes on; this process ends");
                    std::process::abort();
                }
            })?;
        Ok(watchdog)
    }
}

/// True once too many beats were missed; false once it is over.
fn watch(beats: &AtomicU64, is_over: &Receiver<Infallible>) -> bool {
    let (mut last, mut missed) = (0, 0);
    while missed < MISSED {
        match is_over.recv_timeout(BEAT) {
            Ok(never) => match never {},
            Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => {}
        }
        let now = beats.load(Ordering::Relaxed);
        missed = if now == last { missed + 1 } else { 0 };
        last = now;
    }
    true
}
