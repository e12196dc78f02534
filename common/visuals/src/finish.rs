//! From light to the finished frame: bloom, filmic curve, BT.709, luma at full size, dither.

use fearless_simd::Level;
use fearless_simd::prelude::*;

use crate::bands::Band;
use crate::bloom::Bloom;
use crate::dither::{BLUE_NOISE, TILE};
use crate::lanes::{F, I, ROW_ALIGN, iota, load, store};
use crate::level::on_this_cpu;
use crate::plane::{Canvas, Plane};

/// How a scene wants its frame finished.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Finish {
    /// The scene paints every pixel of the finished frame itself; there is no light to develop.
    pub(crate) flat: bool,
    /// Light is multiplied by this.
    pub(crate) exposure: f32,
    /// How much of what is bright shines over its surroundings.
    pub(crate) bloom: f32,
    /// How much darker the corners are, 0–0.4.
    pub(crate) vignette: f32,
    /// Peak of the dither, in steps of 8 bits.
    pub(crate) dither: f32,
    /// What film does to it.
    pub(crate) grain: Grain,
}

/// The grain of film, and its black.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Grain {
    /// How far black is lifted, 0–1.
    lift: f32,
    /// Rows by which the noise is shifted.
    shift: usize,
}

impl Finish {
    /// As if recorded on film: grain that changes twelve times a second, soft blacks, darker corners.
    pub(crate) fn film(&mut self, frame: u32) {
        self.dither += 1.8;
        self.vignette = (self.vignette + 0.08).min(0.4);
        self.grain = Grain {
            lift: 0.035,
            shift: (frame as usize / 2 * 23) % TILE,
        };
    }
}

/// Catmull-Rom weights a quarter of the way from the second to the third of four samples.
const QUARTER: [f32; 4] = [-0.0703125, 0.8671875, 0.2265625, -0.0234375];
/// Room left of a row for the filter's taps; a multiple of the lane count, for alignment.
const MARGIN: usize = ROW_ALIGN;

/// Buffers of the finishing passes.
#[derive(Debug)]
pub(crate) struct Finisher {
    /// Y′, and the colour differences, at half size.
    pub(crate) yuv: [Plane; 3],
    /// One a band.
    pub(crate) scratch: Vec<Scratch>,
}

/// What a band works with.
#[derive(Debug, Clone)]
pub(crate) struct Scratch {
    glow: [Vec<f32>; 3],
    upright: Vec<f32>,
    /// A row of luma at full size, 0–1.
    pub(crate) luma: Vec<f32>,
    bytes: Vec<i32>,
    /// Size of the planes, in pixels of half size.
    size: (usize, usize),
}

impl Finisher {
    pub(crate) fn new(canvas: &Canvas, bands: usize) -> Self {
        let plane = Plane::new(canvas.width(), canvas.height());
        let stride = plane.stride;
        let row = vec![0.0; stride + 8];
        let scratch = Scratch {
            glow: [row.clone(), row.clone(), row],
            upright: vec![0.0; stride + 2 * MARGIN],
            luma: vec![0.0; stride * 2],
            bytes: vec![0; stride * 2],
            size: (plane.width, plane.height),
        };
        Self {
            yuv: [plane.clone(), plane.clone(), plane],
            scratch: vec![scratch; bands],
        }
    }
}

impl Scratch {
    /// Light and bloom to a row of Y′ and colour differences at half size.
    pub(crate) fn develop_at(
        &mut self,
        level: Level,
        from: (&Canvas, &Bloom, &Finish),
        y: usize,
        yuv: [&mut [f32]; 3],
    ) {
        on_this_cpu!(level, simd => self.develop(simd, from, y, yuv));
    }

