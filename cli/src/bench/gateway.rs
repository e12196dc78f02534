//! `beatreel bench gateway`: many streams, some of them stuck, while others ask for states.

mod clients;
mod load;
mod pipeline;

use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use async_nats::jetstream::{self, Context as JetStream};
use console::style;
use indicatif::{ProgressBar, ProgressStyle};
use model::JobId;
use serde::Serialize;
use tokio::time::{Instant, interval, timeout};

use crate::data::DataDir;
use crate::supervisor::{Running, Settings, Supervisor};
use crate::terminal::Terminal;
use crate::{files, signals};
use clients::{Door, Streams};
use load::{Caller, throughput};

/// Streams that a job may have.
const STREAMS_PER_JOB: usize = 10;
/// How often a state is asked for while events are sent.
const ASK_EVERY: Duration = Duration::from_millis(25);
/// How long each kind of request is counted.
const COUNT_FOR: Duration = Duration::from_secs(5);
/// What everything may take beside the events.
const LONGEST: Duration = Duration::from_mins(4);

/// Measure the gateway: streams, memory, and requests beside them.
///
/// Starts a nats-server and a gateway of its own on a scratch directory and free ports, and no stage.
/// Opens streams of which some never read, sends events, and asks for states meanwhile; then counts
/// requests a second, once the streams are closed. What loads it shares the machine with it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  beatreel bench gateway
  beatreel bench gateway --clients 200 --stuck 10 --seconds 5 --json | jq .lag_p99_ms")]
pub(crate) struct Args {
    /// Streams that are open at once.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=9_000))]
    clients: u32,
    /// How many of them never read.
    #[arg(long, value_name = "N", default_value_t = 50)]
    stuck: u32,
    /// Events a second, over all jobs; each job has up to ten streams.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// For how many seconds.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct Figures {
    /// `release` or `development`.
    build: &'static str,
    clients: u32,
    stuck: u32,
    events: u64,
    /// Events that clients should have heard, and heard.
    expected: u64,
    heard: u64,
    lag_p50_ms: f64,
    lag_p99_ms: f64,
    /// Of the gateway before any stream, in bytes.
    memory: u64,
    /// A client, with all streams open, in bytes.
    memory_per_client: f64,
    /// A client, after the events, with what lies about for those that do not read.
    memory_per_client_after: f64,
    /// `GET /jobs/{id}` while events are sent.
    other_requests_p99_ms: f64,
    livez_per_second: f64,
    /// `GET /jobs/{id}` of a job that is being made.
    status_per_second: f64,
    status_to_livez: f64,
    /// The same of one that waits.
    queued_per_second: f64,
    queued_to_livez: f64,
}

pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    ensure!(
        args.stuck <= args.clients,
        "of {} clients {} cannot be stuck",
        args.clients,
        args.stuck
    );
    files::allow_many();
    let terminal = Terminal::default();
    let signals = signals::listen(&terminal).context("listening for signals")?;
    let scratch = tempfile::Builder::new()
        .prefix("beatreel-bench-")
        .tempdir()
        .context("making a scratch directory")?;
    let settings = Settings {
        data: DataDir::create(scratch.path())?,
        port: Some(0).into(),
        workers: 1,
        copies: 0,
        jobs_per_hour: Some(args.clients + 1),
        environment: Vec::new(),
    };
    let supervisor = Supervisor::launch(settings, terminal.clone(), &signals).await?;
    let running = supervisor.running.clone();
    let broker = nats::connect(&supervisor.admin, "beatreel bench").await;
    let served = tokio::spawn(supervisor.serve(signals.stop.clone(), signals.kill.clone()));
    let measure = async {
        let broker = broker.context("connecting to our own nats-server")?;
        let bench = Bench {
            args: &args,
            running,
            jetstream: jetstream::new(broker),
            terminal: terminal.clone(),
        };
        let longest = LONGEST + Duration::from_secs(args.seconds);
        let measured = timeout(longest, bench.measure()).await;
        measured.context("it took too long")?
    };
    let measured = tokio::select! {
        measured = measure => measured,
        () = signals.stop.cancelled() => Err(anyhow!("stopped before everything was measured")),
    };
    signals.stop.cancel();
    served.await.context("ending")??;
    let figures = measured?;
    if args.json {
        println!("{}", serde_json::to_string(&figures)?);
    } else {
        print!("{}", table(&figures)?);
    }
    Ok(ExitCode::SUCCESS)
}

struct Bench<'a> {
    args: &'a Args,
    running: Running,
    jetstream: JetStream,
    terminal: Terminal,
}

