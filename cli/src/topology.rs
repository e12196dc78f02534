//! `beatreel topology`: the streams, buckets and consumers of the service on a NATS server.

use std::process::ExitCode;

use anyhow::Context;
use async_nats::jetstream;
use runtime::Vars;

use crate::terminal::Terminal;

/// Create or update what the service needs on a NATS server.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// Create what is missing and set right what differs. Run twice, it changes nothing.
    ///
    /// Configured by the environment: `NATS_URL`, `NATS_USER` (admin) and `NATS_PASSWORD`. `beatreel up`
    /// does this by itself.
    #[command(after_help = "Example:
  NATS_URL=nats://broker:4222 NATS_USER=admin NATS_PASSWORD=… beatreel topology apply")]
    Apply,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Verb::Apply = args.verb;
    let vars = Vars::from_env();
    let server = vars.nats();
    let server = vars.check(server)?;
    let client = nats::connect(&server, "topology")
        .await
        .context("connecting to NATS")?;
    let changes = nats::apply_again(&jetstream::new(client))
        .await
        .context("applying the topology")?;
    let terminal = Terminal::default();
    for change in &changes {
        terminal.done(change);
    }
    if changes.is_empty() {
        terminal.done("nothing to change");
    }
    Ok(ExitCode::SUCCESS)
}