    #[inline(always)]
    fn develop<S: Simd>(
        &mut self,
        simd: S,
        (canvas, bloom, finish): (&Canvas, &Bloom, &Finish),
        y: usize,
        [luma, u, v]: [&mut [f32]; 3],
    ) {
        for (plane, row) in bloom.planes().iter().zip(&mut self.glow) {
            quadruple(plane, y, row);
        }
        let [glow_r, glow_g, glow_b] = &self.glow;
        let [red, green, blue] = canvas.rgb.each_ref().map(|plane| plane.row(y as isize));
        for x in (0..luma.len()).step_by(F::<S>::LEN) {
            let r = film::<S>(load(simd, red, x), load(simd, glow_r, x), finish);
            let g = film::<S>(load(simd, green, x), load(simd, glow_g, x), finish);
            let b = film::<S>(load(simd, blue, x), load(simd, glow_b, x), finish);
            let y = r * 0.2126 + g * 0.7152 + b * 0.0722;
            store::<S>(y, luma, x);
            store::<S>((b - y) * (1.0 / 1.8556), u, x);
            store::<S>((r - y) * (1.0 / 1.5748), v, x);
        }
    }

    /// Rows of the two colour differences to bytes: the same for all scenes.
    pub(crate) fn chroma_band(
        &mut self,
        level: Level,
        from: (&[Plane; 3], &Finish),
        mut band: Band<'_, u8, 2>,
    ) {
        on_this_cpu!(level, simd => for index in 0..band.len() {
            let y = band.first + index;
            self.chroma(simd, from, y, band.row(index));
        });
    }

    /// A row of the two colour differences to bytes.
    #[inline(always)]
    fn chroma<S: Simd>(
        &mut self,
        simd: S,
        (yuv, finish): (&[Plane; 3], &Finish),
        y: usize,
        out: [&mut [u8]; 2],
    ) {
        let (width, height) = self.size;
        let shade = Shade::new(finish.vignette, y, width, height);
        let noise = &BLUE_NOISE[(y + 17) % TILE * TILE..][..TILE];
        for (plane, out) in yuv[1..].iter().zip(out) {
            for x in (0..plane.stride).step_by(F::<S>::LEN) {
                let value = load(simd, plane.row(y as isize), x) * shade.at(simd, x);
                let step = value * 224.0 + load(simd, noise, x % TILE) + 128.5;
                let whole: I<S> = step.max(16.0).min(240.0).to_int();
                whole.store_slice(&mut self.bytes[x..x + F::<S>::LEN]);
            }
            write(&self.bytes, out);
        }
    }

    /// The row of luma to bytes.
    pub(crate) fn luma_at(&mut self, level: Level, finish: &Finish, y: usize, out: &mut [u8]) {
        on_this_cpu!(level, simd => self.luma(simd, finish, y, out));
    }

    #[inline(always)]
    fn luma<S: Simd>(&mut self, simd: S, finish: &Finish, y: usize, out: &mut [u8]) {
        let (width, height) = (self.size.0 * 2, self.size.1 * 2);
        let shade = Shade::new(finish.vignette, y, width, height);
        let noise = &BLUE_NOISE[(y + finish.grain.shift) % TILE * TILE..][..TILE];
        let lift = finish.grain.lift;
        for x in (0..self.luma.len()).step_by(F::<S>::LEN) {
            let value = load(simd, &self.luma, x) * shade.at(simd, x) * (1.0 - lift) + lift;
            let dither = load(simd, noise, x % TILE) * (2.0 * finish.dither);
            let whole: I<S> = (value * 219.0 + dither + 16.5)
                .max(16.0)
                .min(235.0)
                .to_int();
            whole.store_slice(&mut self.bytes[x..x + F::<S>::LEN]);
        }
        write(&self.bytes, out);
    }

    /// Row `y` of luma at full size, from the plane at half size.
    pub(crate) fn enlarge_at(&mut self, level: Level, plane: &Plane, y: usize) {
        on_this_cpu!(level, simd => self.enlarge(simd, plane, y));
    }

    #[inline(always)]
    fn enlarge<S: Simd>(&mut self, simd: S, plane: &Plane, y: usize) {
        self.upright(simd, plane, y);
        self.widen(simd);
    }

