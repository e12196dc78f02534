//! Any message and any document: refused, or the same when it is written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;

/// Shared with `cargo test`, which drives it with the seeds in every run.
#[path = "../../common/model/tests/it/anything.rs"]
mod anything;

fuzz_target!(|bytes: &[u8]| {
    // Both outcomes are fine; where neither comes about, it panics.
    let _ = anything::read(bytes);
});
