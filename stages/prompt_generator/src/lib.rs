//! Module 6: writes an instruction and the scene parameters for every clip.
//!
//! Frames are settled here, once, from absolute time; everyone after obeys them. It must not know pixels
//! or models. Start reading at [`instructions::write`].

pub mod instructions;

mod frames;
mod wording;
