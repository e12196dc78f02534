//! How long it takes: from the death of a worker to its task running elsewhere, and from a user's word to
//! the end of the work, at each point of each stage. One job at a time, two processes a stage.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use async_nats::jetstream::consumer::PullConsumer;
use async_nats::jetstream::{self, Context as JetStream};
use model::{JobId, RunNumber, StageKind, TaskId};
use nats::kv::Bucket;
use nats::{ServerAddress, buckets, consumers, streams};
use runtime::faults::{Order, POINTS, order_file};
use runtime::worker::{Claim, ClaimState};
use rustix::process::Signal;
use serde::Serialize;
use tokio::time::Instant;

use super::client::Client;
use super::evidence::files;
use super::processes;
use super::songs::Songs;
use super::strike::faults_folder;
use crate::data::DataDir;
use crate::supervisor::{Running, STATE_FILE};
use crate::terminal::Terminal;

/// Between two looks: what is measured takes tens of milliseconds at least.
const LOOK: Duration = Duration::from_millis(10);
/// Nothing here takes longer, or it is broken.
const PATIENCE: Duration = Duration::from_secs(90);
/// Points at which a killed worker leaves something to do: behind the hand-over nothing is left.
const UNFINISHED: usize = 5;
/// How often a worker of each stage is asked to end, and how often work is cancelled besides at its points.
const ROUNDS: usize = 3;

/// What was measured, in seconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Figures {
    /// From SIGKILL to the task running elsewhere, by stage and point.
    pub(super) killed: Vec<(String, f64)>,
    /// From SIGTERM to the task running elsewhere, by stage.
    pub(super) terminated: Vec<(String, f64)>,
    /// From the user's word to the answer, by stage and point.
    pub(super) answered: Vec<(String, f64)>,
    /// From the user's word to the end of the work, by stage and point.
    pub(super) stopped: Vec<(String, f64)>,
    /// From the user's word until no child runs and no file of the work is there, by stage and point.
    pub(super) cleared: Vec<(String, f64)>,
}

/// Measures.
pub(super) struct Latency<'a> {
    pub(super) data: &'a DataDir,
    pub(super) terminal: &'a Terminal,
    pub(super) broker: &'a ServerAddress,
    pub(super) client: Client,
    pub(super) songs: &'a Songs,
}

