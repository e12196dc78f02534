//! A skyline as a line of heights: mountains, hills, woods. Painted at full size in luma, so that its
//! edge is crisp.

use fearless_simd::prelude::*;

use super::Size;
use crate::colour::Rgb;
use crate::hash::{Dice, cell, line};
use crate::lanes::{F, iota, load, mix, saturate, smoothstep, splat, store};

/// Samples of the line per unit.
const DENSITY: f32 = 540.0;
/// How far the line reaches to either side of the middle, in units.
const REACH: f32 = 4.2;

/// What a ridge is made of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    /// Where it lies, and how much it rises above that, in units (y down).
    pub(crate) base: f32,
    pub(crate) rise: f32,
    /// Peaks per unit, and how rough it is (0–1).
    pub(crate) peaks: f32,
    pub(crate) rough: f32,
    /// Height of the conifers on it, 0 for none.
    pub(crate) trees: f32,
    /// 0 (at the horizon) to 1 (near): how much it moves with the camera.
    pub(crate) depth: f32,
}

/// How a ridge is coloured on a frame: Y′ and colour differences.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Paint {
    pub(crate) body: Rgb,
    /// What gathers at its foot, and within how many units.
    pub(crate) mist: Rgb,
    pub(crate) mist_depth: f32,
    /// A light behind it, in pixels of full size, and how much it takes on of its colour.
    pub(crate) sun: (f32, f32),
    pub(crate) glow: Rgb,
    pub(crate) glow_share: f32,
    pub(crate) glow_reach: f32,
}

/// One ridge.
#[derive(Debug)]
pub(crate) struct Ridge {
    pub(crate) form: Form,
    size: Size,
    heights: Vec<f32>,
    smooth: Vec<f32>,
    /// The line of this frame in pixels of full size: for each column, and for each of half as many.
    lines: [Vec<f32>; 2],
    /// The same, smoothed: where the mist begins.
    feet: [Vec<f32>; 2],
    top: f32,
    bottom: f32,
    pub(crate) paint: Paint,
}

impl Ridge {
    pub(crate) fn new(form: Form, dice: &mut Dice, size: Size) -> Self {
        let count = (2.0 * REACH * DENSITY) as usize;
        let seed = dice.bits() as u32;
        let ground: Vec<f32> = (0..count)
            .map(|index| form.base - form.rise * mountain(seed, index as f32 / DENSITY, &form))
            .collect();
        let smooth = smoothed(&ground);
        let heights = (0..count)
            .map(|index| ground[index] - trees(seed, index as f32 / DENSITY, form.trees))
            .collect();
        let stride = size.width.next_multiple_of(16) + 32;
        Self {
            form,
            size,
            heights,
            smooth,
            lines: [vec![0.0; stride], vec![0.0; stride]],
            feet: [vec![0.0; stride], vec![0.0; stride]],
            top: 0.0,
            bottom: 0.0,
            paint: Paint::default(),
        }
    }

    /// Lays the line out for a frame that looks at `x`, `y` with this zoom.
    pub(crate) fn place(&mut self, (x, y): (f32, f32), zoom: f32) {
        let half = self.size.height as f32 * 0.5;
        let closer = 1.0 + (zoom - 1.0) * (0.2 + 0.8 * self.form.depth);
        let (x, y) = (x * self.form.depth, y * (0.3 + 0.7 * self.form.depth));
        let step = DENSITY / (half * closer);
        let start = (x - self.size.aspect() / closer + REACH) * DENSITY + 0.5 * step;
        (self.top, self.bottom) = (f32::MAX, f32::MIN);
        for column in 0..self.lines[0].len() {
            let at = start + column as f32 * step;
            let height = |table: &[f32]| ((sample(table, at) - y) * closer + 1.0) * half;
            let (line, foot) = (height(&self.heights), height(&self.smooth));
            self.lines[0][column] = line;
            self.feet[0][column] = foot;
            self.top = self.top.min(line);
            self.bottom = self.bottom.max(line);
        }
        for [full, half] in [&mut self.lines, &mut self.feet] {
            for (value, pair) in half.iter_mut().zip(full.chunks_exact(2)) {
                *value = (pair[0] + pair[1]) * 0.5;
            }
        }
    }

    /// True where the row at `y` (pixels of full size) lies wholly within it.
    pub(crate) fn covers(&self, y: f32) -> bool {
        y > self.bottom + 2.0
    }

