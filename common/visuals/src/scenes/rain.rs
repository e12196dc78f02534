//! Lights out of focus behind a window with rain on it: drops are lenses that show the street upside down.

use fearless_simd::prelude::*;
use model::look::{SceneParameters, Variant};

use super::{Draw, Size};
use crate::colour::{Colours, Ramp, Rgb, blend, light_of};
use crate::finish::{Finish, Grain};
use crate::hash::Dice;
use crate::lanes::{self, F, each_pixel, iota, noise, splat};
use crate::maths::{self, mix, sin, smoothstep};
use crate::motifs::{Disc, shine};
use crate::motion::{Clip, Moment, View};
use crate::plane::{Canvas, Field};

/// A lamp of the street.
#[derive(Debug, Clone, Copy)]
struct Lamp {
    x: f32,
    y: f32,
    near: f32,
    light: Rgb,
    group: u32,
    speed: f32,
}

/// A drop on the glass, in units.
#[derive(Debug, Clone, Copy)]
struct Drop {
    x: f32,
    y: f32,
    radius: f32,
    /// How much taller than wide it is.
    long: f32,
    /// Units a second, where it runs.
    speed: f32,
    phase: f32,
}

/// What is fixed over a clip, and where everything stands now.
#[derive(Debug)]
pub(crate) struct Rain {
    size: Size,
    sky: Ramp,
    glint: Rgb,
    lamps: Vec<Lamp>,
    drops: Vec<Drop>,
    seed: u32,
    horizon: f32,
    take: View,
    view: View,
    flow: f32,
    glow: f32,
    discs: Vec<Disc>,
    shown: Vec<Drop>,
    behind: Canvas,
}

/// The street is seen through a drop at this fraction of its size.
const LENS: f32 = 7.0;
/// The picture that drops show has a quarter of the canvas in each direction.
const COARSE: usize = 4;

impl Rain {
    pub(crate) fn new(parameters: &SceneParameters, clip: &Clip, size: Size) -> Self {
        let mut dice = Dice::new(parameters.seed, 0x0072_6169);
        let colours = Colours::new(&parameters.palette);
        let Colours {
            deep,
            shade,
            tone,
            light,
            accent,
        } = colours;
        let (lamps, drops, runners, morning) = match parameters.variant {
            Variant::Full => (120, 190, 16, false),
            Variant::Calm => (80, 90, 5, false),
            Variant::Turned => (60, 260, 22, true),
            Variant::Bare => (46, 150, 6, false),
        };
        let black = blend(deep, [0.0; 3], 0.5);
        let stops = if morning {
            [
                (0.0, blend(shade, tone, 0.3)),
                (0.5, tone),
                (1.0, blend(tone, light, 0.6)),
            ]
        } else {
            [(0.0, black), (0.5, deep), (1.0, blend(deep, shade, 0.8))]
        };
        Self {
            size,
            sky: Ramp::of_light(&stops),
            glint: light_of(blend(light, tone, 0.3)),
            lamps: (0..lamps)
                .map(|_| {
                    lamp(
                        &mut dice,
                        [blend(light, accent, 0.6), accent, blend(tone, light, 0.2)],
                    )
                })
                .collect(),
            drops: (0..drops + runners)
                .map(|index| drop(&mut dice, index < runners))
                .collect(),
            seed: dice.bits() as u32,
            horizon: dice.within(-0.05, 0.25),
            take: View {
                x: clip.take.x * 0.8,
                y: clip.take.y * 0.1,
                zoom: 0.95 + 0.35 * clip.take.near,
            },
            view: View::default(),
            flow: 0.0,
            glow: 1.0,
            discs: Vec::new(),
            shown: Vec::new(),
            behind: Canvas::new(
                (size.width / 2).div_ceil(COARSE),
                (size.height / 2).div_ceil(COARSE),
            ),
        }
    }

