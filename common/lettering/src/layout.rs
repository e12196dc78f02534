//! A text set into its plot: the largest size at which it fits, its lines, and every glyph's place.

use harfrust::Script;
use model::format::FrameSize;
use model::lettering::{Face, Role};

use crate::fonts::FontId;
use crate::glyphs::{Glyph, Row, Shaper};
use crate::lines::Pieces;
use crate::place::{Align, Anchor, Plot};
use crate::wording::Wording;

/// A text in its place.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Pixels an em.
    pub(crate) em: f32,
    /// Height of its capitals in pixels.
    #[cfg(test)]
    pub(crate) capital: f32,
    pub(crate) lines: Vec<Line>,
}

/// A line in its place; its glyphs stand relative to it.
#[derive(Debug)]
pub(crate) struct Line {
    /// Its left end, and its baseline, in pixels of the frame.
    pub(crate) left: f32,
    pub(crate) baseline: f32,
    pub(crate) row: Row,
}

/// How far a line's letters reach and lines stand apart, in ems.
#[derive(Debug, Clone, Copy)]
struct Reach {
    above: f32,
    below: f32,
    leading: f32,
}

/// Each size that is tried is so much of the one before.
const STEP: f32 = 0.95;
/// Widths of stretches are summed to those of lines; kerning between them may add a little.
const SLACK: f32 = 0.985;
/// What stands for the rest of a text that is too long.
const ELLIPSIS: char = '…';

/// Sets a text. `None` only where not even its first letter fits, which no film is too small for.
pub(crate) fn lay_out(
    wording: &Wording,
    (role, face): (Role, Face),
    size: FrameSize,
) -> Option<Layout> {
    let plot = Plot::of(role, face, size);
    if let Some(layout) = fitted(&wording.text, wording, &plot) {
        return Some(layout);
    }
    // Too long even for the smallest letters: as much of it as fits, found by halving.
    let ends: Vec<usize> = wording.text.char_indices().map(|(at, _)| at).collect();
    let (mut fits, mut fails) = (0, ends.len());
    let mut found = None;
    while fits + 1 < fails {
        let middle = usize::midpoint(fits, fails);
        let text = format!("{}{ELLIPSIS}", wording.text[..ends[middle]].trim_end());
        match broken(&text, wording, &plot) {
            Some(layout) => (fits, found) = (middle, Some(layout)),
            None => fails = middle,
        }
    }
    found
}

/// At the largest size at which words stay whole; else, at the smallest, broken between letters.
fn fitted(text: &str, wording: &Wording, plot: &Plot) -> Option<Layout> {
    let shaper = Shaper::new(text, &wording.fonts, plot.tracking);
    let pieces = Pieces::of(text, &shaper);
    let mut capital = plot.capital;
    while capital > plot.smallest {
        if let Some(layout) = at_size(capital, &pieces, (&shaper, wording), plot) {
            return Some(layout);
        }
        capital *= STEP;
    }
    at_size(plot.smallest, &pieces, (&shaper, wording), plot)
        .or_else(|| broken(text, wording, plot))
}

/// At the smallest size, broken wherever it has to be.
fn broken(text: &str, wording: &Wording, plot: &Plot) -> Option<Layout> {
    let shaper = Shaper::new(text, &wording.fonts, plot.tracking);
    let widest = plot.widest * SLACK / em(plot.smallest, &shaper, wording);
    let pieces = Pieces::of(text, &shaper).no_wider_than(widest, text, &shaper);
    at_size(plot.smallest, &pieces, (&shaper, wording), plot)
}

