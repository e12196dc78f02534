//! Pixels: rectangles, curves and letters with soft edges, one painted over another.

use ab_glyph::{Font, FontRef, InvalidFont, PxScale, ScaleFont, point};
use image::{Rgb, RgbImage};

/// Inter Medium, Latin, Greek and Cyrillic; licensed under the OFL, which lies beside it.
const INTER: &[u8] = include_bytes!("../../../fonts/inter-medium.ttf");

/// A colour and how much it covers (0–1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Paint {
    rgb: [u8; 3],
    alpha: f32,
}

impl Paint {
    /// Covers all.
    pub(super) const fn solid(rgb: [u8; 3]) -> Self {
        Self { rgb, alpha: 1.0 }
    }

    /// The same colour, covering less.
    pub(super) const fn at(self, alpha: f32) -> Self {
        Self { alpha, ..self }
    }
}

/// A rectangle in pixels, y downwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub(super) left: f32,
    pub(super) top: f32,
    pub(super) right: f32,
    pub(super) bottom: f32,
}

impl Area {
    /// The height at a value from 0 (bottom) to 1 (top).
    pub(super) fn y(&self, value: f32) -> f32 {
        self.bottom - value.clamp(0.0, 1.0) * (self.bottom - self.top)
    }
}

/// Where a text stands to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Align {
    Left,
    Centre,
    Right,
}

/// How a text is set: its size in pixels, its paint, and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Type {
    pub(super) size: f32,
    pub(super) paint: Paint,
    pub(super) align: Align,
}

/// A picture that is being painted.
pub(super) struct Canvas {
    pixels: RgbImage,
    font: FontRef<'static>,
}

impl Canvas {
    /// All of one colour.
    pub(super) fn new(
        (width, height): (u32, u32),
        background: [u8; 3],
    ) -> Result<Self, InvalidFont> {
        Ok(Self {
            pixels: RgbImage::from_pixel(width, height, Rgb(background)),
            font: FontRef::try_from_slice(INTER)?,
        })
    }

    /// What was painted.
    pub(super) fn into_image(self) -> RgbImage {
        self.pixels
    }

    fn blend(&mut self, x: i32, y: i32, paint: Paint) {
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else {
            return;
        };
        if let Some(Rgb(pixel)) = self.pixels.get_pixel_mut_checked(x, y) {
            for (under, over) in pixel.iter_mut().zip(paint.rgb) {
                let (below, above) = (f32::from(*under), f32::from(over));
                *under = (below + (above - below) * paint.alpha).round() as u8;
            }
        }
    }

    /// A rectangle with round corners; what is thinner than a pixel is fainter.
    pub(super) fn rectangle(&mut self, area: Area, radius: f32, paint: Paint) {
        let radius = radius.min((area.right - area.left) / 2.0).max(0.0);
        for y in area.top.floor() as i32..area.bottom.ceil() as i32 {
            let rows = overlap(y as f32, area.top, area.bottom);
            for x in area.left.floor() as i32..area.right.ceil() as i32 {
                let columns = overlap(x as f32, area.left, area.right);
                let corner = corner(x as f32 + 0.5, y as f32 + 0.5, &area, radius);
                self.blend(x, y, paint.at(paint.alpha * rows * columns * corner));
            }
        }
    }

    /// A vertical line of this width around `x`.
    pub(super) fn vertical(&mut self, x: f32, (top, bottom): (f32, f32), width: f32, paint: Paint) {
        let (left, right) = (x - width / 2.0, x + width / 2.0);
        let area = Area {
            left,
            top,
            right,
            bottom,
        };
        self.rectangle(area, 0.0, paint);
    }

    /// What lies between the bottom of `area` and the curve `height` (0–1 for each column).
    pub(super) fn filled(&mut self, area: Area, height: impl Fn(f32) -> f32, paint: Paint) {
        for x in area.left as i32..area.right as i32 {
            let top = area.y(height(x as f32 + 0.5));
            self.column(x, (top, area.bottom), paint);
        }
    }

    /// The curve `height` (0–1 for each column) as a line.
    pub(super) fn curve(
        &mut self,
        area: Area,
        height: impl Fn(f32) -> f32,
        width: f32,
        paint: Paint,
    ) {
        for x in area.left as i32..area.right as i32 {
            let (a, b) = (area.y(height(x as f32)), area.y(height(x as f32 + 1.0)));
            let reach = (a.min(b) - width / 2.0, a.max(b) + width / 2.0);
            self.column(x, reach, paint);
        }
    }

