//! `beatreel gateway` and `beatreel stage`: one role of the service, configured by its environment.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow};
use audio_parser::AudioParser;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use composer::Composer;
use model::StageKind;
use prompt_generator::PromptGenerator;
use reference_generator::ReferenceGenerator;
use runtime::{ConfigError, ServeError, Shutdown, Stage, Vars, WorkerSettings, faults, telemetry};
use scene_planner::ScenePlanner;
use tokio::sync::oneshot;
use video_generator::VideoGenerator;

use crate::terminal;

/// The exit code of a worker that has lost a thread.
const STUCK: i32 = 70;
/// How long a role may take to end once it is asked to.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// Run the gateway: REST, SSE and the page.
///
/// Configured by its environment; what is missing or wrong is listed, all of it, and it ends with code 2.
/// Required: `DATABASE_URL` (`sqlite:` or `postgres:`), `STORAGE_URL`, `URL_SIGNING_KEY`, and for tokens
/// one of `SUPABASE_JWT_SECRET` (HS256), `SUPABASE_URL` or `JWKS_URL` with `JWT_ISSUER` (published keys). Usual besides:
/// `NATS_URL`, `NATS_USER`, `NATS_PASSWORD`, `BIND`, `PORT`, `PUBLIC_BASE_URL`, `FRONTEND_URL`; with
/// `STORAGE_URL=s3://bucket` also `S3_ENDPOINT`, `S3_PUBLIC_ENDPOINT`, `S3_REGION`, `S3_ACCESS_KEY_ID`,
/// `S3_SECRET_ACCESS_KEY`. `.env.example` says what each is for, and what else there is. Each may be
/// given as a file instead, by `…_FILE`.
#[derive(Debug, clap::Args)]
pub(crate) struct GatewayArgs {}

/// Run the workers of one stage.
///
/// Configured by its environment; what is missing or wrong is listed, all of it, and it ends with code 2.
/// Required: `STORAGE_URL` (`file:///folder` or `s3://bucket`, then with `S3_…` as the gateway has it). Usual
/// besides: `NATS_URL`, `NATS_USER`, `NATS_PASSWORD`, `FFMPEG_BIN`. Start it
/// more often, on as many machines as there are, to do more at the same time.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  NATS_URL=nats://broker:4222 STORAGE_URL=file:///srv/objects beatreel stage video_generator --concurrency 8")]
pub(crate) struct StageArgs {
    /// Which stage.
    #[arg(value_parser = stage_parser())]
    name: StageKind,
    /// How many tasks it works on at the same time [default: the environment's `CONCURRENCY`, or 1].
    #[arg(long, value_name = "N")]
    concurrency: Option<NonZeroUsize>,
}

fn stage_parser() -> impl TypedValueParser<Value = StageKind> {
    PossibleValuesParser::new(StageKind::ALL.map(StageKind::name)).try_map(|name| name.parse())
}

pub(crate) async fn gateway(_: GatewayArgs) -> anyhow::Result<ExitCode> {
    let vars = Vars::from_env();
    telemetry::init(&vars);
    crate::files::allow_many();
    faults::listen(&vars);
    let config = gateway::Config::from_vars(&vars)?;
    let shutdown = Shutdown::on_signals(GRACE).context("listening for signals")?;
    let (ready, _nobody_asks) = oneshot::channel();
    gateway::serve(config, shutdown, ready)
        .await
        .context("the gateway")?;
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn stage(args: StageArgs) -> anyhow::Result<ExitCode> {
    let vars = Vars::from_env();
    telemetry::init(&vars);
    faults::listen(&vars);
    let StageArgs { name, concurrency } = args;
    let work = Box::pin(async {
        match name {
            StageKind::AudioParser => {
                work(AudioParser::from_config(&vars), &vars, concurrency).await
            }
            StageKind::ScenePlanner => {
                work(ScenePlanner::from_config(&vars), &vars, concurrency).await
            }
            StageKind::ReferenceGenerator => {
                work(ReferenceGenerator::from_config(&vars), &vars, concurrency).await
            }
            StageKind::PromptGenerator => {
                work(PromptGenerator::from_config(&vars), &vars, concurrency).await
            }
            StageKind::VideoGenerator => {
                work(VideoGenerator::from_config(&vars), &vars, concurrency).await
            }
            StageKind::Composer => work(Composer::from_config(&vars), &vars, concurrency).await,
        }
    });
    work.await?;
    Ok(ExitCode::SUCCESS)
}

async fn work<S: Stage>(
    stage: Result<S, ConfigError>,
    vars: &Vars,
    concurrency: Option<NonZeroUsize>,
) -> anyhow::Result<()> {
    let settings = WorkerSettings::from_config(vars);
    // The last to be asked knows all that is wrong.
    let (stage, settings) = vars.check((stage, settings))?;
    let mut settings = settings?;
    if let Some(concurrency) = concurrency {
        settings.concurrency = concurrency.get();
    }
    let shutdown = Shutdown::on_signals(GRACE).context("listening for signals")?;
    let served = runtime::serve(stage?, settings, shutdown).await;
    if let Err(error @ ServeError::Stuck) = &served {
        // The end of the runtime would wait for the thread that is stuck.
        terminal::show_error(&anyhow!("{error}; ending without waiting for it"));
        std::process::exit(STUCK);
    }
    served.with_context(|| format!("the workers of {}", S::KIND))
}
