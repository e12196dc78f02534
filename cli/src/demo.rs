//! `beatreel demo`: everything up, a song in, a film out.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};

use anyhow::{Context, anyhow, bail};
use console::style;
use model::job::JobStatus;
use model::{JobId, UserPrompt};
use serde_json::json;
use tokio::time::Instant;

use crate::client::{Api, JobView, Submission};
use crate::data::{self, DataDir};
use crate::progress::Progress;
use crate::supervisor::{Running, Settings, Supervisor, find_program};
use crate::terminal::Terminal;
use crate::{options, signals, submit, up, watch};

const PROMPT: &str = "A neon city at night in the rain, violet and cyan light on wet streets; the choruses \
                      open into aurora over wide mountains, dreamy and full of motion.";
/// The seed of the song that the demo plays.
const SONG: u64 = 3;
/// The gateway's usual limit would stop whoever plays with the demo.
const DEMOS_AN_HOUR: u32 = 100;

/// What is said when a signal comes first.
const STOPPED: &str = "stopped before the film was made";

/// Make a film, from nothing: starts everything, takes a song, shows the way to the page.
///
/// Without a song it plays one of its own, made on the spot. Serves until Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo demo
  cargo demo -- song.mp3 \"Ink in water, slow and dark, red on black; the drop explodes into gold\"
  cargo demo -- --once --json")]
pub(crate) struct Args {
    /// A song of yours: MP3, WAV or FLAC, at most 10 MB [default: one of ours].
    song: Option<PathBuf>,
    /// What the film is to be like, in 50 to 500 characters [default: one of ours].
    #[arg(value_parser = submit::prompt)]
    prompt: Option<UserPrompt>,
    /// End when the film is made.
    #[arg(long)]
    pub(crate) once: bool,
    /// Print one last line of JSON on stdout, and nothing else there.
    #[arg(long)]
    pub(crate) json: bool,
    /// The gateway's port [default: 8000, or the next that is free]; 0 for any free one.
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// How many clips are made at the same time [default: one a core].
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,
    /// Keep everything in this directory [default: data/demo, where only films outlive the demo].
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Keep jobs, clips and logs in data/demo, too.
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    film: options::Args,
}

/// A film as it was fetched.
struct Film {
    job: JobId,
    end: JobView,
    /// `None` where there is no film.
    path: Option<PathBuf>,
    elapsed: f64,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    if let Some(song) = &args.song
        && !song.is_file()
    {
        bail!("there is no file {}", song.display());
    }
    let terminal = Terminal::default();
    let signals = signals::listen(&terminal).context("listening for signals")?;
    let usual_place = Path::new(data::DEFAULT).join("demo");
    let data = DataDir::create(args.data.as_deref().unwrap_or(&usual_place))?;
    let settings = Settings {
        data: data.clone(),
        port: args.port.into(),
        workers: up::workers(args.workers),
        copies: 1,
        jobs_per_hour: Some(DEMOS_AN_HOUR),
        environment: Vec::new(),
    };
    // The song is made while the service starts.
    let launched = Supervisor::launch(settings, terminal.clone(), &signals);
    let song = async {
        tokio::select! {
            song = the_song(&args, &data) => song,
            () = signals.stop.cancelled() => Err(anyhow!(STOPPED)),
        }
    };
    let (supervisor, song) = tokio::join!(launched, song);
    let supervisor = supervisor?;
    let running = supervisor.running.clone();
    terminal.done("Beatreel is running.");
    terminal.field(
        "page",
        style(&running.page).for_stderr().cyan().underlined(),
    );

    let served = tokio::spawn(supervisor.serve(signals.stop.clone(), signals.kill.clone()));
    let made = async {
        let api = Api::new(&running.base_url, &running.token)?;
        film(&api, &submission(&args, song?)?, &data, &terminal).await
    };
    let made = tokio::select! {
        made = made => made,
        () = signals.stop.cancelled() => Err(anyhow!(STOPPED)),
    };
    let result = report(&args, made, &running, &terminal);
    if args.once || result.is_err() {
        signals.stop.cancel();
    } else {
        terminal.field("stop", "Ctrl-C");
    }
    served.await.context("looking after the processes")??;
    terminal.done("Everything has ended.");
    let forgets = args.data.is_none() && !args.keep;
    // After a failure the logs are what one wants to see.
    if forgets && result.as_ref().is_ok_and(|code| *code == ExitCode::SUCCESS) {
        data.forget_jobs()?;
    }
    result
}

