//! `beatreel chaos`: the whole service under random faults, and what must hold whatever is struck.

mod check;
mod client;
mod evidence;
mod health;
mod latency;
mod life;
mod plan;
mod processes;
mod provider;
mod report;
mod scene;
mod songs;
mod strike;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use serde_json::json;
use tempfile::TempDir;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::data::DataDir;
use crate::secrets::Secrets;
use crate::signals::{self, Signals};
use crate::supervisor::{Settings, Supervisor};
use crate::terminal::Terminal;
use check::Findings;
use client::Client;
use latency::{Figures, Latency};
use plan::Plan;
use provider::Provider;
use report::Report;
use scene::Scene;
use songs::Songs;

/// What every film of a run is to be like. No log may hold it.
const PROMPT: &str = "Chaos at the harbour: cranes dance in the storm, teal and amber, and the chorus lifts \
                      everything into the sky";
/// How long a task may take: a clip of a run takes two or three seconds, and ten times that where builds
/// and tests use the same cores. A run is to find faults, not how busy its machine is.
const DEADLINE: Duration = Duration::from_mins(1);
/// Jobs a minute, unless said otherwise: two cores are busy then, and not drowned.
const JOBS_A_MINUTE: f64 = 10.0;
/// The most jobs and minutes of one run.
const MOST_JOBS: usize = 500;
const MOST_MINUTES: f64 = 240.0;
/// The user's limit is not what is tested.
const JOBS_AN_HOUR: u32 = 100_000;

/// Break it: kill, stop and terminate processes at random while jobs run, then check what must hold.
///
/// Starts the whole service on a scratch directory, and ends only what it has started. A seed replays its
/// plan: the same blows at the same times among the same jobs. Ends with code 0 when all invariants hold,
/// or all that is measured is within its goal, and with 1 otherwise; then the directory with all logs is
/// kept.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  beatreel chaos
  beatreel chaos --minutes 10 --seed 7 --json > run.json
  beatreel chaos --wipe --jobs 20
  beatreel chaos --rolling --jobs 10")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub(crate) struct Args {
    /// How long blows fall; then everything has to recover.
    #[arg(long, value_name = "M", default_value_t = 1.0, value_parser = minutes)]
    minutes: f64,
    /// Where the plan comes from [default: a random one, which is printed].
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How many songs are submitted [default: 10 a minute].
    #[arg(long, value_name = "J", value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=MOST_JOBS as u64))]
    jobs: Option<usize>,
    /// One blow only: all songs at once, and in their middle every process killed and the broker's store
    /// deleted.
    #[arg(long)]
    wipe: bool,
    /// No blows: all songs at once, and every process asked to end and started again, one after the other,
    /// for as long as `--minutes` says. No job may fail.
    #[arg(long, conflicts_with = "wipe")]
    rolling: bool,
    /// Measure instead, with one job at a time: how long a killed worker's task takes to run elsewhere, and
    /// cancelled work to stop, at each point of each stage. About seven minutes.
    #[arg(long, conflicts_with_all = ["wipe", "rolling", "jobs", "seed", "plan"])]
    latency: bool,
    /// Print the plan, and do nothing.
    #[arg(long)]
    plan: bool,
    /// Print one line of JSON on stdout, and nothing else there.
    #[arg(long)]
    json: bool,
    /// Run on this directory, and keep it [default: one of the system's for temporary files].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

fn minutes(text: &str) -> Result<f64, String> {
    let minutes: f64 = text.parse().map_err(|_| format!("{text:?} is no number"))?;
    if (0.05..=MOST_MINUTES).contains(&minutes) {
        Ok(minutes)
    } else {
        Err(format!("{minutes} is not between 0.05 and {MOST_MINUTES}"))
    }
}

