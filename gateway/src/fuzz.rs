//! The entries of the fuzz targets (`fuzz/`) that drive the gateway's parsers. There with the feature `fuzz`
//! and in tests, which drive them with the targets' seeds.
//!
//! Each takes any bytes and panics where a promise is broken: what a stranger sends is refused with a status
//! that is theirs, and what we did not sign opens nothing.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "panicking is what they are for"
)]

mod forms;
mod headers;
mod links;
mod tokens;

pub use forms::form;
pub use headers::heads;
pub use links::links;
pub use tokens::tokens;

use axum::response::IntoResponse;

use crate::error::ApiError;

/// Not ours: every link and token that is read with it was made here.
const KEY: &str = "a key of fuzz targets, of thirty-two bytes at least";

/// A refusal must be the client's fault: theirs are these bytes.
fn refused(error: ApiError) {
    let shown = format!("{error:?}");
    let status = error.into_response().status();
    assert!(status.is_client_error(), "{status} for {shown}");
}

/// The first line and the rest.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&bytes[..at], &bytes[at + 1..]),
        None => (bytes, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seeds of a target, and each cut and changed at up to so many places.
    fn driven((target, places): (&str, usize), entry: impl Fn(&[u8])) {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/seeds/");
        let files = std::fs::read_dir(format!("{folder}{target}")).unwrap();
        let seeds: Vec<Vec<u8>> = files
            .map(|file| std::fs::read(file.unwrap().path()).unwrap())
            .collect();
        assert!(seeds.len() > 2);
        for seed in seeds {
            entry(&seed);
            let step = seed.len() / places + 1;
            for at in (0..seed.len()).step_by(step) {
                entry(&seed[..at]);
                for byte in [b'"', b'9', 0xff] {
                    let mut changed = seed.clone();
                    changed[at] = byte;
                    entry(&changed);
                }
            }
        }
    }

    #[test]
    fn any_form_is_read_or_refused_as_the_clients_fault() {
        // Each lies on the disk for a moment.
        driven(("form", 20), form);
    }

    #[test]
    fn any_headers_are_read_as_no_more_than_they_say() {
        driven(("heads", 200), heads);
    }

    #[test]
    fn any_link_that_we_did_not_sign_opens_nothing() {
        driven(("links", 200), links);
    }

    #[test]
    fn any_token_that_counts_is_signed_and_in_order() {
        driven(("tokens", 200), tokens);
    }
}
