//! Where a text breaks into lines: as few as fit, and of nearly the same length.

use std::ops::Range;

use unicode_linebreak::linebreaks;

use crate::glyphs::Shaper;

/// A stretch of text that is not to be broken.
#[derive(Debug, Clone)]
struct Piece {
    range: Range<usize>,
    /// In ems: what is seen, and what it takes up with the space after it.
    seen: f32,
    whole: f32,
}

impl Piece {
    fn ends_in_space(&self) -> bool {
        self.whole > self.seen
    }
}

/// A text in pieces, measured.
#[derive(Debug)]
pub(crate) struct Pieces(Vec<Piece>);

impl Pieces {
    /// By the rules of Unicode (UAX 14): after spaces, between ideographs, never before a comma. No word is
    /// hyphenated.
    pub(crate) fn of(text: &str, shaper: &Shaper<'_>) -> Self {
        let mut from = 0;
        let mut pieces = Vec::new();
        for (to, _) in linebreaks(text) {
            pieces.push(piece(from..to, text, shaper));
            from = to;
        }
        Self(pieces)
    }

    /// The same, with every piece that is wider than `widest` broken between letters.
    pub(crate) fn no_wider_than(self, widest: f32, text: &str, shaper: &Shaper<'_>) -> Self {
        let mut pieces = Vec::new();
        for whole in self.0 {
            if whole.seen <= widest {
                pieces.push(whole);
                continue;
            }
            let mut starts: Vec<usize> = shaper
                .row(whole.range.clone())
                .glyphs
                .iter()
                .map(|glyph| glyph.at)
                .collect();
            starts.push(whole.range.start);
            starts.sort_unstable();
            starts.dedup();
            starts.push(whole.range.end);
            let spans = starts.windows(2).map(|pair| pair[0]..pair[1]);
            pieces.extend(spans.map(|span| piece(span, text, shaper)));
        }
        Self(pieces)
    }

    /// Lines of at most `widest` ems, as few as there can be, if no more than `most` are needed.
    pub(crate) fn lines(&self, widest: f32, most: usize) -> Option<Vec<Range<usize>>> {
        let count = self.fewest(widest, most)?;
        let ends = self.balanced(widest, count)?;
        let mut first = 0;
        let mut lines = Vec::with_capacity(count);
        for end in ends {
            let pieces = self.0.get(first..end)?;
            lines.push(pieces.first()?.range.start..pieces.last()?.range.end);
            first = end;
        }
        Some(lines)
    }

    fn width(&self, first: usize, end: usize) -> f32 {
        let Some((last, before)) = self.0.get(first..end).and_then(<[Piece]>::split_last) else {
            return 0.0;
        };
        before.iter().map(|piece| piece.whole).sum::<f32>() + last.seen
    }

    fn fewest(&self, widest: f32, most: usize) -> Option<usize> {
        let (mut count, mut first) = (1, 0);
        for end in 1..=self.0.len() {
            if self.width(first, end) > widest {
                count += 1;
                first = end - 1;
                if count > most || self.width(first, end) > widest {
                    return None;
                }
            }
        }
        (!self.0.is_empty()).then_some(count)
    }

    /// The ends of `count` lines whose left-over room, squared, is least in sum. Where the text has spaces,
    /// a break elsewhere weighs as much as a third of a line left over: also in scripts that write few.
    fn balanced(&self, widest: f32, count: usize) -> Option<Vec<usize>> {
        let n = self.0.len();
        let spaced = self.0.iter().rev().skip(1).any(Piece::ends_in_space);
        let harsh = |end: usize| {
            let broken = spaced && end < n && !self.0[end - 1].ends_in_space();
            if broken { widest * widest / 9.0 } else { 0.0 }
        };
        // By lines so far and pieces so far: the least sum, and where the last line begins.
        let mut best = vec![vec![(f32::INFINITY, 0_usize); n + 1]; count + 1];
        best[0][0].0 = 0.0;
        for lines in 1..=count {
            for end in 1..=n {
                for first in (0..end).rev() {
                    let width = self.width(first, end);
                    if width > widest {
                        break;
                    }
                    let room = widest - width;
                    let sum = best[lines - 1][first].0 + room * room + harsh(end);
                    if sum < best[lines][end].0 {
                        best[lines][end] = (sum, first);
                    }
                }
            }
        }
        let mut ends = Vec::with_capacity(count);
        let mut end = n;
        for lines in (1..=count).rev() {
            if best[lines][end].0.is_infinite() {
                return None;
            }
            ends.push(end);
            end = best[lines][end].1;
        }
        ends.reverse();
        Some(ends)
    }
}

fn piece(range: Range<usize>, text: &str, shaper: &Shaper<'_>) -> Piece {
    let seen = range.start..range.start + text[range.clone()].trim_end().len();
    let (seen, whole) = (shaper.row(seen).width, shaper.row(range.clone()).width);
    Piece { range, seen, whole }
}

#[cfg(test)]
mod tests {
    use model::lettering::Face;

    use super::*;
    use crate::fonts::Fonts;

    fn broken(text: &str, widest: f32, most: usize) -> Option<Vec<String>> {
        let fonts = Fonts::of(Face::Grotesk, text);
        let shaper = Shaper::new(text, &fonts, 0.0);
        let lines = Pieces::of(text, &shaper).lines(widest, most)?;
        Some(
            lines
                .into_iter()
                .map(|line| text[line].trim_end().to_owned())
                .collect(),
        )
    }

    #[test]
    fn lines_are_few_and_balanced() {
        let lines = broken("and all the stars are falling down again", 17.0, 2).unwrap();
        assert_eq!(lines, ["and all the stars are", "falling down again"]);
        assert_eq!(broken("one line", 17.0, 2).unwrap(), ["one line"]);
    }

    #[test]
    fn a_text_that_needs_more_lines_than_it_may_have_gets_none() {
        assert!(broken("and all the stars are falling down again", 5.0, 2).is_none());
        assert!(broken("incomprehensibilities", 5.0, 9).is_none());
    }

    #[test]
    fn japanese_breaks_between_letters_but_not_before_a_stop() {
        let lines = broken("夜空に光る星を数えて、眠れない夜を越えていく。", 13.0, 2).unwrap();
        assert_eq!(lines.len(), 2);
        assert!(
            lines.iter().all(|line| !line.starts_with(['、', '。'])),
            "{lines:?}"
        );
    }

    #[test]
    fn japanese_with_spaces_breaks_at_them() {
        let lines = broken(
            "沈むように 溶けてゆくように 二人だけの空が広がる夜に",
            17.0,
            2,
        )
        .unwrap();
        assert_eq!(
            lines,
            ["沈むように 溶けてゆくように", "二人だけの空が広がる夜に"]
        );
    }

    #[test]
    fn a_word_that_is_wider_than_a_line_can_be_broken_anywhere() {
        let text = "Llanfairpwllgwyngyllgogerychwyrndrobwll";
        let fonts = Fonts::of(Face::Grotesk, text);
        let shaper = Shaper::new(text, &fonts, 0.0);
        let pieces = Pieces::of(text, &shaper).no_wider_than(9.0, text, &shaper);
        let lines = pieces.lines(9.0, 4).unwrap();
        assert!(lines.len() >= 2);
        assert_eq!(
            lines
                .iter()
                .map(|line| &text[line.clone()])
                .collect::<String>(),
            text
        );
    }
}
