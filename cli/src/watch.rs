//! `beatreel watch`: a job as it goes, to its end.

use std::process::ExitCode;

use model::JobId;
use model::job::JobStatus;
use serde_json::json;

use crate::address::Address;
use crate::client::{Api, JobView};
use crate::progress::Progress;
use crate::terminal::Terminal;

/// Follow a job until it has ended.
///
/// Ends with code 0 when the film is there, and with 1 when there will be none. Broken connections are
/// made again, and no event is lost.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  beatreel watch 0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f
  beatreel watch $JOB --json | jq -r .type")]
pub(crate) struct Args {
    /// The job.
    job: JobId,
    /// Print each event as a line of JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    address: Address,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    until_the_end(&args.address.api()?, args.job, args.json).await
}

/// Shows what happens to `job`, and says how it ended.
pub(crate) async fn until_the_end(
    api: &Api,
    job: JobId,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let terminal = Terminal::default();
    let end = if as_json {
        api.follow(job, |event| println!("{}", json!(event.data)))
            .await?
    } else {
        let mut progress = Progress::start(&terminal);
        let end = api.follow(job, |event| progress.tell(event)).await?;
        progress.finish();
        end
    };
    Ok(conclude(&terminal, &end))
}

/// Says how a job ended, and gives the code to end with.
pub(crate) fn conclude(terminal: &Terminal, end: &JobView) -> ExitCode {
    match end.status {
        JobStatus::Completed => {
            let clips = end.clips.completed;
            terminal.done(format_args!(
                "The film is there: {} of {clips} clips for {}.",
                end.duration, end.total_cost
            ));
            ExitCode::SUCCESS
        }
        status => {
            let message = end
                .error_message
                .as_deref()
                .unwrap_or("no reason was given");
            let code = end.error_code.as_deref().unwrap_or("no code");
            terminal.warn(format_args!("The job is {status}: {message} ({code})"));
            ExitCode::FAILURE
        }
    }
}
