//! Curtains of northern light over a still lake.

use fearless_simd::prelude::*;
use model::look::{SceneParameters, Variant};

use super::ridge::{self, Form, Paint, Ridge};
use super::stars::Stars;
use super::{Draw, Size};
use crate::colour::{Colours, Ramp, Rgb, blend, light_of, yuv};
use crate::finish::{Finish, Grain};
use crate::hash::Dice;
use crate::lanes::{
    self, F, each_pixel, exp2, iota, load, noise_line, sin, smoothstep, splat, store,
};
use crate::maths;
use crate::motion::{Clip, Moment, View};
use crate::plane::{Canvas, Field, Plane};

/// One curtain.
#[derive(Debug, Clone, Copy)]
struct Curtain {
    seed: u32,
    /// Its lower hem, and how far that swings.
    hem: f32,
    swing: f32,
    /// Folds and rays per unit.
    folds: f32,
    rays: f32,
    height: f32,
    strength: f32,
    phase: f32,
    /// How it stands now.
    drift: f32,
    shine: f32,
    reach: f32,
}

/// What is fixed over a clip, and where everything stands now.
#[derive(Debug)]
pub(crate) struct Aurora {
    size: Size,
    sky: Ramp,
    hem: Rgb,
    veil: Rgb,
    crown: Rgb,
    curtains: Vec<Curtain>,
    /// The shore: at half size the first row of water, and the line in pixels of full size.
    shore: f32,
    shore_row: usize,
    ridges: Vec<Ridge>,
    stars: Stars,
    take: View,
    vanishing: f32,
    view: View,
    waves: f32,
    seed: u32,
}

impl Draw for Aurora {
    fn prepare(&mut self, moment: &Moment) -> Finish {
        let view = View {
            x: self.take.x + moment.view.x,
            y: self.take.y + moment.view.y * 0.6,
            zoom: self.take.zoom * moment.view.zoom,
        };
        let shore = ((self.shore - view.y) * view.zoom).clamp(0.15, 0.9);
        self.shore_row = ((shore + 1.0) / self.size.half_pixel()) as usize;
        self.view = view;
        self.waves = moment.flow;
        for curtain in &mut self.curtains {
            let wave = maths::sin(curtain.phase + moment.flow * 0.045);
            curtain.drift = curtain.phase * 40.0 + moment.flow * 0.05;
            curtain.shine =
                curtain.strength * (0.75 + 0.25 * wave + 0.30 * moment.energy + 0.45 * moment.beat);
            curtain.reach = curtain.height * (0.9 + 0.30 * moment.bass + 0.24 * moment.beat);
        }
        let water = (self.shore_row * 2) as f32;
        for ridge in &mut self.ridges {
            ridge.place((view.x, view.y), view.zoom);
            ridge.paint.glow_share = 0.14 + 0.12 * moment.beat;
            ridge.paint.sun.1 = water;
        }
        self.stars.place(&view, moment.time, moment.treble);
        Finish {
            flat: false,
            exposure: 1.0,
            bloom: 0.75 + 0.25 * moment.beat,
            vignette: 0.30,
            dither: 2.0,
            grain: Grain::default(),
        }
    }

    #[inline(always)]
    fn light_row<S: Simd>(&self, simd: S, _: &Field, y: usize, rgb: [&mut [f32]; 3]) {
        if y < self.shore_row {
            each_pixel!(rgb, x => self.pixel(simd, x as f32, y as f32));
        }
    }

    #[inline(always)]
    fn light_rest<S: Simd>(&mut self, simd: S, canvas: &mut Canvas) {
        let (height, shore) = (canvas.height(), self.shore_row.min(canvas.height()));
        for plane in &mut canvas.rgb {
            for y in shore.max(1)..height {
                self.reflect(simd, plane, y, shore);
            }
        }
    }

    #[inline(always)]
    fn chroma_row<S: Simd>(&self, simd: S, _: &Field, y: usize, uv: [&mut [f32]; 2]) {
        let (shore, depth) = ((self.shore_row * 2) as f32, self.size.height as f32 * 0.5);
        let at = y as f32 * 2.0 + 1.0;
        let seen = if at < shore {
            at
        } else {
            self.mirrored(at, shore, depth)
        };
        ridge::chroma_at(simd, &self.ridges, seen, uv);
    }