    /// One pixel wide.
    pub(super) fn column(&mut self, x: i32, (top, bottom): (f32, f32), paint: Paint) {
        for y in top.floor() as i32..bottom.ceil() as i32 {
            let rows = overlap(y as f32, top, bottom);
            self.blend(x, y, paint.at(paint.alpha * rows));
        }
    }

    /// How wide a text is in pixels.
    pub(super) fn width(&self, text: &str, size: f32) -> f32 {
        let font = self.font.as_scaled(PxScale::from(size));
        text.chars()
            .map(|letter| font.h_advance(font.glyph_id(letter)))
            .sum()
    }

    /// A line of text with its base line at `y`.
    pub(super) fn text(&mut self, text: &str, (x, y): (f32, f32), set: Type) {
        let width = self.width(text, set.size);
        let mut x = match set.align {
            Align::Left => x,
            Align::Centre => x - width / 2.0,
            Align::Right => x - width,
        };
        let scale = PxScale::from(set.size);
        for letter in text.chars() {
            let id = self.font.glyph_id(letter);
            let glyph = id.with_scale_and_position(scale, point(x, y));
            x += self.font.as_scaled(scale).h_advance(id);
            let Some(outline) = self.font.outline_glyph(glyph) else {
                continue;
            };
            let bounds = outline.px_bounds();
            let mut covered = Vec::new();
            outline.draw(|x, y, cover| covered.push((x, y, cover)));
            for (dx, dy, cover) in covered {
                let place = (
                    bounds.min.x as i32 + dx as i32,
                    bounds.min.y as i32 + dy as i32,
                );
                let alpha = set.paint.alpha * cover.min(1.0);
                self.blend(place.0, place.1, set.paint.at(alpha));
            }
        }
    }
}

/// How much of the pixel that begins at `start` lies within `from..to`.
fn overlap(start: f32, from: f32, to: f32) -> f32 {
    ((start + 1.0).min(to) - start.max(from)).clamp(0.0, 1.0)
}

/// How much of the pixel around (x, y) the round corners leave.
fn corner(x: f32, y: f32, area: &Area, radius: f32) -> f32 {
    let outside = |at: f32, from: f32, to: f32| (from + radius - at).max(at - to + radius).max(0.0);
    let (dx, dy) = (
        outside(x, area.left, area.right),
        outside(y, area.top, area.bottom),
    );
    if dx > 0.0 && dy > 0.0 {
        (radius + 0.5 - dx.hypot(dy)).clamp(0.0, 1.0)
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: Paint = Paint::solid([255; 3]);

    fn lit(canvas: &Canvas) -> u32 {
        canvas
            .pixels
            .pixels()
            .map(|pixel| u32::from(pixel.0[0]))
            .sum()
    }

    #[test]
    fn half_a_pixel_is_half_as_bright_and_what_lies_outside_is_left_out() {
        let mut canvas = Canvas::new((10, 10), [0; 3]).unwrap();
        canvas.vertical(5.25, (2.0, 4.0), 0.5, WHITE);
        assert_eq!(lit(&canvas), 2 * 128);
        canvas.vertical(-3.0, (-50.0, 50.0), 2.0, WHITE);
        canvas.vertical(99.0, (-50.0, 50.0), 2.0, WHITE);
        assert_eq!(lit(&canvas), 2 * 128);
    }

    #[test]
    fn letters_stand_where_they_are_set() {
        let mut canvas = Canvas::new((100, 40), [0; 3]).unwrap();
        let set = Type {
            size: 20.0,
            paint: WHITE,
            align: Align::Right,
        };
        canvas.text("Aé", (90.0, 30.0), set);
        let columns: Vec<u32> = canvas
            .pixels
            .enumerate_pixels()
            .filter(|(_, _, pixel)| pixel.0[0] > 128)
            .map(|(x, _, _)| x)
            .collect();
        let width = canvas.width("Aé", 20.0);
        assert!(width > 15.0);
        assert!(
            columns
                .iter()
                .all(|x| (90.0 - width - 1.0..91.0).contains(&(*x as f32)))
        );
        assert!(!columns.is_empty());
    }
}
