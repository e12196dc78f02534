//! Colours by lightness, chroma and hue as the eye orders them, and back to sRGB bytes.
//!
//! OKLab: B. Ottosson, "A perceptual color space for image processing" (2020).

use model::look::Srgb;

/// A colour: lightness 0–1, chroma from 0 (grey) to about 0.3, hue in degrees.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Oklch {
    pub(crate) lightness: f64,
    pub(crate) chroma: f64,
    pub(crate) hue: f64,
}

impl Oklch {
    pub(crate) const fn new(lightness: f64, chroma: f64, hue: f64) -> Self {
        Self {
            lightness,
            chroma,
            hue,
        }
    }

    /// The nearest colour of the same lightness and hue that a screen can show: chroma gives way.
    pub(crate) fn to_srgb(self) -> Srgb {
        let (mut inside, mut outside) = (0.0, self.chroma);
        if let Some(bytes) = self.bytes() {
            return Srgb(bytes);
        }
        // Sixteen halvings leave less than a byte's step.
        for _ in 0..16 {
            let middle = f64::midpoint(inside, outside);
            match (Self {
                chroma: middle,
                ..self
            })
            .bytes()
            {
                Some(_) => inside = middle,
                None => outside = middle,
            }
        }
        Srgb(
            Self {
                chroma: inside,
                ..self
            }
            .clamped(),
        )
    }

    /// sRGB bytes, or `None` outside the gamut.
    fn bytes(self) -> Option<[u8; 3]> {
        self.linear()
            .iter()
            .all(|v| (-1e-4..=1.0001).contains(v))
            .then(|| self.clamped())
    }

    fn clamped(self) -> [u8; 3] {
        self.linear()
            .map(|v| (encoded(v.clamp(0.0, 1.0)) * 255.0).round() as u8)
    }

    /// Linear-light sRGB.
    fn linear(self) -> [f64; 3] {
        let (sine, cosine) = self.hue.to_radians().sin_cos();
        let (a, b) = (self.chroma * cosine, self.chroma * sine);
        let l = (self.lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
        let m = (self.lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
        let s = (self.lightness - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
        [
            4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
            -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
            -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701_0 * s,
        ]
    }
}

/// The sRGB transfer curve (IEC 61966-2-1).
fn encoded(linear: f64) -> f64 {
    if linear <= 0.003_130_8 {
        12.92 * linear
    } else {
        1.055 * linear.powf(1.0 / 2.4) - 0.055
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_colours_come_out_as_their_bytes() {
        let check = |colour: Oklch, bytes: [u8; 3]| {
            let Srgb(got) = colour.to_srgb();
            for (got, wanted) in got.iter().zip(bytes) {
                assert!(
                    got.abs_diff(wanted) <= 1,
                    "{colour:?}: {got} is not {wanted}"
                );
            }
        };
        check(Oklch::new(0.0, 0.0, 0.0), [0, 0, 0]);
        check(Oklch::new(1.0, 0.0, 0.0), [255, 255, 255]);
        check(Oklch::new(0.627_955, 0.257_683, 29.233_9), [255, 0, 0]);
        check(Oklch::new(0.452_014, 0.313_214, 264.052), [0, 0, 255]);
    }

    #[test]
    fn what_no_screen_can_show_keeps_its_hue_and_loses_chroma() {
        let Srgb([red, green, blue]) = Oklch::new(0.7, 0.4, 150.0).to_srgb();
        assert!(green > red && green > blue, "{red} {green} {blue}");
    }
}
