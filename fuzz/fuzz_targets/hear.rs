//! Any bytes, decoded and heard as the pipeline does: refused with a reason, or heard with every promise kept.
#![no_main]

use libfuzzer_sys::fuzz_target;

/// Shared with `cargo test`, which drives it with the same mutations in every run.
#[path = "../../stages/audio_parser/tests/it/anything.rs"]
mod anything;

fuzz_target!(|bytes: &[u8]| {
    // Both outcomes are fine; where neither comes about, it panics.
    let _ = anything::heard(bytes, 5.0);
});
