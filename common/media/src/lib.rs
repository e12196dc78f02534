//! Decodes audio, drives ffmpeg, reads and checks media files.

pub mod audio;
