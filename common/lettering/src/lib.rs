//! Letters on finished frames: titles, and lines that light up word by word as they are sung.
//!
//! A cue is shaped, broken into balanced lines and drawn into masks once, when it first shows; from then on
//! a frame costs a blend of the pixels that it covers. What lies under the letters is measured, pixel by
//! pixel, and held back where it would make them illegible. Works on 8-bit YUV 4:2:0, after everything
//! else, so that letters are crisp at full size and stay as they are across cuts and transitions.
//!
//! No I/O, no clock; whole numbers and plain arithmetic only, so that the same cues give the same bytes on
//! every machine. Start reading at [`Letterer`]; `layout` is where lines come from.
#![expect(
    clippy::indexing_slicing,
    reason = "pixel kernels index rows whose lengths are fixed when they are made"
)]

mod cells;
mod fonts;
mod glyphs;
mod ink;
mod layout;
mod letterer;
mod lines;
mod luminance;
mod mask;
mod motion;
mod outline;
mod place;
mod veil;
mod wording;

pub use letterer::Letterer;
pub use luminance::contrast;
pub use place::{SafeArea, smallest_capital};

/// Names the letters. Raise it whenever their pixels change: clips are reused by it.
pub const VERSION: &str = "letters-2";
