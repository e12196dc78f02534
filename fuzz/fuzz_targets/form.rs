//! Any form, as an upload sends it: read, or refused with a status that is the client's.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gateway::fuzz::form(bytes));
