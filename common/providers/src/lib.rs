//! Talks to AI services: what they can do, what they cost, and how they fail.
//!
//! A stage asks through a trait ([`Speech`]) and never sees a protocol. Each failure says whether asking
//! again is safe and whether money may be gone ([`SpeechError`]): what may have been paid for is not
//! asked for again blindly. This crate must not know jobs, stages or stores. Start reading at [`speech`].

#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod openai;
pub mod settings;
pub mod speech;

pub use openai::OpenAiSpeech;
pub use settings::SpeechSettings;
pub use speech::{Recording, Speech, SpeechError};
