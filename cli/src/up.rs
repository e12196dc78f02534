//! `beatreel up`: the whole service on this machine, until Ctrl-C.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use console::style;
use serde_json::json;

use crate::data::{self, DataDir};
use crate::signals;
use crate::supervisor::{Running, Settings, Supervisor};
use crate::terminal::Terminal;

/// Run everything on this machine: nats-server, the gateway and the six stages.
///
/// Each is a process of its own; one that dies is started again. Ctrl-C drains and ends all of them,
/// a second Ctrl-C ends them at once. nats-server and ffmpeg are fetched once where this machine has none.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  beatreel up
  beatreel up --data /srv/beatreel --port 9000 --workers 4
  beatreel up --json | while read -r line; do echo \"$line\" | jq -r .page; done")]
pub(crate) struct Args {
    /// Where jobs, films, secrets and logs are kept.
    #[arg(long, value_name = "DIR", default_value = data::DEFAULT)]
    data: PathBuf,
    /// The gateway's port [default: 8000, or the next that is free]; 0 for any free one.
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// How many clips are made at the same time [default: one a core].
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,
    /// Print one line of JSON on stdout once it is ready: `base_url`, `page`, `token`.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let terminal = Terminal::default();
    let signals = signals::listen(&terminal).context("listening for signals")?;
    let settings = Settings {
        data: DataDir::create(&args.data)?,
        port: args.port.into(),
        workers: workers(args.workers),
        copies: 1,
        jobs_per_hour: None,
        environment: Vec::new(),
    };
    let data = settings.data.clone();
    let supervisor = Supervisor::launch(settings, terminal.clone(), &signals).await?;
    let Running {
        base_url,
        page,
        token,
        ..
    } = &supervisor.running;
    if args.json {
        println!(
            "{}",
            json!({ "base_url": base_url, "page": page, "token": token })
        );
    } else {
        terminal.done("Beatreel is running.");
        terminal.field("page", style(page).for_stderr().cyan().underlined());
        terminal.field("data", data.root().display());
        terminal.field("logs", data.logs().display());
        terminal.field("stop", "Ctrl-C");
    }
    supervisor.serve(signals.stop, signals.kill).await?;
    terminal.done("Everything has ended.");
    Ok(ExitCode::SUCCESS)
}

/// One a core, unless asked otherwise.
pub(crate) fn workers(asked: Option<NonZeroUsize>) -> usize {
    let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    asked.unwrap_or_else(cores).get()
}
