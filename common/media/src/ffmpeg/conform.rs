//! Foreign clips, of whatever size, rate, length and colours, to the house format and an exact length.
//!
//! Two runs: one decodes the clip to learn its length, rate, size and colours, the other makes it anew. The
//! second keeps no more than a few frames at a time, however long the clip is.

use std::path::{Path, PathBuf};

use model::format::{FrameSize, Quality, VideoFormat};
use tokio_util::sync::CancellationToken;

use super::foreign::{Foreign, Matrix};
use super::{Ffmpeg, FfmpegError, Process, input, output};
use crate::house::{self, ClipError};
use crate::part_file::PartFile;

/// What a foreign clip is made to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conforming {
    /// Size and rate.
    pub format: VideoFormat,
    /// With how much care it is encoded.
    pub quality: Quality,
    /// Frames that it has afterwards, at least 1.
    pub frames: u32,
}

/// Why a foreign clip was not made ours.
#[derive(Debug, thiserror::Error)]
pub enum ConformError {
    /// It could not be decoded or encoded, or the token was raised.
    #[error(transparent)]
    Ffmpeg(#[from] FfmpegError),
    /// What ffmpeg says of it makes no sense.
    #[error("the foreign clip has no pictures")]
    NoPictures,
    /// It came out otherwise than it should.
    #[error("checking what became of the foreign clip")]
    Check(#[from] ClipError),
}

/// How far a clip may be slowed down or sped up before it is seen.
const STRETCH: f64 = 1.25;
/// Frames of the dissolve where a clip begins anew.
const DISSOLVE: u32 = 8;
/// How often a clip is shown at most; after that its last frame stays.
const MOST_TURNS: usize = 8;
/// Seconds of a foreign clip that are looked at.
pub(super) const LONGEST: &str = "120";

/// How a clip is brought to a length.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Fit {
    /// Seconds that are left out at its begin.
    skip: f64,
    /// Its time is multiplied by this.
    stretch: f64,
    /// How often it is shown, one time dissolving into the next.
    turns: usize,
}

/// A foreign clip on its way.
#[derive(Debug)]
struct Anew {
    seen: Foreign,
    wanted: Conforming,
    /// Whether HDR is tone mapped, which not every ffmpeg can.
    mapped: bool,
}

impl Ffmpeg {
    /// Makes a foreign clip, in any file and format that ffmpeg reads, a clip of ours at `out`.
    ///
    /// It is turned upright as its file says, scaled and cropped to fill the frame, brought to BT.709 (HDR is
    /// tone mapped where this ffmpeg has `zscale`), loses its sound, and gets the grain of our own clips. Its
    /// length: up to 1.25 times faster or slower it is stretched; longer clips lose their begin and end in
    /// equal parts, shorter ones begin anew in a dissolve of 8 frames, at most 8 times.
    pub async fn conform(
        &self,
        foreign: &Path,
        wanted: Conforming,
        out: &Path,
        cancel: &CancellationToken,
    ) -> Result<(), ConformError> {
        let seen = self.look_at(foreign, out, cancel).await?;
        let seen = Foreign::read(&seen.0, &seen.1).ok_or(ConformError::NoPictures)?;
        let mut anew = Anew {
            seen,
            wanted,
            mapped: true,
        };
        match self.make_anew(foreign, &anew, out, cancel).await {
            Err(FfmpegError::Failed { words, .. })
                if anew.seen.is_hdr() && words.contains("zscale") =>
            {
                anew.mapped = false;
                self.make_anew(foreign, &anew, out, cancel).await?;
            }
            outcome => outcome?,
        }
        let (file, Conforming { format, frames, .. }) = (out.to_owned(), wanted);
        let check = move || house::check_clip(&file, format, frames).map(drop);
        let checked = tokio::task::spawn_blocking(check).await;
        checked.map_err(|error| FfmpegError::Io {
            doing: "checking",
            path: out.to_owned(),
            source: error.into(),
        })??;
        Ok(())
    }

