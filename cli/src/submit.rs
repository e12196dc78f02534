//! `beatreel submit`: a song and a sentence to a running gateway.

use std::path::PathBuf;
use std::process::ExitCode;

use model::UserPrompt;
use serde_json::json;

use crate::address::Address;
use crate::client::Submission;
use crate::options;
use crate::terminal::Terminal;
use crate::watch;

/// Upload a song with a prompt, and start its film.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  beatreel submit song.mp3 \"A night drive through a neon city in the rain, dreamy and slow\"
  beatreel submit song.flac \"$(cat prompt.txt)\" --resolution 720p --wait
  beatreel submit song.mp3 \"$PROMPT\" --aspect-ratio 9:16 --fps 60 --style noir
  beatreel submit song.mp3 \"$PROMPT\" --lyrics song.lrc
  beatreel submit song.mp3 \"$PROMPT\" --tempo half --shift 1      as you hear it
  JOB=$(beatreel submit song.wav \"$PROMPT\" --json | jq -r .job_id)")]
pub(crate) struct Args {
    /// The song: MP3, WAV or FLAC, at most 10 MB.
    file: PathBuf,
    /// What the film is to be like, in 50 to 500 characters.
    #[arg(value_parser = prompt)]
    prompt: UserPrompt,
    /// What to call it.
    #[arg(long)]
    title: Option<String>,
    /// Follow the job until it has ended.
    #[arg(long)]
    wait: bool,
    /// Print JSON: the gateway's answer, and with --wait the events after it.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    film: options::Args,
    #[command(flatten)]
    address: Address,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let api = args.address.api()?;
    let submission = Submission {
        file: args.file,
        prompt: args.prompt,
        title: args.title,
        options: args.film.fields(),
        lyrics: args.film.lyrics()?,
    };
    let accepted = api.submit(&submission).await?;
    if args.json {
        println!("{}", json!(accepted));
    } else if args.wait {
        Terminal::default().done(format_args!("Accepted as job {}.", accepted.job_id));
    } else {
        println!("{}", accepted.job_id);
        Terminal::default().say(format_args!(
            "Follow it with: beatreel watch {}",
            accepted.job_id
        ));
    }
    if args.wait {
        watch::until_the_end(&api, accepted.job_id, args.json).await
    } else {
        Ok(ExitCode::SUCCESS)
    }
}

/// A prompt as the gateway would take it: told here, before anything is uploaded.
pub(crate) fn prompt(text: &str) -> Result<UserPrompt, String> {
    UserPrompt::try_from(text.to_owned()).map_err(|error| error.to_string())
}
