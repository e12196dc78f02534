//! The open sea under a low moon or sun: its glitter, and clouds in the distance.
//!
//! The water is a mirror of slopes: each pixel looks at the point of the sky that its slope reflects, so
//! that the path of light under the disc comes about by itself.

use fearless_simd::prelude::*;
use model::look::{SceneParameters, Variant};

use super::stars::Stars;
use super::{Draw, Size};
use crate::colour::{Colours, Ramp, Rgb, blend, light_of};
use crate::finish::{Finish, Grain};
use crate::hash::Dice;
use crate::lanes::{self, F, Point, each_pixel, exp2, iota, noise, saturate, smoothstep, splat};
use crate::maths::{log2, mix};
use crate::motion::{Clip, Moment, View};
use crate::plane::Field;

/// The weather.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weather {
    /// A moon, high clouds, stars.
    Moon,
    /// The sun on its way down.
    Sunset,
    /// A heavy sky, and no disc.
    Storm,
    /// Mist, in which the horizon is lost.
    Mist,
}

/// What is fixed over a clip.
#[derive(Debug)]
pub(crate) struct Ocean {
    size: Size,
    weather: Weather,
    sky: Ramp,
    disc: Rgb,
    deep: Rgb,
    haze: Rgb,
    sun: (f32, f32),
    radius: f32,
    horizon: f32,
    rough: f32,
    seed: u32,
    stars: Option<Stars>,
    take: View,
    now: Now,
}

/// What changes from frame to frame.
#[derive(Debug, Clone, Copy, Default)]
struct Now {
    view: View,
    sun: (f32, f32),
    radius: f32,
    horizon: f32,
    glow: f32,
    heat: f32,
    waves: f32,
    swell: f32,
    wind: f32,
}

impl Ocean {
    pub(crate) fn new(parameters: &SceneParameters, clip: &Clip, size: Size) -> Self {
        let mut dice = Dice::new(parameters.seed, 0x006f_6365);
        let colours = Colours::new(&parameters.palette);
        let Colours {
            deep,
            shade,
            tone,
            light,
            accent,
        } = colours;
        let weather = match parameters.variant {
            Variant::Full => Weather::Moon,
            Variant::Calm => Weather::Sunset,
            Variant::Turned => Weather::Storm,
            Variant::Bare => Weather::Mist,
        };
        let black = blend(deep, [0.0; 3], 0.35);
        let stops = match weather {
            Weather::Moon => [
                black,
                deep,
                blend(deep, shade, 0.7),
                shade,
                blend(accent, light, 0.3),
            ],
            Weather::Sunset => [
                deep,
                shade,
                tone,
                blend(tone, accent, 0.45),
                blend(light, accent, 0.65),
            ],
            Weather::Storm => [
                black,
                blend(deep, shade, 0.4),
                shade,
                blend(shade, tone, 0.5),
                blend(tone, light, 0.25),
            ],
            Weather::Mist => [
                shade,
                blend(shade, tone, 0.6),
                tone,
                blend(tone, light, 0.6),
                light,
            ],
        };
        let places = [0.0, 0.32, 0.62, 0.84, 1.0];
        let stops = std::array::from_fn::<_, 5, _>(|index| (places[index], stops[index]));
        let side = if dice.chance(0.5) { 1.0 } else { -1.0 };
        let night = weather == Weather::Moon;
        let height = if night {
            dice.within(-0.55, -0.30)
        } else {
            dice.within(-0.16, -0.04)
        };
        Self {
            size,
            weather,
            sky: Ramp::of_light(&stops),
            disc: light_of(if weather == Weather::Sunset {
                blend(accent, light, 0.35)
            } else {
                blend(light, [1.0; 3], 0.4)
            }),
            deep: light_of(if weather == Weather::Mist {
                shade
            } else {
                blend(deep, shade, 0.22)
            }),
            haze: light_of(stops[3].1),
            sun: (side * dice.within(0.05, 0.7), height),
            radius: if night {
                dice.within(0.10, 0.17)
            } else {
                dice.within(0.15, 0.24)
            },
            horizon: dice.within(0.02, 0.24),
            rough: if weather == Weather::Storm {
                1.7
            } else {
                dice.within(0.75, 1.1)
            },
            seed: dice.bits() as u32,
            stars: night.then(|| Stars::new(&mut dice, 300, size)),
            take: View {
                x: clip.take.x * 0.5,
                y: clip.take.y * 0.06,
                zoom: 0.95 + 0.3 * clip.take.near,
            },
            now: Now::default(),
        }
    }

