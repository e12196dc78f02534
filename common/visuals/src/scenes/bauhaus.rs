//! Coloured geometry on paper, in the manner of the Bauhaus: a strict grid of tiles, some of them
//! large, that turn on the beat.
//!
//! Flat colour has no light to develop: luma is painted at full size and chroma at half size, from the
//! same shapes with the same soft edges of one pixel.

use fearless_simd::prelude::*;
use model::look::{SceneParameters, Variant};

use super::shapes::{SHAPES, Shape, distances};
use super::{Draw, Size};
use crate::colour::{Colours, Rgb, blend, to_oklab, yuv};
use crate::finish::{Finish, Grain};
use crate::hash::{Dice, cell};
use crate::lanes::{F, iota, load, mix, saturate, splat, store};
use crate::maths::{cos, sin};
use crate::motion::{Clip, Moment, View};
use crate::plane::Field;

/// How long a tile takes to turn, in seconds.
const TURN: f32 = 0.32;
/// One in so many small tiles turns on each beat.
const GROUPS: u32 = 4;
/// Every so many seconds a tile turns of its own accord.
const IDLE: f32 = 9.0;

/// A tile as it lies on the frame, in pixels of full size.
#[derive(Debug, Clone, Copy)]
struct Tile {
    /// The part of it in this column of the grid.
    left: f32,
    right: f32,
    x: f32,
    y: f32,
    /// One over half its side.
    scale: f32,
    sine: f32,
    cosine: f32,
    shape: Shape,
    /// Grows a little with the beat.
    swell: f32,
    /// Ground, shape, and the shape within the shape; Y′ and colour differences each.
    colours: [Rgb; 3],
}

/// One row of the grid.
#[derive(Debug, Clone, Default)]
struct Row {
    top: f32,
    tiles: Vec<Tile>,
}

/// What is fixed over a clip, and the tiles of the frame.
#[derive(Debug)]
pub(crate) struct Bauhaus {
    size: Size,
    seed: u32,
    inks: [Rgb; 5],
    /// Side of a small tile in units.
    side: f32,
    origin: (f32, f32),
    drift: (f32, f32),
    rows: Vec<Row>,
}

impl Draw for Bauhaus {
    fn prepare(&mut self, moment: &Moment) -> Finish {
        let half = self.size.height as f32 * 0.5;
        // Large tiles are heavy.
        let pace = 1.2 * (0.42 / self.side).clamp(0.7, 1.15);
        let view = View {
            x: moment.view.x * pace + self.drift.0 * moment.flow + self.origin.0 * self.side,
            y: moment.view.y * pace + self.drift.1 * moment.flow + self.origin.1 * self.side,
            zoom: moment.view.zoom * (1.0 + 0.006 * moment.downbeat),
        };
        let side = self.side * view.zoom * half;
        let to_pixel =
            |unit: f32, centre: f32, middle: f32| (unit - centre) * view.zoom * half + middle;
        let (middle_x, middle_y) = (self.size.width as f32 * 0.5, half);
        let first_column = (view.x / self.side - middle_x / side).floor() as i32 - 1;
        let first_row = (view.y / self.side - middle_y / side).floor() as i32 - 1;
        let (columns, rows) = (
            (self.size.width as f32 / side) as i32 + 4,
            (self.size.height as f32 / side) as i32 + 4,
        );
        self.rows.clear();
        for j in first_row..first_row + rows {
            let mut row = Row {
                top: to_pixel(j as f32 * self.side, view.y, middle_y),
                tiles: Vec::with_capacity(columns as usize),
            };
            for i in first_column..first_column + columns {
                let (bi, bj, span) = block(self.seed, i, j);
                let centre = |b: i32| (b as f32 + span as f32 * 0.5) * self.side;
                let left = to_pixel(i as f32 * self.side, view.x, middle_x);
                let mut tile = self.tile(bi, bj, span, moment);
                tile.left = left;
                tile.right = left + side;
                tile.x = to_pixel(centre(bi), view.x, middle_x);
                tile.y = to_pixel(centre(bj), view.y, middle_y);
                tile.scale = 2.0 / (side * span as f32);
                row.tiles.push(tile);
            }
            self.rows.push(row);
        }
        Finish {
            flat: true,
            exposure: 1.0,
            bloom: 0.0,
            vignette: 0.16,
            dither: 2.0,
            grain: Grain::default(),
        }
    }

