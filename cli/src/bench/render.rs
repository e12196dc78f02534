//! `beatreel bench render`: what a frame costs, beside what encoding the same frames costs.

mod letters;
mod process;

use std::fmt::Write;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, ensure};
use console::style;
use futures::future::try_join_all;
use media::ffmpeg::Ffmpeg;
use model::FrameRate;
use model::format::{Quality, Resolution, VideoFormat};
use model::look::{SceneKind, SceneParameters};
use model::music::MusicAt;
use process::{children_cpu, children_memory, memory, thread_cpu};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use visuals::{Picture, Renderer};

use crate::samples;
use crate::terminal::Terminal;

/// Draw every built-in scene, and say how close that comes to the speed of the encoder.
///
/// For each scene the same frames are encoded twice: from memory (the encoder's own limit) and while they
/// are drawn, as stage 7 does it. The ratio of the two speeds survives a busy machine better than either.
/// CPU times are those of the thread that draws and of ffmpeg. The best of some runs counts. What letters
/// add (a title and a sung line at once) is measured on the same frames, and not part of the other figures.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  beatreel bench render
  beatreel bench render --size 1080p --scene ocean --scene silk
  beatreel bench render --size 720p --quality draft
  beatreel bench render --workers 2 --json | tail -1 | jq .mean")]
pub(crate) struct Args {
    /// Only this scene; may be given more than once [default: all].
    #[arg(long, value_name = "NAME", value_parser = scene)]
    scene: Vec<SceneKind>,
    /// Only this size; may be given more than once [default: 720p and 1080p].
    #[arg(long, value_name = "SIZE")]
    size: Vec<Resolution>,
    /// How carefully it is encoded; a draft has half the size: draft, standard or high.
    #[arg(long, value_name = "QUALITY", default_value = "standard")]
    quality: Quality,
    /// Frames of each clip. They are held in memory: 3 MB each at 1080p.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(8..=600))]
    frames: u32,
    /// How often to measure.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=20))]
    runs: u32,
    /// Clips at once, each with its own thread that draws and its own ffmpeg.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    workers: u32,
    /// Print JSON: one last line with all scenes.
    #[arg(long)]
    json: bool,
}

/// What was measured of a scene at a size.
#[derive(Debug, Clone, Serialize)]
struct Figures {
    scene: &'static str,
    size: String,
    /// Frames a second drawn and encoded, by frames a second encoded.
    ratio: f64,
    /// CPU time of drawing a frame, in milliseconds.
    render_ms: f64,
    /// CPU time of encoding a frame, in milliseconds; absent where the system does not tell.
    encode_ms: Option<f64>,
    /// The one by the other.
    render_to_encode: Option<f64>,
    fps: f64,
    encode_fps: f64,
    kbit_s: f64,
    /// The most memory that the encoder held, in bytes; absent where the system does not tell.
    encoder_memory: Option<u64>,
    /// CPU time that a title and a sung line add to a frame, in milliseconds.
    lettering_ms: f64,
    /// What a renderer adds to this process, in bytes; absent where the system does not tell.
    renderer_memory: Option<u64>,
}

/// Means over all scenes at one size.
#[derive(Debug, Serialize)]
struct Mean {
    size: String,
    ratio: f64,
    worst_ratio: f64,
    render_ms: f64,
    render_to_encode: Option<f64>,
    lettering_ms: f64,
    most_kbit_s: f64,
}

#[derive(Debug, Serialize)]
struct Report {
    scenes: Vec<Figures>,
    mean: Vec<Mean>,
    workers: u32,
}

fn scene(name: &str) -> Result<SceneKind, String> {
    let known = SceneKind::ALL.into_iter().find(|kind| kind.name() == name);
    known.ok_or_else(|| {
        let names: Vec<_> = SceneKind::ALL.iter().map(|kind| kind.name()).collect();
        format!("there are these: {}", names.join(", "))
    })
}

pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let terminal = Terminal::default();
    let ffmpeg = tokio::task::spawn_blocking(Ffmpeg::find)
        .await
        .context("finding ffmpeg")??;
    let scenes = if args.scene.is_empty() {
        SceneKind::ALL.to_vec()
    } else {
        args.scene.clone()
    };
    let sizes = if args.size.is_empty() {
        vec![Resolution::P720, Resolution::P1080]
    } else {
        args.size.clone()
    };
    let mut all = Vec::new();
    for size in &sizes {
        for kind in &scenes {
            let figures = measure(&ffmpeg, *kind, *size, &args).await?;
            if args.json {
                terminal.say(line(&figures));
            } else {
                terminal.print(line(&figures));
            }
            all.push(figures);
        }
    }
    let mean = sizes.iter().filter_map(|size| mean(&all, *size)).collect();
    let report = Report {
        scenes: all,
        mean,
        workers: args.workers,
    };
    if args.json {
        terminal.print(serde_json::to_string(&report)?);
    } else {
        terminal.print(summary(&report)?);
    }
    Ok(ExitCode::SUCCESS)
}

async fn measure(
    ffmpeg: &Ffmpeg,
    kind: SceneKind,
    size: Resolution,
    args: &Args,
) -> anyhow::Result<Figures> {
    let format = VideoFormat {
        size: args.quality.drawn(size.size()),
        rate: FrameRate::FPS_30,
    };
    let parameters = samples::parameters(kind, 1);
    let frames = args.frames;
    let drawing = tokio::task::spawn_blocking(move || {
        let drawn = draw(&parameters, format, frames);
        let lettering_ms = letters::cost(&drawn.0, parameters.palette, format);
        (drawn, lettering_ms)
    });
    let ((pictures, render, renderer_memory), lettering_ms) = drawing.await.context("drawing")?;
    let scratch = room()?;
    let (mut encoding, mut both) = (f64::INFINITY, f64::INFINITY);
    let (mut encode_seconds, mut bytes, mut encoder_memory) = (None, 0, None);
    for _ in 0..args.runs {
        let cpu = children_cpu();
        let began = Instant::now();
        let clips = (0..args.workers).map(|worker| {
            let file = scratch.path().join(format!("{worker}.mp4"));
            encode(ffmpeg.clone(), (format, args.quality), &pictures, file)
        });
        let peaks = try_join_all(clips).await?;
        encoding = encoding.min(began.elapsed().as_secs_f64());
        let spent = children_cpu()
            .zip(cpu)
            .map(|(after, before)| after - before);
        let less = |a: f64, b: Option<f64>| b.map_or(a, |b| a.min(b));
        encode_seconds = spent.map(|spent| less(spent, encode_seconds));
        encoder_memory = peaks.into_iter().max().flatten();
        bytes = std::fs::metadata(scratch.path().join("0.mp4"))?.len();

        let began = Instant::now();
        let clips = (0..args.workers).map(|worker| {
            let file = scratch.path().join(format!("{worker}.mp4"));
            draw_and_encode(
                ffmpeg.clone(),
                (format, args.quality),
                parameters,
                frames,
                file,
            )
        });
        try_join_all(clips).await?;
        both = both.min(began.elapsed().as_secs_f64());
    }
    let times = Times {
        encoding,
        both,
        render,
        encode: encode_seconds,
    };
    Ok(Figures {
        encoder_memory,
        lettering_ms,
        renderer_memory,
        ..figures((kind, size), (frames, args.workers), &times, bytes)
    })
}

/// A directory for clips, which goes when it is dropped.
fn room() -> anyhow::Result<tempfile::TempDir> {
    let mut room = tempfile::Builder::new();
    room.prefix("beatreel-bench-");
    room.tempdir().context("making room for clips")
}

/// What measuring gave, in seconds; CPU time where it says so.
struct Times {
    encoding: f64,
    both: f64,
    /// CPU time.
    render: f64,
    /// CPU time, where the system tells.
    encode: Option<f64>,
}