    #[inline(always)]
    fn pixel<S: Simd>(&self, simd: S, x: f32, y: f32) -> [F<S>; 3] {
        let px = iota(simd) * self.size.half_pixel() + self.size.x(x) + self.view.x * 0.3;
        let uy = self.size.y(y);
        let off = uy - self.horizon;
        let band = maths::exp2(-5.0 * off * off);
        // What is far out of focus: soft shapes of light and dark.
        let shapes = noise::<S>(
            self.seed,
            px * 1.6 + self.flow * 0.02,
            splat(simd, uy * 2.2),
        );
        let wide = noise::<S>(self.seed ^ 3, px * 0.7, splat(simd, uy * 0.9));
        let steam = shapes * 0.5 + wide * 0.5;
        lanes::ramp(
            simd,
            &self.sky,
            steam * (0.30 + 0.55 * band * self.glow) + (0.12 + 0.34 * band),
        )
    }

    /// The canvas at a quarter of its size, as the drops see it.
    fn remember(&mut self, canvas: &Canvas) {
        for (from, to) in canvas.rgb.iter().zip(&mut self.behind.rgb) {
            for y in 0..to.height {
                let source = from.row((y * COARSE + COARSE / 2) as isize);
                let out = &mut to.data[y * to.stride..][..to.width];
                for (x, value) in out.iter_mut().enumerate() {
                    let at = (x * COARSE).min(from.width.saturating_sub(COARSE));
                    let block = &source[at..(at + COARSE).min(from.width)];
                    *value = block.iter().sum::<f32>() / block.len() as f32;
                }
            }
        }
    }

    /// Draws a drop: the street upside down, darker towards its rim, with a glint of the sky.
    fn lens(&self, canvas: &mut Canvas, drop: &Drop) {
        let half = 1.0 / self.size.half_pixel();
        let (x, y) = ((drop.x + self.size.aspect()) * half, (drop.y + 1.0) * half);
        let (wide, tall) = (drop.radius * half, drop.radius * drop.long * half);
        let first = (y - tall - 1.0).max(0.0) as usize;
        let last = ((y + tall + 2.0).max(0.0) as usize).min(canvas.height());
        let left = (x - wide - 1.0).max(0.0) as usize;
        let right = ((x + wide + 2.0).max(0.0) as usize).min(canvas.width());
        let small = &self.behind;
        let (columns, rows) = (small.width() as f32 - 1.0, small.height() as f32 - 1.0);
        for row in first..last {
            let v = (row as f32 + 0.5 - y) / tall;
            // Wider at the bottom, as a hanging drop is.
            let squeeze = 1.0 / (1.0 + 0.22 * v.clamp(-1.0, 1.0));
            let rgb = canvas.rows_mut(row);
            let [red, green, blue] = rgb;
            for column in left..right {
                let u = (column as f32 + 0.5 - x) / wide * squeeze;
                let out = (u * u + v * v).sqrt();
                let cover = ((1.0 - out) * wide + 0.5).clamp(0.0, 1.0);
                if cover <= 0.0 {
                    continue;
                }
                let bend = LENS * (1.0 + 0.5 * out * out);
                let sx = ((x - u * wide * bend) / COARSE as f32).clamp(0.0, columns) as usize;
                let sy = ((y - v * tall * bend) / COARSE as f32).clamp(0.0, rows) as isize;
                let rim = smoothstep(0.55, 1.0, out);
                let dim = 1.25 * (1.0 - 0.82 * rim);
                let (gu, gv) = (u + 0.35, v + 0.45);
                let glint = smoothstep(0.10, 0.02, gu * gu + gv * gv) * 0.30 * self.glow;
                for ((value, plane), lamp) in [&mut *red, &mut *green, &mut *blue]
                    .into_iter()
                    .zip(&small.rgb)
                    .zip(self.glint)
                {
                    let seen = plane.row(sy)[sx] * dim + lamp * glint;
                    value[column] = mix(value[column], seen, cover * 0.96);
                }
            }
        }
    }
}

