//! Liquid metal: a slow swell that mirrors a room of light.

use fearless_simd::prelude::*;
use model::look::{SceneParameters, Variant};

use super::{Draw, Size};
use crate::colour::{Colours, Ramp, Rgb, blend, light_of};
use crate::finish::{Finish, Grain};
use crate::hash::Dice;
use crate::lanes::{
    self, F, each_pixel, exp2, iota, load, noise, saturate, sin, splat, stir, store,
};
use crate::motion::{Clip, Moment, View};
use crate::plane::Field;

/// What is fixed over a clip, and where everything stands now.
#[derive(Debug)]
pub(crate) struct Chrome {
    size: Size,
    room: Ramp,
    lamp: Rgb,
    accent: Rgb,
    seed: u32,
    origin: (f32, f32),
    /// Waves per unit, and how steep they are.
    scale: f32,
    steep: f32,
    take: View,
    now: Now,
}

/// What changes from frame to frame.
#[derive(Debug, Clone, Copy, Default)]
struct Now {
    view: View,
    flow: f32,
    tilt: f32,
    steep: f32,
    glint: f32,
}

impl Chrome {
    pub(crate) fn new(parameters: &SceneParameters, clip: &Clip, size: Size) -> Self {
        let mut dice = Dice::new(parameters.seed, 0x0063_6872);
        let colours = Colours::new(&parameters.palette);
        let Colours {
            deep,
            shade,
            tone,
            light,
            accent,
        } = colours;
        let black = blend(deep, [0.0; 3], 0.6);
        // A room: dark floor, a bright band at the horizon, a ceiling that darkens.
        let (stops, scale, steep) = match parameters.variant {
            Variant::Full => ([black, deep, shade, light, tone, shade, deep], 0.75, 1.0),
            Variant::Calm => (
                [
                    deep,
                    shade,
                    tone,
                    blend(tone, light, 0.5),
                    tone,
                    shade,
                    deep,
                ],
                0.5,
                0.8,
            ),
            Variant::Turned => (
                [
                    shade,
                    tone,
                    light,
                    blend(light, [1.0; 3], 0.5),
                    light,
                    tone,
                    shade,
                ],
                0.9,
                1.0,
            ),
            Variant::Bare => (
                [
                    black,
                    black,
                    deep,
                    blend(shade, tone, 0.6),
                    deep,
                    black,
                    black,
                ],
                0.45,
                0.75,
            ),
        };
        let stops = std::array::from_fn::<_, 7, _>(|index| {
            ([0.0, 0.25, 0.42, 0.52, 0.62, 0.8, 1.0][index], stops[index])
        });
        Self {
            size,
            room: Ramp::of_light(&stops),
            lamp: light_of(blend(light, [1.0; 3], 0.5)),
            accent: light_of(accent),
            seed: dice.bits() as u32,
            origin: (dice.within(-60.0, 60.0), dice.within(-60.0, 60.0)),
            scale: scale * dice.within(0.9, 1.15),
            steep,
            take: View {
                x: clip.take.x * 1.2,
                y: clip.take.y * 0.8,
                zoom: 0.85 + 0.4 * clip.take.near,
            },
            now: Now::default(),
        }
    }

    #[inline(always)]
    fn height<S: Simd>(&self, simd: S, x: f32, y: f32) -> F<S> {
        let closer = self.scale / self.now.view.zoom;
        let px = (iota(simd) * self.size.half_pixel() + self.size.x(x)) * closer;
        let px = px + (self.now.view.x * self.scale + self.origin.0);
        let py = splat(
            simd,
            self.size.y(y) * closer + self.now.view.y * self.scale + self.origin.1,
        );
        let (qx, qy) = stir::<S>((px, py), 5, 0.34, 0.135, self.now.flow * 0.017);
        let broad = noise::<S>(self.seed, qx * 0.9, qy * 0.9);
        let waves = sin::<S>(qx * 0.55 + qy * 0.35 + broad * 0.8);
        let cross = sin::<S>(qy * 0.72 - qx * 0.21 + self.now.flow * 0.013);
        broad * 0.65 + waves * 0.20 + cross * 0.14
    }

    #[inline(always)]
    fn metal<S: Simd>(&self, simd: S, field: &Field, x: usize, y: usize) -> [F<S>; 3] {
        let now = &self.now;
        let [above, row, below] = field.rows(y);
        let at = x + Field::MARGIN;
        let gx = load(simd, row, at + 1) - load(simd, row, at - 1);
        let gy = load(simd, below, at) - load(simd, above, at);
        let scale = now.steep / self.size.half_pixel();
        let (nx, ny) = (gx * scale, gy * scale);
        let here = load(simd, row, at);
        // Where the mirrored ray meets the room: up and down, and round it.
        let long = 1.0 / (nx * nx + ny * ny + 1.0).sqrt();
        let (rx, ry) = (nx * long, ny * long);
        let up = ry * 0.52 + rx * 0.16 + 0.5;
        let round = sin::<S>(rx * 0.55 + here * 0.8 + now.tilt) * 0.16;
        let [r, g, b] = lanes::ramp(simd, &self.room, up + round);
        // Two lamps, and the accent where the metal leans away.
        let (ax, ay) = (rx - 0.34, ry + 0.42);
        let (bx, by) = (rx + 0.55, ry - 0.30);
        let key = exp2::<S>((ax * ax + ay * ay) * -60.0) * now.glint;
        let fill = exp2::<S>((bx * bx * 0.4 + by * by) * -44.0) * (0.30 * now.glint);
        let lean = saturate::<S>((rx * rx + ry * ry) * 2.6 - 1.75);
        let warm = lean * 0.05 + fill;
        [
            r + key * self.lamp[0] + warm * self.accent[0],
            g + key * self.lamp[1] + warm * self.accent[1],
            b + key * self.lamp[2] + warm * self.accent[2],
        ]
    }
}

impl Draw for Chrome {
    const FIELD: bool = true;

    fn prepare(&mut self, moment: &Moment) -> Finish {
        self.now = Now {
            view: View {
                x: self.take.x + moment.view.x,
                y: self.take.y + moment.view.y,
                zoom: self.take.zoom * moment.view.zoom,
            },
            flow: moment.flow,
            tilt: moment.flow * 0.03 + 0.05 * moment.beat,
            steep: self.steep * (1.0 + 0.42 * moment.beat + 0.10 * moment.bass),
            glint: 0.75 + 1.5 * moment.beat + 0.4 * moment.treble,
        };
        Finish {
            flat: false,
            exposure: 0.97 + 0.13 * moment.beat,
            bloom: 0.55 + 0.3 * moment.beat,
            vignette: 0.30,
            dither: 2.0,
            grain: Grain::default(),
        }
    }

    #[inline(always)]
    fn field_row<S: Simd>(&self, simd: S, y: f32, row: &mut [f32]) {
        for x in (0..row.len()).step_by(F::<S>::LEN) {
            let column = x as f32 - Field::MARGIN as f32;
            store::<S>(self.height(simd, column, y), row, x);
        }
    }

    #[inline(always)]
    fn light_row<S: Simd>(&self, simd: S, field: &Field, y: usize, rgb: [&mut [f32]; 3]) {
        each_pixel!(rgb, x => self.metal(simd, field, x, y));
    }
}