impl Latency<'_> {
    /// All of it. A job that is struck goes on and is struck again at the next stage; only who cancels needs
    /// a job each time.
    pub(super) async fn measure(&self) -> anyhow::Result<Figures> {
        let client = nats::connect(self.broker, "beatreel chaos").await;
        let jetstream = jetstream::new(client.context("connecting to the broker")?);
        let mut figures = Figures::default();
        for round in 0..ROUNDS {
            let ended = self.terminated_all_along(&jetstream, &mut figures).await;
            ended.with_context(|| format!("asking every stage to end, round {round}"))?;
        }
        for stage in StageKind::ALL {
            let working = ["working"; ROUNDS];
            for point in POINTS.iter().chain(&working) {
                let [answered, stopped, cleared] = self.cancelled(&jetstream, stage, point).await?;
                let name = format!("{stage} {point}");
                let entry = |took: Duration| (name.clone(), took.as_secs_f64());
                figures.answered.push(entry(answered));
                figures.cleared.push(entry(cleared));
                self.note(&mut figures.stopped, name, stopped);
            }
        }
        for point in POINTS.iter().take(UNFINISHED) {
            let killed = self.killed_all_along(&jetstream, point, &mut figures).await;
            killed.with_context(|| format!("killing every stage where it has {point}"))?;
        }
        Ok(figures)
    }

    fn note(&self, figures: &mut Vec<(String, f64)>, name: String, took: Duration) {
        self.terminal
            .say(format_args!("  {name:<32} {:7.3} s", took.as_secs_f64()));
        figures.push((name, took.as_secs_f64()));
    }

    /// A job whose worker is killed at `point` in each stage.
    async fn killed_all_along(
        &self,
        jetstream: &JetStream,
        point: &str,
        figures: &mut Figures,
    ) -> anyhow::Result<()> {
        let mut before = self.workers(StageKind::AudioParser)?;
        let mut order = self.ordered(StageKind::AudioParser, point, Order::Kill)?;
        let job = self.submitted().await?;
        for stage in StageKind::ALL {
            self.passed(&order).await?;
            let died = Instant::now();
            if let Some(next) = stage.next() {
                order = self.ordered(next, point, Order::Kill)?;
            }
            let dead = |pid: &u32| !processes::descendants().iter().any(|p| p.pid == *pid);
            let mut victim = None;
            self.until("the worker is dead", async || {
                victim = before.iter().copied().find(dead);
                victim.is_some()
            })
            .await?;
            if let Some(next) = stage.next() {
                before = self.workers(next)?;
            }
            let elsewhere = self.elsewhere(jetstream, (stage, job), victim.unwrap_or_default());
            elsewhere
                .await
                .with_context(|| format!("killing {stage}"))?;
            self.note(
                &mut figures.killed,
                format!("{stage} {point}"),
                died.elapsed(),
            );
        }
        self.ended(jetstream, job).await
    }

    /// A job whose worker is asked to end where it works in each stage.
    async fn terminated_all_along(
        &self,
        jetstream: &JetStream,
        figures: &mut Figures,
    ) -> anyhow::Result<()> {
        // It stops itself where it works, so that short work cannot end first.
        let mut order = self.ordered(StageKind::AudioParser, "working", Order::Stop)?;
        let job = self.submitted().await?;
        for stage in StageKind::ALL {
            self.passed(&order).await?;
            let victim = self.stopped(stage).await?;
            if let Some(next) = stage.next() {
                order = self.ordered(next, "working", Order::Stop)?;
            }
            let asked = Instant::now();
            processes::signal(victim, Signal::TERM);
            processes::signal(victim, Signal::CONT);
            let elsewhere = self.elsewhere(jetstream, (stage, job), victim);
            elsewhere
                .await
                .with_context(|| format!("asking {stage} to end"))?;
            self.note(&mut figures.terminated, stage.to_string(), asked.elapsed());
        }
        self.ended(jetstream, job).await
    }

    /// The worker of a stage that has stopped itself.
    async fn stopped(&self, stage: StageKind) -> anyhow::Result<u32> {
        let mut victim = None;
        self.until("the worker has stopped", async || {
            let workers = self.workers(stage).unwrap_or_default();
            let mut processes = processes::descendants().into_iter();
            victim = processes.find(|p| p.state == 'T' && workers.contains(&p.pid));
            victim.is_some()
        })
        .await?;
        Ok(victim.map(|victim| victim.pid).unwrap_or_default())
    }

    async fn cancelled(
        &self,
        jetstream: &JetStream,
        stage: StageKind,
        point: &str,
    ) -> anyhow::Result<[Duration; 3]> {
        let order = self.ordered(stage, point, Order::Tell)?;
        let job = self.submitted().await?;
        self.passed(&order).await?;
        let asked = Instant::now();
        let status = self.client.cancel(job).await.map(|(status, _)| status);
        let answered = asked.elapsed();
        // A job whose film was handed over has ended by itself.
        if status.is_none_or(|status| status.is_server_error()) {
            bail!("cancelling at {stage} {point} was answered {status:?}");
        }
        self.quiet(jetstream).await?;
        let stopped = asked.elapsed();
        self.until("nothing is left of the work", async || {
            let mut children = processes::descendants().into_iter();
            let is_clear = !children.any(|child| child.name == "ffmpeg");
            is_clear && files(&self.data.scratch()).is_ok_and(|files| files.is_empty())
        })
        .await?;
        Ok([answered, stopped, asked.elapsed()])
    }

    /// Orders a fault; gives where the order lies.
    fn ordered(&self, stage: StageKind, point: &str, order: Order) -> anyhow::Result<PathBuf> {
        let file = order_file(&faults_folder(self.data), stage.name(), point);
        std::fs::write(&file, order.word()).context("ordering a fault")?;
        Ok(file)
    }

    /// Completes when an order is carried out.
    async fn passed(&self, order: &Path) -> anyhow::Result<()> {
        let what = format!("{} is carried out", order.display());
        self.until(&what, async || !order.exists()).await
    }

    async fn submitted(&self) -> anyhow::Result<JobId> {
        let key = uuid::Uuid::new_v4().to_string();
        let song = self.songs.piece(fastrand::usize(..100));
        let wish = (super::PROMPT, false);
        match self.client.submit(song, wish, &key).await {
            Some(Ok(job)) => Ok(job),
            refused => bail!("the upload was answered {refused:?}"),
        }
    }

    /// Completes when no task of the job at the stage is in the hands of `victim`, and something of it is
    /// in other hands or handed over.
    async fn elsewhere(
        &self,
        jetstream: &JetStream,
        (stage, job): (StageKind, JobId),
        victim: u32,
    ) -> anyhow::Result<()> {
        let claims = Bucket::new(jetstream.clone(), buckets::CLAIMS);
        let of_victim = format!("-{victim}-");
        // Behind the last stage is the end.
        let end = || nats::subject::end(job, RunNumber::FIRST);
        let next = stage.next().map_or_else(end, |next| work_of(next, job));
        self.until("the task runs elsewhere", async || {
            let Ok(keys) = claims.keys(&format!("{stage}.{job}.>")).await else {
                return false;
            };
            let (mut left, mut taken) = (false, false);
            for key in keys {
                let Ok(Some(entry)) = claims.get(&key).await else {
                    return false;
                };
                let Ok(claim) = serde_json::from_slice::<Claim>(&entry.value) else {
                    return false;
                };
                let is_victims = claim.worker.contains(&of_victim);
                left |= is_victims && claim.state == ClaimState::Working;
                left |= is_victims && claim.state == ClaimState::Released;
                taken |= !is_victims;
            }
            !left && (taken || is_there(jetstream, &next).await)
        })
        .await
    }

    /// Ends the job, and waits until nothing of it is in anybody's hands.
    async fn ended(&self, jetstream: &JetStream, job: JobId) -> anyhow::Result<()> {
        self.client.cancel(job).await;
        self.quiet(jetstream).await
    }

    /// Completes when no worker has a message.
    async fn quiet(&self, jetstream: &JetStream) -> anyhow::Result<()> {
        self.until("no work is in hand", async || {
            for stage in StageKind::ALL {
                let durable = consumers::durable(stage);
                let consumer = jetstream.get_consumer_from_stream(durable, streams::WORK);
                let Ok(consumer): Result<PullConsumer, _> = consumer.await else {
                    return false;
                };
                let info = consumer.cached_info();
                if info.num_ack_pending > 0 || info.num_pending > 0 {
                    return false;
                }
            }
            true
        })
        .await
    }

    /// The processes of a stage.
    fn workers(&self, stage: StageKind) -> anyhow::Result<Vec<u32>> {
        let state: Option<Running> = self.data.read_json(STATE_FILE)?;
        let all: BTreeMap<_, _> = state.map(|state| state.processes).unwrap_or_default();
        let of_stage = all
            .into_iter()
            .filter(|(name, _)| name.split('-').next() == Some(stage.name()));
        Ok(of_stage.map(|(_, pid)| pid).collect())
    }

    async fn until(&self, what: &str, mut is_so: impl AsyncFnMut() -> bool) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !is_so().await {
            if Instant::now() >= deadline {
                bail!("after {} s it is not so that {what}", PATIENCE.as_secs());
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }
}

