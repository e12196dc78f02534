//! The programs that are not ours: found on this machine, or fetched once.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::oneshot;
use tools::ToolError;

use crate::terminal::Terminal;

/// Looking for a program that is there takes much less.
const FETCHES_AFTER: Duration = Duration::from_millis(700);

/// Where they are.
pub(super) struct Programs {
    pub(super) nats_server: PathBuf,
    pub(super) ffmpeg: PathBuf,
}

impl Programs {
    /// Finds both, at the same time.
    pub(super) async fn find(terminal: &Terminal) -> anyhow::Result<Self> {
        let found = async { tokio::try_join!(find(tools::nats_server), find(tools::ffmpeg)) };
        tokio::pin!(found);
        let found = tokio::select! {
            found = &mut found => found,
            () = tokio::time::sleep(FETCHES_AFTER) => {
                terminal.say("Fetching nats-server and ffmpeg, once (about 75 MB) …");
                found.await
            }
        };
        let (nats_server, ffmpeg) = found?;
        Ok(Self {
            nats_server,
            ffmpeg,
        })
    }
}

/// Looks for a program, or fetches it. Whoever no longer wants it may stop waiting and end: a thread of
/// the runtime's own would hold up our end until all is fetched.
pub(crate) async fn find(tool: fn() -> Result<PathBuf, ToolError>) -> anyhow::Result<PathBuf> {
    let (sender, found) = oneshot::channel();
    let look = move || {
        // Nobody may be waiting any more.
        let _unwanted = sender.send(tool());
    };
    std::thread::Builder::new()
        .name("programs".to_owned())
        .spawn(look)
        .context("looking for a program")?;
    Ok(found.await.context("looking for a program")??)
}
