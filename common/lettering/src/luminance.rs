//! How bright a pixel looks, and how far it has to give way to be a ground for letters.
//!
//! Relative luminance and contrast as WCAG 2.2 defines them.

use std::sync::LazyLock;

/// The luminance that the darkest light letters and the lightest dark letters have.
pub(crate) const LIGHT_INK: f32 = 0.60;
/// See above.
pub(crate) const DARK_INK: f32 = 0.05;

/// The contrast that grounds are made for: a little more than the 4.5:1 that is promised, for what rounding
/// to 8 bits takes.
const AIM: f32 = 5.0;

/// The contrast between two relative luminances, 1–21 (WCAG 2.2, "contrast ratio").
pub fn contrast(one: f32, other: f32) -> f32 {
    let (light, dark) = (one.max(other), one.min(other));
    (light + 0.05) / (dark + 0.05)
}

/// A display value in 0–1 as light.
pub(crate) fn linear(value: f32) -> f32 {
    if value <= 0.04045 {
        return value / 12.92;
    }
    // x^2.4 is x² times the fifth root of x².
    let square = ((value + 0.055) / 1.055) * ((value + 0.055) / 1.055);
    let mut root = 0.9_f32;
    for _ in 0..24 {
        let fourth = root * root * root * root;
        root = root * 0.8 + square / fourth.max(1e-12) * 0.2; // Newton
    }
    square * root
}

/// The grey whose light is `luminance`, as a display value.
fn grey(luminance: f32) -> f32 {
    let (mut low, mut high) = (0.0_f32, 1.0_f32);
    for _ in 0..24 {
        let middle = f32::midpoint(low, high);
        if linear(middle) < luminance {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// Relative luminance of a display colour in 0–1.
pub(crate) fn of_rgb([r, g, b]: [f32; 3]) -> f32 {
    0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

/// What pixels do under letters.
pub(crate) struct Tables {
    /// Parts of the luminance by red, green and blue, 0–255; they add up to 65 535.
    parts: [[u32; 256]; 3],
    /// By luminance (of 65 536, over 64): how much of a colour is left under light letters, of 256.
    dimmed: [u16; 1024],
    /// By Y: how far towards white a colour goes under dark letters, of 256.
    lifted: [u16; 256],
}

pub(crate) static TABLES: LazyLock<Tables> = LazyLock::new(Tables::new);

impl Tables {
    fn new() -> Self {
        let part = |weight: f32| {
            std::array::from_fn(|byte| (linear(byte as f32 / 255.0) * weight * 65_535.0) as u32)
        };
        Self {
            parts: [part(0.2126), part(0.7152), part(0.0722)],
            dimmed: std::array::from_fn(|index| dimmed((index as f32 + 1.0) / 1024.0)),
            lifted: std::array::from_fn(|y| lifted((y as f32 - 16.0) / 219.0)),
        }
    }

    /// Relative luminance of a pixel, of 65 536.
    #[inline]
    pub(crate) fn luminance(&self, y: u8, u: i32, v: i32) -> u32 {
        let (y, u, v) = ((i32::from(y) - 16) * 298 + 128, u - 128, v - 128);
        let byte = |value: i32| (value >> 8).clamp(0, 255) as usize;
        self.parts[0][byte(y + 459 * v)]
            + self.parts[1][byte(y - 55 * u - 136 * v)]
            + self.parts[2][byte(y + 541 * u)]
    }

    /// How much of a colour of this luminance is left under light letters, of 256.
    #[inline]
    pub(crate) fn dimmed(&self, luminance: u32) -> i32 {
        i32::from(self.dimmed[(luminance >> 6).min(1023) as usize])
    }

    /// How far towards white a colour of this Y goes under dark letters, of 256.
    #[inline]
    pub(crate) fn lifted(&self, y: u8) -> i32 {
        i32::from(self.lifted[usize::from(y)])
    }
}

/// What is dark enough stays; the rest is bent below the limit. A colour is no lighter after that than the
/// grey of its luminance, as the curve from display to light bends upwards.
fn dimmed(luminance: f32) -> u16 {
    const LIMIT: f32 = (LIGHT_INK + 0.05) / AIM - 0.05;
    const KNEE: f32 = LIMIT * 0.6;
    if luminance <= KNEE {
        return 256;
    }
    let (over, room) = (luminance - KNEE, LIMIT - KNEE);
    let target = KNEE + over * room / (over + room);
    (grey(target) / grey(luminance) * 256.0) as u16
}

/// What is light enough stays. Judged by Y: a colour has at least the light of the grey of its Y (Jensen).
fn lifted(value: f32) -> u16 {
    const LIMIT: f32 = (DARK_INK + 0.05) * AIM - 0.05;
    let (value, limit) = (value.clamp(0.0, 1.0), grey(LIMIT));
    let knee = limit + (1.0 - limit) * 0.35;
    if value >= knee {
        return 0;
    }
    let (under, room) = (knee - value, knee - limit);
    let target = knee - under * room / (under + room);
    ((target - value) / (1.0 - value) * 256.0).ceil() as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luminance_and_contrast_are_those_of_wcag() {
        assert!((linear(0.5) - 0.214_04).abs() < 1e-4);
        assert!((linear(1.0) - 1.0).abs() < 1e-5);
        assert!((contrast(1.0, 0.0) - 21.0).abs() < 1e-3);
        // #767676 on white is the textbook's 4.54.
        assert!((contrast(1.0, of_rgb([0x76 as f32 / 255.0; 3])) - 4.54).abs() < 0.01);
        let white = TABLES.luminance(235, 128, 128);
        assert!((64_500..=65_536).contains(&white), "{white}");
    }
}