/// The song to take: the user's, or ours.
async fn the_song(args: &Args, data: &DataDir) -> anyhow::Result<PathBuf> {
    if let Some(song) = &args.song {
        return Ok(song.clone());
    }
    let wav = tokio::task::spawn_blocking(|| song::play(SONG).wav())
        .await
        .context("playing the song")?
        .context("writing the song down")?;
    let path = data.scratch().join("song.wav");
    tokio::fs::write(&path, wav)
        .await
        .with_context(|| format!("writing {}", path.display()))?;
    compressed(&path, &data.file("song.flac")).await
}

/// As FLAC: a minute of stereo is larger as WAV than an upload may be.
async fn compressed(wav: &Path, flac: &Path) -> anyhow::Result<PathBuf> {
    let ffmpeg = find_program(tools::ffmpeg).await?;
    let mut command = tokio::process::Command::new(ffmpeg);
    command
        .args(["-nostdin", "-loglevel", "error", "-y", "-i"])
        .args([wav, flac])
        .stdin(Stdio::null());
    let ended = tools::child::spawn(command)
        .context("starting ffmpeg")?
        .wait()
        .await?;
    if !ended.success() {
        bail!("ffmpeg could not compress {}", wav.display());
    }
    Ok(flac.to_owned())
}

/// Submits, follows, fetches.
async fn film(
    api: &Api,
    submission: &Submission,
    data: &DataDir,
    terminal: &Terminal,
) -> anyhow::Result<Film> {
    let started = Instant::now();
    let job = api.submit(submission).await?.job_id;
    let mut progress = Progress::start(terminal);
    let end = api.follow(job, |event| progress.tell(event)).await;
    progress.finish();
    let end = end?;
    let elapsed = started.elapsed().as_secs_f64();
    let path = data.films().join(format!("{job}.mp4"));
    let is_there = end.status == JobStatus::Completed;
    if is_there {
        api.download(job, &path).await?;
    }
    Ok(Film {
        job,
        end,
        path: is_there.then_some(path),
        elapsed,
    })
}

/// What the demo asks for.
fn submission(args: &Args, song: PathBuf) -> anyhow::Result<Submission> {
    let prompt = match &args.prompt {
        Some(prompt) => prompt.clone(),
        None => UserPrompt::try_from(PROMPT.to_owned()).context("our own prompt")?,
    };
    Ok(Submission {
        title: song
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned()),
        file: song,
        prompt,
        options: args.film.fields(),
        lyrics: args.film.lyrics()?,
    })
}

/// Says what came of it.
fn report(
    args: &Args,
    made: anyhow::Result<Film>,
    running: &Running,
    terminal: &Terminal,
) -> anyhow::Result<ExitCode> {
    let Film {
        job,
        end,
        path,
        elapsed,
    } = made?;
    let code = watch::conclude(terminal, &end);
    let Some(path) = path else { return Ok(code) };
    let movie = media::mp4::read(&path).context("reading the film")?;
    let video = movie.video.context("the film has no picture")?;
    let step = video
        .step
        .context("the film's frames are not evenly spaced")?;
    let duration = f64::from(video.frames) * f64::from(step) / f64::from(video.timescale);
    terminal.field("film", style(path.display()).for_stderr().cyan());
    let token = &running.token;
    let page = format!("{}/#/jobs/{job}?token={token}", running.base_url);
    if !args.once {
        terminal.field("watch it", style(page).for_stderr().cyan().underlined());
    }
    terminal.field("made in", format_args!("{elapsed:.1} s"));
    if args.json {
        println!(
            "{}",
            json!({
                "job_id": job,
                "video": path,
                "duration_s": duration,
                "audio_duration_s": end.duration,
                "clips": end.clips.completed,
                "elapsed_s": (elapsed * 1000.0).round() / 1000.0,
                "cost": end.total_cost,
            })
        );
    }
    Ok(code)
}