/// The figures of a clip of `bytes`, those of letters and memory aside.
fn figures(
    (kind, size): (SceneKind, Resolution),
    (frames, workers): (u32, u32),
    times: &Times,
    bytes: u64,
) -> Figures {
    let total = f64::from(frames * workers);
    let fps = FrameRate::FPS_30.fps();
    let render_ms = 1e3 * times.render / f64::from(frames);
    let encode_ms = times.encode.map(|seconds| 1e3 * seconds / total);
    Figures {
        scene: kind.name(),
        size: size.to_string(),
        ratio: times.encoding / times.both,
        render_ms,
        encode_ms,
        render_to_encode: encode_ms.map(|encode| render_ms / encode),
        fps: total / times.both,
        encode_fps: total / times.encoding,
        kbit_s: bytes as f64 * 8.0 * fps / f64::from(frames) / 1e3,
        lettering_ms: 0.0,
        encoder_memory: None,
        renderer_memory: None,
    }
}

/// All frames, the CPU seconds they took, and what the renderer added to this process's memory.
pub(super) fn draw(
    parameters: &SceneParameters,
    format: VideoFormat,
    frames: u32,
) -> (Vec<Picture>, f64, Option<u64>) {
    let before = memory("VmRSS:");
    let mut renderer = Renderer::new(parameters, format, 900, frames);
    let mut picture = Picture::new(format.size);
    renderer.render(0, &music(format, 0), &mut picture);
    let held = memory("VmRSS:").zip(before);
    let mut pictures = Vec::with_capacity(frames as usize);
    let mut spent = 0.0;
    for frame in 0..frames {
        let mut picture = Picture::new(format.size);
        let began = thread_cpu();
        renderer.render(frame, &music(format, frame), &mut picture);
        spent += thread_cpu() - began;
        pictures.push(picture);
    }
    let held = held.map(|(after, before)| after.saturating_sub(before));
    (pictures, spent, held)
}

pub(super) async fn encode(
    ffmpeg: Ffmpeg,
    (format, quality): (VideoFormat, Quality),
    pictures: &[Picture],
    file: std::path::PathBuf,
) -> anyhow::Result<Option<u64>> {
    let mut encoder = ffmpeg.encode_clip(format, quality, &file, CancellationToken::new())?;
    for picture in pictures {
        encoder.write(picture.as_bytes()).await?;
    }
    let peak = children_memory();
    encoder.finish().await?;
    Ok(peak)
}

/// As stage 7 does it: one thread draws, ffmpeg encodes, two pictures go back and forth.
async fn draw_and_encode(
    ffmpeg: Ffmpeg,
    (format, quality): (VideoFormat, Quality),
    parameters: SceneParameters,
    frames: u32,
    file: std::path::PathBuf,
) -> anyhow::Result<()> {
    let mut encoder = ffmpeg.encode_clip(format, quality, &file, CancellationToken::new())?;
    let (drawn, mut ready) = tokio::sync::mpsc::channel(2);
    let (blank, mut spare) = tokio::sync::mpsc::channel(2);
    for _ in 0..2 {
        blank
            .try_send(Picture::new(format.size))
            .context("preparing pictures")?;
    }
    let drawing = tokio::task::spawn_blocking(move || {
        let mut renderer = Renderer::new(&parameters, format, 900, frames);
        for frame in 0..frames {
            let Some(mut picture) = spare.blocking_recv() else {
                return;
            };
            renderer.render(frame, &music(format, frame), &mut picture);
            if drawn.blocking_send(picture).is_err() {
                return;
            }
        }
    });
    while let Some(picture) = ready.recv().await {
        encoder.write(picture.as_bytes()).await?;
        // After its last picture the drawing thread is gone and needs no more.
        let _last = blank.try_send(picture);
    }
    encoder.finish().await?;
    drawing.await.context("drawing")?;
    ensure!(file.exists(), "ffmpeg left no clip");
    Ok(())
}

fn music(format: VideoFormat, frame: u32) -> MusicAt {
    samples::music(f64::from(frame) / format.rate.fps())
}

