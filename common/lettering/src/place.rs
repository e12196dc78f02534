//! Where letters may stand, and how large they are, for each role and shape of the film.

use model::format::FrameSize;
use model::lettering::{Face, Role};

/// The part of a frame in which letters are safe from the edges of screens and the controls of players.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SafeArea {
    /// In pixels from the frame's left edge.
    pub left: f32,
    /// From its upper edge.
    pub top: f32,
    /// From its left edge.
    pub right: f32,
    /// From its upper edge.
    pub bottom: f32,
}

/// How wide a film is to how high.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// 16:9 and wider.
    Wide,
    /// About square, 4:5 included.
    Square,
    /// A phone held upright.
    Tall,
}

impl Shape {
    fn of(size: FrameSize) -> Self {
        let (width, height) = (u64::from(size.width), u64::from(size.height));
        if width * 2 > height * 3 {
            Self::Wide
        } else if width * 3 < height * 2 {
            Self::Tall
        } else {
            Self::Square
        }
    }
}

impl SafeArea {
    /// Wide films keep a twentieth free on every side, as title-safe areas of television do; about square
    /// ones 6 %, and a tenth below; tall ones 7 % beside, an eighth above and a fifth below, where the
    /// applications that show them put their own words and buttons.
    pub fn of(size: FrameSize) -> Self {
        let (beside, above, below) = match Shape::of(size) {
            Shape::Wide => (0.05, 0.05, 0.06),
            Shape::Square => (0.06, 0.06, 0.10),
            Shape::Tall => (0.07, 0.125, 0.20),
        };
        let (width, height) = (size.width as f32, size.height as f32);
        Self {
            left: width * beside,
            top: height * above,
            right: width * (1.0 - beside),
            bottom: height * (1.0 - below),
        }
    }

    pub(crate) fn width(self) -> f32 {
        self.right - self.left
    }
}

/// Where lines begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Where reading begins: left, or right for scripts that run from there.
    Start,
    Centre,
}

/// Where a text stands within the safe area.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Anchor {
    /// Its lower edge at the area's.
    Bottom,
    /// Its middle so far down the safe area, 0–1, its margin above counted twice.
    Middle(f32),
}

/// The room that a text has, and how it fills it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Plot {
    pub(crate) safe: SafeArea,
    /// Width of a line at most, in pixels.
    pub(crate) widest: f32,
    /// Height of all lines at most, in pixels.
    pub(crate) tallest: f32,
    /// Height of capitals, in pixels: as it should be, and as it may be at least.
    pub(crate) capital: f32,
    pub(crate) smallest: f32,
    pub(crate) most_lines: usize,
    pub(crate) align: Align,
    pub(crate) anchor: Anchor,
    /// Room added between letters, in ems.
    pub(crate) tracking: f32,
}

/// Height of the smallest capitals that a text is set in, in pixels: 2.6 % of the frame's shorter side for
/// lines that are sung, 3.4 % for titles.
pub fn smallest_capital(role: Role, size: FrameSize) -> f32 {
    let shorter = size.width.min(size.height) as f32;
    shorter
        * match role {
            Role::Title => 0.034,
            Role::Lyric => 0.026,
        }
}

impl Plot {
    pub(crate) fn of(role: Role, face: Face, size: FrameSize) -> Self {
        let (safe, shape) = (SafeArea::of(size), Shape::of(size));
        let (height, shorter) = (size.height as f32, size.width.min(size.height) as f32);
        let smallest = smallest_capital(role, size);
        match role {
            Role::Lyric => Self {
                safe,
                widest: safe.width() * if shape == Shape::Wide { 0.78 } else { 1.0 },
                tallest: height
                    * match shape {
                        Shape::Wide => 0.26,
                        Shape::Square => 0.24,
                        Shape::Tall => 0.18,
                    },
                capital: shorter * if shape == Shape::Wide { 0.042 } else { 0.046 },
                smallest,
                most_lines: if shape == Shape::Wide { 2 } else { 3 },
                align: Align::Centre,
                anchor: Anchor::Bottom,
                tracking: 0.01,
            },
            Role::Title => Self {
                safe,
                widest: safe.width() * if shape == Shape::Wide { 0.72 } else { 1.0 },
                tallest: height * 0.40,
                capital: shorter
                    * match face {
                        Face::Condensed => 0.105,
                        Face::Serif => 0.080,
                        Face::Grotesk | Face::Display => 0.072,
                    },
                smallest,
                most_lines: 4,
                align: if face == Face::Serif || shape == Shape::Tall {
                    Align::Centre
                } else {
                    Align::Start
                },
                anchor: Anchor::Middle(0.44),
                tracking: match face {
                    Face::Condensed => 0.05,
                    Face::Serif => 0.02,
                    Face::Grotesk => 0.0,
                    Face::Display => 0.01,
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use model::format::{AspectRatio, Resolution};

    use super::*;

    #[test]
    fn lines_stand_below_titles_in_every_shape() {
        for ratio in AspectRatio::ALL {
            let size = Resolution::P1080.shaped(*ratio);
            for face in Face::ALL {
                let title = Plot::of(Role::Title, face, size);
                let lyric = Plot::of(Role::Lyric, face, size);
                let Anchor::Middle(middle) = title.anchor else {
                    panic!("titles stand around their middle");
                };
                let frame = title.safe.top + title.safe.bottom;
                let lowest = middle * frame + title.tallest / 2.0;
                assert!(lowest <= lyric.safe.bottom - lyric.tallest, "{size}");
                assert!(title.smallest < title.capital && lyric.smallest < lyric.capital);
            }
        }
    }
}
