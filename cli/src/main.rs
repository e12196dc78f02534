//! The one binary: every role, and every verb a person types.
#![expect(clippy::print_stdout, reason = "a command answers on stdout")]

mod address;
mod analyse;
mod bench;
mod chaos;
mod check;
mod client;
mod data;
mod demo;
mod files;
mod fork;
mod options;
mod progress;
mod roles;
mod samples;
mod secrets;
mod signals;
mod submit;
mod supervisor;
mod terminal;
mod token;
mod topology;
mod up;
mod watch;

use std::ffi::OsString;
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
    Fork(fork::Args),
    Versions(fork::VersionsArgs),
    Analyse(analyse::Args),
    Bench(bench::Args),
    Chaos(chaos::Args),
    Check(check::Args),
    Token(token::Args),
    Topology(topology::Args),
    Gateway(roles::GatewayArgs),
    Stage(roles::StageArgs),
}

/// The arguments without the `--` that `cargo demo -- --once` puts behind the verb: the alias has one of
/// its own already, and cargo passes the second on.
fn arguments(given: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = given.collect();
    let verb = arguments.get(1).is_some_and(|verb| verb == "demo");
    if verb && arguments.get(2).is_some_and(|next| next == "--") {
        arguments.remove(2);
    }
    arguments
}

fn main() -> ExitCode {
    let mut given = std::env::args_os().skip(1);
    if given
        .next()
        .is_some_and(|verb| verb == gateway::DECODE_VERB)
    {
        // The gateway's decoder: before the runtime, whose threads would count against its bounds.
        return media::audio::decode_for_parent(given, &mut std::io::stdout());
    }
    run()
}

/// How long work that nobody waits for may still take at the end.
const LAST_WORK: std::time::Duration = std::time::Duration::from_secs(1);

fn run() -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            terminal::show_error(&anyhow::Error::new(error).context("starting the runtime"));
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(answered());
    // Not waited for: work that was given up may block its thread for ever, and a process that does not
    // end is never started again.
    runtime.shutdown_timeout(LAST_WORK);
    code
}

async fn answered() -> ExitCode {
    let answer = match Command::parse_from(arguments(std::env::args_os())).verb {
        Verb::Demo(args) => Box::pin(demo::run(args)).await,
        Verb::Up(args) => Box::pin(up::run(args)).await,
        Verb::Submit(args) => Box::pin(submit::run(args)).await,
        Verb::Watch(args) => Box::pin(watch::run(args)).await,
        Verb::Fork(args) => Box::pin(fork::run(args)).await,
        Verb::Versions(args) => Box::pin(fork::versions(args)).await,
        Verb::Analyse(args) => Box::pin(analyse::run(args)).await,
        Verb::Bench(args) => Box::pin(bench::run(args)).await,
        Verb::Chaos(args) => Box::pin(chaos::run(args)).await,
        Verb::Check(args) => Box::pin(check::run(args)).await,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn demo(arguments_given: &str) -> demo::Args {
        let given = arguments_given.split(' ').map(OsString::from);
        match Command::try_parse_from(arguments(given)).map(|command| command.verb) {
            Ok(Verb::Demo(args)) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_demo_understands_what_the_cargo_alias_passes_on() {
        for given in [
            "beatreel demo --once --json",
            "beatreel demo -- --once --json",
        ] {
            let args = demo(given);
            assert!(args.once && args.json, "{given}");
        }
    }
}