fn mean(all: &[Figures], size: Resolution) -> Option<Mean> {
    let size = size.to_string();
    let here: Vec<&Figures> = all.iter().filter(|figures| figures.size == size).collect();
    if here.is_empty() {
        return None;
    }
    let mean = |value: &dyn Fn(&Figures) -> f64| {
        here.iter().map(|figures| value(figures)).sum::<f64>() / here.len() as f64
    };
    let shares: Option<Vec<f64>> = here
        .iter()
        .map(|figures| figures.render_to_encode)
        .collect();
    Some(Mean {
        ratio: mean(&|figures| figures.ratio),
        worst_ratio: here
            .iter()
            .map(|figures| figures.ratio)
            .fold(f64::INFINITY, f64::min),
        render_ms: mean(&|figures| figures.render_ms),
        lettering_ms: mean(&|figures| figures.lettering_ms),
        render_to_encode: shares.map(|shares| shares.iter().sum::<f64>() / shares.len() as f64),
        most_kbit_s: here
            .iter()
            .map(|figures| figures.kbit_s)
            .fold(0.0, f64::max),
        size,
    })
}

fn line(figures: &Figures) -> String {
    let or_unknown =
        |value: Option<f64>| value.map_or("     ?".to_owned(), |value| format!("{value:6.2}"));
    format!(
        "  {:<13} {:>5}  ratio {}  draws {:6.2} ms  encodes {} ms  share {}  {:6.0} kbit/s",
        figures.scene,
        figures.size,
        style(format!("{:.2}", figures.ratio)).bold().cyan(),
        figures.render_ms,
        or_unknown(figures.encode_ms),
        or_unknown(figures.render_to_encode),
        figures.kbit_s,
    )
}

fn summary(report: &Report) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for mean in &report.mean {
        writeln!(
            text,
            "\n  {}  all-in ÷ encode-only: mean {:.2}, worst {:.2}; drawing ÷ encoding CPU: {}; letters add {:.1} ms a frame; at most {:.0} kbit/s",
            style(&mean.size).bold(),
            mean.ratio,
            mean.worst_ratio,
            mean.render_to_encode
                .map_or("?".to_owned(), |share| format!("{share:.2}")),
            mean.lettering_ms,
            mean.most_kbit_s,
        )?;
    }
    let megabytes = |value: fn(&Figures) -> Option<u64>| {
        let most = report.scenes.iter().filter_map(value).max();
        most.map_or("?".to_owned(), |bytes| {
            format!("{:.0} MB", bytes as f64 / 1e6)
        })
    };
    write!(
        text,
        "  Memory: renderer {}, encoder {}.",
        megabytes(|figures| figures.renderer_memory),
        megabytes(|figures| figures.encoder_memory),
    )?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_is_named_as_in_documents_and_others_are_refused_with_the_list() {
        assert_eq!(scene("neon_city"), Ok(SceneKind::NeonCity));
        let refused = scene("neon city").unwrap_err();
        assert!(
            refused.contains("neon_city") && refused.contains("silk"),
            "{refused}"
        );
    }

    #[test]
    fn the_worst_ratio_and_the_mean_are_those_of_the_size() {
        let figures = |size: &str, ratio| Figures {
            scene: "ink",
            size: size.to_owned(),
            ratio,
            render_ms: 8.0,
            encode_ms: Some(20.0),
            render_to_encode: Some(0.4),
            fps: 0.0,
            encode_fps: 0.0,
            kbit_s: 5_000.0,
            lettering_ms: 2.0,
            encoder_memory: None,
            renderer_memory: None,
        };
        let all = [
            figures("720p", 0.1),
            figures("1080p", 0.6),
            figures("1080p", 0.8),
        ];
        let mean = mean(&all, Resolution::P1080).unwrap();
        assert!((mean.ratio - 0.7).abs() < 1e-9 && (mean.worst_ratio - 0.6).abs() < 1e-9);
    }
}