    /// The sky at a point, its disc with it: that has an edge of `blur` pixels and is shown by `share`.
    #[inline(always)]
    fn heaven<S: Simd>(
        &self,
        simd: S,
        (x, y): Point<S>,
        cloud: F<S>,
        (blur, share): (f32, f32),
    ) -> [F<S>; 3] {
        let now = &self.now;
        let height = (y + 1.0) * (1.0 / (now.horizon + 1.0));
        let (dx, dy) = (x - now.sun.0, y - now.sun.1);
        let far2 = dx * dx + dy * dy;
        let wide = exp2::<S>((dx * dx * 0.4 + dy * dy) * -1.5) * (0.34 * now.glow);
        let close = exp2::<S>(far2 * -13.0) * (0.20 * now.glow);
        let low = height * height * 0.34;
        let most = if self.weather == Weather::Storm {
            0.5
        } else {
            1.0
        };
        let at = (wide + close) * most + height * 0.22 + low + cloud * (wide * (0.8 * most) + 0.05);
        let [r, g, b] = lanes::ramp(simd, &self.sky, at);
        if now.heat <= 0.0 {
            return [r, g, b];
        }
        let edge =
            (far2.sqrt() * -1.0 + now.radius) * (1.0 / (blur * self.size.half_pixel())) + 0.5;
        let shown = smoothstep::<S>(0.0, 1.0, edge) * (cloud * -0.7 + 1.0);
        let under = shown * -0.9 + 1.0;
        let heat = shown * (now.heat * share);
        [
            r * under + heat * self.disc[0],
            g * under + heat * self.disc[1],
            b * under + heat * self.disc[2],
        ]
    }

    #[inline(always)]
    fn sky<S: Simd>(&self, simd: S, x: f32, y: f32) -> [F<S>; 3] {
        let px = iota(simd) * self.size.half_pixel() + self.size.x(x);
        let uy = self.size.y(y);
        // Clouds lie in long banks that draw together towards the horizon.
        let near = 1.0 / (self.now.horizon - uy + 0.22);
        let cx = (px + self.now.view.x * 0.3) * (near * 0.42) + self.now.wind;
        let cy = splat(simd, near * 1.7);
        let bend = noise::<S>(self.seed ^ 5, cx * 0.9, cy * 0.8);
        let broad = noise::<S>(self.seed, cx * 1.5 + bend * 0.9, cy * 1.5 + bend);
        let fine = noise::<S>(self.seed ^ 9, cx * 4.3 + bend * 2.0, cy * 3.9);
        let (low, high) = if self.weather == Weather::Storm {
            (0.34, 0.98)
        } else {
            (0.46, 0.88)
        };
        let cloud = smoothstep::<S>(low, high, broad * 0.7 + fine * 0.3);
        self.heaven(simd, (px, splat(simd, uy)), cloud, (1.4, 1.0))
    }

