//! Bloom: what is bright shines over its surroundings, near and far.

use fearless_simd::Level;

use crate::level::on_this_cpu;
use crate::plane::{Canvas, Plane};

/// A chain of ever smaller pictures of the bright parts; the first has a quarter of the canvas's size.
#[derive(Debug)]
pub(crate) struct Bloom {
    levels: Vec<Canvas>,
    scratch: Vec<f32>,
}

/// How much of each level, from near to far.
const WEIGHTS: [f32; 4] = [0.32, 0.28, 0.24, 0.22];

impl Bloom {
    pub(crate) fn new(canvas: &Canvas) -> Self {
        let (mut width, mut height) = (canvas.width().div_ceil(4), canvas.height().div_ceil(4));
        let mut levels = Vec::new();
        for _ in WEIGHTS {
            levels.push(Canvas::new(width, height));
            (width, height) = (width.div_ceil(2), height.div_ceil(2));
        }
        let scratch = vec![0.0; canvas.rgb[0].stride.max(levels[0].rgb[0].data.len())];
        Self { levels, scratch }
    }

    /// The result, a quarter of the canvas in each direction.
    pub(crate) fn planes(&self) -> &[Plane; 3] {
        &self.levels[0].rgb
    }

    /// Gathers the bright parts of `canvas` and spreads them.
    pub(crate) fn gather_at(&mut self, level: Level, canvas: &Canvas) {
        on_this_cpu!(level, _simd => self.gather(canvas));
    }

    #[inline(always)]
    fn gather(&mut self, canvas: &Canvas) {
        for channel in 0..3 {
            shrink(
                &canvas.rgb[channel],
                &mut self.levels[0].rgb[channel],
                4,
                &mut self.scratch,
            );
        }
        keep_bright(&mut self.levels[0].rgb);
        for channel in 0..3 {
            for fine in 0..WEIGHTS.len() {
                let (upper, lower) = self.levels.split_at_mut(fine + 1);
                let plane = &mut upper[fine].rgb[channel];
                blur(plane, &mut self.scratch);
                if let Some(coarse) = lower.first_mut() {
                    shrink(plane, &mut coarse.rgb[channel], 2, &mut self.scratch);
                }
            }
            for fine in (0..WEIGHTS.len()).rev() {
                let (upper, lower) = self.levels.split_at_mut(fine + 1);
                let plane = &mut upper[fine].rgb[channel];
                plane.data.iter_mut().for_each(|v| *v *= WEIGHTS[fine]);
                if let Some(coarse) = lower.first() {
                    add_doubled(plane, &coarse.rgb[channel]);
                }
            }
        }
    }
}

/// Means of `factor × factor` blocks.
#[inline(always)]
fn shrink(from: &Plane, to: &mut Plane, factor: usize, sums: &mut [f32]) {
    let scale = 1.0 / (factor * factor) as f32;
    let sums = &mut sums[..from.width];
    for y in 0..to.height {
        sums.copy_from_slice(&from.row((y * factor) as isize)[..from.width]);
        for below in 1..factor {
            let row = from.row((y * factor + below) as isize);
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += value;
            }
        }
        let (whole, last) = (from.width / factor, to.width - 1);
        let out = to.row_mut(y);
        for (value, block) in out.iter_mut().zip(sums.chunks_exact(factor)) {
            let mut sum = 0.0;
            for part in block {
                sum += part;
            }
            *value = sum * scale;
        }
        if whole == last {
            out[last] = sums[from.width - 1] * (factor as f32 * scale);
        }
    }
}

/// Lets dark parts fade: brightness `l` keeps `l² / (l² + 0.6)` of itself.
#[inline(always)]
fn keep_bright(rgb: &mut [Plane; 3]) {
    let [red, green, blue] = rgb;
    for ((r, g), b) in red.data.iter_mut().zip(&mut green.data).zip(&mut blue.data) {
        let l = 0.25 * *r + 0.6 * *g + 0.15 * *b;
        let keep = l * l / (l * l + 0.6);
        *r *= keep;
        *g *= keep;
        *b *= keep;
    }
}

/// A binomial blur (1 4 6 4 1) in both directions.
#[inline(always)]
fn blur(plane: &mut Plane, scratch: &mut [f32]) {
    let (width, height, stride) = (plane.width, plane.height, plane.stride);
    let scratch = &mut scratch[..stride * height];
    for y in 0..height {
        let at = |offset: isize| plane.row(y as isize + offset);
        let (a, b, c, d, e) = (at(-2), at(-1), at(0), at(1), at(2));
        let out = &mut scratch[y * stride..y * stride + width];
        for (x, value) in out.iter_mut().enumerate() {
            *value = (a[x] + e[x]) * 0.0625 + (b[x] + d[x]) * 0.25 + c[x] * 0.375;
        }
    }
    for y in 0..height {
        let from = &scratch[y * stride..y * stride + width];
        let out = &mut plane.row_mut(y)[..width];
        if width < 5 {
            out.copy_from_slice(from);
            continue;
        }
        for (value, w) in out[2..].iter_mut().zip(from.windows(5)) {
            *value = (w[0] + w[4]) * 0.0625 + (w[1] + w[3]) * 0.25 + w[2] * 0.375;
        }
        for x in [0, 1, width - 2, width - 1] {
            let at =
                |offset: isize| from[(x as isize + offset).clamp(0, width as isize - 1) as usize];
            out[x] = (at(-2) + at(2)) * 0.0625 + (at(-1) + at(1)) * 0.25 + at(0) * 0.375;
        }
    }
}

/// Adds `coarse`, twice as large and interpolated.
#[inline(always)]
fn add_doubled(fine: &mut Plane, coarse: &Plane) {
    let (width, last) = (fine.width, coarse.width - 1);
    for y in 0..fine.height {
        let near = coarse.row((y / 2) as isize);
        let far = coarse.row((y / 2) as isize + if y.is_multiple_of(2) { -1 } else { 1 });
        let out = &mut fine.row_mut(y)[..width];
        for (x, value) in out.iter_mut().enumerate() {
            let i = x / 2;
            let j = if x.is_multiple_of(2) {
                i.saturating_sub(1)
            } else {
                (i + 1).min(last)
            };
            let (this, other) = (
                near[i] * 0.75 + far[i] * 0.25,
                near[j] * 0.75 + far[j] * 0.25,
            );
            *value += this * 0.75 + other * 0.25;
        }
    }
}
