//! Canonical WAV: 16-bit PCM, 44.1 or 48 kHz, mono or stereo, written and read as a stream.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read};
use std::path::Path;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use super::{AudioError, Canonical};

/// Writes a canonical file.
pub struct CanonicalWriter {
    writer: WavWriter<BufWriter<File>>,
    spec: WavSpec,
    samples: u64,
}

impl CanonicalWriter {
    /// Creates the file, or empties it.
    pub fn create(path: &Path, sample_rate: u32, channels: u16) -> Result<Self, AudioError> {
        let spec = WavSpec {
            channels,
            sample_rate,
            bits_per_sample: 16,
            sample_format: SampleFormat::Int,
        };
        check(&spec)?;
        let file = BufWriter::with_capacity(64 * 1024, File::create(path)?);
        let writer = WavWriter::new(file, spec).map_err(from_hound)?;
        Ok(Self {
            writer,
            spec,
            samples: 0,
        })
    }

    /// Appends interleaved samples, 1 being full scale; louder ones are clipped.
    pub fn write(&mut self, interleaved: &[f32]) -> Result<(), AudioError> {
        for sample in interleaved {
            let scaled = (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0);
            self.writer
                .write_sample(scaled as i16)
                .map_err(from_hound)?;
        }
        self.samples += interleaved.len() as u64 / u64::from(self.spec.channels);
        Ok(())
    }

    /// Completes the header.
    pub fn finish(self) -> Result<Canonical, AudioError> {
        self.writer.finalize().map_err(from_hound)?;
        Ok(Canonical {
            sample_rate: self.spec.sample_rate,
            channels: self.spec.channels,
            samples: self.samples,
        })
    }
}

/// Reads a canonical file.
pub struct CanonicalWav<R> {
    /// Behind the header.
    reader: R,
    shape: Canonical,
    /// Samples of all channels that are still to be read.
    left: u64,
    bytes: Vec<u8>,
}

impl CanonicalWav<BufReader<File>> {
    /// Opens the file at `path`.
    pub fn open(path: &Path) -> Result<Self, AudioError> {
        Self::new(BufReader::with_capacity(64 * 1024, File::open(path)?))
    }
}

impl<R: Read> CanonicalWav<R> {
    /// Reads from `reader`; refuses what is not canonical.
    pub fn new(reader: R) -> Result<Self, AudioError> {
        let reader = WavReader::new(reader).map_err(from_hound)?;
        let spec = reader.spec();
        check(&spec)?;
        let shape = Canonical {
            sample_rate: spec.sample_rate,
            channels: spec.channels,
            samples: u64::from(reader.duration()),
        };
        Ok(Self {
            left: shape.samples * u64::from(shape.channels),
            reader: reader.into_inner(),
            shape,
            bytes: Vec::new(),
        })
    }

    /// Rate, channels and length.
    pub fn shape(&self) -> Canonical {
        self.shape
    }

    /// Fills `block` with up to `frames` interleaved frames, −1 to 1; empty at the end.
    pub fn read_block(&mut self, frames: usize, block: &mut Vec<f32>) -> Result<(), AudioError> {
        let wanted = frames as u64 * u64::from(self.shape.channels);
        let count = wanted.min(self.left);
        // All at once: sample by sample, reading would take a fifth of what hearing takes.
        self.bytes.resize(2 * count as usize, 0);
        self.reader.read_exact(&mut self.bytes)?;
        self.left -= count;
        let (samples, _) = self.bytes.as_chunks::<2>();
        let number = |bytes: &[u8; 2]| f32::from(i16::from_le_bytes(*bytes)) / 32_768.0;
        block.clear();
        block.extend(samples.iter().map(number));
        Ok(())
    }
}

fn check(spec: &WavSpec) -> Result<(), AudioError> {
    let canonical = matches!(spec.sample_rate, 44_100 | 48_000)
        && matches!(spec.channels, 1 | 2)
        && spec.bits_per_sample == 16
        && spec.sample_format == SampleFormat::Int;
    if canonical {
        Ok(())
    } else {
        Err(AudioError::NotCanonical {
            why: format!(
                "{} Hz, {} channels, {} bits",
                spec.sample_rate, spec.channels, spec.bits_per_sample
            ),
        })
    }
}

pub(super) fn from_hound(error: hound::Error) -> AudioError {
    match error {
        hound::Error::IoError(error) => AudioError::Io(error),
        other => AudioError::NotCanonical {
            why: other.to_string(),
        },
    }
}
