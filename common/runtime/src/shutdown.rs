//! Stopping in two steps: first stop asking for work and give back what is in hand, then drop.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Tells everything in a process when to stop. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    soft: CancellationToken,
    hard: CancellationToken,
}

impl Shutdown {
    /// One that only [`Self::begin`] and [`Self::force`] raise.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that SIGTERM or SIGINT begins; the second of them, or `grace` after the first, forces.
    ///
    /// Must be called within a tokio runtime.
    pub fn on_signals(grace: Duration) -> std::io::Result<Self> {
        let shutdown = Self::new();
        let mut signals = Signals::listen()?;
        let watched = shutdown.clone();
        tokio::spawn(async move {
            signals.next().await;
            info!("stopping; a second signal stops at once");
            watched.begin();
            tokio::select! {
                () = signals.next() => warn!("stopping at once"),
                () = tokio::time::sleep(grace) => warn!("stopping at once: the time to stop is over"),
            }
            watched.force();
        });
        Ok(shutdown)
    }

    /// Asks to stop.
    pub fn begin(&self) {
        self.soft.cancel();
    }

    /// Demands to stop at once.
    pub fn force(&self) {
        self.soft.cancel();
        self.hard.cancel();
    }

    /// True once stopping was asked for.
    pub fn has_begun(&self) -> bool {
        self.soft.is_cancelled()
    }

    /// Completes when stopping is asked for.
    pub async fn begun(&self) {
        self.soft.cancelled().await;
    }

    /// Completes when stopping is demanded at once.
    pub async fn forced(&self) {
        self.hard.cancelled().await;
    }

    /// Completes when stopping is demanded at once, or after `grace`.
    pub async fn forced_within(&self, grace: Duration) {
        tokio::select! {
            () = self.forced() => {}
            () = tokio::time::sleep(grace) => {}
        }
    }

    /// Raised when stopping is asked for; for whoever wants a token.
    pub fn token(&self) -> CancellationToken {
        self.soft.clone()
    }
}

#[cfg(unix)]
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if let Err(error) = tokio::signal::ctrl_c().await {
            warn!(%error, "signals cannot be listened to");
            std::future::pending::<()>().await;
        }
    }
}
