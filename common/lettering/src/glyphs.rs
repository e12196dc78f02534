//! From a stretch of text to glyphs in the order in which they stand: fonts, directions, shaping.

use std::ops::Range;

use harfrust::unicode::script;
use harfrust::{Buffer, Direction, GlyphId, Script, ShapeOptions, ShaperFont};
use unicode_bidi::{BidiInfo, Level};

use crate::fonts::{FontId, Fonts};
use crate::wording::is_joiner;

/// A glyph where it stands in its line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Glyph {
    pub(crate) font: FontId,
    pub(crate) id: GlyphId,
    /// From the line's left end and baseline, in ems; y goes up.
    pub(crate) x: f32,
    pub(crate) y: f32,
    /// The byte of the text that it comes from.
    pub(crate) at: usize,
}

/// A line of glyphs from left to right.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub(crate) glyphs: Vec<Glyph>,
    /// In ems.
    pub(crate) width: f32,
}

/// Letters that follow each other in one font and script.
#[derive(Debug, Clone)]
struct Item {
    range: Range<usize>,
    font: FontId,
    script: Script,
}

/// A text that can be shaped, whole or line by line.
pub(crate) struct Shaper<'a> {
    text: &'a str,
    bidi: BidiInfo<'a>,
    items: Vec<Item>,
    /// Room added between letters of European scripts, in ems.
    tracking: f32,
}

impl<'a> Shaper<'a> {
    pub(crate) fn new(text: &'a str, fonts: &Fonts, tracking: f32) -> Self {
        Self {
            text,
            bidi: BidiInfo::new(text, None),
            items: items(text, fonts),
            tracking,
        }
    }

    /// What it shapes.
    pub(crate) const fn text(&self) -> &'a str {
        self.text
    }

    /// Whether the text as a whole runs from right to left.
    pub(crate) fn is_rtl(&self) -> bool {
        let first = self.bidi.paragraphs.first();
        first.is_some_and(|paragraph| paragraph.level.is_rtl())
    }

    /// Whether any letter is set in a font that `asked` says yes to.
    pub(crate) fn has(&self, asked: impl Fn(FontId, Script) -> bool) -> bool {
        let letters = |item: &&Item| !self.text[item.range.clone()].trim().is_empty();
        let mut items = self.items.iter().filter(letters);
        items.any(|item| asked(item.font, item.script))
    }

    /// The glyphs of a stretch of the text, as they stand in a line of its own.
    pub(crate) fn row(&self, line: Range<usize>) -> Row {
        let mut row = Row::default();
        let Some(paragraph) = self.bidi.paragraphs.first() else {
            return row;
        };
        if line.is_empty() {
            return row;
        }
        let (levels, runs) = self.bidi.visual_runs(paragraph, line.clone());
        for run in runs {
            let rtl = levels.get(run.start).is_some_and(Level::is_rtl);
            let inside = self.items.iter().filter_map(|item| {
                let range = item.range.start.max(run.start)..item.range.end.min(run.end);
                (!range.is_empty()).then(|| Item {
                    range,
                    ..item.clone()
                })
            });
            let mut pieces: Vec<Item> = inside.collect();
            if rtl {
                pieces.reverse();
            }
            for piece in pieces {
                self.shape(&piece, rtl, &line, &mut row);
            }
        }
        // The last letter has nobody to keep away from.
        let last = row.glyphs.last().filter(|glyph| glyph.font.is_european());
        if last.is_some() {
            row.width = (row.width - self.tracking).max(0.0);
        }
        row
    }

    /// Adds the glyphs of a piece at the right end of the row.
    fn shape(&self, piece: &Item, rtl: bool, line: &Range<usize>, row: &mut Row) {
        let Some(font) = piece.font.get() else {
            return;
        };
        let mut buffer = Buffer::new();
        buffer.push_str(&self.text[piece.range.clone()]);
        // Letters join with those beside them also where those are set in another font.
        buffer.set_pre_context(&self.text[line.start..piece.range.start]);
        buffer.set_post_context(&self.text[piece.range.end..line.end]);
        buffer.set_script(Some(piece.script));
        buffer.set_direction(if rtl {
            Direction::RightToLeft
        } else {
            Direction::LeftToRight
        });
        if harfrust::shape(&ShaperFont::new(font), &mut buffer, ShapeOptions::new()).is_err() {
            return;
        }
        let em = 1.0 / f32::from(font.units_per_em().max(1));
        for (info, position) in buffer.glyph_infos().iter().zip(buffer.glyph_positions()) {
            let tracked = piece.font.is_european() && position.x_advance > 0;
            let advance =
                position.x_advance as f32 * em + if tracked { self.tracking } else { 0.0 };
            row.glyphs.push(Glyph {
                font: piece.font,
                id: GlyphId::new(info.glyph_id),
                x: row.width + position.x_offset as f32 * em,
                y: position.y_offset as f32 * em,
                at: piece.range.start + info.cluster as usize,
            });
            row.width += advance;
        }
    }
}

