//! A text in cells: what moves and lights up by itself. Words; in scripts that write none, letters.

use std::ops::Range;

use harfrust::Script;
use harfrust::unicode::script;
use model::timeline::Span;

use crate::layout::{Layout, Line};
use crate::mask::Mask;
use crate::outline::{self, Coverage};
use crate::wording::Wording;

/// A part of a text.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) mask: Mask,
    /// Its place among all, in reading order.
    pub(crate) order: usize,
    pub(crate) sung: Option<Span>,
}

/// The cells of a text that was laid out, drawn.
pub(crate) fn of(wording: &Wording, layout: &Layout, size: (usize, usize)) -> Vec<Cell> {
    let units = units(wording);
    let mut cells = Vec::with_capacity(units.len());
    for line in &layout.lines {
        for (order, (range, sung)) in units.iter().enumerate() {
            let glyphs = covered(line, range, layout.em);
            if let Some(mask) = Mask::of(&glyphs, size) {
                cells.push(Cell {
                    mask,
                    order,
                    sung: *sung,
                });
            }
        }
    }
    cells
}

/// A stretch of a text, and when it is sung.
type Unit = (Range<usize>, Option<Span>);

/// Words with the spaces before them; the last one takes what was added in place of what did not fit.
fn units(wording: &Wording) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    for (range, sung) in &wording.words {
        let begin = units.last().map_or(0, |unit| unit.0.end);
        match sung {
            Some(sung) if is_unspaced(&wording.text[range.clone()]) => {
                units.extend(letters(&wording.text, begin..range.end, *sung));
            }
            _ => units.push((begin..range.end, *sung)),
        }
    }
    if let Some(last) = units.last_mut() {
        last.0.end = usize::MAX;
    }
    units
}

/// Whether a word is of a script that writes no spaces between words, and more than a letter.
fn is_unspaced(word: &str) -> bool {
    let scripts = [
        Script::HAN,
        Script::HIRAGANA,
        Script::KATAKANA,
        Script::HANGUL,
    ];
    let of_them = |letter: char| scripts.contains(&script(u32::from(letter)));
    word.chars().filter(|letter| of_them(*letter)).count() > 1
}

/// The letters of such a word share its time.
fn letters(text: &str, range: Range<usize>, sung: Span) -> Vec<Unit> {
    let mut starts: Vec<usize> = text[range.clone()]
        .char_indices()
        .map(|(at, _)| range.start + at)
        .collect();
    // Spaces and marks belong to the letter beside them.
    starts.retain(|at| {
        text[*at..]
            .chars()
            .next()
            .is_some_and(char::is_alphanumeric)
    });
    if let Some(first) = starts.first_mut() {
        *first = range.start;
    }
    let count = starts.len().max(1) as u64;
    let frame = |index: u64| sung.first + u64::from(sung.count) * index / count;
    let ends = starts.iter().skip(1).copied().chain([range.end]);
    let spans = starts.iter().copied().zip(ends).zip(0_u64..);
    spans
        .map(|((start, end), index)| {
            let span = Span {
                first: frame(index),
                count: (frame(index + 1) - frame(index)).max(1) as u32,
            };
            (start..end, Some(span))
        })
        .collect()
}

fn covered(line: &Line, range: &Range<usize>, em: f32) -> Vec<Coverage> {
    let glyphs = line.row.glyphs.iter();
    let mine = glyphs.filter(|glyph| range.contains(&glyph.at));
    mine.filter_map(|glyph| outline::coverage(glyph, line.origin(glyph, em), em))
        .collect()
}
