//! Text with its times as tracks: captions, which players lay over the picture, and chapters, to which they
//! jump.
//!
//! Captions are 3GPP timed text (TS 26.245 §5.16), chapters the text of `QuickTime` (File Format
//! Specification, "Text Media").

use model::Seconds;

use super::index::{Kind, Sample, Section, Source, Track};
use super::writing::{boxed, words};

/// Ticks a second.
const TIMESCALE: u32 = 1000;
/// Height of a letter. Players choose their own; this is what they take for the usual one.
const FONT_SIZE: u8 = 16;

/// A piece of text, and when it is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct TimedText {
    /// When it comes.
    pub start: Seconds,
    /// When it goes.
    pub end: Seconds,
    /// One row or more.
    pub text: String,
}

impl Track {
    /// Texts over a picture of this size. They ascend, none upon another.
    pub(crate) fn captions(texts: &[TimedText], size: [u16; 2]) -> Self {
        let (mut bytes, mut samples) = samples(texts, |_| Vec::new());
        // Nothing at the end: without it some players show the last text for as long as the film goes on.
        samples.push(Sample {
            size: 2,
            ticks: 0,
            delay: 0,
            is_key: true,
        });
        bytes.extend([0, 0]);
        Self::text(Kind::Captions, size, caption_entry(size), (bytes, samples))
    }

    /// Names of the parts of a film whose picture has this size; each part begins where the one before ends.
    pub(crate) fn chapters(parts: &[TimedText], size: [u16; 2]) -> Self {
        let in_utf_8 = |_: &str| boxed(*b"encd", &words(&[0x100]));
        let (bytes, samples) = samples(parts, in_utf_8);
        Self::text(Kind::Chapters, size, chapter_entry(), (bytes, samples))
    }

    fn text(
        kind: Kind,
        size: [u16; 2],
        entry: Vec<u8>,
        (bytes, samples): (Vec<u8>, Vec<Sample>),
    ) -> Self {
        Self {
            kind,
            timescale: TIMESCALE,
            description: [words(&[0, 1]), entry].concat(),
            size,
            from: 0,
            sections: vec![Section {
                source: Source::Bytes(bytes),
                first_byte: 0,
                samples,
            }],
        }
    }
}

/// A sample a text, and an empty one for each pause before one.
fn samples(texts: &[TimedText], behind: impl Fn(&str) -> Vec<u8>) -> (Vec<u8>, Vec<Sample>) {
    let millis = |time: Seconds| (time.0.max(0.0) * 1000.0).round() as u32;
    let (mut bytes, mut samples, mut time) = (Vec::new(), Vec::new(), 0);
    let mut add = |text: &str, ticks: u32| {
        let text = shortened(text);
        let mut sample = (text.len() as u16).to_be_bytes().to_vec();
        sample.extend(text.as_bytes());
        sample.extend(behind(text));
        samples.push(Sample {
            size: sample.len() as u32,
            ticks,
            delay: 0,
            is_key: true,
        });
        bytes.extend(sample);
    };
    for TimedText { start, end, text } in texts {
        let (start, end) = (millis(*start).max(time), millis(*end));
        if start > time {
            add("", start - time);
        }
        if end > start {
            add(text, end - start);
        }
        time = end.max(start);
    }
    (bytes, samples)
}

/// A sample says how long its text is in two bytes.
fn shortened(text: &str) -> &str {
    let end = text.floor_char_boundary(usize::from(u16::MAX));
    text.get(..end).unwrap_or_default()
}

/// `tx3g`: white, without a ground, in the middle of the bottom.
fn caption_entry([width, height]: [u16; 2]) -> Vec<u8> {
    let mut out = vec![0, 0, 0, 0, 0, 0, 0, 1];
    out.extend(words(&[0]));
    out.extend([1, 0xff]); // centred, at the bottom
    out.extend(words(&[0]));
    let text_box = [0, 0, height, width];
    out.extend(text_box.iter().flat_map(|side| side.to_be_bytes()));
    out.extend([0, 0, 0, 0, 0, 1, 0, FONT_SIZE, 0xff, 0xff, 0xff, 0xff]);
    let font = b"Arial";
    let fonts = [&[0, 1, 0, 1, font.len() as u8][..], font].concat();
    out.extend(boxed(*b"ftab", &fonts));
    boxed(*b"tx3g", &out)
}

/// `text`: a description is demanded, and nobody draws what it describes.
fn chapter_entry() -> Vec<u8> {
    let mut out = vec![0, 0, 0, 0, 0, 0, 0, 1];
    out.extend([0; 44 - 8]);
    boxed(*b"text", &out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_a_sample_without_text_and_no_text_is_shown_upon_another() {
        let text = |start, end, text: &str| TimedText {
            start: Seconds(start),
            end: Seconds(end),
            text: text.to_owned(),
        };
        let texts = [
            text(0.5, 1.0, "ä"),
            text(1.0, 2.0, "b"),
            text(1.5, 2.5, "c"),
            text(2.2, 2.4, "d"), // under the one before
        ];
        let (bytes, samples) = samples(&texts, |_| Vec::new());
        let told: Vec<_> = samples.iter().map(|s| (s.ticks, s.size)).collect();
        assert_eq!(told, [(500, 2), (500, 4), (1000, 3), (500, 3)]);
        assert_eq!(bytes, b"\0\0\0\x02\xc3\xa4\0\x01b\0\x01c");
    }
}