    /// Row `y` of twice as many rows, still at half width.
    #[inline(always)]
    fn upright<S: Simd>(&mut self, simd: S, plane: &Plane, y: usize) {
        let half = (y / 2) as isize;
        let direction = if y.is_multiple_of(2) { -1 } else { 1 };
        let rows = [-1, 0, 1, 2].map(|tap| plane.row(half + tap * direction));
        let row = &mut self.upright;
        for x in (0..plane.stride).step_by(F::<S>::LEN) {
            let value = load(simd, rows[0], x) * QUARTER[0]
                + load(simd, rows[1], x) * QUARTER[1]
                + load(simd, rows[2], x) * QUARTER[2]
                + load(simd, rows[3], x) * QUARTER[3];
            store::<S>(value, row, MARGIN + x);
        }
        let (first, last) = (row[MARGIN], row[MARGIN + plane.width - 1]);
        row[MARGIN - 2..MARGIN].fill(first);
        row[MARGIN + plane.width..][..4].fill(last);
    }

    /// That row at full width.
    #[inline(always)]
    fn widen<S: Simd>(&mut self, simd: S) {
        let lanes = F::<S>::LEN;
        for x in (0..self.luma.len() / 2).step_by(lanes) {
            let a = load(simd, &self.upright, MARGIN + x - 2);
            let b = load(simd, &self.upright, MARGIN + x - 1);
            let c = load(simd, &self.upright, MARGIN + x);
            let d = load(simd, &self.upright, MARGIN + x + 1);
            let e = load(simd, &self.upright, MARGIN + x + 2);
            let even = d * QUARTER[0] + c * QUARTER[1] + b * QUARTER[2] + a * QUARTER[3];
            let odd = b * QUARTER[0] + c * QUARTER[1] + d * QUARTER[2] + e * QUARTER[3];
            let (low, high) = even.interleave(odd);
            store::<S>(low, &mut self.luma, x * 2);
            store::<S>(high, &mut self.luma, x * 2 + lanes);
        }
    }
}

/// The filmic curve; [`crate::colour::filmic_inverse`] turns it round.
#[inline(always)]
fn film<S: Simd>(light: F<S>, glow: F<S>, finish: &Finish) -> F<S> {
    let x = (light + glow * finish.bloom).max(0.0) * finish.exposure;
    (x * (x * 6.2 + 0.5)) / (x * (x * 6.2 + 1.7) + 0.06)
}

/// The vignette along one row.
struct Shade {
    at_middle: f32,
    bend: f32,
    centre: f32,
}

impl Shade {
    #[inline(always)]
    fn new(vignette: f32, y: usize, width: usize, height: usize) -> Self {
        let (w, h) = (width as f32, height as f32);
        let dy = (y as f32 + 0.5) / h * 2.0 - 1.0;
        Self {
            at_middle: 1.0 - vignette * 0.4 * dy * dy,
            bend: -vignette * 0.6 * 4.0 / (w * w),
            centre: w * 0.5 - 0.5,
        }
    }

    #[inline(always)]
    fn at<S: Simd>(&self, simd: S, x: usize) -> F<S> {
        let dx = iota(simd) + (x as f32 - self.centre);
        dx * dx * self.bend + self.at_middle
    }
}

/// A row of a plane a quarter as large in each direction, interpolated to row `y`.
#[inline(always)]
fn quadruple(plane: &Plane, y: usize, out: &mut [f32]) {
    let position = (y as f32 + 0.5) * 0.25 - 0.5;
    let upper = position.floor();
    let t = position - upper;
    let (a, b) = (plane.row(upper as isize), plane.row(upper as isize + 1));
    let at = |i: usize| a[i] + (b[i] - a[i]) * t;
    let last = plane.width - 1;
    let (mut left, mut here) = (at(0), at(0));
    for (i, four) in out.chunks_exact_mut(4).enumerate().take(plane.width) {
        let right = at((i + 1).min(last));
        four[0] = here + (left - here) * 0.375;
        four[1] = here + (left - here) * 0.125;
        four[2] = here + (right - here) * 0.125;
        four[3] = here + (right - here) * 0.375;
        (left, here) = (here, right);
    }
}

#[inline(always)]
fn write(values: &[i32], out: &mut [u8]) {
    for (byte, value) in out.iter_mut().zip(values) {
        *byte = *value as u8;
    }
}
