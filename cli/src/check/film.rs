//! A film, decoded frame by frame: what is kept of each is small.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use audio_parser::hearing::Observer;
use audio_parser::sound;
use media::audio::{self, Limits};
use model::analysis::SectionKind;
use model::corrections::Corrections;
use model::format::FrameSize;
use visuals::{FlashCount, Flashes, Picture};

use super::hues::{self, Lab};
use super::light::{self, Exposure};
use super::small::{self, Small};

/// What was seen of a film.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) fps: f64,
    /// Every frame's luma, small.
    pub(super) small: Vec<Small>,
    pub(super) flashes: FlashCount,
    /// One a second each.
    pub(super) banding: Vec<f64>,
    pub(super) exposure: Vec<Exposure>,
    /// Pixels of one frame a second.
    pub(super) colours: Vec<Vec<Lab>>,
}

/// What was heard in it; times in seconds.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Empty where the song has no clear beat.
    pub(super) beats: Vec<f64>,
    /// From, to, and what it is.
    pub(super) sections: Vec<(f64, f64, SectionKind)>,
    /// From, to.
    pub(super) silences: Vec<(f64, f64)>,
}

/// Every frame is looked at in this size, and one a second in its own.
const GLANCE: FrameSize = FrameSize {
    width: 2 * small::ACROSS as u32,
    height: 2 * small::DOWN as u32,
};

/// Decodes the film and looks at every frame of it.
pub(super) fn look(video: &Path) -> anyhow::Result<Seen> {
    ensure!(video.is_file(), "{} is no file", video.display());
    let (size, fps) = probe(video)?;
    let mut seen = Seen {
        fps,
        small: Vec::new(),
        flashes: FlashCount::default(),
        banding: Vec::new(),
        exposure: Vec::new(),
        colours: Vec::new(),
    };
    let mut flashes = Flashes::new(fps);
    let FrameSize { width, height } = GLANCE;
    let every = format!("scale={width}:{height}:flags=area");
    decode(video, &every, GLANCE, |picture| {
        flashes.see(picture);
        seen.small.push(small::small(picture));
    })?;
    ensure!(!seen.small.is_empty(), "{} has no frames", video.display());
    seen.flashes = flashes.worst();
    let second = (fps.round() as usize).max(1);
    let FrameSize { width, height } = size;
    let few = format!(
        "select='eq(mod(n,{second}),{})',scale={width}:{height}",
        second / 2
    );
    decode(video, &few, size, |picture| {
        seen.banding.push(light::banding(picture));
        seen.exposure.push(light::exposure(picture));
        seen.colours.push(hues::colours(picture));
    })?;
    Ok(seen)
}

