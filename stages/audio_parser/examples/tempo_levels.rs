//! Writes the ways in which the beats of songs can be counted, and what speaks for each, for
//! `training/levels.py`: one JSON line a song on standard output. Each `X.wav` must be canonical.
//!
//! `cargo run --release -p beatreel-audio-parser --example tempo_levels -- songs/*.wav`

use std::io::Write;
use std::path::PathBuf;

use audio_parser::network::Network;
use audio_parser::{features, level, onset, tempo};
use media::audio::CanonicalWav;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for path in std::env::args_os().skip(1).map(PathBuf::from) {
        let level = level::measure(&mut CanonicalWav::open(&path)?)?;
        let heard = features::listen(&mut CanonicalWav::open(&path)?, &level, |_| true)?;
        let Some(heard) = heard else { continue };
        let onsets = onset::strength(&heard, level.loud);
        let ways = tempo::ways(&heard, &onsets, &Network::built_in().hear(&heard));
        let levels = ways.iter().map(
            |way| serde_json::json!({"bpm": way.bpm, "beats": way.beats, "traits": way.traits}),
        );
        let song = serde_json::json!({
            "id": path.file_stem().map(|stem| stem.to_string_lossy()),
            "levels": levels.collect::<Vec<_>>(),
        });
        writeln!(std::io::stdout(), "{song}")?;
    }
    Ok(())
}