/// The subject of the first task of a stage.
fn work_of(stage: StageKind, job: JobId) -> String {
    let run = RunNumber::FIRST;
    let task = if stage == StageKind::VideoGenerator {
        TaskId::of_clip(job, run, model::ClipIndex(0))
    } else {
        TaskId::of_stage(stage, job, run)
    };
    nats::subject::work(&task)
}

async fn is_there(jetstream: &JetStream, subject: &str) -> bool {
    matches!(nats::publish::last(jetstream, subject).await, Ok(Some(_)))
}

impl Figures {
    /// Each kind: what it is, the figures in order, and the most that 99 of 100 may be, in seconds.
    fn kinds(&self) -> [(&'static str, Vec<f64>, f64); 5] {
        let kind = |what, figures: &[(String, f64)], goal| {
            let mut all: Vec<f64> = figures.iter().map(|(_, took)| *took).collect();
            all.sort_by(f64::total_cmp);
            (what, all, goal)
        };
        [
            kind("killed (SIGKILL) → runs elsewhere", &self.killed, 10.0),
            kind(
                "asked to end (SIGTERM) → runs elsewhere",
                &self.terminated,
                1.0,
            ),
            kind("cancelled → answered", &self.answered, 0.2),
            kind("cancelled → work has stopped", &self.stopped, 2.0),
            kind("cancelled → nothing is left", &self.cleared, 5.0),
        ]
    }

    /// Whether all of them are what they are to be.
    pub(super) fn hold(&self) -> bool {
        let kinds = self.kinds();
        kinds.iter().all(|(_, all, goal)| share(all, 0.99) <= *goal)
    }

    /// Shows the middle, the 99th of a hundred, and the worst.
    pub(super) fn show(&self, terminal: &Terminal) {
        terminal.print(
            "                                            n      p50      p99      max     goal",
        );
        for (what, all, goal) in self.kinds() {
            let (middle, most, worst) = (share(&all, 0.5), share(&all, 0.99), share(&all, 1.0));
            let count = all.len();
            terminal.print(format_args!(
                "{what:<40} {count:4} {middle:7.3}s {most:7.3}s {worst:7.3}s {goal:7.1}s"
            ));
        }
    }
}

/// The figure that this share of all does not exceed; no number where there is none.
fn share(sorted: &[f64], share: f64) -> f64 {
    let place = (share * sorted.len() as f64).ceil() as usize;
    let figure = sorted.get(place.saturating_sub(1));
    figure.copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_hold_when_99_of_100_of_each_kind_are_good() {
        let all = |took: f64| vec![(String::new(), took); 99];
        let mut figures = Figures {
            killed: all(9.0),
            terminated: all(0.9),
            answered: all(0.1),
            stopped: all(1.9),
            cleared: all(4.0),
        };
        assert!(figures.hold());
        figures.stopped.push((String::new(), 60.0));
        assert!(figures.hold());
        figures.stopped.push((String::new(), 60.0));
        assert!(!figures.hold());
        assert!(!Figures::default().hold(), "nothing was measured");
    }
}
