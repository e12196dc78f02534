//! What a word covers of the frame, drawn once, and its blend into a frame.

use crate::outline::Coverage;

/// A rectangle of pixels, even on all sides, so that it holds whole pixels of chroma.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Area {
    pub(crate) left: usize,
    pub(crate) top: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

/// Coverage, 0–255: at full size for luma, and averaged over two by two pixels for chroma.
#[derive(Debug)]
pub(crate) struct Mask {
    pub(crate) area: Area,
    luma: Vec<u8>,
    pub(crate) chroma: Vec<u8>,
}

/// A frame that is drawn on: 8-bit YUV 4:2:0.
pub(crate) struct Frame<'a> {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) luma: &'a mut [u8],
    pub(crate) u: &'a mut [u8],
    pub(crate) v: &'a mut [u8],
}

/// How a mask is blended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blend {
    /// Y, U, V.
    pub(crate) colour: [u8; 3],
    /// 0–256: all of it.
    pub(crate) strength: i32,
    /// How far below its place it is drawn, in 256ths of a pixel.
    pub(crate) drop: i32,
}

impl<'a> Frame<'a> {
    /// Over the planes of a frame; `None` where they are not as long as the size asks.
    pub(crate) fn over(bytes: &'a mut [u8], width: usize, height: usize) -> Option<Self> {
        let pixels = width * height;
        if bytes.len() < pixels + pixels / 2
            || !width.is_multiple_of(2)
            || !height.is_multiple_of(2)
        {
            return None;
        }
        let (luma, chroma) = bytes.split_at_mut(pixels);
        let (u, v) = chroma.split_at_mut(pixels / 4);
        Some(Self {
            width,
            height,
            luma,
            u,
            v,
        })
    }
}

impl Mask {
    /// Everything that the glyphs of a word cover within `width × height` pixels; `None` if that is nothing.
    pub(crate) fn of(glyphs: &[Coverage], (width, height): (usize, usize)) -> Option<Self> {
        let reach = |low: i32, length: usize, limit: usize| {
            (
                low.clamp(0, limit as i32),
                (low + length as i32).clamp(0, limit as i32),
            )
        };
        let (mut x, mut y) = ((i32::MAX, 0), (i32::MAX, 0));
        for glyph in glyphs {
            let across = reach(glyph.left, glyph.width, width);
            let down = reach(glyph.top, glyph.height, height);
            x = (x.0.min(across.0), x.1.max(across.1));
            y = (y.0.min(down.0), y.1.max(down.1));
        }
        if x.0 >= x.1 || y.0 >= y.1 {
            return None;
        }
        let (left, top) = (x.0 as usize & !1, y.0 as usize & !1);
        let area = Area {
            left,
            top,
            width: (x.1 as usize).next_multiple_of(2) - left,
            height: (y.1 as usize).next_multiple_of(2) - top,
        };
        let mut luma = vec![0; area.width * area.height];
        for glyph in glyphs {
            stamp(&mut luma, area, glyph);
        }
        let chroma = halved(&luma, area);
        Some(Self { area, luma, chroma })
    }

    /// Blends it into the frame.
    pub(crate) fn blend(&self, blend: Blend, frame: &mut Frame<'_>) {
        let area = self.area;
        let [y, u, v] = blend.colour;
        let full = (frame.width, frame.height);
        let at = Placed {
            area,
            drop: blend.drop,
            strength: blend.strength,
        };
        layer(&self.luma, at, y, (full, frame.luma));
        let half = (frame.width / 2, frame.height / 2);
        let at = Placed {
            area: Area {
                left: area.left / 2,
                top: area.top / 2,
                width: area.width / 2,
                height: area.height / 2,
            },
            drop: blend.drop / 2,
            strength: blend.strength,
        };
        layer(&self.chroma, at, u, (half, frame.u));
        layer(&self.chroma, at, v, (half, frame.v));
    }
}

/// A plane of coverage in its place.
#[derive(Debug, Clone, Copy)]
struct Placed {
    area: Area,
    drop: i32,
    strength: i32,
}

