//! Mountain ridges one behind the other, under a low sun: haze between them, woods in front.

use fearless_simd::prelude::*;
use model::look::{SceneParameters, Variant};

use super::ridge::{self, Form, Paint, Ridge};
use super::stars::Stars;
use super::{Draw, Size};
use crate::colour::{Colours, Ramp, Rgb, blend, light_of, yuv};
use crate::finish::{Finish, Grain};
use crate::hash::Dice;
use crate::lanes::{self, F, each_pixel, exp2, iota, noise, saturate, smoothstep, splat};
use crate::maths::mix;
use crate::motion::{Clip, Moment, View};
use crate::plane::Field;

const LAYERS: usize = 7;

/// The hour: what the sky is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hour {
    Dusk,
    Night,
    Haze,
}

/// What is fixed over a clip, and where everything stands now.
#[derive(Debug)]
pub(crate) struct Ridges {
    size: Size,
    hour: Hour,
    colours: Colours,
    sky: Ramp,
    disc: Rgb,
    horizon: Rgb,
    seed: u32,
    sun: (f32, f32),
    radius: f32,
    layers: Vec<Ridge>,
    stars: Stars,
    take: View,
    now: Now,
}

/// What changes from frame to frame.
#[derive(Debug, Clone, Copy, Default)]
struct Now {
    sun: (f32, f32),
    radius: f32,
    glow: f32,
    heat: f32,
    clouds: f32,
    wind: f32,
    offset: (f32, f32),
}

impl Draw for Ridges {
    fn prepare(&mut self, moment: &Moment) -> Finish {
        let view = View {
            x: self.take.x + moment.view.x * 1.6 + moment.flow * 0.02,
            y: self.take.y + moment.view.y * 1.4,
            zoom: self.take.zoom * moment.view.zoom,
        };
        let far = 1.0 + (view.zoom - 1.0) * 0.25;
        let sun = (
            (self.sun.0 - view.x * 0.10) * far,
            (self.sun.1 - view.y * 0.3) * far,
        );
        self.now = Now {
            sun,
            radius: self.radius * far * (1.0 + 0.05 * moment.beat + 0.03 * moment.bass),
            glow: 0.82 + 0.58 * moment.beat + 0.25 * moment.bass,
            heat: if self.hour == Hour::Haze { 1.1 } else { 1.0 } * (1.0 + 0.3 * moment.beat),
            clouds: 0.30 + 0.25 * moment.energy,
            wind: moment.flow * 0.08,
            offset: (view.x * 0.18, view.y * 0.3),
        };
        let half = self.size.height as f32 * 0.5;
        let at = ((sun.0 + self.size.aspect()) * half, (sun.1 + 1.0) * half);
        for (index, layer) in self.layers.iter_mut().enumerate() {
            layer.place((view.x, view.y), view.zoom);
            layer.paint = paint(index, self.hour, &self.colours, self.horizon, moment);
            layer.paint.sun = at;
        }
        let drift = View {
            zoom: far,
            x: view.x * 0.25,
            y: view.y,
        };
        self.stars.place(&drift, moment.time, moment.treble);
        Finish {
            flat: false,
            exposure: 1.0 + 0.03 * moment.energy,
            bloom: 0.7 + 0.3 * moment.beat,
            vignette: 0.26,
            dither: 1.7,
            grain: Grain::default(),
        }
    }

    #[inline(always)]
    fn light_row<S: Simd>(&self, simd: S, _: &Field, y: usize, rgb: [&mut [f32]; 3]) {
        let row = y as f32 * 2.0 - 8.0;
        if self.layers.iter().any(|layer| layer.covers(row)) {
            // Never seen; dark, so that it lends the bloom nothing.
            for row in rgb {
                row.fill(0.0);
            }
            return;
        }
        each_pixel!(rgb, x => self.pixel(simd, x as f32, y as f32));
    }

