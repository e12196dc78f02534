//! What a job is made of: pure data that every other crate speaks.
//!
//! Ids, money, time and frames, the documents that stages hand each other, the envelope they travel
//! in, and the events a user may see. It must not know async, I/O, a clock or randomness: both come in
//! as arguments. Start reading at [`handoff`]: it is the pipeline in one file.

pub mod analysis;
pub mod artifact;
pub mod choice;
pub mod clip;
pub mod corrections;
pub mod dead_letter;
pub mod envelope;
pub mod event;
pub mod film;
pub mod format;
pub mod frame_rate;
pub mod handoff;
pub mod harmony;
pub mod ids;
pub mod job;
pub mod lettering;
pub mod look;
pub mod lyrics;
pub mod money;
pub mod music;
pub mod options;
pub mod plan;
pub mod prompt;
pub mod reference;
pub mod seconds;
pub mod sound;
pub mod stage;
pub mod style;
pub mod task;
pub mod timeline;

pub use artifact::{ArtifactKey, ArtifactRef, Stored};
pub use envelope::{Envelope, JobBrief};
pub use event::{Event, EventBody};
pub use frame_rate::FrameRate;
pub use ids::{ClipIndex, JobId, RunNumber, UserId};
pub use money::Usd;
pub use options::JobOptions;
pub use prompt::UserPrompt;
pub use seconds::Seconds;
pub use stage::StageKind;
pub use task::TaskId;
