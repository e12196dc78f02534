//! Module 5: draws a still for each look of the plan.
//!
//! A still shows its place as the film will: the same renderer, at the loudest moment of the place's
//! shots. It must not know how anything is drawn, nor what comes after it. Start reading at [`moment`].

pub mod moment;
mod palette;
mod stage;
mod still;

pub use stage::ReferenceGenerator;
