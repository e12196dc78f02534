//! Real files made by a real ffmpeg, read back.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail the test"
)]

mod clips;
mod films;
mod foreign;
mod pictures;
mod reader;
mod songs;
mod streams;