/// Gives each frame that ffmpeg's `filter` lets through, in `size`, to `see`.
fn decode(
    video: &Path,
    filter: &str,
    size: FrameSize,
    mut see: impl FnMut(&Picture),
) -> anyhow::Result<()> {
    let ffmpeg = tools::ffmpeg().context("finding ffmpeg")?;
    let mut command = Command::new(ffmpeg);
    command
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(video)
        .args(["-map", "0:v:0", "-vf", filter, "-vsync", "passthrough"])
        .args(["-f", "rawvideo", "-pix_fmt", "yuv420p", "pipe:1"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut child = command.spawn().context("starting ffmpeg")?;
    let mut frames = child.stdout.take().context("reading from ffmpeg")?;
    let mut picture = Picture::new(size);
    while frame(&mut frames, &mut picture)? {
        see(&picture);
    }
    let status = child.wait().context("waiting for ffmpeg")?;
    ensure!(status.success(), "ffmpeg cannot decode {}", video.display());
    Ok(())
}

/// Reads the next frame; false at the end.
fn frame(from: &mut impl Read, picture: &mut Picture) -> anyhow::Result<bool> {
    let bytes = picture.as_bytes_mut();
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match from.read(rest).context("reading from ffmpeg")? {
            0 if filled == 0 => return Ok(false),
            0 => anyhow::bail!("the last frame is cut off"),
            read => filled += read,
        }
    }
    Ok(true)
}

/// Size (even) and frame rate, as ffmpeg tells them of its input.
fn probe(video: &Path) -> anyhow::Result<(FrameSize, f64)> {
    let ffmpeg = tools::ffmpeg().context("finding ffmpeg")?;
    let output = Command::new(ffmpeg)
        .args(["-hide_banner", "-nostdin", "-i"])
        .arg(video)
        .stdin(Stdio::null())
        .output()
        .context("starting ffmpeg")?;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = told
        .lines()
        .find(|line| line.contains("Video:"))
        .with_context(|| format!("{} has no picture", video.display()))?;
    parsed(line).with_context(|| format!("ffmpeg tells of the picture: {}", line.trim()))
}

/// From a line such as `Video: h264 (High), yuv420p(tv, bt709), 1920x1080, 30 fps, 30 tbr`.
fn parsed(line: &str) -> Option<(FrameSize, f64)> {
    let parts = || line.split([',', ' ', '[']);
    let size = parts().find_map(|part| {
        let (width, height) = part.split_once('x')?;
        let (width, height): (u32, u32) = (width.parse().ok()?, height.parse().ok()?);
        Some(FrameSize {
            width: (width & !1).max(2),
            height: (height & !1).max(2),
        })
    })?;
    let words: Vec<&str> = line
        .split([',', ' '])
        .filter(|word| !word.is_empty())
        .collect();
    let before = words
        .iter()
        .position(|word| *word == "fps")?
        .checked_sub(1)?;
    let fps: f64 = words.get(before)?.parse().ok()?;
    (fps > 0.0).then_some((size, fps))
}

/// Confidence in the tempo from which a beat is clear enough to be followed.
const CLEAR_BEAT: f64 = 0.5;

struct Silent;

impl Observer for Silent {
    fn progress(&mut self, _part: f64) -> bool {
        true
    }
}

/// Hears the film's song; `None` where it has no sound.
pub(super) fn listen(video: &Path) -> anyhow::Result<Option<Heard>> {
    let scratch = tempfile::Builder::new()
        .prefix("beatreel-check-")
        .tempdir()
        .context("making room for the song")?;
    let (song, canonical) = (
        scratch.path().join("song.wav"),
        scratch.path().join("canonical.wav"),
    );
    let status = Command::new(tools::ffmpeg().context("finding ffmpeg")?)
        .args(["-v", "quiet", "-nostdin", "-i"])
        .arg(video)
        .args(["-map", "0:a:0", "-c:a", "pcm_s16le"])
        .arg(&song)
        .stdin(Stdio::null())
        .status()
        .context("starting ffmpeg")?;
    if !status.success() || !song.exists() {
        return Ok(None);
    }
    audio::canonicalise(&song, &canonical, &Limits::default())
        .context("reading the film's sound")?;
    let sound = sound::listen(&canonical, &mut Silent).context("listening to the film")?;
    let Some(heard) = sound.and_then(|mut sound| sound.hear(&Corrections::default(), &mut Silent))
    else {
        return Ok(None);
    };
    let clear = heard.tempo().confidence >= CLEAR_BEAT;
    let beats = heard.beats().iter().filter(|_| clear);
    let sections = heard.sections().iter();
    let silences = heard.silences().iter();
    Ok(Some(Heard {
        beats: beats.map(|beat| beat.time.0).collect(),
        sections: sections
            .map(|section| (section.start.0, section.end.0, section.kind))
            .collect(),
        silences: silences
            .map(|silence| (silence.start.0, silence.end.0))
            .collect(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn size_and_rate_are_read_from_what_ffmpeg_tells() {
        let line = "  Stream #0:0[0x1](und): Video: h264 (High) (avc1 / 0x31637661), yuv420p(tv, bt709, progressive), 1920x1080 [SAR 1:1 DAR 16:9], 3409 kb/s, 29.97 fps, 29.97 tbr, 30k tbn (default)";
        let (size, fps) = parsed(line).unwrap();
        assert_eq!((size.width, size.height), (1920, 1080));
        assert!((fps - 29.97).abs() < 1e-9);
        assert!(parsed("Video: mjpeg, 10 fps").is_none());
    }
}
