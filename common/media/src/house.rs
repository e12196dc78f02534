//! The house format: what every clip is encoded to, and the check that a file keeps to it.
//!
//! Clips that keep to it can be joined without touching a picture: one codec configuration, one time
//! scale, one constant step, a key frame first and none that looks back over a cut.

use std::fmt;
use std::path::Path;

use model::FrameRate;
use model::format::{FrameSize, Quality, VideoFormat};

use crate::mp4::{self, ColourTags, FourCc, Mp4Error, VideoTrack};

/// Frames by which decoding runs ahead of showing: x264's two B-frames, one of them a reference.
pub const REORDER_FRAMES: u32 = 2;

/// Ticks a second of every track: a whole number of ticks for each of the usual frame rates.
const TIMESCALE: u32 = 30_000;

/// Ticks a second of the clips of this rate, and ticks a frame.
pub fn ticks(rate: FrameRate) -> (u32, u32) {
    let (numerator, denominator) = (rate.numerator.max(1), rate.denominator.max(1));
    let per_frame = u64::from(TIMESCALE) * u64::from(denominator);
    if per_frame.is_multiple_of(u64::from(numerator)) {
        (TIMESCALE, (per_frame / u64::from(numerator)) as u32)
    } else {
        (numerator, denominator) // 24000/1001 and the like: a scale of its own
    }
}

/// Bytes of a yuv420p frame.
pub fn frame_length(size: FrameSize) -> usize {
    let (width, height) = (size.width as usize, size.height as usize);
    width * height + 2 * width.div_ceil(2) * height.div_ceil(2)
}

/// How ffmpeg is to read our raw frames.
pub(crate) fn raw_input(format: VideoFormat) -> Vec<String> {
    words(&format!(
        "-f rawvideo -pixel_format yuv420p -video_size {} -framerate {}/{}",
        format.size, format.rate.numerator, format.rate.denominator
    ))
}

/// The filter that says what pixels are which are in bt709 already.
pub(crate) const LABELS: &str =
    "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709,setsar=1";

/// How ffmpeg is to encode raw frames, as its arguments: they are labelled, not converted.
pub fn encoding(format: VideoFormat, quality: Quality) -> Vec<String> {
    let mut arguments = words(&format!("-an -vf {LABELS}"));
    arguments.extend(codec(format, quality));
    arguments
}

/// The same without the filter: for what comes out of a graph of filters that ends with [`LABELS`].
pub(crate) fn codec(format: VideoFormat, quality: Quality) -> Vec<String> {
    let (timescale, _) = ticks(format.rate);
    let effort = effort(quality);
    words(&format!(
        "-c:v libx264 -profile:v high {effort} -threads 1 -g 60 -bf 2 -pix_fmt yuv420p \
         -color_range tv -color_primaries bt709 -color_trc bt709 -colorspace bt709 \
         -fflags +bitexact -flags:v +bitexact+cgop -map_metadata -1 \
         -video_track_timescale {timescale} -movie_timescale {timescale} -f mp4"
    ))
}

/// How hard x264 tries. All of them are High profile with two B-frames, so that one check fits all.
const fn effort(quality: Quality) -> &'static str {
    match quality {
        // The fastest preset is High profile only with the larger transform.
        Quality::Draft => "-preset ultrafast -x264-params 8x8dct=1 -crf 28",
        Quality::Standard => "-preset superfast -crf 22",
        Quality::High => "-preset fast -crf 17",
    }
}

/// Bits a second of the song as AAC.
pub(crate) const fn sound_bits(quality: Quality) -> &'static str {
    match quality {
        Quality::Draft => "128k",
        Quality::Standard => "192k",
        Quality::High => "320k",
    }
}

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// In what a file differs from what was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
pub struct Faults(Vec<String>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not as asked for: {}", self.0.join("; "))
    }
}

/// Collects faults.
#[derive(Debug, Default)]
pub struct Inspection(Vec<String>);

impl Inspection {
    /// Notes a fault where the value found is not the one expected.
    pub fn expect<T: Copy + PartialEq + fmt::Debug>(&mut self, what: &str, found: T, expected: T) {
        if found != expected {
            self.0
                .push(format!("{what} is {found:?} instead of {expected:?}"));
        }
    }