    #[inline(always)]
    fn chroma_row<S: Simd>(&self, simd: S, _: &Field, y: usize, uv: [&mut [f32]; 2]) {
        ridge::chroma_at(simd, &self.layers, y as f32 * 2.0 + 1.0, uv);
    }

    #[inline(always)]
    fn luma_row<S: Simd>(&self, simd: S, _: &Field, y: usize, row: &mut [f32]) {
        self.stars.luma_row(y, row);
        ridge::luma_at(simd, &self.layers, y as f32 + 0.5, row);
    }
}

impl Ridges {
    pub(crate) fn new(parameters: &SceneParameters, clip: &Clip, size: Size) -> Self {
        let mut dice = Dice::new(parameters.seed, 0x0072_6964);
        let colours = Colours::new(&parameters.palette);
        let hour = match parameters.variant {
            Variant::Full | Variant::Bare => Hour::Dusk,
            Variant::Calm => Hour::Haze,
            Variant::Turned => Hour::Night,
        };
        // Little land, and much sky over it.
        let lower = if parameters.variant == Variant::Bare {
            0.42
        } else {
            0.0
        };
        let (stops, horizon) = sky(&colours, hour);
        let side = if dice.chance(0.5) { 1.0 } else { -1.0 };
        let layers = (0..LAYERS)
            .map(|index| Ridge::new(form(&mut dice, index), &mut dice, size))
            .collect();
        let count = match hour {
            Hour::Night => 420,
            Hour::Dusk => 90,
            Hour::Haze => 0,
        };
        let radius = match hour {
            Hour::Night => dice.within(0.07, 0.11),
            _ => dice.within(0.16, 0.25),
        };
        Self {
            size,
            hour,
            colours,
            sky: Ramp::of_light(&stops),
            disc: light_of(if hour == Hour::Night {
                blend(colours.light, [1.0; 3], 0.35)
            } else {
                blend(colours.accent, colours.light, 0.08)
            }),
            horizon,
            seed: dice.bits() as u32,
            sun: (side * dice.within(0.1, 0.75), dice.within(-0.32, 0.02)),
            radius,
            layers,
            stars: Stars::new(&mut dice, count, size),
            take: View {
                x: clip.take.x * 0.9,
                y: clip.take.y * 0.10 - lower,
                zoom: 0.98 + 0.30 * clip.take.near,
            },
            now: Now::default(),
        }
    }

    #[inline(always)]
    fn pixel<S: Simd>(&self, simd: S, x: f32, y: f32) -> [F<S>; 3] {
        let now = &self.now;
        let px = iota(simd) * self.size.half_pixel() + self.size.x(x);
        let uy = self.size.y(y);
        // The sky brightens towards the horizon, and round the sun along the ramp rather than by added
        // light, which would turn grey.
        let height = (uy + 1.0) / 1.3;
        let (dx, dy) = (px - now.sun.0, uy - now.sun.1);
        let far2 = dx * dx * 0.55 + dy * dy;
        let wide = exp2::<S>(far2 * -1.6) * (0.30 * now.glow);
        let close = exp2::<S>(far2 * -14.0) * (0.16 * now.glow);
        let base = wide + close + height * 0.72;

        // Clouds: long, thin, lit from where the sun is.
        let (cx, cy) = (px * 0.9 + (now.offset.0 + now.wind), uy + now.offset.1);
        let bend = noise::<S>(self.seed ^ 5, cx * 1.1, splat(simd, cy * 2.3));
        let broad = noise::<S>(self.seed, cx * 1.3 + bend * 0.8, bend * 1.5 + cy * 7.5);
        let fine = noise::<S>(self.seed ^ 9, cx * 4.1 + bend * 2.0, bend * 3.0 + cy * 22.0);
        let cloud = smoothstep::<S>(
            0.52,
            0.95,
            broad * 0.72 + fine * 0.28 + (height - 0.5) * 0.10,
        );
        let at = cloud * (wide * 0.8 + 0.10) * (now.clouds * 2.2) + base;
        let [r, g, b] = lanes::ramp(simd, &self.sky, at);

        let edge = (dx * dx + dy * dy).sqrt();
        let disc = saturate::<S>((edge * -1.0 + now.radius) * (1.0 / self.size.half_pixel()) + 0.5);
        let veil = (cloud * -0.5 + 1.0) * disc * now.heat;
        let under = disc * -0.9 + 1.0;
        [
            r * under + veil * self.disc[0],
            g * under + veil * self.disc[1],
            b * under + veil * self.disc[2],
        ]
    }
}