/// Blends one value into one plane.
fn layer(
    cover: &[u8],
    at: Placed,
    value: u8,
    ((width, height), plane): ((usize, usize), &mut [u8]),
) {
    let Area {
        left,
        top,
        width: across,
        height: down,
    } = at.area;
    let (whole, part) = (at.drop.div_euclid(256), at.drop.rem_euclid(256));
    let row_of = |index: i32| {
        let index = usize::try_from(index).ok()?;
        cover.get(index * across..(index + 1) * across)
    };
    let across = across.min(width.saturating_sub(left));
    let rows = down as i32 + i32::from(part > 0);
    for index in 0..rows {
        let y = top as i32 + whole + index;
        if y < 0 || y >= height as i32 {
            continue;
        }
        let row = &mut plane[y as usize * width + left..][..across];
        match (row_of(index - 1).filter(|_| part > 0), row_of(index)) {
            (None, Some(below)) => mix(row, below, value, at.strength * (256 - part) / 256),
            (Some(above), None) => mix(row, above, value, at.strength * part / 256),
            (Some(above), Some(below)) => {
                for ((pixel, above), below) in row.iter_mut().zip(above).zip(below) {
                    let cover = i32::from(*above) * part + i32::from(*below) * (256 - part);
                    towards(pixel, value, (cover >> 8) * at.strength);
                }
            }
            (None, None) => {}
        }
    }
}

fn mix(row: &mut [u8], cover: &[u8], value: u8, strength: i32) {
    for (pixel, cover) in row.iter_mut().zip(cover) {
        towards(pixel, value, i32::from(*cover) * strength);
    }
}

/// Moves a pixel towards a value; 65 280 is all the way.
#[inline]
fn towards(pixel: &mut u8, value: u8, share: i32) {
    let (from, to) = (i32::from(*pixel), i32::from(value));
    *pixel = ((from * 65_280 + (to - from) * share + 32_640) / 65_280).clamp(0, 255) as u8;
}

fn stamp(luma: &mut [u8], area: Area, glyph: &Coverage) {
    for (y, values) in glyph.values.chunks_exact(glyph.width).enumerate() {
        let y = glyph.top + y as i32 - area.top as i32;
        if y < 0 || y >= area.height as i32 {
            continue;
        }
        let row = &mut luma[y as usize * area.width..][..area.width];
        for (x, value) in values.iter().enumerate() {
            let x = glyph.left + x as i32 - area.left as i32;
            if let Some(pixel) = usize::try_from(x).ok().and_then(|x| row.get_mut(x)) {
                *pixel = pixel.saturating_add((value * 255.0 + 0.5) as u8);
            }
        }
    }
}

fn halved(luma: &[u8], area: Area) -> Vec<u8> {
    let mut half = Vec::with_capacity(luma.len() / 4);
    for pair in luma.chunks_exact(area.width * 2) {
        let (above, below) = pair.split_at(area.width);
        for (above, below) in above.chunks_exact(2).zip(below.chunks_exact(2)) {
            let sum: u16 = above
                .iter()
                .chain(below)
                .map(|value| u16::from(*value))
                .sum();
            half.push(((sum + 2) / 4) as u8);
        }
    }
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square() -> Mask {
        let coverage = Coverage {
            left: 3,
            top: 3,
            width: 4,
            height: 4,
            values: vec![1.0; 16],
        };
        Mask::of(&[coverage], (16, 16)).unwrap()
    }

    fn drawn(drop: i32, strength: i32) -> Vec<u8> {
        let mut bytes = vec![16_u8; 256];
        bytes.resize(384, 128);
        let mut frame = Frame::over(&mut bytes, 16, 16).unwrap();
        let blend = Blend {
            colour: [216, 100, 150],
            strength,
            drop,
        };
        square().blend(blend, &mut frame);
        bytes
    }

    #[test]
    fn a_mask_changes_what_it_covers_and_no_more() {
        let bytes = drawn(0, 256);
        for y in 0..16 {
            for x in 0..16 {
                let inside = (3..7).contains(&x) && (3..7).contains(&y);
                assert_eq!(bytes[y * 16 + x], if inside { 216 } else { 16 }, "{x} {y}");
            }
        }
        assert_eq!(bytes[256 + 2 * 8 + 2], 100); // wholly covered
        assert_eq!(bytes[256 + 8 + 1], 121); // a quarter
    }

    #[test]
    fn half_a_pixel_lower_is_shared_by_two_rows() {
        let bytes = drawn(128, 256);
        assert_eq!(
            [3, 4, 6, 7, 8].map(|y| bytes[y * 16 + 4]),
            [116, 216, 216, 116, 16]
        );
        let far = drawn(4096, 256);
        assert!(far[..256].iter().all(|value| *value == 16));
        assert_eq!(drawn(0, 0)[..256], vec![16; 256]);
    }
}
