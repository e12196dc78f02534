//! One run: users, blows and the watch over the health at the same time, then a look at what is left.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use nats::ServerAddress;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::check::{self, Baseline, Findings};
use super::client::Client;
use super::evidence::{Evidence, Places};
use super::life::Life;
use super::plan::Plan;
use super::provider::Provider;
use super::report::Report;
use super::songs::Songs;
use super::strike::Striker;
use super::{health, life};
use crate::data::DataDir;
use crate::supervisor::{Running, STATE_FILE};
use crate::terminal::Terminal;

/// How long after the last blow, and after the end of each job, the next job has to have ended. Two cores
/// make one film at a time, in a few seconds or, where others use them too, in a minute; a task that blocks
/// its thread takes as long as a task may.
const END_WITHIN: Duration = Duration::from_mins(4);
/// How long after that leftovers may take to be swept.
const SWEPT_WITHIN: Duration = Duration::from_mins(1);
/// Between two looks at what is left.
const LOOK: Duration = Duration::from_secs(2);

/// A running service and what is to happen to it.
pub(super) struct Scene<'a> {
    pub(super) plan: Plan,
    pub(super) data: &'a DataDir,
    pub(super) terminal: &'a Terminal,
    pub(super) broker: &'a ServerAddress,
    pub(super) baseline: &'a Baseline,
    pub(super) base_url: &'a str,
    pub(super) token: &'a str,
    pub(super) provider: &'a Provider,
}

impl Scene<'_> {
    /// Plays it to its end.
    pub(super) async fn play(&self, songs: Arc<Songs>) -> anyhow::Result<Report> {
        let begun = Instant::now();
        let client = Client::new(self.base_url, self.token, begun)?;
        let client = Arc::new(client);
        let over = CancellationToken::new();
        let watching = tokio::spawn({
            let (client, over) = (Arc::clone(&client), over.clone());
            async move { health::watch(&client, begun, over).await }
        });
        let mut lives = JoinSet::new();
        for submission in &self.plan.submissions {
            let (client, songs) = (Arc::clone(&client), Arc::clone(&songs));
            lives.spawn(life::live(
                client,
                songs,
                *submission,
                (begun, over.clone()),
            ));
        }
        let striker = Striker::new(self.data, begun);
        self.strike(&striker).await?;
        let calm = begun.elapsed();
        let lives = self.until_all_ended(lives).await;
        let recovery = begun.elapsed().saturating_sub(calm);
        let findings = self.look_back(&client, lives.clone()).await?;
        over.cancel();
        let seen = watching.await.context("watching the health")?;
        let struck = striker.struck();
        let mut answers = check::answers(&client.answers(), calm);
        check::truthful(&mut answers, &seen, &struck, calm);
        let mut findings = findings;
        findings.push(answers);
        Ok(Report {
            plan: self.plan.clone(),
            struck,
            lives,
            recovery,
            findings,
        })
    }

    /// Lets the blows fall, and heals everything.
    async fn strike(&self, striker: &Striker) -> anyhow::Result<()> {
        let bar = bar(self.terminal, self.plan.length);
        let ticking = async {
            loop {
                tokio::time::sleep(Duration::from_millis(200)).await;
                bar.inc(200);
            }
        };
        let striking = striker.carry_out(&self.plan.blows, |blow| {
            bar.set_message(blow.fault.to_string());
        });
        let struck = tokio::select! {
            struck = striking => struck,
            () = ticking => bail!("time has stopped"),
        };
        bar.finish_and_clear();
        struck.and(striker.heal())
    }

    async fn until_all_ended(&self, mut lives: JoinSet<Life>) -> Vec<Life> {
        let mut ended = Vec::new();
        while !lives.is_empty() {
            match tokio::time::timeout(END_WITHIN, lives.join_next()).await {
                Ok(Some(Ok(life))) => ended.push(life),
                Ok(Some(Err(error))) => self.terminal.warn(format_args!("a user is lost: {error}")),
                Ok(None) => break,
                Err(_) => {
                    self.terminal
                        .warn(format_args!("{} jobs have not ended", lives.len()));
                    break;
                }
            }
        }
        ended
    }

    /// The invariants that are seen from what is left. Leftovers are given time to be swept.
    async fn look_back(&self, client: &Client, lives: Vec<Life>) -> anyhow::Result<Vec<Findings>> {
        let places = Places {
            client,
            broker: self.broker,
            objects: &self.data.objects(),
            scratch: &self.data.scratch(),
        };
        let deadline = Instant::now() + SWEPT_WITHIN;
        let wiped = self.plan.wipes();
        loop {
            let evidence = Evidence::gather(&places, lives.clone()).await?;
            let state: Option<Running> = self.data.read_json(STATE_FILE)?;
            let running = state.map(|state| state.processes).unwrap_or_default();
            let findings = vec![
                check::accepted_jobs_end(&evidence, self.plan.fails_none()),
                check::one_end_each(&evidence, wiped),
                check::whole_streams(&evidence, wiped),
                check::paid_once(&evidence, &self.provider.calls()),
                check::fenced(&evidence),
                check::intact(&evidence, &self.data.objects()),
                check::nothing_left(&running, self.baseline),
            ];
            let holds = findings.iter().all(|finding| finding.broken.is_empty());
            if holds || Instant::now() >= deadline {
                return Ok(findings);
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

fn bar(terminal: &Terminal, length: Duration) -> ProgressBar {
    if !Terminal::is_watched() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length.as_millis() as u64);
    let style = ProgressStyle::with_template("{bar:40.red/dim} {elapsed} {wide_msg}");
    // The template is a constant; without it the bar only looks plainer.
    let bar = style.map_or(bar.clone(), |style| bar.with_style(style));
    terminal.bars().add(bar)
}