    #[inline(always)]
    fn luma_row<S: Simd>(&self, simd: S, _: &Field, y: usize, row: &mut [f32]) {
        let shore = self.shore_row * 2;
        let at = y as f32 + 0.5;
        if y < shore {
            self.stars.luma_row(y, row);
            ridge::luma_at(simd, &self.ridges, at, row);
        } else {
            let mirrored = self.mirrored(at, shore as f32, self.size.height as f32 * 0.5);
            ridge::luma_at(simd, &self.ridges, mirrored, row);
            let line = 0.05 * (1.0 - (at - shore as f32) / 3.0).max(0.0);
            if line > 0.0 {
                for value in row {
                    *value += line;
                }
            }
        }
    }
}

impl Aurora {
    pub(crate) fn new(parameters: &SceneParameters, clip: &Clip, size: Size) -> Self {
        let mut dice = Dice::new(parameters.seed, 0x0061_7572);
        let colours = Colours::new(&parameters.palette);
        let black = blend(colours.deep, [0.0; 3], 0.45);
        let low = blend(colours.deep, colours.shade, 0.75);
        let shore = dice.within(0.36, 0.56);
        let (count, strength, taller) = match parameters.variant {
            Variant::Full => (3, 1.0, 1.0),
            Variant::Calm => (2, 0.6, 0.8),
            // It stands overhead.
            Variant::Turned => (3, 1.15, 1.9),
            Variant::Bare => (1, 0.42, 0.7),
        };
        let mut curtains: Vec<Curtain> =
            (0..count).map(|index| curtain(&mut dice, index)).collect();
        for curtain in &mut curtains {
            curtain.strength *= strength;
            curtain.height *= taller;
            curtain.hem += 0.18 * (taller - 1.0);
        }
        let paint = |body: Rgb, mist: Rgb, share| Paint {
            body: yuv(body),
            mist: yuv(mist),
            mist_depth: 0.25,
            glow: yuv(blend(body, colours.tone, 0.5)),
            glow_share: share,
            glow_reach: 0.8,
            sun: (size.width as f32 * 0.5, shore * size.height as f32 * 0.5),
        };
        let far = blend(blend(colours.deep, colours.shade, 0.35), [0.0; 3], 0.15);
        let near = blend(colours.deep, [0.0; 3], 0.62);
        let mut ridges = Vec::new();
        for (index, (body, rise)) in [(far, 0.34), (near, 0.20)].into_iter().enumerate() {
            let form = Form {
                base: shore + 0.03,
                rise: rise * dice.within(0.8, 1.25),
                peaks: dice.within(0.5, 1.0),
                rough: if index == 0 { 0.8 } else { 0.3 },
                trees: if index == 0 {
                    0.0
                } else {
                    dice.within(0.05, 0.09)
                },
                depth: 0.3 + 0.3 * index as f32,
            };
            let mut ridge = Ridge::new(form, &mut dice, size);
            ridge.paint = paint(body, blend(body, low, 0.5), 0.12);
            ridges.push(ridge);
        }
        Self {
            size,
            sky: Ramp::of_light(&[(0.0, black), (0.45, colours.deep), (1.0, low)]),
            hem: light_of(blend(colours.tone, colours.light, 0.55)),
            veil: light_of(colours.tone),
            crown: light_of(blend(colours.accent, colours.shade, 0.12)),
            curtains,
            shore,
            shore_row: 0,
            ridges,
            stars: Stars::new(&mut dice, 380, size),
            take: View {
                x: clip.take.x * 0.8,
                y: clip.take.y * 0.06,
                zoom: 1.0 + 0.18 * clip.take.near,
            },
            vanishing: dice.within(-0.5, 0.5),
            view: View::default(),
            waves: 0.0,
            seed: dice.bits() as u32,
        }
    }

    /// One row of water: the sky mirrored, shifted by ripples and smeared upwards and downwards.
    #[inline(always)]
    fn reflect<S: Simd>(&self, simd: S, plane: &mut Plane, y: usize, shore: usize) {
        let (stride, width) = (plane.stride, plane.width);
        let depth = (y - shore) as f32 * self.size.half_pixel();
        let source = shore as f32 - (y - shore) as f32 * 1.15;
        let calm = ripple(self.seed, depth, self.waves);
        let shift = calm * (0.004 + 0.05 * depth) / self.size.half_pixel();
        let dim = 0.62 - 0.28 * depth + 0.05 * calm;
        let (above, below) = plane.data.split_at_mut(y * stride);
        let out = &mut below[..stride];
        let spread = 1.0 + depth * 26.0 + calm.abs() * 3.0;
        let row = |offset: f32| {
            let at = (source + offset * spread).clamp(0.0, shore.max(1) as f32 - 1.0) as usize;
            &above[at * stride..(at + 1) * stride]
        };
        let rows = [row(-1.5), row(-0.5), row(0.5), row(1.5)];
        let shift = shift as isize;
        for x in (0..stride).step_by(F::<S>::LEN) {
            let from = (x as isize + shift).clamp(0, (stride - F::<S>::LEN) as isize) as usize;
            let sum = load(simd, rows[0], from)
                + load(simd, rows[1], from)
                + load(simd, rows[2], from)
                + load(simd, rows[3], from);
            store::<S>(sum * (0.25 * dim), out, x);
        }
        let edge = out[width - 1];
        out[width..].fill(edge);
    }

