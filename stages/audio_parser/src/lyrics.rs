//! Words on the song's clock: [`text`] reads what was written, [`timing`] gives every word a time.

pub mod text;
pub mod timing;
