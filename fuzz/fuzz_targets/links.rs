//! Any link, ticket or address of a webhook: what we did not sign opens nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| gateway::fuzz::links(bytes));
