//! What is sung under chaos: pieces of a few seconds of the demo's song, so that a job is short.

use anyhow::Context;
use song::SAMPLE_RATE;

/// Length of a piece: three or four clips.
pub(super) const SECONDS: usize = 9;
/// Length of a piece where one job follows the other.
pub(super) const SHORT_SECONDS: usize = 4;
/// How many different pieces there are.
const PIECES: usize = 5;
/// The seed of the song.
const SONG: u64 = 3;

/// Pieces of a song, as files.
pub(super) struct Songs {
    pieces: Vec<Vec<u8>>,
}

impl Songs {
    /// Plays the song and cuts it into pieces of that length. Blocks for a second or two.
    pub(super) fn play(seconds: usize) -> anyhow::Result<Self> {
        let whole = song::play(SONG);
        let length = seconds * SAMPLE_RATE as usize;
        let cut = |channel: &[f32], number: usize| {
            // From its middle, where all voices play.
            let begin = (number + 2) * length / 2;
            channel.get(begin..begin + length).map(<[f32]>::to_vec)
        };
        let piece = |number| {
            let (left, right) = cut(&whole.left, number).zip(cut(&whole.right, number))?;
            song::Song { left, right }.wav().ok()
        };
        let pieces: Option<Vec<_>> = (0..PIECES).map(piece).collect();
        Ok(Self {
            pieces: pieces.context("cutting our own song")?,
        })
    }

    /// The piece of that number; they repeat.
    pub(super) fn piece(&self, number: usize) -> &[u8] {
        let pieces = self.pieces.len().max(1);
        self.pieces.get(number % pieces).map_or(&[], Vec::as_slice)
    }
}