    /// Paints its part of a row whose samples are `step` (1 or 2) pixels apart.
    #[inline(always)]
    fn row<S: Simd>(&self, simd: S, (y, step): (f32, usize), values: &mut [f32], channel: usize) {
        if y < self.top - 2.0 {
            return;
        }
        let paint = &self.paint;
        let (lines, feet) = (&self.lines[step - 1], &self.feet[step - 1]);
        let half = self.size.height as f32 * 0.5;
        let (body, mist, glow) = (
            paint.body[channel],
            paint.mist[channel],
            paint.glow[channel],
        );
        let (scale, depth) = (1.0 / step as f32, 1.0 / (paint.mist_depth * half));
        let reach = 1.0 / (paint.glow_reach * half);
        let dy = (y - paint.sun.1) * reach;
        for x in (0..values.len()).step_by(F::<S>::LEN) {
            let cover = saturate::<S>((load(simd, lines, x) * -1.0 + y) * scale + 0.5);
            let foot = (load(simd, feet, x) * -1.0 + y) * depth;
            let colour = smoothstep::<S>(0.0, 1.0, foot) * (mist - body) + body;
            let px = (iota(simd) + (x as f32 + 0.5)) * step as f32;
            let dx = (px - paint.sun.0) * reach;
            let near = splat(simd, paint.glow_share) / (dx * dx + (dy * dy + 1.0));
            let colour = mix::<S>(colour, splat(simd, glow), near);
            let old = load(simd, values, x);
            store::<S>(mix::<S>(old, colour, cover), values, x);
        }
    }
}

/// Paints ridges, the furthest first, over the row of luma at full size whose middle is at `y`.
#[inline(always)]
pub(crate) fn luma_at<S: Simd>(simd: S, ridges: &[Ridge], y: f32, row: &mut [f32]) {
    for ridge in seen(ridges, y) {
        ridge.row(simd, (y, 1), row, 0);
    }
}

/// Paints ridges over a row of the colour differences at half size; `y` is the row of the land that is
/// seen there, in pixels of full size.
#[inline(always)]
pub(crate) fn chroma_at<S: Simd>(simd: S, ridges: &[Ridge], y: f32, [u, v]: [&mut [f32]; 2]) {
    for ridge in seen(ridges, y) {
        ridge.row(simd, (y, 2), u, 1);
        ridge.row(simd, (y, 2), v, 2);
    }
}

/// The ridges that are not hidden at a row by nearer ones.
fn seen(ridges: &[Ridge], y: f32) -> &[Ridge] {
    let hidden = ridges
        .iter()
        .rposition(|ridge| ridge.covers(y))
        .unwrap_or(0);
    &ridges[hidden..]
}

fn sample(table: &[f32], at: f32) -> f32 {
    let at = at.clamp(0.0, table.len() as f32 - 1.001);
    let index = at as usize;
    table[index] + (table[index + 1] - table[index]) * (at - index as f32)
}

/// Height in 0–1: a few octaves, the broad ones folded to peaks.
fn mountain(seed: u32, x: f32, form: &Form) -> f32 {
    let (mut sum, mut total, mut weight, mut frequency) = (0.0, 0.0, 1.0, form.peaks);
    for octave in 0..7_u32 {
        let noise = line(
            seed ^ (octave * 0x9e5),
            x * frequency + octave as f32 * 17.3,
        );
        let peak = 1.0 - (noise * 2.0 - 1.0).abs();
        let share = if octave < 3 { 0.55 * form.rough } else { 0.25 };
        sum += weight * (noise + (peak - noise) * share);
        total += weight;
        weight *= 0.36 + 0.14 * form.rough;
        frequency *= 2.07;
    }
    sum / total
}

/// Height of the conifers at `x`, in units: the highest of those that stand nearby.
fn trees(seed: u32, x: f32, tallest: f32) -> f32 {
    if tallest <= 0.0 {
        return 0.0;
    }
    let spacing = tallest * 0.24;
    let here = (x / spacing).floor() as i32;
    let mut top = 0.0_f32;
    for i in here - 2..=here + 2 {
        let place = (i as f32 + 0.5 + 0.8 * (cell(seed, i, 1) - 0.5)) * spacing;
        let grove = line(seed ^ 0x77, place * 1.6);
        if cell(seed, i, 2) > 0.12 + 1.0 * grove {
            continue;
        }
        let height = tallest * (0.35 + 0.65 * cell(seed, i, 3)) * (0.45 + 0.7 * grove);
        let aside = (x - place).abs() / (height * (0.15 + 0.06 * cell(seed, i, 4)));
        // Branches: the outline steps in as it rises.
        let outline = 1.0 - aside;
        let branch = (aside * 6.0 + place * 9.0).fract() * 0.16;
        top = top.max(height * (outline - branch).max(0.0));
    }
    top
}

/// A moving mean over 0.35 units.
fn smoothed(values: &[f32]) -> Vec<f32> {
    let radius = (0.175 * DENSITY) as usize;
    let mut sums = vec![0.0_f64];
    for value in values {
        sums.push(sums[sums.len() - 1] + f64::from(*value));
    }
    (0..values.len())
        .map(|index| {
            let (from, to) = (
                index.saturating_sub(radius),
                (index + radius + 1).min(values.len()),
            );
            ((sums[to] - sums[from]) / (to - from) as f64) as f32
        })
        .collect()
}