    /// What ffmpeg says of a file, and of each of its frames.
    async fn look_at(
        &self,
        foreign: &Path,
        out: &Path,
        cancel: &CancellationToken,
    ) -> Result<(String, String), FfmpegError> {
        let frames = PartFile::of(&PathBuf::from(out).with_extension("frames"));
        let mut command = self.command();
        command.args(["-loglevel", "info", "-t", LONGEST]);
        input(&mut command, foreign);
        command.args(["-map", "0:v:0", "-an", "-fps_mode", "passthrough"]);
        command.args(["-f", "framecrc"]);
        output(&mut command, frames.path());
        let process = Process::start("looking at a foreign clip", command, self)?;
        let words = process.finish_and_tell(cancel).await?;
        let listed = tokio::fs::read_to_string(frames.path()).await;
        let listed = listed.map_err(|source| FfmpegError::Io {
            doing: "reading",
            path: frames.path().to_owned(),
            source,
        })?;
        Ok((words, listed))
    }

    async fn make_anew(
        &self,
        foreign: &Path,
        anew: &Anew,
        out: &Path,
        cancel: &CancellationToken,
    ) -> Result<(), FfmpegError> {
        let Conforming {
            format,
            quality,
            frames,
        } = anew.wanted;
        let fit = Fit::of(&anew.seen, anew.wanted);
        let mut command = self.command();
        for _ in 0..fit.turns {
            command.args(["-t", LONGEST]);
            input(&mut command, foreign);
        }
        command
            .arg("-filter_complex")
            .arg(graph(anew, fit))
            .args(["-map", "[out]", "-an", "-frames:v", &frames.to_string()])
            .args(house::codec(format, quality));
        self.make("conforming a foreign clip", command, out, cancel)
            .await
    }
}

impl Fit {
    fn of(seen: &Foreign, wanted: Conforming) -> Self {
        let rate = wanted.format.rate.fps();
        let (length, goal) = (seen.seconds, f64::from(wanted.frames) / rate);
        let dissolve = f64::from(DISSOLVE) / rate;
        let stretch = goal / length.max(1e-3);
        let one = Self {
            skip: 0.0,
            stretch: 1.0,
            turns: 1,
        };
        if seen.frames < 2 {
            return one; // a still: its one frame stays
        }
        if stretch < 1.0 / STRETCH {
            return Self {
                skip: (length - goal) / 2.0,
                ..one
            };
        }
        if stretch <= STRETCH || length * STRETCH <= 2.0 * dissolve {
            return Self {
                stretch: stretch.min(STRETCH),
                ..one
            };
        }
        let slowed = length * STRETCH;
        let turns = ((goal - dissolve) / (slowed - dissolve)).ceil() as usize;
        let turns = turns.clamp(2, MOST_TURNS);
        let whole = goal + dissolve * (turns - 1) as f64;
        Self {
            skip: 0.0,
            stretch: (whole / (length * turns as f64)).clamp(1.0, STRETCH),
            turns,
        }
    }
}

fn graph(anew: &Anew, fit: Fit) -> String {
    let Anew {
        seen,
        wanted,
        mapped,
    } = anew;
    let Conforming { format, frames, .. } = *wanted;
    let Fit {
        skip,
        stretch,
        turns,
    } = fit;
    let rate = format!(
        "fps={}/{}:round=near",
        format.rate.numerator, format.rate.denominator
    );
    let turn = format!(
        "trim=start={skip:.6},setpts=(PTS-STARTPTS)*{stretch:.9},{colour},{size},{rate},settb=AVTB,\
         format=yuv420p",
        colour = colours(seen, *mapped),
        size = filled(format.size),
    );
    let mut chains: Vec<String> = (0..turns)
        .map(|index| format!("[{index}:v:0]{turn}[t{index}]"))
        .collect();
    // Each turn begins so much later than the one before.
    let dissolve = f64::from(DISSOLVE) / format.rate.fps();
    let step = seen.seconds * stretch - dissolve;
    let mut last = "t0".to_owned();
    for index in 1..turns {
        let offset = step * index as f64;
        chains.push(format!(
            "[{last}][t{index}]xfade=duration={dissolve:.6}:offset={offset:.6}[x{index}]"
        ));
        last = format!("x{index}");
    }
    // The last frame stays for as long as frames are missing.
    let labels = house::LABELS;
    chains.push(format!(
        "[{last}]{rate},tpad=stop_mode=clone:stop={frames},{GRAIN},{labels}[out]"
    ));
    chains.join(";")
}

/// As much noise in luma as the dither of our own clips, as still as it is there.
const GRAIN: &str = "noise=c0s=4:c0f=u:c0_seed=11";

/// Square pixels, the whole frame covered, what is too much cut off on both sides alike.
fn filled(FrameSize { width, height }: FrameSize) -> String {
    format!(
        "scale='trunc(iw*sar/2)*2':ih,setsar=1,\
         scale={width}:{height}:force_original_aspect_ratio=increase:force_divisible_by=2:flags=bicubic,\
         crop={width}:{height},setsar=1"
    )
}

fn colours(seen: &Foreign, mapped: bool) -> String {
    let range = if seen.full_range { "pc" } else { "tv" };
    if seen.is_hdr() && mapped {
        // To light as it is, to our primaries, under the ceiling, and back.
        return format!(
            "setparams=range={range},zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,\
             tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=tv,format=yuv420p"
        );
    }
    let matrix = match seen.matrix {
        Matrix::Bt601 => "bt601",
        Matrix::Bt709 => "bt709",
        Matrix::Bt2020 => "bt2020",
        Matrix::Rgb => "auto",
    };
    format!(
        "scale=in_color_matrix={matrix}:in_range={range}:out_color_matrix=bt709:out_range=tv:\
         flags=accurate_rnd+full_chroma_int,format=yuv420p"
    )
}

#[cfg(test)]
mod tests {
    use model::FrameRate;
    use model::format::Resolution;

