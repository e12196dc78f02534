//! Any lyrics, laid on a song: refused, or words in order within it.
#![no_main]

use libfuzzer_sys::fuzz_target;

/// Shared with `cargo test`, which drives it with the seeds in every run.
#[path = "../../stages/audio_parser/tests/it/any_lyrics.rs"]
mod anything;

fuzz_target!(|bytes: &[u8]| {
    // Both outcomes are fine; where neither comes about, it panics.
    let _ = anything::sung(bytes);
});