    #[inline(always)]
    fn chroma_row<S: Simd>(&self, simd: S, _: &Field, y: usize, uv: [&mut [f32]; 2]) {
        self.paint(simd, (y as f32 * 2.0 + 1.0, 2.0), uv, [1, 2]);
    }

    #[inline(always)]
    fn luma_row<S: Simd>(&self, simd: S, _: &Field, y: usize, row: &mut [f32]) {
        self.paint(simd, (y as f32 + 0.5, 1.0), [row], [0]);
    }
}

impl Bauhaus {
    pub(crate) fn new(parameters: &SceneParameters, clip: &Clip, size: Size) -> Self {
        let mut dice = Dice::new(parameters.seed, 0x0062_6175);
        let colours = Colours::new(&parameters.palette);
        let paper = blend(colours.light, [0.965, 0.94, 0.90], 0.45);
        let angle = dice.unit();
        let Colours {
            deep, shade, tone, ..
        } = colours;
        let (inks, side) = match parameters.variant {
            Variant::Full => (
                [paper, deep, shade, tone, colours.accent],
                [0.34, 0.4][dice.below(2) as usize],
            ),
            Variant::Calm => (
                [paper, shade, tone, blend(tone, paper, 0.5), colours.accent],
                0.5,
            ),
            // Printed on dark paper.
            Variant::Turned => (
                [deep, paper, shade, blend(deep, shade, 0.5), colours.accent],
                0.4,
            ),
            Variant::Bare => (
                [
                    paper,
                    blend(paper, colours.light, 0.6),
                    deep,
                    blend(paper, tone, 0.4),
                    colours.accent,
                ],
                0.667,
            ),
        };
        Self {
            size,
            seed: dice.bits() as u32,
            inks,
            side,
            origin: (
                dice.within(-90.0, 90.0).floor() + clip.take.x * 7.0,
                dice.within(-90.0, 90.0).floor() + clip.take.y * 5.0,
            ),
            drift: (cos(angle) * 0.022, sin(angle) * 0.016),
            rows: Vec::new(),
        }
    }

    /// The tile of a block, all but its place.
    fn tile(&self, i: i32, j: i32, span: i32, moment: &Moment) -> Tile {
        let mut dice = Dice::new(
            u64::from(self.seed) << 32 | u64::from((i as u32) << 16 ^ (j as u32 & 0xffff)),
            span as u64,
        );
        let shape = SHAPES[dice.below(SHAPES.len() as u32) as usize];
        let ground = pick(&mut dice, span);
        let figure = contrasting(&mut dice, &self.inks, ground, span);
        let inner = if dice.chance(0.45) {
            ground
        } else {
            contrasting(&mut dice, &self.inks, figure, span)
        };
        // Small tiles turn a few each beat, large ones on downbeats; all of them once in a while.
        let group = dice.below(GROUPS);
        let (count, since) = if span == 1 {
            (moment.beats, moment.since_beat)
        } else {
            (moment.bars * GROUPS / span as u32, moment.since_bar)
        };
        let (turns, mine) = (
            (count + group) / GROUPS,
            (count + group).is_multiple_of(GROUPS) && count > 0,
        );
        let mut quarters = turns as f32;
        if mine && moment.reactive {
            quarters += eased(since / TURN) - 1.0;
        }
        let idle = moment.time / IDLE + dice.unit();
        quarters += idle.floor() + eased(idle.fract() * IDLE / (TURN * 2.0));
        let direction = if dice.chance(0.5) { 0.25 } else { -0.25 };
        let angle = quarters * direction + dice.below(4) as f32 * 0.25;
        Tile {
            left: 0.0,
            right: 0.0,
            x: 0.0,
            y: 0.0,
            scale: 1.0,
            sine: sin(angle),
            cosine: cos(angle),
            shape,
            swell: 1.0 + moment.beat * if dice.chance(0.5) { 0.15 } else { 0.05 },
            colours: [ground, figure, inner].map(|ink| yuv(self.inks[ink])),
        }
    }

