//! Any answer of a provider of speech: sane lines, or a reason.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| providers::fuzz::answer(bytes));
