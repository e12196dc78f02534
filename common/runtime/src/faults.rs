//! Faults that a chaos run orders at named points of the work.
//!
//! An order is a file `<who>.<point>` in the folder that `FAULTS_DIR` names. Whoever passes the point
//! first takes the order away and carries it out on itself, once: it kills itself, stops until somebody
//! says SIGCONT, or blocks its thread for ever. Without `FAULTS_DIR`, as everywhere but under
//! `beatreel chaos`, passing a point costs one load of a pointer.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::process::{Signal, getpid, kill_process};
use tracing::warn;

use crate::Vars;

/// Points that a worker passes with each task, in their order.
///
/// `received` the message is here, `claimed` the task is ours, `working` the stage begins, `made` it has
/// given its output, `done` the claim says so, `handed_over` the next task is published, `answered` the
/// message is acknowledged.
pub const POINTS: [&str; 7] = [
    "received",
    "claimed",
    "working",
    "made",
    "done",
    "handed_over",
    "answered",
];

/// Points that a gateway passes. With each upload: `stored` the song lies in the store, `accepted` the row
/// is written, `relayed` the first message is published and still in the outbox. With each cancellation:
/// `flagged` workers drop the job, `closed` nothing more is bought for it, `ended` its end is written. And
/// `mended` a message that a silent job missed is said again, or its end.
pub const GATEWAY_POINTS: [&str; 7] = [
    "stored", "accepted", "relayed", "flagged", "closed", "ended", "mended",
];

/// What is ordered: the content of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// End at once, as by SIGKILL.
    Kill,
    /// Stop, as by SIGSTOP.
    Stop,
    /// Block the thread that passes, for ever.
    Block,
    /// Nothing: taking the order away tells that the point was passed.
    Tell,
}

impl Order {
    /// The content of an order's file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Stop => "stop",
            Self::Block => "block",
            Self::Tell => "tell",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        [Self::Kill, Self::Stop, Self::Block, Self::Tell]
            .into_iter()
            .find(|order| order.word() == word.trim())
    }
}

static FOLDER: OnceLock<PathBuf> = OnceLock::new();

/// Listens for orders in `FAULTS_DIR`, if that is set. Once a process; said in the log.
pub fn listen(vars: &Vars) {
    if let Some(folder) = vars.text("FAULTS_DIR") {
        warn!(folder, "faults are carried out as they are ordered there");
        // A second call names the same folder.
        let _known = FOLDER.set(folder.into());
    }
}

/// Where the order for `who` at `point` lies.
pub fn order_file(folder: &Path, who: &str, point: &str) -> PathBuf {
    folder.join(format!("{who}.{point}"))
}

/// Passes a point: carries out what is ordered for it.
pub fn pass(who: &str, point: &str) {
    if let Some(folder) = FOLDER.get()
        && let Some(order) = taken(folder, who, point)
    {
        carry_out(order);
    }
}

/// The order, if there is one and it is ours: removing the file decides between two that pass at once.
fn taken(folder: &Path, who: &str, point: &str) -> Option<Order> {
    let file = order_file(folder, who, point);
    let order = Order::parse(&fs::read_to_string(&file).ok()?)?;
    fs::remove_file(&file).ok()?;
    warn!(who, point, ?order, "carrying out a fault");
    Some(order)
}

fn carry_out(order: Order) {
    let signal = match order {
        Order::Kill => Signal::KILL,
        Order::Stop => Signal::STOP,
        Order::Block => loop {
            std::thread::park();
        },
        Order::Tell => return,
    };
    if let Err(error) = kill_process(getpid(), signal) {
        warn!(%error, "the fault could not be carried out");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_carried_out_by_the_first_who_passes_its_point_and_by_nobody_after() {
        let folder = tempfile::tempdir().unwrap();
        for order in [Order::Kill, Order::Stop, Order::Block, Order::Tell] {
            let file = order_file(folder.path(), "composer", "made");
            fs::write(&file, order.word()).unwrap();
            assert_eq!(taken(folder.path(), "composer", "done"), None);
            assert_eq!(taken(folder.path(), "composer", "made"), Some(order));
            assert_eq!(taken(folder.path(), "composer", "made"), None);
        }
        fs::write(order_file(folder.path(), "composer", "made"), "dance").unwrap();
        assert_eq!(taken(folder.path(), "composer", "made"), None);
    }
}