    /// Paints the row whose middle is at `y`, with samples `step` pixels apart.
    #[inline(always)]
    fn paint<S: Simd, const N: usize>(
        &self,
        simd: S,
        (y, step): (f32, f32),
        mut rows: [&mut [f32]; N],
        channels: [usize; N],
    ) {
        for row in &self.rows {
            let cover = ((y - row.top) / step + 0.5).clamp(0.0, 1.0);
            let next = row.top + row.tiles.first().map_or(0.0, |tile| tile.right - tile.left);
            if cover <= 0.0 || y > next + step {
                continue;
            }
            for tile in &row.tiles {
                for (values, channel) in rows.iter_mut().zip(channels) {
                    paint_tile(simd, tile, (y, step, cover), values, channel);
                }
            }
        }
    }
}

/// One tile's part of a row.
#[inline(always)]
fn paint_tile<S: Simd>(
    simd: S,
    tile: &Tile,
    (y, step, cover): (f32, f32, f32),
    values: &mut [f32],
    channel: usize,
) {
    let first = (tile.left / step - 1.0).max(0.0) as usize / F::<S>::LEN * F::<S>::LEN;
    let last = ((tile.right / step + 1.0).max(0.0) as usize).min(values.len());
    let sharp = 1.0 / (tile.scale * step);
    let [ground, figure, inner] = tile.colours.map(|colour| colour[channel]);
    let dy = (y - tile.y) * tile.scale;
    for x in (first..last).step_by(F::<S>::LEN) {
        let px = (iota(simd) + (x as f32 + 0.5)) * step;
        let dx = (px - tile.x) * tile.scale;
        let u = dx * tile.cosine + dy * tile.sine;
        let v = dx * -tile.sine + dy * tile.cosine;
        let (outer, inside) = distances::<S>(tile.shape, u, v, tile.swell);
        let outer = saturate::<S>(outer * sharp + 0.5);
        let inside = saturate::<S>(inside * sharp + 0.5);
        let colour = outer * (figure - ground) + ground;
        let colour = mix::<S>(colour, splat(simd, inner), inside);
        let left = saturate::<S>((px - tile.left) * (1.0 / step) + 0.5);
        let right = saturate::<S>((px * -1.0 + tile.right) * (1.0 / step) + 1.5);
        let old = load(simd, values, x);
        store::<S>(
            mix::<S>(old, colour, left * right.floor().min(1.0) * cover),
            values,
            x,
        );
    }
}

/// The block that a cell belongs to: its corner, and how many cells it spans.
fn block(seed: u32, i: i32, j: i32) -> (i32, i32, i32) {
    for (span, share) in [(4, 0.07), (2, 0.26)] {
        let (bi, bj) = (i.div_euclid(span) * span, j.div_euclid(span) * span);
        if cell(seed ^ span as u32, bi, bj) < share {
            return (bi, bj, span);
        }
    }
    (i, j, 1)
}

/// An ink: much paper and dark, little accent, and none of it on the large tiles' ground.
fn pick(dice: &mut Dice, span: i32) -> usize {
    let accent = if span > 1 { 0.0 } else { 0.07 };
    match dice.unit() {
        x if x < accent => 4,
        x if x < 0.38 => 0,
        x if x < 0.62 => 1,
        x if x < 0.82 => 2,
        _ => 3,
    }
}

/// An ink that stands out against another.
fn contrasting(dice: &mut Dice, inks: &[Rgb; 5], other: usize, span: i32) -> usize {
    let ground = to_oklab(inks[other]);
    for _ in 0..6 {
        let ink = if dice.chance(0.05) {
            4
        } else {
            pick(dice, span)
        };
        let [l, a, b] = to_oklab(inks[ink]);
        let apart = (l - ground[0]).abs() + (a - ground[1]).abs() + (b - ground[2]).abs();
        if apart > 0.22 {
            return ink;
        }
    }
    usize::from(ground[0] > 0.6)
}

/// 0 to 1: off at once, a little over, and back.
fn eased(t: f32) -> f32 {
    let left = 1.0 - t.clamp(0.0, 1.0);
    1.0 - left * left * left + 0.08 * sin((1.0 - left) * 0.5) * left
}
