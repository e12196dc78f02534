//! Any bytes, decoded as intake does: refused with a reason, or canonical audio of the length it says.
#![no_main]

use libfuzzer_sys::fuzz_target;

/// Shared with `cargo test`, which drives it with the same mutations in every run.
#[expect(dead_code, reason = "this target does not listen")]
#[path = "../../stages/audio_parser/tests/it/anything.rs"]
mod anything;

fuzz_target!(|bytes: &[u8]| {
    // Both outcomes are fine; where neither comes about, it panics.
    let _ = anything::decoded(bytes, 30.0);
});
