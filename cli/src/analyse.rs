//! `beatreel analyse`: what stage 3 hears of a song, without a server.

mod clicks;
pub(crate) mod corrected;
mod document;
mod listen;
mod plot;
mod report;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use model::lyrics::text::{self, Written};
use tokio_util::sync::CancellationToken;

use crate::signals;
use crate::terminal::Terminal;
use listen::{Heard, Listening};

/// Hear a song as the pipeline does: tempo, beats, bars, sections, key, mood and clip grid.
///
/// Needs no server. Prints a table for people, or with --json one line for each file, with the members
/// `tempo_bpm`, `beats`, `downbeats`, `key` and `segments` and the whole `analysis`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  beatreel analyse song.mp3
  beatreel analyse song.flac --json | jq .tempo_bpm
  beatreel analyse song.wav --plot song.png --clicks song-clicks.wav
  beatreel analyse song.mp3 --tempo half --shift 1      as you hear it
  beatreel analyse albums/*.mp3 --out heard/     one heard/<name>.json for each, on all cores

Ends with 0 if every file was heard, 1 if one was not, 2 if the command makes no sense.")]
pub(crate) struct Args {
    /// Songs: MP3, WAV or FLAC, 1 s to 10 min.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Print JSON, one line for each file.
    #[arg(long)]
    json: bool,
    /// Write `DIR/NAME.json` for each file.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Draw it as PNG: waveform, beats, sections, energy, tempo and cuts. For several files a folder.
    #[arg(long, value_name = "PNG")]
    plot: Option<PathBuf>,
    /// Write the song with a click on each beat, higher where a bar opens. For several files a folder.
    #[arg(long, value_name = "WAV")]
    clicks: Option<PathBuf>,
    /// Put words on the song's clock: LRC, SRT or plain text. For one song at a time.
    #[arg(long, value_name = "FILE")]
    lyrics: Option<PathBuf>,
    #[command(flatten)]
    corrected: corrected::Args,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    check(&args)?;
    for folder in args.folders() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("creating {}", folder.display()))?;
    }
    let terminal = Terminal::default();
    let signals = signals::listen(&terminal).context("listening for Ctrl-C")?;
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

impl Args {
    /// Where results of one kind are to lie together, as far as they are to.
    fn folders(&self) -> Vec<&Path> {
        let many = self.files.len() > 1;
        let folder = |path: &&Path| many || path.is_dir();
        let single = [self.plot.as_deref(), self.clicks.as_deref()];
        let single = single.into_iter().flatten().filter(folder);
        self.out.as_deref().into_iter().chain(single).collect()
    }

    /// `path`, or what is called like `file` in it.
    fn place(&self, path: &Path, file: &Path, extension: &str) -> PathBuf {
        if self.folders().contains(&path) {
            let name = file.file_stem().unwrap_or_default();
            path.join(name).with_added_extension(extension)
        } else {
            path.to_owned()
        }
    }
}

/// Files of one name in two folders would overwrite each other's results.
fn check(args: &Args) -> anyhow::Result<()> {
    ensure!(
        args.lyrics.is_none() || args.files.len() == 1,
        "--lyrics are those of one song; name one"
    );
    let mut names = BTreeSet::new();
    let folders = args.folders();
    for name in args.files.iter().filter_map(|file| file.file_stem()) {
        ensure!(
            names.insert(name) || folders.is_empty(),
            "two files are called {}; in a folder each needs a name of its own",
            name.display()
        );
    }
    Ok(())
}

fn lyrics(path: &Path) -> anyhow::Result<Written> {
    let read = std::fs::read(path).context("they cannot be read");
    let written = read.and_then(|bytes| Ok(Written::parse(&text::decoded(&bytes)?)?));
    written.with_context(|| format!("the lyrics in {}", path.display()))
}

/// Whether every file was heard. What is wrong with one is told at once and stops no other.
fn all(args: &Args, terminal: &Terminal, stop: &CancellationToken) -> anyhow::Result<bool> {
    let mut failed = false;
    let listening = Listening {
        terminal,
        stop,
        files: &args.files,
        corrections: args.corrected.corrections()?,
        lyrics: args.lyrics.as_deref().map(lyrics).transpose()?,
    };
    listening.each(|file, heard| {
        let shown = heard.and_then(|heard| show(args, terminal, file, &heard));
        if let Err(error) = shown {
            failed = true;
            let told = format!("{}: {error}", file.display());
            terminal.failed(&error.context(told));
        }
    })?;
    Ok(!failed)
}

fn show(args: &Args, terminal: &Terminal, file: &Path, heard: &Heard) -> anyhow::Result<()> {
    let hearing = &heard.hearing;
    let document = document::of(file, hearing).context("writing JSON")?;
    if args.json {
        terminal.print(&document);
    } else if args.out.is_some() {
        terminal.done(report::line(file, hearing));
    } else {
        terminal.print(report::table(file, hearing));
    }
    if let Some(folder) = &args.out {
        let path = args.place(folder, file, "json");
        std::fs::write(&path, format!("{document}\n"))
            .with_context(|| format!("writing {}", path.display()))?;
    }
    if let Some(path) = &args.plot {
        let path = args.place(path, file, "png");
        plot::write(&path, file, hearing)?;
        terminal.done(format_args!("drawn: {}", path.display()));
    }
    if let Some(path) = &args.clicks {
        let path = args.place(path, file, "wav");
        clicks::write(&path, &heard.canonical, hearing.beats())?;
        terminal.done(format_args!("to listen to: {}", path.display()));
    }
    Ok(())
}
