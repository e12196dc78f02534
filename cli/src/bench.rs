//! `beatreel bench`: how fast it is, measured here and now.

mod audio;

use std::process::ExitCode;

/// Measure how fast it is on this machine.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Audio(audio::Args),
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Verb::Audio(args) = args.verb;
    audio::run(args).await
}