    #[inline(always)]
    fn sea<S: Simd>(&self, simd: S, x: f32, y: f32) -> [F<S>; 3] {
        let now = &self.now;
        let px = iota(simd) * self.size.half_pixel() + self.size.x(x);
        let depth = self.size.y(y) - now.horizon;
        let far = 1.0 / (depth + 0.035);
        // Along the view waves are laid out by the logarithm of distance, so that none is finer than a row.
        let along = -log2(depth + 0.035) * 5.2 + now.waves;
        let wx = (px + now.view.x * 0.8) * (far * 0.5);
        let swell = noise::<S>(self.seed ^ 1, wx * 0.5, splat(simd, along * 0.45)) - 0.5;
        let wave = noise::<S>(
            self.seed ^ 2,
            wx * 1.5 + swell * 1.2,
            swell * 1.6 + along * 1.1,
        ) - 0.5;
        let chop = noise::<S>(
            self.seed ^ 3,
            wx * 4.1 - now.waves * 0.23,
            wave * 1.4 + along * 2.7,
        ) - 0.5;
        let fine = noise::<S>(
            self.seed ^ 6,
            wx * 10.3 + now.waves * 0.31 + chop,
            chop * 1.1 + along * 6.3,
        ) - 0.5;
        let side = noise::<S>(
            self.seed ^ 4,
            wx * 3.9 + now.waves * 0.17,
            splat(simd, along * 2.9),
        ) - 0.5;
        let lean = swell * (0.5 * now.swell) + wave * 0.55 + chop * 0.60 + fine * 0.62;
        let ry = lean * (-self.rough * (0.30 + 0.52 * depth)) + (now.horizon - 0.02 - depth * 0.8);
        let ry = ry.min(now.horizon - 0.004);
        let rx = px + side * (self.rough * (0.20 + 0.45 * depth));
        let [r, g, b] = self.heaven(simd, (rx, ry), splat(simd, 0.0), (8.0 + 40.0 * depth, 0.62));
        // Near the viewer one looks into the water, far away only at it; crests let light through.
        let clear = saturate::<S>(lean * -0.55 + (0.16 + 0.62 * depth));
        let mist = if self.weather == Weather::Mist {
            7.0
        } else {
            26.0
        };
        let lost = splat(simd, crate::maths::exp2(-mist * depth) * 0.55);
        let mirror = clear * -0.9 + 1.0;
        let own = clear * (wave * 0.9 + 0.75);
        let mut water = [r * mirror * 0.86, g * mirror * 0.86, b * mirror * 0.86];
        for (value, (deep, haze)) in water.iter_mut().zip(self.deep.iter().zip(self.haze)) {
            *value += own * *deep;
            *value += (*value * -1.0 + haze) * lost;
        }
        water
    }
}

impl Draw for Ocean {
    fn prepare(&mut self, moment: &Moment) -> Finish {
        let view = View {
            x: self.take.x + moment.view.x,
            y: self.take.y + moment.view.y * 0.5,
            zoom: self.take.zoom * moment.view.zoom,
        };
        let far = 1.0 + (view.zoom - 1.0) * 0.5;
        let horizon = (self.horizon - view.y) * mix(1.0, view.zoom, 0.3);
        let sun = (
            (self.sun.0 - view.x * 0.12) * far,
            horizon + (self.sun.1 - self.horizon * 0.2) * far,
        );
        let shown = match self.weather {
            Weather::Moon => 2.4,
            Weather::Sunset => 2.9,
            Weather::Storm => 0.0,
            Weather::Mist => 0.9,
        };
        self.now = Now {
            view,
            sun,
            radius: self.radius * far * (1.0 + 0.03 * moment.beat),
            horizon,
            glow: 0.80 + 0.84 * moment.beat + 0.22 * moment.bass,
            heat: shown * (1.0 + 0.45 * moment.beat),
            waves: moment.flow * 0.27,
            swell: 1.0 + 0.7 * moment.bass + 0.9 * moment.beat,
            wind: moment.flow * 0.02,
        };
        if let Some(stars) = &mut self.stars {
            let drift = View {
                x: view.x * 0.2,
                y: view.y,
                zoom: far,
            };
            stars.place(&drift, moment.time, moment.treble);
        }
        Finish {
            flat: false,
            exposure: 1.0
                + 0.04 * moment.energy
                + if self.weather == Weather::Storm {
                    0.16
                } else {
                    0.05
                } * moment.beat,
            bloom: 0.7 + 0.35 * moment.beat,
            vignette: 0.28,
            dither: 2.0,
            grain: Grain::default(),
        }
    }

    #[inline(always)]
    fn light_row<S: Simd>(&self, simd: S, _: &Field, y: usize, rgb: [&mut [f32]; 3]) {
        if self.size.y(y as f32) < self.now.horizon {
            each_pixel!(rgb, x => self.sky(simd, x as f32, y as f32));
        } else {
            each_pixel!(rgb, x => self.sea(simd, x as f32, y as f32));
        }
    }

    #[inline(always)]
    fn luma_row<S: Simd>(&self, _: S, _: &Field, y: usize, row: &mut [f32]) {
        let above = y as f32 * 2.0 / (self.size.height as f32) - 1.0 < self.now.horizon - 0.03;
        if let Some(stars) = self.stars.as_ref().filter(|_| above) {
            stars.luma_row(y, row);
        }
    }
}
