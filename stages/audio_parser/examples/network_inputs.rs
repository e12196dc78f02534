//! Writes what the network sees of songs, for `training/train.py`: for each `X.wav` (canonical) a file
//! `X.inputs` of u16, 4 096 a unit, as many a step as `network::inputs::A_STEP`.
//!
//! `cargo run --release -p beatreel-audio-parser --example network_inputs -- songs/*.wav`

use std::path::PathBuf;

use audio_parser::network::inputs;
use audio_parser::{features, level};
use media::audio::CanonicalWav;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for path in std::env::args_os().skip(1).map(PathBuf::from) {
        let level = level::measure(&mut CanonicalWav::open(&path)?)?;
        let heard = features::listen(&mut CanonicalWav::open(&path)?, &level, |_| true)?;
        let Some(heard) = heard else { continue };
        let values = inputs::of(&heard);
        let bytes = values.iter().flat_map(|value| {
            let quantised = (value * 4_096.0).round().clamp(0.0, 65_535.0);
            (quantised as u16).to_le_bytes()
        });
        std::fs::write(path.with_extension("inputs"), bytes.collect::<Vec<u8>>())?;
    }
    Ok(())
}
