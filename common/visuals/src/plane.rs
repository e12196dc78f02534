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

/// One number a pixel, and some beyond each edge, so that slopes are true up to the edge.
#[derive(Debug, Clone, Default)]
pub(crate) struct Field(Option<Plane>);

impl Field {
    /// Columns on either side. A row lies above and one below.
    pub(crate) const MARGIN: usize = ROW_ALIGN;

    pub(crate) fn new(width: usize, height: usize) -> Self {
        Self(Some(Plane::new(width + 2 * Self::MARGIN, height + 2)))
    }

    /// The plane with its margins.
    pub(crate) const fn plane_mut(&mut self) -> Option<&mut Plane> {
        self.0.as_mut()
    }

    /// The rows above, at and below row `y`; column `x` lies at `x + MARGIN`.
    pub(crate) fn rows(&self, y: usize) -> [&[f32]; 3] {
        let row = |y: usize| {
            self.0
                .as_ref()
                .map_or(&[][..], |plane| plane.row(y as isize))
        };
        [row(y), row(y + 1), row(y + 2)]
    }
}

/// Light: linear red, green and blue, 0 and up without limit; and the field that a scene may think in.
#[derive(Debug, Clone)]
pub(crate) struct Canvas {
    pub(crate) rgb: [Plane; 3],
    /// One number a pixel, for scenes with a field; else empty.
    pub(crate) field: Field,
}

impl Canvas {
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let plane = Plane::new(width, height);
        Self {
            rgb: [plane.clone(), plane.clone(), plane],
            field: Field::default(),
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
