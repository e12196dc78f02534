//! Any token, any claims signed with the right secret, any key set: what counts is in order.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gateway::fuzz::tokens(bytes));
