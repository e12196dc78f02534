//! Carries a plan out: each blow at its time, on processes of ours only, and everything healed at the end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use futures::stream::{FuturesUnordered, StreamExt};
use runtime::faults::{Order, order_file};
use rustix::process::Signal;
use tokio::time::Instant;

use super::plan::{Blow, Fault, ORDER_LIFE, Target};
use super::processes::{self, Descendant};
use crate::data::DataDir;
use crate::supervisor::{BROKER, Running, STATE_FILE};

/// How often it is looked whether an order has been taken, or a process is back.
const LOOK: Duration = Duration::from_millis(20);
/// How long the supervisor may take to start a process again.
const BACK: Duration = Duration::from_secs(15);

/// A blow that fell.
#[derive(Debug, Clone)]
pub(super) struct Struck {
    /// When it fell and when it was over, since the begin.
    pub(super) from: Duration,
    pub(super) to: Duration,
    /// What it was.
    pub(super) fault: Fault,
    /// Whether somebody was there to be struck.
    pub(super) hit: bool,
}

/// Strikes.
pub(super) struct Striker {
    data: DataDir,
    begun: Instant,
    struck: Mutex<Vec<Struck>>,
}

impl Striker {
    /// On the processes that run on `data`; times count from `begun`.
    pub(super) fn new(data: &DataDir, begun: Instant) -> Self {
        Self {
            data: data.clone(),
            begun,
            struck: Mutex::default(),
        }
    }

    /// What fell so far.
    pub(super) fn struck(&self) -> Vec<Struck> {
        self.struck
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Lets all blows fall, and returns once all of them are over. `tell` hears of each as it falls.
    pub(super) async fn carry_out(
        &self,
        blows: &[Blow],
        tell: impl Fn(&Blow),
    ) -> anyhow::Result<()> {
        let mut falling = FuturesUnordered::new();
        for blow in blows {
            let due = tokio::time::sleep_until(self.begun + blow.at);
            tokio::pin!(due);
            loop {
                tokio::select! {
                    () = &mut due => break,
                    Some(fallen) = falling.next() => fallen?,
                }
            }
            tell(blow);
            falling.push(self.fall(blow.fault));
        }
        while let Some(fallen) = falling.next().await {
            fallen?;
        }
        Ok(())
    }

    async fn fall(&self, fault: Fault) -> anyhow::Result<()> {
        let from = self.begun.elapsed();
        let hit = match fault {
            Fault::Kill(target) => self.signal(target, Signal::KILL)?.is_some(),
            Fault::Terminate(target) => self.signal(target, Signal::TERM)?.is_some(),
            Fault::Pause(target, pause) => match self.signal(target, Signal::STOP)? {
                Some(pid) => {
                    tokio::time::sleep(pause).await;
                    processes::signal(pid, Signal::CONT)
                }
                None => false,
            },
            Fault::AtPoint {
                who,
                point,
                order,
                pause,
            } => self.at_point((who, point), order, pause).await?,
            Fault::Wipe => self.wipe().await?,
        };
        let struck = Struck {
            from,
            to: self.begun.elapsed(),
            fault,
            hit,
        };
        self.struck
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(struck);
        Ok(())
    }

    /// Signals `target`; gives whom, if there was one.
    fn signal(&self, target: Target, signal: Signal) -> anyhow::Result<Option<u32>> {
        let pid = match target {
            Target::Ffmpeg => {
                let all = processes::descendants();
                let encoders: Vec<_> = all.iter().filter(|p| p.name == "ffmpeg").collect();
                encoders.first().map(|process| process.pid)
            }
            target => self.running()?.get(target.name()).copied(),
        };
        Ok(pid.filter(|pid| processes::signal(*pid, signal)))
    }

    /// The process id of each process by name, as the supervisor last told.
    fn running(&self) -> anyhow::Result<BTreeMap<String, u32>> {
        let state: Option<Running> = self.data.read_json(STATE_FILE)?;
        Ok(state.map(|state| state.processes).unwrap_or_default())
    }

    /// Orders a fault for the next who passes a point, and waits until it is carried out or stale.
    async fn at_point(
        &self,
        (who, point): (Target, &str),
        order: Order,
        pause: Duration,
    ) -> anyhow::Result<bool> {
        let file = order_file(&faults_folder(&self.data), who.name(), point);
        std::fs::write(&file, order.word()).context("ordering a fault")?;
        let stale = Instant::now() + ORDER_LIFE;
        while file.exists() {
            if Instant::now() >= stale && std::fs::remove_file(&file).is_ok() {
                return Ok(false);
            }
            tokio::time::sleep(LOOK).await;
        }
        if order == Order::Stop {
            tokio::time::sleep(pause).await;
            if let Some(pid) = self.running()?.get(who.name()) {
                processes::signal(*pid, Signal::CONT);
            }
        }
        Ok(true)
    }

    /// Kills every process at once, and moves the broker's store away before a new broker opens it.
    async fn wipe(&self) -> anyhow::Result<bool> {
        let before = self.running()?;
        for pid in before.values() {
            processes::signal(*pid, Signal::KILL);
        }
        let store = self.data.nats_store();
        let gone = self.data.file("nats-wiped");
        std::fs::rename(&store, &gone).context("moving the broker's store away")?;
        // A broker that was faster would write into the moved store; it dies, and finds nothing.
        let broker = before.get(BROKER).copied();
        let deadline = Instant::now() + BACK;
        while self.running()?.get(BROKER).copied() == broker && Instant::now() < deadline {
            tokio::time::sleep(LOOK).await;
        }
        std::fs::remove_dir_all(&gone).context("deleting the broker's store")?;
        Ok(true)
    }

    /// Wakes whoever is still stopped, and takes back what nobody has carried out.
    pub(super) fn heal(&self) -> anyhow::Result<()> {
        let orders = std::fs::read_dir(faults_folder(&self.data)).context("reading orders")?;
        for order in orders.filter_map(Result::ok) {
            std::fs::remove_file(order.path()).context("taking an order back")?;
        }
        let is_stopped = |process: &Descendant| process.state == 'T';
        for process in processes::descendants().into_iter().filter(is_stopped) {
            processes::signal(process.pid, Signal::CONT);
        }
        Ok(())
    }
}

/// Where orders for faults lie.
pub(super) fn faults_folder(data: &DataDir) -> PathBuf {
    data.file("faults")
}

/// Makes the folder for orders.
pub(super) fn make_faults_folder(data: &DataDir) -> anyhow::Result<PathBuf> {
    let folder = faults_folder(data);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("making {}", Path::new(&folder).display()))?;
    Ok(folder)
}
