//! `beatreel bench`: how fast it is, measured here and now.

mod audio;
mod film;
mod gateway;
mod render;

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
    Film(film::Args),
    Gateway(gateway::Args),
    Render(render::Args),
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.verb {
        Verb::Audio(args) => audio::run(args).await,
        Verb::Film(args) => Box::pin(film::run(args)).await,
        Verb::Gateway(args) => Box::pin(gateway::run(args)).await,
        Verb::Render(args) => render::run(args).await,
    }
}