impl Draw for Rain {
    fn prepare(&mut self, moment: &Moment) -> Finish {
        let view = View {
            x: self.take.x + moment.view.x * 1.2,
            y: self.take.y + moment.view.y,
            zoom: self.take.zoom * moment.view.zoom,
        };
        self.view = view;
        self.flow = moment.flow;
        self.glow = 0.85 + 0.3 * moment.beat + 0.25 * moment.bass;
        let half = 1.0 / self.size.half_pixel();
        self.discs.clear();
        for lamp in &self.lamps {
            let depth = 0.25 + 0.75 * lamp.near;
            let x = lamp.x + lamp.speed * moment.flow - view.x * depth;
            let x = ((x + 2.6).rem_euclid(5.2) - 2.6) * view.zoom;
            let y = (self.horizon + lamp.y - view.y * depth) * view.zoom;
            let mine = (lamp.group + moment.beats).is_multiple_of(4);
            let pulse = 0.75 + if mine { 0.7 } else { 0.15 } * moment.beat + 0.25 * moment.bass;
            self.discs.push(Disc {
                x: (x + self.size.aspect()) * half,
                y: (y + 1.0) * half,
                radius: mix(0.030, 0.130, lamp.near) * view.zoom * half,
                light: lamp.light.map(|v| v * pulse),
            });
        }
        self.shown.clear();
        for drop in &self.drops {
            let mut drop = *drop;
            if drop.speed > 0.0 {
                // Runs, stops, runs on.
                let way = moment.flow * drop.speed + drop.phase * 3.0;
                let halting = way + 0.16 * sin(way * 1.3) + 0.05 * sin(way * 3.7);
                drop.y = (drop.y + halting + 1.3).rem_euclid(2.6) - 1.3;
                drop.x += 0.018 * sin(drop.phase + drop.y * 0.7) + 0.006 * sin(drop.y * 3.1);
                for bead in 1..6_u32 {
                    let back = bead as f32;
                    let above = drop.y - drop.radius * (1.6 + 1.7 * back);
                    let radius = drop.radius * (0.30 - 0.035 * back);
                    let aside = drop.radius * 0.3 * sin(back * 0.37 + above * 2.0);
                    self.shown.push(Drop {
                        x: drop.x + aside,
                        y: above,
                        radius,
                        long: 1.25,
                        ..drop
                    });
                }
            } else {
                drop.radius *= 1.0 + 0.05 * moment.bass * f32::from(drop.phase < 0.3);
            }
            self.shown.push(drop);
        }
        Finish {
            flat: false,
            exposure: 1.0,
            bloom: 0.75 + 0.3 * moment.beat,
            vignette: 0.32,
            dither: 2.0,
            grain: Grain::default(),
        }
    }

    #[inline(always)]
    fn light_row<S: Simd>(&self, simd: S, _: &Field, y: usize, rgb: [&mut [f32]; 3]) {
        each_pixel!(rgb, x => self.pixel(simd, x as f32, y as f32));
    }

    #[inline(always)]
    fn light_rest<S: Simd>(&mut self, _: S, canvas: &mut Canvas) {
        for disc in &self.discs {
            shine(canvas, disc);
        }
        self.remember(canvas);
        for drop in &self.shown {
            self.lens(canvas, drop);
        }
    }
}

fn lamp(dice: &mut Dice, colours: [Rgb; 3]) -> Lamp {
    let whim = dice.unit();
    let near = dice.unit() * dice.unit() * 0.9;
    let car = dice.chance(0.22);
    let (colour, accent) = match dice.unit() {
        x if x < 0.38 => (colours[0], false),
        x if x < 0.76 => (colours[1], true),
        _ => (colours[2], false),
    };
    Lamp {
        x: dice.within(-2.6, 2.6),
        y: if car {
            dice.within(0.18, 0.5)
        } else {
            dice.within(-0.85, 0.32) * (0.4 + 0.6 * near)
        },
        near,
        light: light_of(blend(
            [0.0; 3],
            colour,
            if accent { 0.62 } else { 0.26 } + 0.38 * (1.0 - whim) * (1.0 - whim),
        )),
        group: dice.below(4),
        speed: if car {
            dice.within(0.03, 0.08) * if dice.chance(0.5) { 1.0 } else { -1.0 }
        } else {
            0.0
        },
    }
}

fn drop(dice: &mut Dice, runs: bool) -> Drop {
    let size = dice.unit();
    Drop {
        x: dice.within(-1.9, 1.9),
        y: dice.within(-1.05, 1.05),
        radius: if runs {
            dice.within(0.020, 0.034)
        } else {
            0.004 + 0.048 * size * size * size * size
        },
        long: dice.within(1.05, 1.3),
        speed: if runs { dice.within(0.06, 0.20) } else { 0.0 },
        phase: dice.unit(),
    }
}
