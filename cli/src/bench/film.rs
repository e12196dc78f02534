//! `beatreel bench film`: what joining clips to a film costs beside encoding them: time, memory, room.

mod material;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, ensure};
use composer::Composer;
use media::ffmpeg::Ffmpeg;
use model::JobBrief;
use model::film::FilmReport;
use model::format::Resolution;
use model::handoff::ToCompose;
use model::{StageKind, TaskId};
use runtime::{Artifacts, Stage, StageContext};
use serde::{Deserialize, Serialize};

use crate::terminal::Terminal;

/// Join many clips to a film as stage 8 does, and say what that costs.
///
/// For each number of clips a process of its own joins them under a song of their length, verifies the
/// film, and makes all that lies beside it. Its memory and its programs' are sampled all the while, and so
/// is what lies in its scratch folder. Joining is compared with encoding the same frames from memory.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  beatreel bench film
  beatreel bench film --clips 300 --size 1080p --json | jq .joining")]
pub(crate) struct Args {
    /// How many clips of a second; may be given more than once [default: 10, 100 and 300].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=600))]
    clips: Vec<u32>,
    /// The size of the film.
    #[arg(long, default_value = "480p")]
    size: Resolution,
    /// Print JSON: a line for each number of clips.
    #[arg(long)]
    json: bool,
    /// Only compose what lies in this folder, and print what was measured.
    #[arg(long, hide = true)]
    compose: Option<PathBuf>,
}

/// What was measured with so many clips.
#[derive(Debug, Serialize)]
struct Figures {
    clips: u32,
    size: String,
    /// Encoding all frames from memory, in seconds by the clock.
    encoding: f64,
    /// Joining and muxing, likewise.
    joining: f64,
    /// The one by the other.
    share: f64,
    /// All that the stage does, likewise.
    composing: f64,
    /// The most that the process and its programs held together, in bytes.
    memory: u64,
    /// The most that lay in its scratch folder, in bytes.
    room: u64,
    /// What [`room_needed`] says of it.
    room_needed: u64,
    /// What lay there when it had ended.
    left: u64,
}

/// What a composer that was run alone says.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    report: FilmReport,
    film_bytes: u64,
    seconds: f64,
}

pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    if let Some(folder) = args.compose {
        let told = compose(folder).await?;
        Terminal::default().print(serde_json::to_string(&told)?);
        return Ok(ExitCode::SUCCESS);
    }
    let terminal = Terminal::default();
    let counts = if args.clips.is_empty() {
        vec![10, 100, 300]
    } else {
        args.clips
    };
    for clips in counts {
        let figures = measure(clips, args.size).await?;
        if args.json {
            terminal.print(serde_json::to_string(&figures)?);
        } else {
            terminal.print(line(&figures));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn measure(clips: u32, size: Resolution) -> anyhow::Result<Figures> {
    let folder = tempfile::Builder::new()
        .prefix("beatreel-bench-")
        .tempdir()
        .context("making room for clips")?;
    let prepared = material::prepare(folder.path(), clips, size).await?;
    let scratch = folder.path().join("scratch");
    std::fs::create_dir(&scratch).context("making a scratch folder")?;
    let binary = std::env::current_exe().context("finding ourselves")?;
    let mut command = tokio::process::Command::new(binary);
    command
        .args(["bench", "film", "--compose"])
        .arg(folder.path())
        .env("TMPDIR", &scratch)
        .kill_on_drop(true)
        .stdout(std::process::Stdio::piped());
    let child = command.spawn().context("starting a composer")?;
    let pid = child.id().context("the composer has ended at once")?;
    let seen = watch::start(pid, scratch.clone());
    let output = child.wait_with_output().await.context("composing")?;
    let peak = seen.stop().await;
    ensure!(output.status.success(), "the composer failed");
    let told: Told = serde_json::from_slice(&output.stdout).context("reading what it measured")?;
    let steps = &told.report.times.composer;
    let joining = steps.iter().find(|step| step.step == "join");
    let joining = joining.context("the report has no time of joining")?.wall.0;
    Ok(Figures {
        clips,
        size: size.to_string(),
        encoding: prepared.encoding,
        joining,
        share: joining / prepared.encoding,
        composing: told.seconds,
        memory: peak.memory,
        room: peak.room,
        room_needed: room_needed(told.film_bytes, &prepared),
        left: watch::size_of(&scratch),
    })
}

/// Room that the composer needs at most: all clips, the film twice (as it is joined, and with its index in
/// front), the song as it came, as AAC, and twice as samples of one channel, one byte for each pixel of the
/// miniatures, and the pictures and the loop beside the film.
fn room_needed(film: u64, prepared: &material::Prepared) -> u64 {
    let miniature = u64::from(media::ffmpeg::MINIATURE.width * media::ffmpeg::MINIATURE.height);
    let (wav, frames) = (prepared.song_bytes, prepared.frames);
    prepared.clip_bytes + 2 * film + wav + wav / 4 + 2 * wav + miniature * frames + BESIDE
}

/// Pictures and the loop, in bytes.
const BESIDE: u64 = 32 << 20;

async fn compose(folder: PathBuf) -> anyhow::Result<Told> {
    let read = |name: &str| std::fs::read(folder.join(name));
    let brief: JobBrief = serde_json::from_slice(&read("brief.json")?)?;
    let input: ToCompose = serde_json::from_slice(&read("input.json")?)?;
    let artifacts = Artifacts::open(&material::store(&folder))?;
    let task = TaskId::of_stage(StageKind::Composer, brief.id, brief.run);
    let ffmpeg = tokio::task::spawn_blocking(Ffmpeg::find).await??;
    let (cx, _events) = StageContext::detached(brief, task, artifacts)?;
    let began = Instant::now();
    let film = Composer::new(ffmpeg).run(input, &cx).await?;
    Ok(Told {
        report: cx.load(&film.report).await?,
        film_bytes: film.video.length,
        seconds: began.elapsed().as_secs_f64(),
    })
}

fn line(figures: &Figures) -> String {
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    format!(
        "{:>4} clips at {}: join and mux {:.2} s, {:.1} % of encoding ({:.1} s); all in {:.1} s; \
         memory {:.0} MB; room {:.0} MB of {:.0} MB, {} bytes left",
        figures.clips,
        figures.size,
        figures.joining,
        100.0 * figures.share,
        figures.encoding,
        figures.composing,
        megabytes(figures.memory),
        megabytes(figures.room),
        megabytes(figures.room_needed),
        figures.left,
    )
}
