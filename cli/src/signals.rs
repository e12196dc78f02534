//! Ctrl-C and its kin: the first asks to end, the second ends at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::terminal::Terminal;

/// What the user or the system wants of us.
#[derive(Clone)]
pub(crate) struct Signals {
    /// Raised by the first SIGINT, SIGTERM or SIGHUP.
    pub(crate) stop: CancellationToken,
    /// Raised by the second.
    pub(crate) kill: CancellationToken,
}

/// Starts listening, for as long as the process lives.
pub(crate) fn listen(terminal: &Terminal) -> std::io::Result<Signals> {
    let mut interrupts = signal(SignalKind::interrupt())?;
    let mut terminations = signal(SignalKind::terminate())?;
    let mut hang_ups = signal(SignalKind::hangup())?;
    let signals = Signals {
        stop: CancellationToken::new(),
        kill: CancellationToken::new(),
    };
    let (heard, terminal) = (signals.clone(), terminal.clone());
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupts.recv() => {}
                _ = terminations.recv() => {}
                _ = hang_ups.recv() => {}
            }
            if heard.stop.is_cancelled() {
                heard.kill.cancel();
            } else {
                terminal.say("Stopping … (Ctrl-C again ends everything at once)");
                heard.stop.cancel();
            }
        }
    });
    Ok(signals)
}
