//! Songs that this worker has listened to: who corrects a song, sends it again soon.

use std::sync::{Mutex, PoisonError};

use crate::sound::Sound;

/// How many songs are kept. One of ten minutes has about 30 MB.
const MOST: usize = 2;

/// What no correction changes, by the digest of the song, oldest first. In memory only: it is as large as
/// the song, and a fifth of a second of work for each of its minutes.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<Vec<(String, Sound)>>);

impl Kept {
    /// Takes the song out, for one task at a time; another one listens for itself.
    pub(crate) fn take(&self, sha256: &str) -> Option<Sound> {
        let mut songs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = songs.iter().position(|(known, _)| known == sha256)?;
        Some(songs.remove(at).1)
    }

    /// Puts it back, as the newest.
    pub(crate) fn put(&self, sha256: &str, sound: Sound) {
        let mut songs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        songs.retain(|(known, _)| known != sha256);
        songs.push((sha256.to_owned(), sound));
        let surplus = songs.len().saturating_sub(MOST);
        songs.drain(..surplus);
    }
}
