//! The embedded fonts, and which of them has a letter. All are under the OFL; see `fonts/README.md`.

use std::sync::LazyLock;

use harfrust::Font;
use model::lettering::Face;

/// A font by its place among [`FONTS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FontId(usize);

/// An embedded font, read when it is first asked for.
pub(crate) struct Embedded {
    font: LazyLock<Option<Font>>,
    /// Height of its capitals in ems; of what stands for them in scripts that have none.
    pub(crate) capital: f32,
}

macro_rules! embedded {
    ($($file:literal, $capital:literal;)+) => {
        [$(Embedded {
            font: LazyLock::new(|| Font::new(include_bytes!(concat!("../fonts/", $file)).as_slice(), 0)),
            capital: $capital,
        }),+]
    };
}

/// Four faces for European scripts, then their companions.
static FONTS: [Embedded; 9] = embedded! {
    "inter-semibold.otf", 0.727;
    "eb-garamond-regular.otf", 0.650;
    "league-spartan-bold.otf", 0.660;
    "bebas-neue-regular.otf", 0.700;
    "noto-sans-hebrew-bold.ttf", 0.72;
    "noto-sans-arabic-bold.ttf", 0.72;
    "noto-sans-thai-bold.ttf", 0.72;
    "noto-sans-devanagari-bold.ttf", 0.72;
    "noto-sans-cjk-bold.otf", 0.75;
};

const GROTESK: FontId = FontId(0);
/// How many of the fonts are faces for European scripts.
const EUROPEAN: usize = 4;

impl FontId {
    /// The font itself.
    pub(crate) fn get(self) -> Option<&'static Font> {
        FONTS[self.0].font.as_ref()
    }

    pub(crate) fn capital(self) -> f32 {
        FONTS[self.0].capital
    }

    /// Whether it is one of the faces for European scripts.
    pub(crate) const fn is_european(self) -> bool {
        self.0 < EUROPEAN
    }

    pub(crate) fn has(self, letter: char) -> bool {
        let glyph = self
            .get()
            .and_then(|font| font.charmap().map_unicode(letter));
        glyph.is_some_and(|glyph| glyph.to_u32() != 0)
    }
}

/// The fonts of a text, in the order in which they are asked for a letter.
#[derive(Debug, Clone)]
pub(crate) struct Fonts(Vec<FontId>);

impl Fonts {
    /// The face, unless the grotesk has a letter of `text` that the face lacks: a word is not set in two
    /// faces. Then the companions.
    pub(crate) fn of(face: Face, text: &str) -> Self {
        let own = FontId(match face {
            Face::Grotesk => 0,
            Face::Serif => 1,
            Face::Display => 2,
            Face::Condensed => 3,
        });
        let lacking = text
            .chars()
            .any(|letter| !own.has(letter) && GROTESK.has(letter));
        let first = if lacking { GROTESK } else { own };
        let companions = (EUROPEAN..FONTS.len()).map(FontId);
        Self(std::iter::once(first).chain(companions).collect())
    }

    /// The first that has the letter.
    pub(crate) fn with(&self, letter: char) -> Option<FontId> {
        self.0.iter().copied().find(|font| font.has(letter))
    }

    /// The face.
    pub(crate) fn face(&self) -> FontId {
        self.0.first().copied().unwrap_or(GROTESK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_font_can_be_read_and_has_what_it_is_there_for() {
        for (font, letters) in [
            (0, "Aß€жΩ"),
            (1, "Aßжω"),
            (2, "Añ"),
            (3, "Añж"),
            (4, "שלום"),
            (5, "سلام"),
            (6, "สวัสดี"),
            (7, "नमस्ते"),
            (8, "夜に駆ける龍们한국體"),
        ] {
            let font = FontId(font);
            assert!(font.get().is_some_and(|font| font.units_per_em() > 0));
            for letter in letters.chars() {
                assert!(font.has(letter), "{font:?} lacks {letter:?}");
            }
        }
    }

    #[test]
    fn a_face_without_a_letter_leaves_the_whole_text_to_the_grotesk() {
        assert_eq!(Fonts::of(Face::Condensed, "Night").face(), FontId(3));
        assert_eq!(Fonts::of(Face::Display, "Night, Ночь").face(), GROTESK);
        assert_eq!(Fonts::of(Face::Serif, "Ночь").face(), FontId(1));
        assert_eq!(Fonts::of(Face::Display, "夜").face(), FontId(2));
    }
}