    use super::*;

    fn fit(seconds: f64, frames: u32) -> Fit {
        let seen = Foreign {
            frames: (seconds * 16.0) as u32,
            seconds,
            full_range: false,
            matrix: Matrix::Bt709,
            transfer: String::new(),
        };
        let format = VideoFormat {
            size: Resolution::P720.size(),
            rate: FrameRate::FPS_30,
        };
        let wanted = Conforming {
            format,
            quality: Quality::Standard,
            frames,
        };
        Fit::of(&seen, wanted)
    }

    #[test]
    fn a_clip_of_nearly_the_right_length_is_stretched() {
        assert_eq!(
            fit(5.0, 150),
            Fit {
                skip: 0.0,
                stretch: 1.0,
                turns: 1
            }
        );
        assert!((fit(5.0, 180).stretch - 1.2).abs() < 1e-9);
        assert!((fit(5.0, 126).stretch - 0.84).abs() < 1e-9);
    }

    #[test]
    fn a_longer_clip_shows_its_middle_and_a_shorter_one_begins_anew() {
        let long = fit(10.0, 90);
        assert_eq!((long.turns, long.stretch), (1, 1.0));
        assert!((long.skip - 3.5).abs() < 1e-9);
        for (seconds, frames) in [(2.0, 120), (2.0, 240), (1.0, 150)] {
            let short = fit(seconds, frames);
            let covered = short.turns as f64 * seconds * short.stretch
                - (short.turns - 1) as f64 * 8.0 / 30.0;
            assert!(covered >= f64::from(frames) / 30.0 - 1e-6, "{short:?}");
            assert!(short.turns >= 2 && short.stretch <= STRETCH);
        }
        assert_eq!(fit(0.5, 9000).turns, MOST_TURNS);
        assert_eq!(fit(0.06, 90).turns, 1); // a still
    }
}