impl Args {
    fn planned(&self) -> Plan {
        let seed = self.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
        let length = Duration::from_secs_f64(self.minutes * 60.0);
        let usual = (self.minutes * JOBS_A_MINUTE).ceil() as usize;
        let jobs = self.jobs.unwrap_or(usual).clamp(1, MOST_JOBS);
        if self.wipe {
            Plan::wipe(seed, length, jobs)
        } else if self.rolling {
            Plan::rolling(seed, length, jobs)
        } else {
            Plan::random(seed, length, jobs)
        }
    }
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let terminal = Terminal::default();
    let plan = args.planned();
    if args.plan {
        show(&plan, &terminal);
        return Ok(ExitCode::SUCCESS);
    }
    let signals = signals::listen(&terminal).context("listening for signals")?;
    let scratch = tempfile::Builder::new()
        .prefix("beatreel-chaos-")
        .tempdir()
        .context("making a scratch directory")?;
    let data = DataDir::create(args.data.as_deref().unwrap_or(scratch.path()))?;
    let stand = Box::pin(Stand::start(&data, (args.latency, plan.seed), &signals)).await?;
    let (outcome, left) = if args.latency {
        let measured = Box::pin(stand.until_stopped(&signals, stand.measured(&terminal))).await;
        (measured.map(Outcome::Measured), stand.end().await)
    } else {
        let announced = announced(&plan, &data);
        terminal.say(announced);
        let scene = stand.scene(plan, &terminal);
        let played = Box::pin(stand.until_stopped(&signals, scene.play(Arc::clone(&stand.songs))));
        let played = played.await;
        (played.map(Outcome::Struck), stand.end().await)
    };
    let outcome = outcome.and_then(|outcome| left.map(|left| outcome.with(&data, &left)));
    let outcome = outcome.and_then(|outcome| outcome);
    if !outcome.as_ref().is_ok_and(Outcome::holds) && args.data.is_none() {
        kept(scratch, &terminal);
    }
    let outcome = outcome?;
    outcome.show(args.json, &terminal);
    Ok(if outcome.holds() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn announced(plan: &Plan, data: &DataDir) -> String {
    format!(
        "Seed {}: {} jobs and {} blows within {} s, on {}",
        plan.seed,
        plan.submissions.len(),
        plan.blows.len(),
        plan.length.as_secs(),
        data.root().display()
    )
}

/// What came of it.
enum Outcome {
    /// Invariants.
    Struck(Report),
    /// Figures.
    Measured(Figures),
}

impl Outcome {
    /// With what can only be seen once all is over: `left` outlived the end.
    fn with(self, data: &DataDir, left: &[processes::Descendant]) -> anyhow::Result<Self> {
        let Self::Struck(mut report) = self else {
            return Ok(self);
        };
        let remains = |finding: &&mut Findings| finding.id == "I7";
        if let Some(findings) = report.findings.iter_mut().find(remains) {
            findings.expect(left.is_empty(), || format!("{left:?} outlived the end"));
        }
        let logs = check::clean_logs(&data.logs(), &secrets(data)?)?;
        report.findings.push(logs);
        Ok(Self::Struck(report))
    }

    fn holds(&self) -> bool {
        match self {
            Self::Struck(report) => report.holds(),
            Self::Measured(figures) => figures.hold(),
        }
    }

    fn show(&self, as_json: bool, terminal: &Terminal) {
        match self {
            Self::Struck(report) if as_json => terminal.print(report.json()),
            Self::Struck(report) => report.show(terminal),
            Self::Measured(figures) if as_json => terminal.print(json!(figures)),
            Self::Measured(figures) => figures.show(terminal),
        }
    }
}

fn show(plan: &Plan, terminal: &Terminal) {
    for submission in &plan.submissions {
        let cancel = submission.cancel_after.map_or(String::new(), |after| {
            format!(
                ", cancelled {:.1} s after it is accepted",
                after.as_secs_f64()
            )
        });
        let at = submission.at.as_secs_f64();
        terminal.print(format_args!("{at:8.1} s  submit a song{cancel}"));
    }
    for blow in &plan.blows {
        let at = blow.at.as_secs_f64();
        terminal.print(format_args!("{at:8.1} s  {}", blow.fault));
    }
}

fn kept(scratch: TempDir, terminal: &Terminal) {
    let place = scratch.keep();
    let place = place.display();
    terminal.warn(format_args!(
        "Logs, streams and objects are kept in {place}"
    ));
}

/// What no log may hold.
fn secrets(data: &DataDir) -> anyhow::Result<Vec<(&'static str, String)>> {
    let secrets = Secrets::of(data)?;
    let mut all = vec![
        ("the key of tokens", secrets.jwt_secret.clone()),
        ("the key of links", secrets.url_signing_key.clone()),
        ("a token", "eyJ".to_owned()),
        ("the user's words", PROMPT.to_owned()),
        ("a signed link", "sig=".to_owned()),
        ("the provider's key", provider::API_KEY.to_owned()),
    ];
    for role in nats::users::Role::ALL {
        all.push(("a password", secrets.password(role)?.to_owned()));
    }
    Ok(all)
}

/// What the processes of a run are told besides.
fn environment(faults: &Path) -> Vec<(String, String)> {
    let named = [
        ("FAULTS_DIR", faults.display().to_string()),
        ("STAGE_DEADLINE_SECONDS", DEADLINE.as_secs().to_string()),
        // No upload of a run takes half of this.
        ("ORPHAN_GRACE_SECONDS", "30".to_owned()),
        ("HALF_OBJECT_GRACE_SECONDS", "30".to_owned()),
    ];
    named.map(|(name, value)| (name.to_owned(), value)).into()
}

/// The service that is struck, running.
struct Stand {
    data: DataDir,
    base_url: String,
    token: String,
    broker: nats::ServerAddress,
    baseline: check::Baseline,
    songs: Arc<Songs>,
    provider: Provider,
    stop: CancellationToken,
    served: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl Stand {
    /// Starts everything on `data`, with two processes a stage where that is asked for, and a provider that
    /// behaves by `seed`.
    async fn start(
        data: &DataDir,
        (doubled, seed): (bool, u64),
        signals: &Signals,
    ) -> anyhow::Result<Self> {
        let faults = strike::make_faults_folder(data)?;
        let provider = Provider::start(seed).await?;
        let mut environment = environment(&faults);
        environment.extend(provider.environment());
        let settings = Settings {
            data: data.clone(),
            port: Some(0).into(),
            workers: 2,
            copies: if doubled { 2 } else { 1 },
            jobs_per_hour: Some(JOBS_AN_HOUR),
            environment,
        };
        let seconds = if doubled {
            songs::SHORT_SECONDS
        } else {
            songs::SECONDS
        };
        let songs = tokio::task::spawn_blocking(move || Songs::play(seconds));
        let supervisor = Supervisor::launch(settings, Terminal::silent(), signals).await?;
        let (broker, running) = (supervisor.admin.clone(), supervisor.running.clone());
        let stop = CancellationToken::new();
        let served = tokio::spawn(supervisor.serve(stop.clone(), signals.kill.clone()));
        Ok(Self {
            data: data.clone(),
            base_url: running.base_url,
            token: running.token,
            broker,
            baseline: check::Baseline::of(&running.processes),
            provider,
            songs: Arc::new(songs.await.context("playing the song")??),
            stop,
            served,
        })
    }

    fn scene<'a>(&'a self, plan: Plan, terminal: &'a Terminal) -> Scene<'a> {
        Scene {
            plan,
            data: &self.data,
            terminal,
            broker: &self.broker,
            baseline: &self.baseline,
            base_url: &self.base_url,
            token: &self.token,
            provider: &self.provider,
        }
    }

    async fn measured(&self, terminal: &Terminal) -> anyhow::Result<Figures> {
        let latency = Latency {
            data: &self.data,
            terminal,
            broker: &self.broker,
            client: Client::new(&self.base_url, &self.token, Instant::now())?,
            songs: &self.songs,
        };
        latency.measure().await
    }

    /// The outcome of `work`, unless the user stops it.
    async fn until_stopped<T>(
        &self,
        signals: &Signals,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        tokio::select! {
            outcome = work => outcome,
            () = signals.stop.cancelled() => Err(anyhow!("stopped before the run was over")),
        }
    }

    /// Ends everything; gives what is left of it.
    async fn end(self) -> anyhow::Result<Vec<processes::Descendant>> {
        self.stop.cancel();
        self.served.await.context("looking after the processes")??;
        Ok(processes::descendants())
    }
}
