//! A song as models of speech take it: 16 kHz mono, 16 bits, a third of the bytes or fewer.

use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};

use super::resample::Conversion;
use super::wav::from_hound;
use super::{AudioError, CanonicalWav};

/// What models of speech are trained on, in Hz; more would only be sent.
const RATE: u32 = 16_000;
/// Frames that are read at a time.
const BLOCK: usize = 8_192;

/// Writes the canonical song at `song` to `out`, on the same clock. Blocks. `going_on` is asked now and
/// then, and the file is of no use once it says no.
pub fn for_speech(song: &Path, out: &Path, going_on: impl Fn() -> bool) -> Result<(), AudioError> {
    let mut song = CanonicalWav::open(song)?;
    let channels = usize::from(song.shape().channels);
    let spec = WavSpec {
        channels: 1,
        sample_rate: RATE,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut writer = WavWriter::create(out, spec).map_err(from_hound)?;
    let mut conversion = Conversion::new((song.shape().sample_rate, RATE), 1)?;
    let mut write = |samples: &[f32]| {
        for sample in samples {
            let scaled = (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0);
            writer.write_sample(scaled as i16).map_err(from_hound)?;
        }
        Ok(())
    };
    let (mut block, mut mono) = (Vec::new(), Vec::new());
    loop {
        song.read_block(BLOCK, &mut block)?;
        if block.is_empty() || !going_on() {
            break;
        }
        mono.clear();
        mono.extend(
            block
                .chunks(channels)
                .map(|frame| frame.iter().sum::<f32>() / channels as f32),
        );
        conversion.push(&mono, &mut write)?;
    }
    conversion.finish(&mut write)?;
    writer.finalize().map_err(from_hound)
}
