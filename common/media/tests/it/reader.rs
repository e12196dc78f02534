//! The reader against damaged files: an answer or an error, never a panic.

use std::fs;
use std::io::Cursor;

use media::mp4;
use proptest::prelude::*;
use tempfile::tempdir;

use crate::pictures::clip;

/// A whole clip of a few frames, as bytes; made once.
fn whole() -> &'static [u8] {
    static WHOLE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let scratch = tempdir().unwrap();
        let made = runtime.block_on(clip(scratch.path(), 0, 12));
        fs::read(made.file).unwrap()
    });
    &WHOLE
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]
    #[test]
    fn flipped_bytes_never_make_it_panic_or_count_what_is_not_there(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = whole().to_vec();
        // The index stands at the end of a clip; pictures are never read.
        let index = bytes.windows(4).rposition(|kind| kind == b"moov").unwrap() - 4;
        let length = bytes.len() - index;
        for (at, value) in flips {
            bytes[index + at.index(length)] = value;
        }
        if let Ok(movie) = mp4::read_from(&mut Cursor::new(bytes)).unwrap() {
            let key_frames = movie.video.map_or(0, |video| video.key_frames.len());
            prop_assert!(key_frames <= length);
        }
    }
}

#[test]
fn an_undamaged_file_is_read() {
    let movie = mp4::read_from(&mut Cursor::new(whole())).unwrap().unwrap();
    assert_eq!(movie.video.unwrap().frames, 12);
    assert_eq!(movie.audio, None);
}
