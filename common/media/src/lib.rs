//! Decodes audio, drives ffmpeg, reads and checks media files.
//!
//! Knows nothing of jobs or stages. [`audio`] makes uploads canonical; [`house`] says what a clip has
//! to be; [`ffmpeg`] makes clips, [`film`] joins them; [`mp4`] reads what was made, so that nobody has to
//! believe an exit status.

pub mod audio;
pub mod ffmpeg;
pub mod film;
pub mod house;
pub mod mp4;
mod part_file;
