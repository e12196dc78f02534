//! From a palette in sRGB to light and back: `OKLab` mixing, the filmic curve and its inverse, BT.709.
//!
//! `OKLab`: B. Ottosson, "A perceptual color space for image processing", 2020. The filmic curve is the
//! rational fit by J. Hejl and R. Burgess-Dawson (2010), which has the display's gamma built in; being
//! a quadratic over a quadratic it can be turned round exactly, so a palette's colours come out as they
//! went in, and only what is brighter than they are rolls off towards white.

use model::look::{Palette, Srgb};

use crate::maths::{mix, pow};

/// Red, green, blue.
pub(crate) type Rgb = [f32; 3];

/// The light that the filmic curve shows as `display`.
pub(crate) fn filmic_inverse(display: f32) -> f32 {
    let d = display.clamp(0.0, 0.985);
    let (a, b, c) = (6.2 * (1.0 - d), 0.5 - 1.7 * d, -0.06 * d);
    (-b + (b * b - 4.0 * a * c).max(0.0).sqrt()) / (2.0 * a)
}

/// A colour as display values in 0…1.
pub(crate) fn display(Srgb(bytes): Srgb) -> Rgb {
    bytes.map(|byte| f32::from(byte) / 255.0)
}

fn to_linear(v: f32) -> f32 {
    if v <= 0.04045 {
        v / 12.92
    } else {
        pow((v + 0.055) / 1.055, 2.4)
    }
}

fn from_linear(v: f32) -> f32 {
    if v <= 0.003_130_8 {
        v.max(0.0) * 12.92
    } else {
        1.055 * pow(v, 1.0 / 2.4) - 0.055
    }
}

/// A colour in `OKLab`: lightness, and the two opponent axes. By the renderer's own arithmetic, so that it
/// is the same on every machine.
pub fn oklab(colour: Srgb) -> [f32; 3] {
    to_oklab(display(colour))
}

/// The nearest colour that sRGB has.
pub fn srgb(oklab: [f32; 3]) -> Srgb {
    Srgb(from_oklab(oklab).map(|value| (value * 255.0 + 0.5).clamp(0.0, 255.0) as u8))
}

/// Display values to `OKLab`.
pub(crate) fn to_oklab(rgb: Rgb) -> Rgb {
    let [r, g, b] = rgb.map(to_linear);
    let l = 0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b;
    let m = 0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b;
    let s = 0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b;
    let [l, m, s] = [l, m, s].map(|v| pow(v, 1.0 / 3.0));
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

/// `OKLab` to display values, held within the gamut.
pub(crate) fn from_oklab([lightness, a, b]: Rgb) -> Rgb {
    let l = lightness + 0.396_337_78 * a + 0.215_803_76 * b;
    let m = lightness - 0.105_561_346 * a - 0.063_854_17 * b;
    let s = lightness - 0.089_484_18 * a - 1.291_485_5 * b;
    let [l, m, s] = [l, m, s].map(|v| v * v * v);
    [
        4.076_741_7 * l - 3.307_711_6 * m + 0.230_969_94 * s,
        -1.268_438 * l + 2.609_757_4 * m - 0.341_319_4 * s,
        -0.004_196_086_3 * l - 0.703_418_6 * m + 1.707_614_7 * s,
    ]
    .map(|v| from_linear(v).min(1.0))
}

/// Between two display colours, in `OKLab`.
pub(crate) fn blend(a: Rgb, b: Rgb, t: f32) -> Rgb {
    let (a, b) = (to_oklab(a), to_oklab(b));
    from_oklab([mix(a[0], b[0], t), mix(a[1], b[1], t), mix(a[2], b[2], t)])
}

/// Light that is shown as this display colour.
pub(crate) fn light_of(rgb: Rgb) -> Rgb {
    rgb.map(filmic_inverse)
}

/// The same for what is seen dimmed as well as whole. A channel at its display's end takes twelve times the
/// light that shows it just below, so a dimmed orange would be pure red: it is held at 0.9.
pub(crate) fn glow_of(rgb: Rgb) -> Rgb {
    rgb.map(|value| filmic_inverse(value.min(0.9)))
}

/// A display colour as Y′ in 0…1 and the two colour differences in -0.5…0.5 (BT.709).
pub(crate) fn yuv([r, g, b]: Rgb) -> Rgb {
    let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    [y, (b - y) / 1.8556, (r - y) / 1.5748]
}

/// A palette as display colours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Colours {
    pub(crate) deep: Rgb,
    pub(crate) shade: Rgb,
    pub(crate) tone: Rgb,
    pub(crate) light: Rgb,
    pub(crate) accent: Rgb,
}

