//! `beatreel bench audio`: all that stage 3 hears, on one core, split by step.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use audio_parser::hearing::{Observer, Step};
use audio_parser::sound;
use console::style;
use media::audio::{self, Limits};
use model::corrections::Corrections;
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use crate::terminal::Terminal;

/// What the song is made from, and how often it is repeated: four minutes.
const SEED: u64 = 5;
const REPEATS: usize = 4;

/// Hear a song on one core, as stage 3 does, and say how many times faster than real time that was.
///
/// Each step is timed within the code that the stage runs, by the time that the core worked on it, so that
/// other work on the machine does not count (where the system does not tell, by the clock). The fastest of
/// some runs counts. Without a file, four minutes of music are synthesised and encoded as MP3.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  beatreel bench audio
  beatreel bench audio song.flac --runs 5 --json | jq .times_real_time")]
pub(crate) struct Args {
    /// A song: MP3, WAV or FLAC [default: four minutes of MP3, synthesised].
    file: Option<PathBuf>,
    /// How often to measure.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What was measured.
#[derive(Debug, Serialize, Deserialize)]
struct Figures {
    /// Seconds of audio.
    seconds: f64,
    /// Seconds that a core worked on all of it, decoding included.
    took: f64,
    /// The one by the other.
    times_real_time: f64,
    /// Seconds that decoding alone took.
    decoding: f64,
    /// How many times as long as decoding alone everything took.
    times_decoding: f64,
    /// Seconds by step, in order; they add up to `took`.
    steps: Vec<(String, f64)>,
    /// The most memory that the process held, in bytes; absent where the system does not tell.
    peak_memory: Option<u64>,
    /// The same less what it held before the song was opened, a minute of audio.
    memory_a_minute: Option<u64>,
}

pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let figures = match args.file {
        Some(file) => {
            let work = move || measure(&file, args.runs);
            tokio::task::spawn_blocking(work)
                .await
                .context("measuring")??
        }
        None => synthesised(args.runs).await?,
    };
    if args.json {
        println!("{}", serde_json::to_string(&figures)?);
    } else {
        print!("{}", table(&figures)?);
    }
    Ok(ExitCode::SUCCESS)
}

/// Measures a song of our own. Synthesis takes more memory than hearing, so a process of its own hears.
async fn synthesised(runs: u32) -> anyhow::Result<Figures> {
    let scratch = tempfile::Builder::new()
        .prefix("beatreel-bench-")
        .tempdir()
        .context("making room for a song")?;
    let terminal = Terminal::default();
    terminal.say("Making a song of four minutes …");
    let song = scratch.path().join("song.mp3");
    encode(scratch.path(), &song).await?;
    terminal.say(format_args!("Hearing it {runs} times …"));
    let program = std::env::current_exe().context("finding this program")?;
    let heard = Command::new(program)
        .args(["bench", "audio", "--json", "--runs", &runs.to_string()])
        .arg(&song)
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .output()
        .await
        .context("starting a process to measure")?;
    ensure!(heard.status.success(), "the process that measures failed");
    serde_json::from_slice(&heard.stdout).context("reading what was measured")
}

async fn encode(scratch: &Path, song: &Path) -> anyhow::Result<()> {
    let wav = tokio::task::spawn_blocking(|| song::play(SEED).wav())
        .await
        .context("playing a song")?
        .context("playing a song")?;
    let minute = scratch.join("minute.wav");
    tokio::fs::write(&minute, wav)
        .await
        .context("writing a song")?;
    let ffmpeg = tokio::task::spawn_blocking(tools::ffmpeg)
        .await
        .context("finding ffmpeg")??;
    let status = Command::new(ffmpeg)
        .args(["-v", "error", "-nostdin", "-stream_loop"])
        .arg((REPEATS - 1).to_string())
        .arg("-i")
        .arg(&minute)
        .args(["-c:a", "libmp3lame", "-b:a", "192k"])
        .arg(song)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .status()
        .await
        .context("starting ffmpeg")?;
    ensure!(status.success(), "ffmpeg could not encode the song");
    Ok(())
}

/// The fastest of `runs`, with the memory that all of them held at most.
fn measure(file: &Path, runs: u32) -> anyhow::Result<Figures> {
    let scratch = tempfile::Builder::new()
        .prefix("beatreel-bench-")
        .tempdir()
        .context("making room for decoded audio")?;
    let canonical = scratch.path().join("song.wav");
    let before = peak_memory();
    let mut best: Option<Figures> = None;
    for _ in 0..runs {
        let figures = once(file, &canonical)?;
        if best.as_ref().is_none_or(|best| figures.took < best.took) {
            best = Some(figures);
        }
    }
    let mut figures = best.context("nothing was measured")?;
    figures.peak_memory = peak_memory();
    let minutes = figures.seconds / 60.0;
    figures.memory_a_minute = figures
        .peak_memory
        .zip(before)
        .map(|(after, before)| (after.saturating_sub(before) as f64 / minutes) as u64);
    Ok(figures)
}

