//! What a run found, as a table for people and as JSON for programs.

use std::time::Duration;

use console::style;
use serde_json::{Value, json};

use super::check::Findings;
use super::life::Life;
use super::plan::Plan;
use super::strike::Struck;
use crate::terminal::Terminal;

/// Cases of one invariant that are shown; the JSON has all.
const SHOWN: usize = 8;

/// A run, over.
pub(super) struct Report {
    /// What was planned.
    pub(super) plan: Plan,
    /// What fell.
    pub(super) struck: Vec<Struck>,
    /// What users saw.
    pub(super) lives: Vec<Life>,
    /// How long the last job took to end after the last blow.
    pub(super) recovery: Duration,
    /// The invariants.
    pub(super) findings: Vec<Findings>,
}

impl Report {
    /// Whether all invariants hold.
    pub(super) fn holds(&self) -> bool {
        self.findings
            .iter()
            .all(|finding| finding.broken.is_empty())
    }

    /// Shows the table.
    pub(super) fn show(&self, terminal: &Terminal) {
        let hit = self.struck.iter().filter(|blow| blow.hit).count();
        terminal.print(format_args!(
            "seed {} · {} s of faults · {hit} of {} blows hit · {} uploads for {} jobs · {} connections · \
             all ended {:.1} s after the last blow",
            self.plan.seed,
            self.plan.length.as_secs(),
            self.struck.len(),
            self.lives.iter().map(|life| life.uploads).sum::<u32>(),
            self.lives.len(),
            self.lives.iter().map(|life| life.stream.len()).sum::<usize>(),
            self.recovery.as_secs_f64(),
        ));
        for Findings {
            id,
            says,
            looked_at,
            broken,
        } in &self.findings
        {
            let verdict = if broken.is_empty() {
                style("holds ").green()
            } else {
                style("BROKEN").red().bold()
            };
            terminal.print(format_args!("{id}  {verdict}  {says:<48}  {looked_at}"));
            for case in broken.iter().take(SHOWN) {
                terminal.print(format_args!("              {case}"));
            }
            if broken.len() > SHOWN {
                terminal.print(format_args!(
                    "              and {} more",
                    broken.len() - SHOWN
                ));
            }
        }
    }

    /// The same, whole.
    pub(super) fn json(&self) -> Value {
        let blows = self.struck.iter().map(|blow| {
            json!({
                "at_s": blow.from.as_secs_f64(),
                "over_s": blow.to.as_secs_f64(),
                "fault": blow.fault.to_string(),
                "hit": blow.hit,
            })
        });
        let jobs = self.lives.iter().map(|life| {
            json!({
                "job_id": life.job,
                "uploads": life.uploads,
                "connections": life.stream.len(),
                "end": life.end,
                "cancel_answered_s": life.cancelled.map(|cancelled| cancelled.after.as_secs_f64()),
                "took_s": life.took.map(|took| took.as_secs_f64()),
            })
        });
        json!({
            "seed": self.plan.seed,
            "holds": self.holds(),
            "faults_s": self.plan.length.as_secs_f64(),
            "recovery_s": self.recovery.as_secs_f64(),
            "invariants": self.findings,
            "blows": blows.collect::<Vec<_>>(),
            "jobs": jobs.collect::<Vec<_>>(),
        })
    }
}