/// The stops of the sky, and the colour at the horizon.
fn sky(colours: &Colours, hour: Hour) -> ([(f32, Rgb); 5], Rgb) {
    let Colours {
        deep,
        shade,
        tone,
        light,
        accent,
    } = *colours;
    match hour {
        Hour::Dusk => {
            let warm = blend(tone, accent, 0.35);
            let low = blend(light, accent, 0.45);
            (
                [
                    (0.0, deep),
                    (0.30, shade),
                    (0.62, tone),
                    (0.85, warm),
                    (1.0, low),
                ],
                warm,
            )
        }
        Hour::Night => {
            let black = blend(deep, [0.0; 3], 0.35);
            let low = blend(shade, tone, 0.35);
            (
                [
                    (0.0, black),
                    (0.35, deep),
                    (0.75, shade),
                    (0.95, low),
                    (1.0, tone),
                ],
                low,
            )
        }
        Hour::Haze => {
            let high = blend(shade, tone, 0.55);
            let pale = blend(tone, light, 0.5);
            (
                [
                    (0.0, high),
                    (0.35, tone),
                    (0.65, pale),
                    (0.9, light),
                    (1.0, light),
                ],
                pale,
            )
        }
    }
}

/// The shape of a layer, from the furthest (0).
fn form(dice: &mut Dice, index: usize) -> Form {
    let near = index as f32 / (LAYERS - 1) as f32;
    let wooded = index >= LAYERS - 3;
    Form {
        base: mix(0.26, 1.16, near * near * 0.45 + near * 0.55),
        rise: mix(0.34, 0.52, near) * dice.within(0.8, 1.2) * if wooded { 0.75 } else { 1.0 },
        peaks: mix(1.5, 0.75, near) * dice.within(0.85, 1.2),
        rough: mix(0.75, 0.35, near) * dice.within(0.8, 1.1),
        trees: match LAYERS - index {
            1 => dice.within(0.20, 0.30),
            2 => dice.within(0.085, 0.12),
            3 => dice.within(0.035, 0.05),
            _ => 0.0,
        },
        depth: 0.16 + 0.84 * near * near,
    }
}

/// The colours of a layer: the far ones take on the sky's.
fn paint(index: usize, hour: Hour, colours: &Colours, horizon: Rgb, moment: &Moment) -> Paint {
    let near = index as f32 / (LAYERS - 1) as f32;
    let dark = blend(colours.deep, [0.0; 3], 0.30);
    let middle = blend(colours.shade, colours.deep, 0.25);
    let body = if near < 0.5 {
        blend(blend(horizon, colours.shade, 0.32), middle, near * 2.0)
    } else {
        blend(middle, dark, near * 2.0 - 1.0)
    };
    let share = mix(0.62, 0.16, near) * (1.0 + 0.22 * moment.bass);
    let warm = if hour == Hour::Night {
        colours.light
    } else {
        blend(colours.light, colours.accent, 0.45)
    };
    Paint {
        body: yuv(body),
        mist: yuv(blend(body, horizon, share.min(0.8))),
        mist_depth: mix(0.20, 0.42, near),
        sun: (0.0, 0.0),
        glow: yuv(warm),
        glow_share: mix(0.34, 0.02, near.min(1.0)) * (0.85 + 0.35 * moment.beat),
        glow_reach: 0.42,
    }
}