impl Bench<'_> {
    async fn measure(&self) -> anyhow::Result<Figures> {
        let address = self.running.base_url.trim_start_matches("http://");
        let door = Door {
            address: address.to_owned(),
            token: self.running.token.clone(),
        };
        let (clients, stuck) = (self.args.clients as usize, self.args.stuck as usize);
        let count = clients.div_ceil(STREAMS_PER_JOB);
        let bar = self.step("uploading songs", count + 1);
        let mut jobs = pipeline::upload(&self.running, count + 1, &bar).await?;
        // The last one waits; with the others somebody is busy.
        let waiting = status_of(jobs.pop().context("no job was made")?);
        for job in &jobs {
            pipeline::begin(&self.jetstream, *job).await?;
        }
        let status = status_of(jobs.first().copied().context("no job was made")?);
        let memory = self.memory()?;
        let begun = Instant::now();
        let bar = self.step("opening streams", clients);
        let mut streams = Streams::open(&door, &jobs, (clients, stuck), begun, &bar).await?;
        let open = self.memory()?;
        let (said, asked) = self.talk(&door, &jobs, &status, begun).await?;
        let expected = said.iter().zip(&streams.listeners);
        let expected = expected.map(|(events, listeners)| events * listeners).sum();
        let lags = streams.lags(expected).await?;
        let after = self.memory()?;
        drop(streams);
        self.step("counting requests", 0);
        let livez = throughput(&door, "/livez", COUNT_FOR).await?;
        let made = throughput(&door, &status, COUNT_FOR).await?;
        let queued = throughput(&door, &waiting, COUNT_FOR).await?;
        let per_client = |held: u64| held.saturating_sub(memory) as f64 / clients as f64;
        Ok(Figures {
            build: build(),
            clients: self.args.clients,
            stuck: self.args.stuck,
            events: said.iter().sum(),
            expected,
            heard: lags.len() as u64,
            lag_p50_ms: quantile(&lags, 0.5),
            lag_p99_ms: quantile(&lags, 0.99),
            memory,
            memory_per_client: per_client(open),
            memory_per_client_after: per_client(after),
            other_requests_p99_ms: quantile(&asked, 0.99),
            livez_per_second: livez,
            status_per_second: made,
            status_to_livez: made / livez,
            queued_per_second: queued,
            queued_to_livez: queued / livez,
        })
    }

    /// Sends events, and asks for a state now and then meanwhile. Gives how many events each job got, and
    /// how long each answer took, in milliseconds, sorted.
    async fn talk(
        &self,
        door: &Door,
        jobs: &[JobId],
        status: &str,
        begun: Instant,
    ) -> anyhow::Result<(Vec<u64>, Vec<f64>)> {
        let time = Duration::from_secs(self.args.seconds);
        let events = u64::from(self.args.rate) * self.args.seconds;
        let bar = self.step("sending events", events as usize);
        let pace = (self.args.rate, time);
        let speak = pipeline::speak(&self.jetstream, jobs, pace, begun, &bar);
        let ask = async {
            let mut caller = Caller::new(door, status).await?;
            let end = Instant::now() + time;
            let mut ticks = interval(ASK_EVERY);
            let mut took = vec![];
            while Instant::now() < end {
                ticks.tick().await;
                took.push(caller.call().await?.as_secs_f64() * 1000.0);
            }
            took.sort_by(f64::total_cmp);
            Ok(took)
        };
        tokio::try_join!(speak, ask)
    }

    /// Says what is being done: with a bar where somebody looks, else with a line.
    fn step(&self, doing: &'static str, length: usize) -> ProgressBar {
        if !Terminal::is_watched() || length == 0 {
            self.terminal.say(format_args!("{doing} …"));
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(length as u64).with_message(doing);
        bar.set_style(bar_style());
        self.terminal.bars().add(bar)
    }

    /// What the gateway holds in memory, in bytes.
    fn memory(&self) -> anyhow::Result<u64> {
        let pid = self.running.processes.get("gateway");
        let path = format!("/proc/{}/status", pid.context("the gateway is gone")?);
        let status = std::fs::read_to_string(&path)
            .with_context(|| format!("reading {path}; this is measured on Linux only"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        let kib: u64 = number
            .context("no figure of memory")?
            .parse()
            .context("reading a figure of memory")?;
        Ok(kib * 1_024)
    }
}

fn status_of(job: JobId) -> String {
    format!("/api/v1/jobs/{job}")
}

const fn build() -> &'static str {
    if cfg!(debug_assertions) {
        "development"
    } else {
        "release"
    }
}

fn bar_style() -> ProgressStyle {
    // A template that cannot be read is a slip that shows at once; the usual bar is as true.
    ProgressStyle::with_template("  {msg:<18} {bar:40.cyan/dim} {pos}/{len}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸━")
}

/// The value below which `part` (0 to 1) of `sorted` lies; 0 of none.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let index = (part * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(index).copied().unwrap_or(0.0)
}

fn table(figures: &Figures) -> Result<String, std::fmt::Error> {
    let mut table = String::new();
    writeln!(
        table,
        "\n  {}  {} of them never read; a {} build\n",
        style(format!("{} streams", figures.clients)).bold().cyan(),
        figures.stuck,
        figures.build
    )?;
    let kilobytes = |bytes: f64| format!("{:.1} kB", bytes / 1e3);
    let rate = |rate: f64, part: f64| format!("{rate:.0} a second, {part:.2} of /livez");
    for (name, value) in [
        (
            "events heard",
            format!("{} of {}", figures.heard, figures.expected),
        ),
        ("lag p50", format!("{:.1} ms", figures.lag_p50_ms)),
        ("lag p99", format!("{:.1} ms", figures.lag_p99_ms)),
        (
            "other requests p99",
            format!("{:.1} ms", figures.other_requests_p99_ms),
        ),
        ("memory a client", kilobytes(figures.memory_per_client)),
        (
            "… after the events",
            kilobytes(figures.memory_per_client_after),
        ),
        (
            "memory without any",
            format!("{:.1} MB", figures.memory as f64 / 1e6),
        ),
        (
            "/livez",
            format!("{:.0} a second", figures.livez_per_second),
        ),
        (
            "/jobs/{id}",
            rate(figures.status_per_second, figures.status_to_livez),
        ),
        (
            "… of a waiting job",
            rate(figures.queued_per_second, figures.queued_to_livez),
        ),
    ] {
        writeln!(table, "  {name:<20} {value}")?;
    }
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0];
        assert_eq!(quantile(&values, 0.5), 3.0);
        assert_eq!(quantile(&values, 0.99), 5.0);
        assert_eq!(quantile(&[7.0], 0.99), 7.0);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }
}