    /// Notes a fault unless `holds`.
    pub fn demand(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds {
            self.0.push(fault());
        }
    }

    /// The faults, if there were any.
    pub fn verdict(self) -> Result<(), Faults> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Faults(self.0))
        }
    }
}

/// Why a file is no clip of ours.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// It cannot be read as MP4.
    #[error("reading the clip")]
    Unreadable(#[from] Mp4Error),
    /// It is an MP4 of another kind.
    #[error("the clip is {0}")]
    Faults(#[from] Faults),
}

/// Reads the file of a clip and checks that it has exactly `frames` frames in the house format.
/// Blocks for the time of reading its index.
pub fn check_clip(file: &Path, format: VideoFormat, frames: u32) -> Result<VideoTrack, ClipError> {
    let movie = mp4::read(file)?;
    let mut inspection = Inspection::default();
    inspection.demand(movie.audio.is_none(), || "it has a sound track".to_owned());
    let video = movie.video.ok_or(Mp4Error::Missing("video track"))?;
    check_picture(&video, format, &mut inspection);
    inspection.expect("the number of frames", video.frames, frames);
    inspection.demand(video.key_frames.first() == Some(&0), || {
        "its first frame is no key frame".to_owned()
    });
    inspection.verdict()?;
    Ok(video)
}

/// What holds for the picture of clips and films alike.
pub fn check_picture(video: &VideoTrack, format: VideoFormat, inspection: &mut Inspection) {
    let (timescale, step) = ticks(format.rate);
    let tags = ColourTags {
        primaries: 1,
        transfer: 1,
        matrix: 1,
        full_range: false,
    };
    inspection.expect("the codec", video.codec, FourCc(*b"avc1"));
    inspection.expect("the H.264 profile", video.profile, Some(100));
    inspection.expect("the size", video.size, format.size);
    inspection.expect(
        "the pixel aspect",
        video.pixel_aspect.unwrap_or((1, 1)),
        (1, 1),
    );
    inspection.expect("the colour", video.colour, Some(tags));
    inspection.expect("the time scale", video.timescale, timescale);
    inspection.expect("the first frame's tick", video.start, 0);
    if video.frames > 1 {
        inspection.expect("the frame's length in ticks", video.step, Some(step));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_usual_rate_has_whole_ticks() {
        let check = |numerator, denominator, expected| {
            assert_eq!(
                ticks(FrameRate {
                    numerator,
                    denominator
                }),
                expected
            );
        };
        check(24, 1, (30_000, 1_250));
        check(25, 1, (30_000, 1_200));
        check(30, 1, (30_000, 1_000));
        check(60, 1, (30_000, 500));
        check(30_000, 1_001, (30_000, 1_001));
        check(24_000, 1_001, (24_000, 1_001));
    }

    #[test]
    fn a_draft_has_a_quarter_of_the_pixels_and_the_fastest_preset() {
        let film = FrameSize {
            width: 1280,
            height: 720,
        };
        let size = Quality::Draft.drawn(film);
        assert_eq!(frame_length(size) * 4, frame_length(film));
        let rate = FrameRate::FPS_30;
        let has = |quality, word: &str| {
            let arguments = encoding(VideoFormat { size, rate }, quality);
            arguments.iter().any(|argument| argument == word)
        };
        assert!(has(Quality::Draft, "ultrafast"));
        assert!(!has(Quality::Standard, "ultrafast") && !has(Quality::High, "ultrafast"));
    }

    #[test]
    fn an_inspection_tells_every_fault_at_once() {
        let mut inspection = Inspection::default();
        inspection.expect("the size", 1, 1);
        inspection.expect("the length", 2, 3);
        inspection.demand(false, || "it is empty".to_owned());
        let faults = inspection.verdict().unwrap_err().to_string();
        assert_eq!(
            faults,
            "not as asked for: the length is 2 instead of 3; it is empty"
        );
        assert_eq!(Inspection::default().verdict(), Ok(()));
    }
}