/// Whether a script says nothing of its own.
fn is_neutral(script: Script) -> bool {
    [Script::COMMON, Script::INHERITED, Script::UNKNOWN].contains(&script)
}

/// Font and script of every letter. What belongs to no script takes those of the letter before it.
fn items(text: &str, fonts: &Fonts) -> Vec<Item> {
    let script_of = |letter: char| script(u32::from(letter));
    let strong = text.chars().find(|letter| !is_neutral(script_of(*letter)));
    let mut now = strong.map_or((fonts.face(), Script::LATIN), |letter| {
        (
            fonts.with(letter).unwrap_or_else(|| fonts.face()),
            script_of(letter),
        )
    });
    let mut items: Vec<Item> = Vec::new();
    for (at, letter) in text.char_indices() {
        let own = script_of(letter);
        let font = if !is_neutral(own) {
            now = (fonts.with(letter).unwrap_or(now.0), own);
            now.0
        } else if is_joiner(letter) || own == Script::INHERITED || now.0.has(letter) {
            now.0
        } else {
            fonts.with(letter).unwrap_or(now.0)
        };
        let range = at..at + letter.len_utf8();
        match items.last_mut() {
            Some(item) if item.font == font && item.script == now.1 => item.range.end = range.end,
            _ => items.push(Item {
                range,
                font,
                script: now.1,
            }),
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use model::lettering::Face;

    use super::*;

    fn row(text: &str) -> Row {
        let fonts = Fonts::of(Face::Grotesk, text);
        Shaper::new(text, &fonts, 0.0).row(0..text.len())
    }

    fn bytes(text: &str) -> Vec<usize> {
        row(text).glyphs.iter().map(|glyph| glyph.at).collect()
    }

    #[test]
    fn latin_stands_from_left_to_right_and_hebrew_from_right_to_left() {
        assert_eq!(bytes("abc"), [0, 1, 2]);
        assert_eq!(bytes("שלום"), [6, 4, 2, 0]);
    }

    #[test]
    fn a_latin_word_within_hebrew_keeps_its_own_direction() {
        // Read: shin, lamed, space, a, b, space, mem. Seen from the left: mem, space, a, b, space, lamed, shin.
        assert_eq!(bytes("של ab מ"), [8, 7, 5, 6, 4, 2, 0]);
    }

    #[test]
    fn arabic_letters_join() {
        let joined = row("سلام");
        let apart = row("س ل ا م");
        let shapes = |row: &Row| {
            let ids = row.glyphs.iter().map(|glyph| glyph.id.to_u32());
            ids.collect::<std::collections::BTreeSet<_>>()
        };
        assert!(joined.width < apart.width * 0.9);
        assert_ne!(shapes(&joined), shapes(&apart));
    }

    #[test]
    fn kerning_and_tracking_are_heeded() {
        assert!(row("AVAV").width < row("AAVV").width);
        let fonts = Fonts::of(Face::Grotesk, "abcd");
        let tracked = Shaper::new("abcd", &fonts, 0.1).row(0..4).width;
        assert!((tracked - row("abcd").width - 0.3).abs() < 1e-4);
    }

    #[test]
    fn a_text_of_many_scripts_has_a_glyph_for_every_letter() {
        let row = row("Ночь, 夜に! Ñandú «שלום» سلام नमस्ते ไทย 한국");
        assert!(row.glyphs.iter().all(|glyph| glyph.id.to_u32() != 0));
        assert!(row.width > 20.0);
    }
}
