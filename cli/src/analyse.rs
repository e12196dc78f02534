//! `beatreel analyse`: what stage 3 hears of a song, without a server.

mod document;
mod listen;
mod report;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use audio_parser::hearing::Hearing;

use crate::signals;
use crate::terminal::Terminal;
use listen::Listening;

/// Hear a song as the pipeline does: tempo, beats, bars, sections, key, mood and clip grid.
///
/// Needs no server. Prints a table for people, or with --json one line for each file, with the members
/// `tempo_bpm`, `beats`, `downbeats`, `key` and `segments` and the whole `analysis`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  beatreel analyse song.mp3
  beatreel analyse song.flac --json | jq .tempo_bpm
  beatreel analyse albums/*.mp3 --out heard/     one heard/<name>.json for each, on all cores

Ends with 0 if every file was heard, 1 if one was not, 2 if the command makes no sense.")]
pub(crate) struct Args {
    /// Songs: MP3, WAV or FLAC, 1 s to 10 min.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print JSON, one line for each file.
    #[arg(long)]
    json: bool,
    /// Write DIR/<name>.json for each file.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    check(&args)?;
    let terminal = Terminal::default();
    let signals = signals::listen(&terminal).context("listening for Ctrl-C")?;
    if let Some(directory) = &args.out {
        std::fs::create_dir_all(directory)
            .with_context(|| format!("creating {}", directory.display()))?;
    }
    let stop = signals.stop.clone();
    let work = tokio::task::spawn_blocking(move || all(&args, &terminal, &stop));
    let heard = work.await.context("listening")??;
    if signals.stop.is_cancelled() {
        return Ok(ExitCode::from(130));
    }
    Ok(if heard {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Files of one name in two folders would overwrite each other's documents.
fn check(args: &Args) -> anyhow::Result<()> {
    let mut names = BTreeSet::new();
    for name in args.files.iter().filter_map(|file| file.file_stem()) {
        ensure!(
            names.insert(name) || args.out.is_none(),
            "two files are called {}; with --out each needs a name of its own",
            name.display()
        );
    }
    Ok(())
}

/// Whether every file was heard. What is wrong with one is told at once and stops no other.
fn all(
    args: &Args,
    terminal: &Terminal,
    stop: &tokio_util::sync::CancellationToken,
) -> anyhow::Result<bool> {
    let mut failed = false;
    let listening = Listening {
        terminal,
        stop,
        files: &args.files,
    };
    listening.each(|file, heard| {
        let shown = heard.and_then(|hearing| show(args, terminal, file, &hearing));
        if let Err(error) = shown {
            failed = true;
            let told = format!("{}: {error}", file.display());
            terminal.failed(&error.context(told));
        }
    })?;
    Ok(!failed)
}

fn show(args: &Args, terminal: &Terminal, file: &Path, hearing: &Hearing) -> anyhow::Result<()> {
    if args.json || args.out.is_some() {
        let document = document::of(file, hearing).context("writing JSON")?;
        if let Some(directory) = &args.out {
            let name = file.file_stem().unwrap_or_default();
            let path = directory.join(name).with_added_extension("json");
            std::fs::write(&path, format!("{document}\n"))
                .with_context(|| format!("writing {}", path.display()))?;
        }
        if args.json {
            terminal.print(&document);
        } else {
            terminal.done(report::line(file, hearing));
        }
    } else {
        terminal.print(report::table(file, hearing));
    }
    Ok(())
}
