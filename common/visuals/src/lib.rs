//! The built-in renderer: scene parameters, time and music into pixels.
//!
//! A fixed set of scenes over one pipeline: light at half size (linear, without upper limit) → bloom →
//! filmic curve → BT.709 at half size, which is what 4:2:0 chroma needs anyway → luma to full size,
//! where scenes draw their crisp edges → static blue-noise dither. [`Renderer`] draws a clip into a
//! [`Picture`]. No I/O, no clock, no randomness but the seed's; the same input gives the same bytes on
//! every machine: no fused multiply-add, no library's transcendental functions, no sums over lanes.
#![expect(
    clippy::indexing_slicing,
    reason = "pixel kernels index rows whose lengths are fixed when they are made"
)]
#![expect(
    clippy::inline_always,
    reason = "a kernel must be inlined whole into the function that enables the CPU's instructions"
)]

mod bands;
mod bloom;
mod colour;
mod dither;
mod finish;
mod flashes;
mod hash;
mod lanes;
mod level;
mod maths;
mod motifs;
mod motion;
mod passes;
mod picture;
mod plane;
mod renderer;
mod scenes;
mod strokes;
mod transition;

pub use colour::{oklab, srgb};
pub use flashes::{FlashCount, Flashes};
pub use picture::Picture;
pub use renderer::Renderer;
pub use transition::Transition;

/// Names the pictures. Raise it whenever any scene's bytes change: clips are reused by it.
pub const VERSION: &str = "builtin-4";
