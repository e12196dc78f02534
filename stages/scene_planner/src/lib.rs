//! Module 4: directs the film from the prompt and what was heard.
//!
//! The director is a set of rules: pure functions from words and sections to places, palette and shots.
//! It must not know pixels or models. Start reading at [`plan::direct`].

pub mod plan;

mod colours;
mod oklch;
mod places;
mod shots;
mod theme;
mod vocabulary;
