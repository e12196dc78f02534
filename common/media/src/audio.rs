//! Uploaded audio in, canonical audio out: the one place where a song's length is decided.
//!
//! [`canonicalise`] decodes an MP3, WAV or FLAC file once, bounded, and writes WAV (16-bit PCM, 44.1
//! or 48 kHz, mono or stereo). The sample count of that file is the only duration of the job: price,
//! plan, cuts and mux use it, and headers are never believed. [`CanonicalWav`] reads it back.
//!
//! Everything streams: memory is bounded by the largest packet plus some 100 kB of look-ahead, and by
//! the FFT of the resampler (a few MB at odd rates), whatever the file claims about itself.
//! All of it blocks: call it from a blocking thread; or, for files of strangers, through
//! [`SeparateDecoder`], which gives it a process of its own.

mod confine;
mod decode;
mod fold;
mod lag;
mod resample;
mod separate;
mod sniff;
mod speech;
mod wav;

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

pub use lag::{Lag, lag};
pub use separate::{SeparateDecoder, decode_for_parent};
pub use sniff::{AudioKind, kind_of};
pub use speech::for_speech;
pub use wav::{CanonicalWav, CanonicalWriter};

/// Sample rates of the input that are accepted, in Hz.
pub const SAMPLE_RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;
/// Channel counts of the input that are accepted.
pub const CHANNELS: std::ops::RangeInclusive<usize> = 1..=8;

/// How long a song may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Shorter songs are refused.
    pub min_seconds: f64,
    /// Longer songs are refused; decoding stops there.
    pub max_seconds: f64,
}

impl Default for Limits {
    /// One second to ten minutes.
    fn default() -> Self {
        Self {
            min_seconds: 1.0,
            max_seconds: 600.0,
        }
    }
}

/// The shape of a canonical file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canonical {
    /// 44 100 or 48 000.
    pub sample_rate: u32,
    /// 1 or 2.
    pub channels: u16,
    /// Samples a channel: the length of the song.
    pub samples: u64,
}

impl Canonical {
    /// Its length in seconds.
    pub fn seconds(&self) -> f64 {
        self.samples as f64 / f64::from(self.sample_rate)
    }
}

/// Why a file is not taken as a song. Each message is a sentence that its owner can act on.
#[derive(Debug, thiserror::Error)]
pub enum AudioError {
    /// Not one of the three formats.
    #[error("the file is {found}; MP3, WAV and FLAC are accepted")]
    Unsupported {
        /// What it seems to be, with its article.
        found: String,
    },
    /// One of the three formats, but nothing can be decoded.
    #[error("the {kind} file cannot be decoded: {why}")]
    Unreadable {
        /// What it seems to be.
        kind: AudioKind,
        /// What is wrong with it.
        why: String,
    },
    /// The decoder gave up in a way it should not.
    #[error("the file is damaged in a way that no decoder survives")]
    Broken,
    /// Decoding it would take more than any song does, so that it was ended.
    #[error("decoding the file takes more {what} than any song does")]
    TooCostly {
        /// Time, memory …
        what: &'static str,
    },
    /// Not enough sound.
    #[error("the song is {seconds:.2} s long; at least {min} s are needed")]
    TooShort {
        /// Its length.
        seconds: f64,
        /// The limit.
        min: f64,
    },
    /// Too much sound.
    #[error("the song is longer than {max} s, which is the most that is accepted")]
    TooLong {
        /// The limit.
        max: f64,
    },
    /// A rate that no song has.
    #[error("the sample rate is {hz} Hz; 8000 to 192000 Hz are accepted")]
    SampleRate {
        /// What the file says.
        hz: u32,
    },
    /// A channel count that no song has.
    #[error("the file has {count} channels; 1 to 8 are accepted")]
    ChannelCount {
        /// What the file says.
        count: usize,
    },
    /// A file that should be canonical is not.
    #[error("the stored audio is not canonical: {why}")]
    NotCanonical {
        /// What differs.
        why: String,
    },
    /// The resampler failed, which is our fault.
    #[error("the audio cannot be resampled")]
    Resample(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The process that decodes did not come to an end in time, though it did not use much of it.
    #[error("the decoder has not answered within {seconds} s")]
    Late {
        /// How long it had.
        seconds: u64,
    },
    /// The process that decodes could not do its work, which is our fault.
    #[error("the decoder {path:?} gave no answer: {why}")]
    Decoder {
        /// The program.
        path: std::path::PathBuf,
        /// What it said, or how it ended.
        why: String,
    },
    /// The disk failed.
    #[error("the audio cannot be read or written")]
    Io(#[from] std::io::Error),
}

impl AudioError {
    /// The slug of the problem, for an API.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unsupported { .. } => "audio-unsupported",
            Self::Unreadable { .. }
            | Self::Broken
            | Self::TooCostly { .. }
            | Self::SampleRate { .. }
            | Self::ChannelCount { .. } => "audio-unreadable",
            Self::TooShort { .. } => "audio-too-short",
            Self::TooLong { .. } => "audio-too-long",
            Self::Late { .. } => "unavailable",
            Self::NotCanonical { .. } | Self::Resample(_) | Self::Decoder { .. } | Self::Io(_) => {
                "internal"
            }
        }
    }

    /// True where another file would help; false where we are to blame.
    pub const fn is_about_the_file(&self) -> bool {
        !matches!(
            self,
            Self::NotCanonical { .. }
                | Self::Resample(_)
                | Self::Late { .. }
                | Self::Decoder { .. }
                | Self::Io(_)
        )
    }
}

/// Decodes the song at `source` and writes it as canonical WAV to `destination`, which is removed
/// again if the song is refused.
pub fn canonicalise(
    source: &Path,
    destination: &Path,
    limits: &Limits,
) -> Result<Canonical, AudioError> {
    let source = BufReader::new(File::open(source)?);
    // A decoder that panics has met a file made to break it: that is the file's fault, not the process's.
    let decoded = catch_unwind(AssertUnwindSafe(|| {
        decode_into(source, destination, limits)
    }));
    let written = decoded.unwrap_or(Err(AudioError::Broken));
    if written.is_err() {
        // What is half written is of no use; the error that matters is the one returned.
        let _ = std::fs::remove_file(destination);
    }
    written
}

fn decode_into<R>(source: R, destination: &Path, limits: &Limits) -> Result<Canonical, AudioError>
where
    R: Read + Seek + Send + Sync + 'static,
{
    let mut decoder = decode::Decoder::open(source)?;
    let (rate, channels) = (decoder.sample_rate(), decoder.channels_out());
    let mut resampler = resample::ToCanonicalRate::new(rate, channels)?;
    let mut writer = CanonicalWriter::create(destination, resampler.rate_out(), channels)?;
    let max_frames = (limits.max_seconds * f64::from(rate)).floor() as u64;
    let mut frames = 0;
    while let Some(block) = decoder.next_block()? {
        frames += (block.len() / usize::from(channels)) as u64;
        if frames > max_frames {
            return Err(AudioError::TooLong {
                max: limits.max_seconds,
            });
        }
        resampler.push(block, |samples| writer.write(samples))?;
    }
    let seconds = frames as f64 / f64::from(rate);
    if seconds < limits.min_seconds || frames == 0 {
        return Err(AudioError::TooShort {
            seconds,
            min: limits.min_seconds,
        });
    }
    resampler.finish(|samples| writer.write(samples))?;
    writer.finish()
}

#[cfg(test)]
mod tests;
