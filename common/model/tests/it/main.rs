//! Messages and documents as anybody may write them, and lyrics: the seeds of the fuzz targets, and these
//! damaged in every way that is quick to try.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests may fail the test"
)]

mod anything;

use std::fs;
use std::path::Path;

/// What the first byte of a seed may be: which document the others are said to be.
const KINDS: std::ops::RangeInclusive<u8> = b'a'..=b'q';

fn seeds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/messages");
    let files = fs::read_dir(folder).unwrap();
    files
        .map(|file| fs::read(file.unwrap().path()).unwrap())
        .collect()
}

#[test]
fn every_document_is_the_same_when_it_is_written_and_read_again() {
    let mut read = 0;
    for seed in seeds() {
        read += usize::from(anything::read(&seed));
    }
    assert!(read >= 8, "only {read} of the seeds are documents");
}

#[test]
fn documents_that_are_cut_or_changed_anywhere_are_refused_or_read_as_what_they_are() {
    for seed in seeds() {
        for at in 0..seed.len() {
            anything::read(&seed[..at]);
            let mut changed = seed.clone();
            changed[at] = b'9';
            anything::read(&changed);
        }
    }
}

#[test]
fn depth_and_length_break_nothing() {
    let mut kinds = 0;
    for kind in KINDS {
        let deep = [&[kind][..], &b"[".repeat(100_000)].concat();
        assert!(!anything::read(&deep));
        let deep = [&[kind][..], &br#"{"input":"#.repeat(100_000)].concat();
        assert!(!anything::read(&deep));
        let wide = [&[kind][..], b"[0", &b",0".repeat(100_000), b"]"].concat();
        anything::read(&wide);
        kinds += 1;
    }
    assert!(kinds > 10);
}
