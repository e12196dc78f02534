//! The entry of the fuzz target `provider` (`fuzz/`). There with the feature `fuzz` and in tests, which
//! drive it with the target's seeds.

use model::Seconds;

use crate::openai::answer;

/// How long the recording was, in seconds.
const SECONDS: f64 = 60.0;

/// Reads `bytes` as an answer of a provider of speech, and as a refusal.
///
/// # Panics
/// If a line of it is out of order, out of the recording or without words, or if a refusal's text is longer
/// than it may be or would break a line of a log.
pub fn answer(bytes: &[u8]) {
    let told = answer::message(bytes, 100);
    assert!(told.chars().count() <= 100 && !told.contains(char::is_control));
    let Ok(lines) = answer::read(bytes, Seconds(SECONDS)) else {
        return;
    };
    let within = 0.0..=SECONDS;
    let mut begin = 0.0;
    for line in &lines.lines {
        assert!(line.start >= begin && line.end >= line.start, "{line:?}");
        assert!(
            within.contains(&line.end) && !line.words.is_empty(),
            "{line:?}"
        );
        begin = line.start;
        let sure = line.confidence.unwrap_or(1.0);
        assert!((0.0..=1.0).contains(&sure), "{line:?}");
        let mut at = line.start;
        for (word, time) in &line.words {
            assert!(
                !word.trim().is_empty() && !word.contains(char::is_control),
                "{line:?}"
            );
            let time = time.unwrap_or(at);
            assert!(time >= at && within.contains(&time), "{line:?}");
            at = time;
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn any_answer_is_sane_lines_or_refused() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/provider");
        for file in std::fs::read_dir(folder).unwrap() {
            let seed = std::fs::read(file.unwrap().path()).unwrap();
            for at in 0..=seed.len() {
                super::answer(&seed[..at]);
                let mut changed = seed.clone();
                if let Some(byte) = changed.get_mut(at) {
                    *byte = b'9';
                }
                super::answer(&changed);
            }
        }
    }

    #[test]
    fn depth_and_length_break_nothing() {
        for bytes in [
            b"[".repeat(100_000),
            br#"{"words":"#.repeat(100_000),
            br#"{"x":"#.repeat(100_000),
            [br#"{"words":["#.as_slice(), &b"[],".repeat(200_000)].concat(),
            [
                br#"{"x":[0"#.as_slice(),
                &b",0".repeat(200_000),
                br#"],"words":[]}"#,
            ]
            .concat(),
        ] {
            super::answer(&bytes);
        }
    }
}
