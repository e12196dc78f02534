//! Watches whether the broker keeps what it is given.
//!
//! nats-server stops writing when its disk is full, tells nobody, and does not begin again when there is
//! room: only a new start helps. So it is given something to keep, again and again; where it does not and
//! has the room, it is to be started again. Not while the disk is full: that start would fail, and may cost
//! the store.

use std::path::PathBuf;
use std::time::Duration;

use async_nats::jetstream;
use nats::kv::Bucket;
use nats::{ServerAddress, buckets};
use tokio::sync::mpsc::Sender;

use super::connect_broker;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(5);
/// How long the broker may take to keep a message: far longer than a disk that is only busy.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many messages in a row it may lose.
const MISSED: u32 = 2;
/// The room below which its disk counts as full, in bytes.
const ROOM: u64 = 8 << 20;
/// What is written to; entries of this bucket go after an hour.
const KEY: &str = "probe.up";
/// What is written: more than one block of a disk, since a small message finds room in the last block of a
/// full one.
const PROBE: &[u8] = &[0; 8192];

/// Looks for ever. Says on `stuck` when the broker is to be started again.
pub(super) async fn watch(address: ServerAddress, store: PathBuf, stuck: Sender<()>) {
    let mut missed = 0;
    loop {
        tokio::time::sleep(LOOK).await;
        let asked = tokio::time::timeout(PATIENCE, keeps(&address));
        match asked.await {
            Ok(true) => missed = 0,
            // Refused at once: it answers, so it is not that.
            Ok(false) => {}
            Err(_) => missed += 1,
        }
        if missed >= MISSED && room(&store).is_some_and(|room| room >= ROOM) {
            missed = 0;
            if stuck.send(()).await.is_err() {
                return;
            }
        }
    }
}

async fn keeps(address: &ServerAddress) -> bool {
    let Ok(client) = connect_broker(address.clone()).await else {
        return false;
    };
    let bucket = Bucket::new(jetstream::new(client), buckets::WORKERS);
    let kept = bucket.put_for(KEY, PROBE.into(), 2 * LOOK);
    kept.await.is_ok()
}

/// The bytes that are free where the store lies.
fn room(store: &std::path::Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(store).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

#[cfg(test)]
mod tests {
    use testkit::{NatsServer, SmallDisk};
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_broker_that_was_full_is_to_be_started_again_once_there_is_room() {
        // Beyond what the disk has, as on any machine whose disk others fill.
        let conf = "jetstream { max_file_store: 100GB }";
        let mut server = NatsServer::start_with(conf).await;
        server.kill().await;
        let Some(disk) = SmallDisk::on(&server.store(), "24m") else {
            return;
        };
        server.restart().await;
        let address = ServerAddress {
            url: server.url(),
            user: None,
            password: None,
        };
        let client = async_nats::connect(server.url()).await.unwrap();
        let jetstream = jetstream::new(client);
        nats::apply(&jetstream).await.unwrap();
        let (say, mut stuck) = mpsc::channel(1);
        let watching = watch(address.clone(), server.store(), say);
        let _watching = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(watching));
        disk.fill();
        let lost = async || {
            let kept = tokio::time::timeout(PATIENCE, keeps(&address)).await;
            (kept != Ok(true)).then_some(())
        };
        testkit::eventually("the broker keeps nothing", 6 * PATIENCE, lost).await;
        assert!(
            stuck.try_recv().is_err(),
            "while it is full it is left alone"
        );
        disk.clear();
        let told = tokio::time::timeout(12 * LOOK, stuck.recv()).await;
        assert_eq!(told, Ok(Some(())));
        server.restart().await;
        let kept = async || keeps(&address).await.then_some(());
        testkit::eventually("it keeps messages again", 6 * PATIENCE, kept).await;
    }
}
