//! Rectangles of light: where they lie on the frame, and how they are filled.

use super::Size;
use super::towers::Box2;
use crate::colour::Rgb;
use crate::maths::mix;
use crate::motion::View;
use crate::plane::Canvas;

/// A rectangle of light on the frame, in pixels of half size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patch {
    pub(crate) at: Box2,
    pub(crate) top: Rgb,
    pub(crate) bottom: Rgb,
}

/// Where a layer's units lie on the frame.
pub(crate) struct Project {
    scale: f32,
    x: f32,
    street: f32,
}

impl Project {
    pub(crate) fn new(size: Size, view: &View, near: f32, street: f32) -> Self {
        let depth = 0.12 + 0.88 * near * near;
        let closer = 1.0 + (view.zoom - 1.0) * (0.25 + 0.75 * near);
        let pixel = 1.0 / size.half_pixel();
        Self {
            scale: closer * pixel,
            x: (size.aspect() - view.x * depth * closer) * pixel,
            street: (street + 1.0) * pixel,
        }
    }

    pub(crate) fn onto(&self, at: &Box2) -> Box2 {
        Box2 {
            left: at.left * self.scale + self.x,
            right: at.right * self.scale + self.x,
            top: at.top * self.scale + self.street,
            bottom: at.bottom * self.scale + self.street,
        }
    }
}

/// The box, unless it lies beside the frame.
pub(crate) fn seen(at: Box2, size: Size) -> Option<Box2> {
    let inside = at.right > 0.0 && at.left < size.width as f32 * 0.5 && at.bottom > 0.0;
    inside.then_some(at)
}

/// Fills a rectangle down to row `lowest`, with soft edges of one pixel.
pub(crate) fn fill(canvas: &mut Canvas, patch: &Patch, lowest: usize) {
    let at = &patch.at;
    let (width, rows) = (canvas.width(), (at.bottom - at.top).max(1e-3));
    let first_row = at.top.max(0.0) as usize;
    let last_row = (at.bottom.max(0.0).ceil() as usize).min(lowest);
    let first = at.left.max(0.0) as usize;
    let last = (at.right.max(0.0).ceil() as usize).min(width);
    if first >= last {
        return;
    }
    for y in first_row..last_row {
        let top = y as f32;
        let cover_y = (at.bottom.min(top + 1.0) - at.top.max(top)).clamp(0.0, 1.0);
        let down = ((top + 0.5 - at.top) / rows).clamp(0.0, 1.0);
        let bottom = patch.bottom;
        for ((row, high), low) in canvas.rows_mut(y).into_iter().zip(patch.top).zip(bottom) {
            let colour = mix(high, low, down);
            for (x, value) in row[first..last].iter_mut().enumerate() {
                let left = (first + x) as f32;
                let cover =
                    (at.right.min(left + 1.0) - at.left.max(left)).clamp(0.0, 1.0) * cover_y;
                *value += (colour - *value) * cover;
            }
        }
    }
}
