//! Bytes that somebody calls lyrics, laid on a song: the entry of the fuzz target (`fuzz/`), and of what is
//! done with its seeds here.

use audio_parser::lyrics::timing::{Song, align};
use model::lyrics::text::{LyricsError, Written, decoded};

/// A song of a minute, of which nothing is known but this.
const SONG: Song<'_> = Song {
    duration: 60.0,
    onsets: &[0.5, 1.0, 1.03, 1.5, 20.0, 59.99],
    downbeats: &[0.5, 2.5, 4.5, 6.5, 30.0],
    sections: &[],
};

/// Reads `bytes` as an upload's lyrics are read, and lays them on a song.
///
/// # Panics
///
/// If a word lies outside of the song, ends before it begins, or is none.
pub(crate) fn sung(bytes: &[u8]) -> Result<(), LyricsError> {
    let text = decoded(bytes)?;
    let written = Written::parse(&text)?;
    assert!(!written.lines.is_empty());
    let lyrics = align(&written, &SONG);
    let seconds = 0.0..=SONG.duration;
    assert!((0.0..=1.0).contains(&lyrics.confidence));
    let mut begin = 0.0;
    for line in &lyrics.lines {
        assert!(line.start.0 >= begin, "{line:?} is before the one before");
        begin = line.start.0;
        assert!(line.start.0 <= line.end.0, "{line:?}");
        assert!(
            seconds.contains(&line.start.0) && seconds.contains(&line.end.0),
            "{line:?}"
        );
        assert!(
            !line.words.is_empty() && !line.text.trim().is_empty(),
            "{line:?}"
        );
        let mut at = line.start.0;
        for word in &line.words {
            assert!(
                word.start.0 >= at && word.start.0 <= word.end.0,
                "{word:?} of {line:?}"
            );
            assert!(word.end.0 <= line.end.0, "{word:?} of {line:?}");
            assert!(!word.text.contains(char::is_whitespace), "{word:?}");
            at = word.start.0;
        }
    }
    // Numbers that are none cannot be read again.
    let document = serde_json::to_string(&lyrics).expect("JSON");
    serde_json::from_str::<model::lyrics::Lyrics>(&document).expect("what was written");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seeds() -> Vec<Vec<u8>> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/lyrics");
        let files = std::fs::read_dir(folder).unwrap();
        files
            .map(|file| std::fs::read(file.unwrap().path()).unwrap())
            .collect()
    }

    #[test]
    fn any_lyrics_are_refused_or_laid_on_the_song() {
        let mut good = 0;
        for seed in seeds() {
            good += usize::from(sung(&seed).is_ok());
            for at in 0..seed.len() {
                let _ = sung(&seed[..at]);
                let mut changed = seed.clone();
                changed[at] = b'9';
                let _ = sung(&changed);
            }
        }
        assert!(good >= 4, "only {good} of the seeds are lyrics");
    }
}
