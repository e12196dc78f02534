//! Songs, heard on all cores and told of in the order in which they were named.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use anyhow::{Context, ensure};
use audio_parser::hearing::Hearing;
use audio_parser::sound;
use indicatif::{ProgressBar, ProgressStyle};
use media::audio::{self, Limits};
use model::corrections::Corrections;
use model::lyrics::text::Written;
use tokio_util::sync::CancellationToken;

use crate::terminal::Terminal;

/// Parts of a file in the progress bar.
const PARTS: u64 = 1_000;
/// Decoding is this part of the work on one file.
const DECODING: f64 = 0.25;

/// What is to be heard.
pub(super) struct Listening<'a> {
    /// Where the bar is drawn.
    pub(super) terminal: &'a Terminal,
    /// Ends everything soon.
    pub(super) stop: &'a CancellationToken,
    /// The songs.
    pub(super) files: &'a [PathBuf],
    /// What the user hears otherwise.
    pub(super) corrections: Corrections,
    /// What is sung.
    pub(super) lyrics: Option<Written>,
}

/// A song that was heard.
pub(super) struct Heard {
    /// What was heard of it.
    pub(super) hearing: Hearing,
    /// Where its decoded audio lies while it is told of.
    pub(super) canonical: PathBuf,
}

impl Listening<'_> {
    /// Gives each file with what was heard of it to `told`, in order. Files that a stop came before are
    /// left out.
    pub(super) fn each(
        &self,
        mut told: impl FnMut(&Path, anyhow::Result<Heard>),
    ) -> anyhow::Result<()> {
        let scratch = tempfile::Builder::new()
            .prefix("beatreel-analyse-")
            .tempdir()
            .context("making room for decoded audio")?;
        let bar = self.bar();
        let next = AtomicUsize::new(0);
        let (sender, results) = mpsc::channel();
        let cores = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            for _ in 0..cores.min(self.files.len()) {
                let (sender, next, bar) = (sender.clone(), &next, &bar);
                let scratch = scratch.path();
                scope.spawn(move || {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(file) = self.files.get(at) else {
                            break;
                        };
                        let heard = self.hear(file, canonical(scratch, at), bar).transpose();
                        // A stop, or nobody listens any more: then there is nothing to do.
                        let Some(heard) = heard else { break };
                        if sender.send((at, heard)).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(sender);
            let mut waiting = BTreeMap::new();
            let mut turn = 0;
            for (at, heard) in results {
                waiting.insert(at, heard);
                while let Some(heard) = waiting.remove(&turn) {
                    if let Some(file) = self.files.get(turn) {
                        told(file, heard);
                    }
                    // Gone at the latest with its folder; a file that was refused left none.
                    let _ = std::fs::remove_file(canonical(scratch.path(), turn));
                    turn += 1;
                }
            }
        });
        bar.finish_and_clear();
        Ok(())
    }

    /// Decodes and hears one file, as intake and stage 3 do; `None` if stopped.
    fn hear(
        &self,
        file: &Path,
        canonical: PathBuf,
        bar: &ProgressBar,
    ) -> anyhow::Result<Option<Heard>> {
        let mut told = 0;
        let mut progress = |part: f64| {
            let parts = (part * PARTS as f64) as u64;
            bar.inc(parts.saturating_sub(told));
            told = told.max(parts);
            !self.stop.is_cancelled()
        };
        if !progress(0.0) {
            return Ok(None);
        }
        decoded(file, &canonical)?;
        let mut observer = |part| progress(DECODING + (1.0 - DECODING) * part);
        let sound = sound::listen(&canonical, &mut observer).context("listening to it")?;
        let hearing = sound.and_then(|mut sound| {
            let mut hearing = sound.hear(&self.corrections, &mut observer)?;
            if let Some(written) = &self.lyrics {
                sound.sing(&mut hearing, written);
            }
            Some(hearing)
        });
        progress(1.0);
        Ok(hearing.map(|hearing| Heard { hearing, canonical }))
    }

    fn bar(&self) -> ProgressBar {
        if !Terminal::is_watched() {
            return ProgressBar::hidden();
        }
        let length = self.files.len() as u64 * PARTS;
        let bar = self.terminal.bars().add(ProgressBar::new(length));
        // A template that cannot be read is a slip that shows at once; the usual bar is as true.
        let style = ProgressStyle::with_template(
            "{spinner:.cyan} listening  {bar:40.cyan/dim} {percent:>3} %  {elapsed:.dim}",
        );
        bar.set_style(
            style
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("━╸━"),
        );
        bar.enable_steady_tick(std::time::Duration::from_millis(120));
        bar
    }
}

/// Where the decoded audio of the file at this place lies.
fn canonical(scratch: &Path, at: usize) -> PathBuf {
    scratch.join(format!("{at}.wav"))
}

/// Writes the canonical audio of `file` to `canonical`.
fn decoded(file: &Path, canonical: &Path) -> anyhow::Result<()> {
    let readable = std::fs::File::open(file).context("it cannot be opened")?;
    let is_folder = readable.metadata().context("it cannot be read")?.is_dir();
    ensure!(!is_folder, "it is a folder; name the songs in it");
    audio::canonicalise(file, canonical, &Limits::default())?;
    Ok(())
}