    #[inline(always)]
    fn pixel<S: Simd>(&self, simd: S, x: f32, y: f32) -> [F<S>; 3] {
        let closer = 1.0 / self.view.zoom;
        let px = (iota(simd) * self.size.half_pixel() + self.size.x(x)) * closer + self.view.x;
        let uy = self.size.y(y) * closer + self.view.y;
        let height = (uy + 1.0) / (self.shore + 1.0);
        let [mut r, mut g, mut b] = lanes::ramp(simd, &self.sky, splat(simd, height * height));
        for curtain in &self.curtains {
            let up = curtain.hem + curtain.swing - uy;
            if up < -0.06 {
                continue;
            }
            // Rays run towards a point high above: what is higher lies nearer to it.
            let rise = curtain.hem - uy;
            let along = (px - self.vanishing) * (1.0 + 0.42 * rise) + self.vanishing;
            let slow = along * curtain.folds + curtain.drift;
            let bend = sin::<S>(slow * 0.37 + curtain.phase);
            let fold = sin::<S>(slow + bend * 0.42);
            let s = along + fold * (0.14 / curtain.folds) + bend * 0.2;
            let hem = fold * (curtain.swing * 0.45) + bend * (curtain.swing * 0.55) + curtain.hem;
            let dy = hem - uy;

            let coarse = noise_line::<S>(
                curtain.seed,
                s * (curtain.rays * 0.22) + curtain.drift * 1.3,
            );
            let fine = noise_line::<S>(curtain.seed ^ 3, s * curtain.rays - curtain.drift * 2.1);
            let grain = noise_line::<S>(
                curtain.seed ^ 7,
                s * (curtain.rays * 3.7) + curtain.drift * 3.0,
            );
            let patch = smoothstep::<S>(0.22, 0.85, coarse);
            let rays = patch * (fine * fine * 0.85 + grain * 0.30 + 0.06);

            let reach = (fine * 0.55 + coarse * 0.75 + 0.25) * curtain.reach;
            let high = dy / reach;
            let body = exp2::<S>(high * -1.9) * smoothstep::<S>(-0.05, 0.05, dy);
            let light = body * rays * curtain.shine;
            let edge = exp2::<S>(dy.abs() * -26.0) * light;
            let crown = smoothstep::<S>(0.15, 0.95, high) * light;
            let veil = light - crown * 0.75;
            r += veil * (self.veil[0] * 2.5) + edge * self.hem[0] + crown * (self.crown[0] * 3.4);
            g += veil * (self.veil[1] * 2.5) + edge * self.hem[1] + crown * (self.crown[1] * 3.4);
            b += veil * (self.veil[2] * 2.5) + edge * self.hem[2] + crown * (self.crown[2] * 3.4);
        }
        [r, g, b]
    }

    /// The row of the land that is seen mirrored at the row `y` of the water.
    fn mirrored(&self, y: f32, shore: f32, half_height: f32) -> f32 {
        let depth = (y - shore) / half_height;
        let calm = ripple(self.seed, depth, self.waves);
        shore - (y - shore) * 1.15 + calm * (0.006 + 0.05 * depth) * half_height
    }
}

/// The slope of the water at a distance from the shore, about -1…1.
fn ripple(seed: u32, depth: f32, time: f32) -> f32 {
    let near = maths::pow(depth.max(0.0), 0.6);
    let broad = crate::hash::line(seed, near * 34.0 - time * 0.9) - 0.5;
    let fine = crate::hash::line(seed ^ 5, near * 95.0 - time * 1.7) - 0.5;
    broad * 1.1 + fine * 0.9
}

fn curtain(dice: &mut Dice, index: usize) -> Curtain {
    let far = index as f32;
    Curtain {
        seed: dice.bits() as u32,
        hem: 0.16 - 0.24 * far + dice.within(-0.08, 0.08),
        swing: dice.within(0.10, 0.24),
        folds: dice.within(0.22, 0.42),
        rays: dice.within(5.0, 9.0) + 2.0 * far,
        height: dice.within(0.5, 0.85),
        strength: [1.0, 0.75, 0.5][index] * dice.within(0.85, 1.1),
        phase: dice.unit(),
        drift: 0.0,
        shine: 0.0,
        reach: 1.0,
    }
}
