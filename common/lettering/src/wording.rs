//! A cue's words as one text that can be set: without what no font has, and without tricks.

use std::ops::Range;

use harfrust::unicode::combining_class;
use model::lettering::{Cue, Face, LONGEST_CUE};
use model::timeline::Span;

use crate::fonts::Fonts;

/// A cue that has gone through [`read`].
#[derive(Debug)]
pub(crate) struct Wording {
    /// Words with one space between them; not empty.
    pub(crate) text: String,
    /// Where in `text` each begins and ends, and when it is sung.
    pub(crate) words: Vec<(Range<usize>, Option<Span>)>,
    pub(crate) fonts: Fonts,
}

/// How many marks may stand on one letter.
const MOST_MARKS: usize = 3;

/// Reads a cue. Letters that no font has are left out; `None` where that would be more than a quarter of
/// it, as half a line is worse than none.
pub(crate) fn read(cue: &Cue, face: Face) -> Option<Wording> {
    let whole: String = cue.words.iter().map(|word| word.text.as_str()).collect();
    let fonts = Fonts::of(face, &whole);
    let (mut text, mut words) = (String::new(), Vec::with_capacity(cue.words.len()));
    let (mut letters, mut missing) = (0, 0);
    for word in &cue.words {
        let before = text.len();
        if before > 0 {
            text.push(' ');
        }
        let begin = text.len();
        for letter in settable(&word.text) {
            if letters >= LONGEST_CUE {
                break;
            }
            letters += 1;
            let covered = is_joiner(letter) || letter == ' ' || fonts.with(letter).is_some();
            if covered {
                text.push(letter);
            } else {
                missing += 1;
            }
        }
        let end = begin + text[begin..].trim_end().len();
        text.truncate(end);
        if text[begin..]
            .chars()
            .all(|letter| letter == ' ' || is_joiner(letter))
        {
            text.truncate(before);
        } else {
            words.push((begin..text.len(), word.sung));
        }
    }
    let enough = missing * 4 <= letters && !text.is_empty();
    enough.then_some(Wording { text, words, fonts })
}

/// The letters of a word that can be set: spaces alike and single, no control or direction marks, no
/// towers of accents.
fn settable(word: &str) -> impl Iterator<Item = char> {
    let (mut marks, mut space) = (0, true);
    word.trim().chars().filter_map(move |letter| {
        if letter.is_whitespace() {
            let first = !std::mem::replace(&mut space, true);
            return first.then_some(' ');
        }
        if letter.is_control() || is_invisible(letter) {
            return None;
        }
        space = false;
        marks = if combining_class(u32::from(letter)) == 0 {
            0
        } else {
            marks + 1
        };
        (marks <= MOST_MARKS).then_some(letter)
    })
}

/// Joins or parts the letters beside it, and is seen by that alone.
pub(crate) const fn is_joiner(letter: char) -> bool {
    matches!(letter, '\u{200c}' | '\u{200d}')
}

/// Directs other letters or software, and is not seen.
const fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{61c}' | '\u{180b}'..='\u{180e}' | '\u{200b}' | '\u{200e}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{fff0}'..='\u{fffd}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use model::lettering::{CueWord, Role};

    use super::*;

    fn reading(words: &[&str]) -> Option<Wording> {
        let cue = Cue {
            role: Role::Lyric,
            seen: Span {
                first: 0,
                count: 10,
            },
            words: words
                .iter()
                .map(|text| CueWord {
                    text: (*text).to_owned(),
                    sung: None,
                })
                .collect(),
        };
        read(&cue, Face::Grotesk)
    }

    #[test]
    fn words_keep_their_places_in_the_text() {
        let wording = reading(&["  Hello\tthere ", "", "夜に"]).unwrap();
        assert_eq!(wording.text, "Hello there 夜に");
        let words: Vec<&str> = wording
            .words
            .iter()
            .map(|(at, _)| &wording.text[at.clone()])
            .collect();
        assert_eq!(words, ["Hello there", "夜に"]);
    }

    #[test]
    fn what_cannot_be_set_is_left_out_and_a_text_that_is_mostly_that_is_not_shown() {
        assert_eq!(reading(&["love 🎉", "you"]).unwrap().text, "love you");
        assert_eq!(reading(&["\u{202e}abc\u{7}"]).unwrap().text, "abc");
        assert!(reading(&["🎉🎉🎉"]).is_none());
        assert!(reading(&[]).is_none());
    }

    #[test]
    fn towers_of_accents_are_cut_down() {
        let tower = format!("a{}", "\u{301}".repeat(50));
        assert_eq!(
            reading(&[&tower]).unwrap().text.chars().count(),
            1 + MOST_MARKS
        );
    }
}
