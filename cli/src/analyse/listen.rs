//! Songs, heard on all cores and told of in the order in which they were named.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use anyhow::{Context, ensure};
use audio_parser::hearing::{self, Hearing};
use indicatif::{ProgressBar, ProgressStyle};
use media::audio::{self, Limits};
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
}

impl Listening<'_> {
    /// Gives each file with what was heard of it to `told`, in order. Files that a stop came before are
    /// left out.
    pub(super) fn each(
        &self,
        mut told: impl FnMut(&Path, anyhow::Result<Hearing>),
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
                        let canonical = scratch.join(format!("{at}.wav"));
                        let heard = self.hear(file, &canonical, bar).transpose();
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
        canonical: &Path,
        bar: &ProgressBar,
    ) -> anyhow::Result<Option<Hearing>> {
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
        let heard = decoded(file, canonical).and_then(|()| {
            progress(DECODING);
            hearing::hear(canonical, |part| {
                progress(DECODING + (1.0 - DECODING) * part)
            })
            .context("listening to it")
        });
        progress(1.0);
        heard
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

/// Writes the canonical audio of `file` to `canonical`.
fn decoded(file: &Path, canonical: &Path) -> anyhow::Result<()> {
    let readable = std::fs::File::open(file).context("it cannot be opened")?;
    let is_folder = readable.metadata().context("it cannot be read")?.is_dir();
    ensure!(!is_folder, "it is a folder; name the songs in it");
    audio::canonicalise(file, canonical, &Limits::default())?;
    Ok(())
}
