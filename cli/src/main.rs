//! The one binary: every role, and every verb a person types.
#![expect(clippy::print_stdout, reason = "a command answers on stdout")]

mod address;
mod client;
mod data;
mod demo;
mod progress;
mod roles;
mod secrets;
mod signals;
mod submit;
mod supervisor;
mod terminal;
mod token;
mod topology;
mod up;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use runtime::ConfigError;

/// A song and a sentence in, a music video out.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, propagate_version = false)]
struct Command {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Demo(demo::Args),
    Up(up::Args),
    Submit(submit::Args),
    Watch(watch::Args),
    Token(token::Args),
    Topology(topology::Args),
    Gateway(roles::GatewayArgs),
    Stage(roles::StageArgs),
}

#[tokio::main]
async fn main() -> ExitCode {
    let answer = match Command::parse().verb {
        Verb::Demo(args) => Box::pin(demo::run(args)).await,
        Verb::Up(args) => Box::pin(up::run(args)).await,
        Verb::Submit(args) => Box::pin(submit::run(args)).await,
        Verb::Watch(args) => Box::pin(watch::run(args)).await,
        Verb::Token(args) => token::run(&args),
        Verb::Topology(args) => Box::pin(topology::run(args)).await,
        Verb::Gateway(args) => Box::pin(roles::gateway(args)).await,
        Verb::Stage(args) => Box::pin(roles::stage(args)).await,
    };
    answer.unwrap_or_else(|error| {
        if let Some(wrong) = error.downcast_ref::<ConfigError>() {
            terminal::show_configuration_error(wrong);
            return ExitCode::from(2);
        }
        terminal::show_error(&error);
        ExitCode::FAILURE
    })
}
