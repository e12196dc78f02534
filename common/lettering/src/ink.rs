//! The colours of letters, from the film's palette: near white with a hint of it over what is dark, near
//! black over what is light, and the accent for the word that is being sung.

use model::look::{Palette, Srgb};

use crate::luminance::{DARK_INK, LIGHT_INK, of_rgb};

/// A colour as bytes of Y, U, V.
pub(crate) type Yuv = [u8; 3];

/// The colours of letters of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ink {
    /// Letters as such.
    pub(crate) plain: Yuv,
    /// A word that is being sung.
    pub(crate) sung: Yuv,
    /// Words that are still to come.
    pub(crate) waiting: Yuv,
}

/// Light letters, and dark ones.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inks {
    pub(crate) light: Ink,
    pub(crate) dark: Ink,
}

type Rgb = [f32; 3];

impl Inks {
    pub(crate) fn of(palette: &Palette) -> Self {
        let [deep, light, accent] = [palette.deep, palette.light, palette.accent].map(display);
        // Not below the luminance that grounds are made for, rounding included.
        let least = LIGHT_INK + 0.01;
        let plain = lighter(mix(light, [1.0; 3], 0.45), 0.86);
        let ink = mix(deep, [0.0; 3], 0.35);
        Self {
            light: Ink {
                plain: yuv(plain),
                sung: yuv(lighter(accent, least)),
                waiting: yuv(lighter(mix(plain, [0.5; 3], 0.40), least)),
            },
            dark: Ink {
                plain: yuv(darker(ink, 0.012)),
                sung: yuv(darker(accent, DARK_INK - 0.006)),
                waiting: yuv(darker(mix(ink, [0.5; 3], 0.45), DARK_INK - 0.006)),
            },
        }
    }
}

/// The colour, mixed with as much white as it needs to be so light.
fn lighter(colour: Rgb, luminance: f32) -> Rgb {
    let steps = (0..=64).map(|step| mix(colour, [1.0; 3], step as f32 / 64.0));
    let found = steps
        .into_iter()
        .find(|colour| of_rgb(*colour) >= luminance);
    found.unwrap_or([1.0; 3])
}

/// The colour, mixed with as much black as it needs to be so dark.
fn darker(colour: Rgb, luminance: f32) -> Rgb {
    let steps = (0..=64).map(|step| mix(colour, [0.0; 3], step as f32 / 64.0));
    let found = steps
        .into_iter()
        .find(|colour| of_rgb(*colour) <= luminance);
    found.unwrap_or([0.0; 3])
}

fn display(Srgb(bytes): Srgb) -> Rgb {
    bytes.map(|byte| f32::from(byte) / 255.0)
}

fn mix(a: Rgb, b: Rgb, t: f32) -> Rgb {
    std::array::from_fn(|at| a[at] + (b[at] - a[at]) * t)
}

/// BT.709, limited range.
fn yuv([r, g, b]: Rgb) -> Yuv {
    let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    let (u, v) = ((b - y) / 1.8556, (r - y) / 1.5748);
    let byte = |value: f32| (value + 0.5).clamp(16.0, 240.0) as u8;
    [
        byte(16.0 + 219.0 * y),
        byte(128.0 + 224.0 * u),
        byte(128.0 + 224.0 * v),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::luminance::TABLES;

    #[test]
    fn every_ink_of_every_palette_is_as_light_or_dark_as_its_ground_expects() {
        let values = [0_u8, 90, 180, 255];
        for red in values {
            for green in values {
                for blue in values {
                    let colour = Srgb([red, green, blue]);
                    let inks = Inks::of(&Palette {
                        deep: colour,
                        shade: colour,
                        tone: colour,
                        light: colour,
                        accent: colour,
                    });
                    let light = |[y, u, v]: Yuv| {
                        TABLES.luminance(y, i32::from(u), i32::from(v)) as f32 / 65_536.0
                    };
                    let Ink {
                        plain,
                        sung,
                        waiting,
                    } = inks.light;
                    for ink in [plain, sung, waiting] {
                        assert!(
                            light(ink) >= LIGHT_INK - 0.005,
                            "{colour:?} {ink:?} {}",
                            light(ink)
                        );
                    }
                    let Ink {
                        plain,
                        sung,
                        waiting,
                    } = inks.dark;
                    for ink in [plain, sung, waiting] {
                        assert!(
                            light(ink) <= DARK_INK + 0.002,
                            "{colour:?} {ink:?} {}",
                            light(ink)
                        );
                    }
                }
            }
        }
    }
}