impl Colours {
    pub(crate) fn new(palette: &Palette) -> Self {
        Self {
            deep: display(palette.deep),
            shade: display(palette.shade),
            tone: display(palette.tone),
            light: display(palette.light),
            accent: display(palette.accent),
        }
    }
}

/// Colours in a row, mixed in `OKLab`, looked up by a number in 0…1.
#[derive(Debug, Clone)]
pub(crate) struct Ramp {
    table: Vec<[f32; 4]>,
}

impl Ramp {
    const LEN: usize = 1024;

    /// A ramp of light through `stops`: (where, display colour), in rising order.
    pub(crate) fn of_light(stops: &[(f32, Rgb)]) -> Self {
        let table = (0..Self::LEN)
            .map(|index| {
                let at = index as f32 / (Self::LEN - 1) as f32;
                let [r, g, b] = light_of(along(stops, at));
                [r, g, b, 0.0]
            })
            .collect();
        Self { table }
    }

    /// The colour at `at`, held at both ends.
    #[inline(always)]
    pub(crate) fn at(&self, at: f32) -> [f32; 4] {
        let index = (at * (Self::LEN - 1) as f32 + 0.5) as usize;
        self.table[index.min(Self::LEN - 1)]
    }
}

fn along(stops: &[(f32, Rgb)], at: f32) -> Rgb {
    let after = stops.iter().position(|(position, _)| *position > at);
    match after {
        Some(0) => stops[0].1,
        None => stops.last().map_or([0.0; 3], |stop| stop.1),
        Some(next) => {
            let ((p0, c0), (p1, c1)) = (stops[next - 1], stops[next]);
            blend(c0, c1, (at - p0) / (p1 - p0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The curve from light to the display, as `finish` has it in lanes.
    fn filmic(light: f32) -> f32 {
        (light * (6.2 * light + 0.5)) / (light * (6.2 * light + 1.7) + 0.06)
    }

    #[test]
    fn a_glow_keeps_its_hue_when_it_is_dimmed() {
        let hue = |rgb: Rgb| {
            let [_, a, b] = to_oklab(rgb);
            (b / a).atan()
        };
        let orange = [1.0, 0.6, 0.25];
        let dimmed = |light: Rgb| light.map(|value| filmic(value * 0.3));
        let turned = (hue(dimmed(glow_of(orange))) - hue(orange)).abs();
        assert!(turned < 0.7 * (hue(dimmed(light_of(orange))) - hue(orange)).abs());
    }

    #[test]
    fn a_palette_colour_comes_out_as_it_went_in() {
        for value in [0.0_f32, 0.02, 0.2, 0.5, 0.8, 0.97] {
            let shown = filmic(filmic_inverse(value));
            assert!((shown - value).abs() < 1e-4, "{value} became {shown}");
        }
        for rgb in [[0.1, 0.5, 0.9], [0.0, 0.0, 0.0], [1.0, 0.9, 0.2]] {
            let back = from_oklab(to_oklab(rgb));
            for (a, b) in rgb.iter().zip(back) {
                assert!((a - b).abs() < 2e-3, "{rgb:?} became {back:?}");
            }
        }
    }
}
