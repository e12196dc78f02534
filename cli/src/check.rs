//! `beatreel check`: what a program can say about how good a film looks.

mod film;
mod hues;
mod light;
mod moves;
mod scenes;
mod small;
mod verdicts;
mod words;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use console::style;
use futures::{StreamExt, stream};
use media::ffmpeg::Ffmpeg;
use model::format::{FrameSize, Resolution};
use model::look::{Palette, SceneKind, Srgb};
use serde::Serialize;
use tokio::runtime::Handle;

use crate::terminal::Terminal;
use verdicts::Verdict;

/// Look at a film, and say whether it moves with its music, does not flash, and is not banded or blown out.
///
/// The song is taken from the film itself. Checks that need beats or sections are left out where it has none.
/// With `--scenes` no film is needed: each built-in scene is drawn as a short film of its own and checked,
/// as are its bytes on every SIMD level and what a word of the prompt changes.
/// Limits: docs/visuals.md.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  beatreel check film.mp4
  beatreel check film.mp4 --palette '#15102b,#4a2a6b,#c2607f,#f6c7a4,#ff7a3d'
  beatreel check clip.mp4 --json | jq '.checks[] | select(.passed | not)'
  beatreel check --scenes

Ends with 0 if every check passed, 1 if one did not, 2 if the command makes no sense.")]
pub(crate) struct Args {
    /// A video that ffmpeg can read.
    #[arg(required_unless_present = "scenes", conflicts_with = "scenes")]
    video: Option<PathBuf>,
    /// The colours that it should keep to: from dark to light four, and the accent; as #rrggbb, separated
    /// by commas.
    #[arg(long, value_name = "COLOURS", value_parser = palette)]
    palette: Option<Palette>,
    /// Another film that it should not look like, such as that of another prompt.
    #[arg(long, value_name = "VIDEO")]
    unlike: Option<PathBuf>,
    /// Check the built-in scenes.
    #[arg(long, conflicts_with_all = ["palette", "unlike"])]
    scenes: bool,
    /// The size in which scenes are drawn.
    #[arg(long, value_name = "SIZE", default_value = "720p", requires = "scenes")]
    size: Resolution,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Report {
    video: String,
    frames: usize,
    seconds: f64,
    passed: bool,
    checks: Vec<Verdict>,
}

#[derive(Debug, Serialize)]
struct SceneReport {
    scene: &'static str,
    passed: bool,
    checks: Vec<Verdict>,
}

#[derive(Debug, Serialize)]
struct Scenes {
    passed: bool,
    scenes: Vec<SceneReport>,
}

fn palette(text: &str) -> Result<Palette, String> {
    let colours: Result<Vec<Srgb>, String> = text
        .split(',')
        .map(|colour| Srgb::try_from(colour.trim().to_owned()).map_err(|error| error.to_string()))
        .collect();
    let [deep, shade, tone, light, accent] = *colours?
        .as_chunks()
        .0
        .first()
        .filter(|_| text.split(',').count() == 5)
        .ok_or("five colours are a palette: four from dark to light, and the accent")?;
    Ok(Palette {
        deep,
        shade,
        tone,
        light,
        accent,
    })
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let terminal = Terminal::default();
    let passed = match args.video.clone() {
        Some(video) => check_film(&terminal, video, args).await?,
        None => check_scenes(&terminal, &args).await?,
    };
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn check_film(terminal: &Terminal, video: PathBuf, args: Args) -> anyhow::Result<bool> {
    let json = args.json;
    let looking = tokio::task::spawn_blocking(move || look(&video, &args));
    let report = looking.await.context("looking at the film")??;
    if json {
        terminal.print(serde_json::to_string(&report)?);
    } else {
        table(terminal, &report.checks);
    }
    Ok(report.passed)
}

fn look(video: &Path, args: &Args) -> anyhow::Result<Report> {
    let seen = film::look(video)?;
    let heard = film::listen(video)?.unwrap_or_default();
    let mut checks = verdicts::of(&seen, &heard, args.palette.as_ref());
    if let Some(other) = &args.unlike {
        checks.push(verdicts::unlike(&seen, &film::look(other)?));
    }
    Ok(Report {
        video: video.display().to_string(),
        frames: seen.small.len(),
        seconds: seen.small.len() as f64 / seen.fps,
        passed: checks.iter().all(|check| check.passed),
        checks,
    })
}

async fn check_scenes(terminal: &Terminal, args: &Args) -> anyhow::Result<bool> {
    let report = all_scenes(args.size.size(), |scene| {
        if !args.json {
            terminal.print(style(scene.scene).bold());
            table(terminal, &scene.checks);
        }
    })
    .await?;
    if args.json {
        terminal.print(serde_json::to_string(&report)?);
    }
    Ok(report.passed)
}

/// Checks scenes side by side, and tells `done` of each as it comes, in order.
async fn all_scenes(size: FrameSize, mut done: impl FnMut(&SceneReport)) -> anyhow::Result<Scenes> {
    let ffmpeg = tokio::task::spawn_blocking(Ffmpeg::find)
        .await
        .context("finding ffmpeg")??;
    let scratch = tempfile::Builder::new()
        .prefix("beatreel-check-")
        .tempdir()
        .context("making room for clips")?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut checks = stream::iter(SceneKind::ALL)
        .map(|scene| {
            let (ffmpeg, folder, runtime) =
                (ffmpeg.clone(), scratch.path().to_owned(), Handle::current());
            tokio::task::spawn_blocking(move || {
                let checks = scenes::check((&ffmpeg, &runtime), scene, size, &folder)?;
                anyhow::Ok(SceneReport {
                    scene: scene.name(),
                    passed: checks.iter().all(|check| check.passed),
                    checks,
                })
            })
        })
        .buffered(cores);
    let mut scenes = Vec::new();
    while let Some(scene) = checks.next().await {
        let scene = scene.context("checking a scene")??;
        done(&scene);
        scenes.push(scene);
    }
    ensure!(!scenes.is_empty(), "there are no scenes");
    Ok(Scenes {
        passed: scenes.iter().all(|scene| scene.passed),
        scenes,
    })
}

fn table(terminal: &Terminal, checks: &[Verdict]) {
    for check in checks {
        let mark = if check.passed {
            style("✓").green()
        } else {
            style("✗").red().bold()
        };
        let (name, value) = (check.name, &check.value);
        let wanted = style(check.wanted).dim();
        terminal.print(format_args!("{mark} {name:<27} {value:<34} {wanted}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_scene_passes_every_check_once_it_is_encoded() {
        let size = FrameSize {
            width: 320,
            height: 180,
        };
        let report = all_scenes(size, |_| {}).await.unwrap();
        let failed: Vec<_> = report
            .scenes
            .iter()
            .flat_map(|scene| scene.checks.iter().map(|check| (scene.scene, check)))
            .filter(|(_, check)| !check.passed)
            .map(|(scene, check)| format!("{scene}: {}: {}", check.name, check.value))
            .collect();
        assert!(failed.is_empty(), "{failed:#?}");
    }

    #[test]
    fn a_palette_has_five_colours() {
        let read = palette("#15102b, #4a2a6b,#c2607f,#f6c7a4,#ff7a3d").unwrap();
        assert_eq!(read.accent, Srgb([0xff, 0x7a, 0x3d]));
        assert!(palette("#15102b").unwrap_err().contains("five"));
        assert!(palette("#15102b,#4a2a6b,#c2607f,#f6c7a4,red").is_err());
    }
}
