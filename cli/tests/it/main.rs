//! The whole of it, as a user runs it: real processes, real broker, real films.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what is not as it should be fails the test"
)]

mod analyse;
mod beatreel;
mod chaos;
mod films;
mod lives;
mod refusals;
mod same_song;
mod secrets;
mod tidy;
