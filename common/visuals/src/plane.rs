//! Rows of numbers, padded so that SIMD kernels need no remainder loop.

use crate::lanes::ROW_ALIGN;

/// A grid of `f32`; the padding on the right of each row holds whatever the kernels left there.
#[derive(Debug, Clone)]
pub(crate) struct Plane {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) stride: usize,
    pub(crate) data: Vec<f32>,
}

impl Plane {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let stride = width.next_multiple_of(ROW_ALIGN);
        Self {
            width,
            height,
            stride,
            data: vec![0.0; stride * height],
        }
    }

    /// Row `y`, with its padding; beyond the edges the last one there.
    pub(crate) fn row(&self, y: isize) -> &[f32] {
        let y = y.clamp(0, self.height as isize - 1) as usize;
        &self.data[y * self.stride..(y + 1) * self.stride]
    }

    pub(crate) fn row_mut(&mut self, y: usize) -> &mut [f32] {
        &mut self.data[y * self.stride..(y + 1) * self.stride]
    }
}

/// Light: linear red, green and blue, 0 and up without limit.
#[derive(Debug, Clone)]
pub(crate) struct Canvas {
    pub(crate) rgb: [Plane; 3],
}

impl Canvas {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let plane = Plane::new(width, height);
        Self {
            rgb: [plane.clone(), plane.clone(), plane],
        }
    }

    pub(crate) fn width(&self) -> usize {
        self.rgb[0].width
    }

    pub(crate) fn height(&self) -> usize {
        self.rgb[0].height
    }

    /// The three rows at `y`.
    pub(crate) fn rows_mut(&mut self, y: usize) -> [&mut [f32]; 3] {
        self.rgb.each_mut().map(|plane| plane.row_mut(y))
    }
}