fn at_size(
    capital: f32,
    pieces: &Pieces,
    (shaper, wording): (&Shaper<'_>, &Wording),
    plot: &Plot,
) -> Option<Layout> {
    let em = em(capital, shaper, wording);
    let lines = pieces.lines(plot.widest * SLACK / em, plot.most_lines)?;
    let reach = reach(shaper);
    let height = reach.above + reach.below + reach.leading * (lines.len() as f32 - 1.0);
    if height * em > plot.tallest {
        return None;
    }
    let bottom = match plot.anchor {
        Anchor::Bottom => plot.safe.bottom,
        Anchor::Middle(middle) => {
            let frame = plot.safe.bottom + plot.safe.top;
            let wanted = middle * frame + height * em / 2.0;
            wanted.clamp(plot.safe.top + height * em, plot.safe.bottom)
        }
    };
    let first = bottom - (height - reach.above) * em;
    let mut set = Vec::with_capacity(lines.len());
    for (index, range) in lines.into_iter().enumerate() {
        let seen = range.start..range.start + shaper.text()[range.clone()].trim_end().len();
        let row = shaper.row(seen);
        let width = row.width * em;
        if width > plot.widest {
            return None;
        }
        let left = match plot.align {
            Align::Centre => f32::midpoint(plot.safe.left, plot.safe.right) - width / 2.0,
            Align::Start if shaper.is_rtl() => plot.safe.right - width,
            Align::Start => plot.safe.left,
        };
        set.push(Line {
            left,
            // On a whole pixel, so that flat letters stand crisp.
            baseline: (first + reach.leading * em * index as f32 + 0.5).floor(),
            row,
        });
    }
    Some(Layout {
        em,
        #[cfg(test)]
        capital,
        lines: set,
    })
}

/// Pixels an em at which capitals of the text's face are so high; of the companions', where it is all theirs.
fn em(capital: f32, shaper: &Shaper<'_>, wording: &Wording) -> f32 {
    let own = shaper.has(|font, _| font.is_european());
    let share = if own {
        wording.fonts.face().capital()
    } else {
        0.75
    };
    capital / share
}

fn reach(shaper: &Shaper<'_>) -> Reach {
    let towering = |_: FontId, script: Script| {
        [Script::ARABIC, Script::THAI, Script::DEVANAGARI].contains(&script)
    };
    if shaper.has(towering) {
        Reach {
            above: 1.05,
            below: 0.45,
            leading: 1.42,
        }
    } else {
        Reach {
            above: 0.92,
            below: 0.28,
            leading: 1.16,
        }
    }
}

impl Line {
    /// A glyph's origin on the frame: x, and the baseline that it stands on.
    pub(crate) fn origin(&self, glyph: &Glyph, em: f32) -> (f32, f32) {
        (self.left + glyph.x * em, self.baseline - glyph.y * em)
    }
}

#[cfg(test)]
mod tests {
    use model::format::{AspectRatio, Resolution};
    use model::lettering::{Cue, CueWord};
    use model::timeline::Span;
    use proptest::prelude::*;

    use super::*;
    use crate::place::{SafeArea, smallest_capital};
    use crate::wording;

    fn layout(text: &str, role: Role, face: Face, size: FrameSize) -> Option<Layout> {
        let words = text.split_whitespace().map(|word| CueWord {
            text: word.to_owned(),
            sung: None,
        });
        let cue = Cue {
            role,
            seen: Span { first: 0, count: 9 },
            words: words.collect(),
        };
        lay_out(&wording::read(&cue, face)?, (role, face), size)
    }

    fn wide() -> FrameSize {
        Resolution::P1080.size()
    }

    #[test]
    fn a_short_line_is_set_at_its_full_size_on_one_line() {
        let layout = layout("and all the stars", Role::Lyric, Face::Grotesk, wide()).unwrap();
        assert_eq!(layout.lines.len(), 1);
        assert!((layout.capital - 0.042 * 1080.0).abs() < 0.01);
        let line = &layout.lines[0];
        let middle = line.left + line.row.width * layout.em / 2.0;
        assert!((middle - 960.0).abs() < 1.0, "{middle}");
    }

    #[test]
    fn titles_begin_where_reading_begins() {
        let left = layout("Midnight Rain", Role::Title, Face::Grotesk, wide()).unwrap();
        assert_eq!(left.lines[0].left, 96.0);
        let right = layout("גשם של חצות", Role::Title, Face::Grotesk, wide()).unwrap();
        let line = &right.lines[0];
        assert!((line.left + line.row.width * right.em - 1824.0).abs() < 1.0);
    }

    #[test]
    fn a_text_that_is_far_too_long_is_cut_and_says_so() {
        let long = "wonderful ".repeat(40);
        let small = FrameSize {
            width: 320,
            height: 180,
        };
        let layout = layout(&long, Role::Lyric, Face::Grotesk, small).unwrap();
        assert!(layout.lines.len() <= 2);
        let glyphs: usize = layout.lines.iter().map(|line| line.row.glyphs.len()).sum();
        assert!(glyphs > 20 && glyphs < 200, "{glyphs}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn nothing_overflows_its_area_or_falls_below_the_smallest_size(
            text in "[ a-zA-Zа-яЁא-תء-ي一-龥ぁ-んァ-ン가-힣ก-๙क-ह0-9,.!'—\u{300}-\u{330}]{1,240}",
            (ratio, face, role) in (0..5_usize, 0..4_usize, 0..2_usize),
            short in 64..1100_u32,
        ) {
            let size = Resolution::P1080.shaped(AspectRatio::ALL[ratio]).scaled_to(short / 2 * 2);
            let role = [Role::Title, Role::Lyric][role];
            let Some(layout) = layout(&text, role, Face::ALL[face], size) else {
                // Only what could not be read may be left out.
                prop_assert!(text.trim().is_empty() || wording_is_none(&text, role, Face::ALL[face]));
                return Ok(());
            };
            let safe = SafeArea::of(size);
            prop_assert!(layout.capital >= smallest_capital(role, size) * 0.999);
            for line in &layout.lines {
                let right = line.left + line.row.width * layout.em;
                prop_assert!(line.left >= safe.left - 0.5 && right <= safe.right + 0.5, "{size} {line:?}");
                prop_assert!(line.baseline >= safe.top && line.baseline <= safe.bottom);
            }
        }
    }

    fn wording_is_none(text: &str, role: Role, face: Face) -> bool {
        let cue = Cue {
            role,
            seen: Span { first: 0, count: 9 },
            words: vec![CueWord {
                text: text.to_owned(),
                sung: None,
            }],
        };
        wording::read(&cue, face).is_none()
    }
}