fn once(file: &Path, canonical: &Path) -> anyhow::Result<Figures> {
    let began = Clock::now();
    let shape = audio::canonicalise(file, canonical, &Limits::default())
        .with_context(|| file.display().to_string())?;
    let decoding = began.elapsed();
    let mut stopwatch = Stopwatch::default();
    let sound = sound::listen(canonical, &mut stopwatch).context("listening")?;
    let heard = sound.and_then(|mut sound| sound.hear(&Corrections::default(), &mut stopwatch));
    ensure!(heard.is_some(), "the analyser stopped before its end");
    let took = began.elapsed();
    let mut steps = vec![("decode".to_owned(), decoding.as_secs_f64())];
    for (step, time) in stopwatch.stop() {
        steps.push((name(step)?, time.as_secs_f64()));
    }
    let seconds = shape.seconds();
    Ok(Figures {
        seconds,
        took: took.as_secs_f64(),
        times_real_time: seconds / took.as_secs_f64(),
        decoding: decoding.as_secs_f64(),
        times_decoding: took.as_secs_f64() / decoding.as_secs_f64(),
        steps,
        peak_memory: None,
        memory_a_minute: None,
    })
}

/// Its name in JSON, which people read as well.
fn name(step: Step) -> anyhow::Result<String> {
    let name = serde_json::to_value(step)?;
    Ok(name.as_str().unwrap_or_default().replace('_', " "))
}

/// How long the core has worked for this thread; where that is not told, the time on the wall.
#[derive(Debug, Clone, Copy)]
enum Clock {
    Worked(Duration),
    Wall(Instant),
}

impl Clock {
    fn now() -> Self {
        // Linux: nanoseconds on a core, then those spent waiting for one.
        let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
        let worked = told.and_then(|told| told.split_whitespace().next()?.parse().ok());
        worked.map_or_else(
            || Self::Wall(Instant::now()),
            |worked| Self::Worked(Duration::from_nanos(worked)),
        )
    }

    fn since(self, earlier: Self) -> Duration {
        match (self, earlier) {
            (Self::Worked(now), Self::Worked(then)) => now.saturating_sub(then),
            (Self::Wall(now), Self::Wall(then)) => now.duration_since(then),
            // It is told always or never.
            _ => Duration::ZERO,
        }
    }

    fn elapsed(self) -> Duration {
        Self::now().since(self)
    }
}

/// Notes when each step begins.
#[derive(Default)]
struct Stopwatch {
    steps: Vec<(Step, Clock)>,
}

impl Observer for Stopwatch {
    fn progress(&mut self, _part: f64) -> bool {
        true
    }

    fn begin(&mut self, step: Step) {
        self.steps.push((step, Clock::now()));
    }
}

impl Stopwatch {
    /// How long each step took, the last one until now.
    fn stop(self) -> Vec<(Step, Duration)> {
        let ends: Vec<Clock> = self.steps.iter().skip(1).map(|(_, at)| *at).collect();
        let ends = ends.into_iter().chain([Clock::now()]);
        let steps = self.steps.iter().zip(ends);
        steps
            .map(|((step, from), to)| (*step, to.since(*from)))
            .collect()
    }
}

/// The most memory that this process ever held, as Linux counts it.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1_024)
}

fn table(figures: &Figures) -> Result<String, std::fmt::Error> {
    let mut table = String::new();
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    writeln!(
        table,
        "\n  {}  {:.1} s of audio in {:.2} s on one core\n",
        style(format!("{:.0} × real time", figures.times_real_time))
            .bold()
            .cyan(),
        figures.seconds,
        figures.took
    )?;
    for (step, seconds) in &figures.steps {
        let share = seconds / figures.took;
        writeln!(
            table,
            "  {step:<10} {:>8.1} ms {:>5.1} %  {}",
            1e3 * seconds,
            100.0 * share,
            style("━".repeat((40.0 * share).round() as usize)).cyan()
        )?;
    }
    writeln!(
        table,
        "\n  Decoding alone: {:.2} s, {:.0} × real time; everything takes {:.1} times as long.",
        figures.decoding,
        figures.seconds / figures.decoding,
        figures.times_decoding
    )?;
    match figures.peak_memory.zip(figures.memory_a_minute) {
        Some((peak, a_minute)) => writeln!(
            table,
            "  Peak memory: {:.0} MB, of which {:.1} MB a minute of audio.",
            megabytes(peak),
            megabytes(a_minute)
        ),
        None => writeln!(table, "  Peak memory: this system does not tell."),
    }?;
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_named_and_timed_up_to_the_next() {
        let mut stopwatch = Stopwatch::default();
        stopwatch.begin(Step::Level);
        stopwatch.begin(Step::ClipGrid);
        let steps = stopwatch.stop();
        assert_eq!(steps.len(), 2);
        assert_eq!(name(steps[1].0).unwrap(), "clip grid");
    }
}
