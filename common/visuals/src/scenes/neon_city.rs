//! A city at night over its wet, reflecting street: towers in the haze, windows that come and go with
//! the beat, signs that glow.

use fearless_simd::prelude::*;
use model::look::{SceneParameters, Variant};

use super::patches::{Patch, Project, fill, seen};
use super::towers::{Box2, Lamp, Layer, Window, city};
use super::{Draw, Size};
use crate::colour::{Colours, Ramp, Rgb, blend, light_of};
use crate::finish::{Finish, Grain};
use crate::hash::{Dice, line};
use crate::lanes::{
    self, F, each_pixel, exp2, iota, load, noise, saturate, smoothstep, splat, store,
};
use crate::maths::mix;
use crate::motion::{Clip, Moment, View};
use crate::plane::{Canvas, Field, Plane};

/// A car's lamps on the street.
#[derive(Debug, Clone, Copy)]
struct Car {
    place: f32,
    speed: f32,
    lane: f32,
    tail: bool,
}

/// What is fixed over a clip, and where everything stands now.
#[derive(Debug)]
pub(crate) struct NeonCity {
    size: Size,
    sky: Ramp,
    disc: Option<(f32, f32, f32)>,
    disc_light: [Rgb; 2],
    haze: Rgb,
    body: Rgb,
    lamps: [Rgb; 3],
    wet: Rgb,
    layers: Vec<Layer>,
    cars: Vec<Car>,
    street: f32,
    seed: u32,
    take: View,
    patches: Vec<Patch>,
    now: Now,
}

/// What changes from frame to frame.
#[derive(Debug, Clone, Copy, Default)]
struct Now {
    view: View,
    flow: f32,
    street_row: usize,
    disc: (f32, f32, f32),
    glow: f32,
}

impl Draw for NeonCity {
    fn prepare(&mut self, moment: &Moment) -> Finish {
        let view = View {
            x: self.take.x + moment.view.x * 1.3,
            y: self.take.y + moment.view.y,
            zoom: self.take.zoom * moment.view.zoom,
        };
        let street = (self.street - view.y * 0.5).clamp(0.1, 0.85);
        let far = 1.0 + (view.zoom - 1.0) * 0.2;
        let disc = self.disc.unwrap_or((0.3, 0.2, 0.0));
        self.now = Now {
            view,
            flow: moment.flow,
            street_row: ((street + 1.0) / self.size.half_pixel()) as usize,
            disc: (
                (disc.0 - view.x * 0.06) * far,
                (disc.1 - view.y * 0.3) * far,
                disc.2 * far * (1.0 + 0.025 * moment.beat),
            ),
            glow: 0.86 + 0.50 * moment.beat + 0.25 * moment.bass,
        };
        self.patches.clear();
        for index in 0..self.layers.len() {
            self.lay_out(index, street, moment);
        }
        self.drive(street, moment);
        Finish {
            flat: false,
            exposure: 1.0,
            bloom: 0.85 + 0.30 * moment.bass,
            vignette: 0.32,
            dither: 2.0,
            grain: Grain::default(),
        }
    }

    #[inline(always)]
    fn light_row<S: Simd>(&self, simd: S, _: &Field, y: usize, rgb: [&mut [f32]; 3]) {
        if y < self.now.street_row {
            each_pixel!(rgb, x => self.heaven(simd, x as f32, y as f32));
        }
    }

    #[inline(always)]
    fn light_rest<S: Simd>(&mut self, simd: S, canvas: &mut Canvas) {
        let (height, street) = (canvas.height(), self.now.street_row.min(canvas.height()));
        for patch in &self.patches {
            fill(canvas, patch, street);
        }
        for y in street.max(1)..height {
            for plane in &mut canvas.rgb {
                self.mirror(simd, plane, y, street);
            }
        }
        for y in street..height {
            self.puddles(simd, y, street, canvas);
        }
    }
}

impl NeonCity {
    pub(crate) fn new(parameters: &SceneParameters, clip: &Clip, size: Size) -> Self {
        let mut dice = Dice::new(parameters.seed, 0x006e_656f);
        let colours = Colours::new(&parameters.palette);
        let Colours {
            deep,
            shade,
            tone,
            light,
            accent,
        } = colours;
        let black = blend(deep, [0.0; 3], 0.4);
        let low = blend(tone, accent, 0.72);
        let variant = parameters.variant;
        let shown = match variant {
            Variant::Full => dice.chance(0.65),
            Variant::Calm | Variant::Bare => false,
            Variant::Turned => true,
        };
        let wide = if variant == Variant::Turned { 1.5 } else { 1.0 };
        let disc = shown.then(|| {
            (
                dice.within(-0.55, 0.55),
                dice.within(-0.38, -0.12),
                dice.within(0.26, 0.46) * wide,
            )
        });
        Self {
            size,
            sky: Ramp::of_light(&match variant {
                // The hour after sunset.
                Variant::Turned => [(0.0, deep), (0.35, shade), (0.7, low), (1.0, light)],
                Variant::Bare => [(0.0, black), (0.5, black), (0.8, deep), (1.0, shade)],
                _ => [(0.0, black), (0.35, deep), (0.68, shade), (1.0, low)],
            }),
            disc,
            disc_light: [light_of(blend(light, [1.0; 3], 0.15)), light_of(low)],
            haze: light_of(blend(shade, tone, 0.38)),
            body: light_of(blend(deep, [0.0; 3], 0.55)),
            lamps: [
                light_of(blend(light, accent, 0.60)),
                light_of(tone),
                light_of(accent),
            ],
            wet: light_of(blend(deep, [0.0; 3], 0.35)),
            layers: city(
                &mut dice,
                parameters.intensity * if variant == Variant::Calm { 0.5 } else { 1.0 },
            ),
            cars: (0..26).map(|_| car(&mut dice)).collect(),
            street: dice.within(0.36, 0.54) - if variant == Variant::Bare { 0.3 } else { 0.0 },
            seed: dice.bits() as u32,
            take: View {
                x: clip.take.x * 0.65,
                y: clip.take.y * 0.08,
                zoom: 0.95 + 0.4 * clip.take.near,
            },
            patches: Vec::new(),
            now: Now::default(),
        }
    }

    /// The patches of a layer: bodies, then what is lit on them.
    fn lay_out(&mut self, index: usize, street: f32, moment: &Moment) {
        let mut patches = std::mem::take(&mut self.patches);
        let layer = &self.layers[index];
        let near = layer.near;
        let project = Project::new(self.size, &self.now.view, near, street);
        let haze = mix(0.80, 0.03, near.min(1.0)) * (1.0 + 0.10 * moment.bass);
        let clear = 1.0 - mix(0.55, 0.0, near);
        let (high, low) = (haze * 0.55, (haze * 1.15 + 0.05).min(1.0));
        let face = |share: f32, dark: f32| {
            let mut colour = [0.0; 3];
            for (value, (body, haze)) in colour.iter_mut().zip(self.body.iter().zip(self.haze)) {
                *value = mix(*body, haze, share) * dark;
            }
            colour
        };
        let (faces, sides) = (
            [face(high, 1.0), face(low, 1.0)],
            [face(high, 0.62), face(low, 0.78)],
        );
        for tower in &layer.towers {
            for body in &tower.bodies {
                let at = project.onto(body);
                let Some(at) = seen(at, self.size) else {
                    continue;
                };
                patches.push(Patch {
                    at,
                    top: faces[0],
                    bottom: faces[1],
                });
                let side = Box2 {
                    left: mix(at.left, at.right, 0.68),
                    ..at
                };
                patches.push(Patch {
                    at: side,
                    top: sides[0],
                    bottom: sides[1],
                });
            }
            for window in &tower.windows {
                let light = window_light(window, moment) * clear;
                patches.extend(self.lamp(&project, window, light * mix(0.7, 1.0, near)));
            }
            for sign in &tower.signs {
                let turn = (sign.group + moment.bars).is_multiple_of(4);
                let pulse = if turn { 0.9 } else { 0.45 } * moment.beat + 0.4 * moment.bass;
                patches.extend(self.lamp(
                    &project,
                    sign,
                    (1.9 + 1.5 * pulse) * sign.brightness * clear,
                ));
            }
        }
        self.patches = patches;
    }

    /// What a window or a sign adds.
    fn lamp(&self, project: &Project, lamp: &Window, light: f32) -> Option<Patch> {
        let at = seen(project.onto(&lamp.at), self.size)?;
        let colour = match lamp.lamp {
            Lamp::Warm => self.lamps[0],
            Lamp::Cool => self.lamps[1].map(|v| v * 1.6),
            Lamp::Neon => self.lamps[2].map(|v| v * 1.9),
        };
        let colour = colour.map(|v| v * light);
        Some(Patch {
            at,
            top: colour,
            bottom: colour,
        })
    }

    /// The cars: headlamps one way, tail lamps the other.
    fn drive(&mut self, street: f32, moment: &Moment) {
        let pixel = 1.0 / self.size.half_pixel();
        for car in &self.cars {
            let x =
                (car.place + car.speed * moment.flow - self.now.view.x * 0.9).rem_euclid(5.0) - 2.5;
            let x = (x + self.size.aspect()) * pixel;
            let y = (street + 1.0 - 0.012 - car.lane) * pixel;
            let (size, long) = (0.0035 * pixel, 0.016 * pixel);
            let colour = if car.tail {
                self.lamps[2].map(|v| v * 1.6)
            } else {
                self.lamps[0].map(|v| v * 1.4)
            };
            let at = Box2 {
                left: x - long,
                right: x + long,
                top: y - size,
                bottom: y + size,
            };
            if let Some(at) = seen(at, self.size) {
                self.patches.push(Patch {
                    at,
                    top: colour,
                    bottom: colour,
                });
            }
        }
    }

    /// The sky, and the disc in it.
    #[inline(always)]
    fn heaven<S: Simd>(&self, simd: S, x: f32, y: f32) -> [F<S>; 3] {
        let now = &self.now;
        let px = iota(simd) * self.size.half_pixel() + self.size.x(x);
        let uy = self.size.y(y);
        let height = (uy + 1.0) / (self.street + 1.0);
        let (dx, dy) = (px - now.disc.0, uy - now.disc.1);
        let far2 = dx * dx + dy * dy;
        let around = exp2::<S>(far2 * -2.4) * (0.34 * now.glow);
        let smoke = noise::<S>(self.seed, px * 1.3 + now.flow * 0.03, splat(simd, uy * 3.2));
        let base =
            around + (height * 0.36 + height * height * 0.56) + (smoke - 0.5) * (0.16 * height);
        let [r, g, b] = lanes::ramp(simd, &self.sky, base);
        if now.disc.2 <= 0.0 {
            return [r, g, b];
        }
        let edge = (far2.sqrt() * -1.0 + now.disc.2) * (1.0 / self.size.half_pixel()) + 0.5;
        let down = ((uy - now.disc.1) / now.disc.2 * 0.5 + 0.5).clamp(0.0, 1.0);
        let veil = saturate::<S>(edge) * (1.0 - 0.35 * down);
        let streak = smoothstep::<S>(0.45, 0.7, smoke) * (0.35 * down);
        let veil = veil * (streak * -1.0 + 1.0);
        let [high, low] = &self.disc_light;
        let glow = 0.85 * now.glow;
        [
            r + veil * (mix(high[0], low[0], down) * glow),
            g + veil * (mix(high[1], low[1], down) * glow),
            b + veil * (mix(high[2], low[2], down) * glow),
        ]
    }

    /// One row of the street as a mirror: what stands above it, shifted by ripples and drawn out
    /// downwards.
    #[inline(always)]
    fn mirror<S: Simd>(&self, simd: S, plane: &mut Plane, y: usize, street: usize) {
        let (stride, lanes) = (plane.stride, F::<S>::LEN);
        let depth = (y - street) as f32 * self.size.half_pixel();
        let source = street as f32 - 1.0 - (y - street) as f32 * (0.9 + 0.5 * depth);
        let source = source.clamp(0.0, street.max(1) as f32 - 1.0) as usize; // at least one row above
        let calm = line(self.seed ^ 1, depth * 60.0 - self.now.flow * 1.3)
            + line(self.seed ^ 2, depth * 190.0 + self.now.flow * 2.1);
        let shift = (calm - 1.0) * (0.004 + 0.045 * depth) / self.size.half_pixel();
        let keep = if y == street {
            0.0
        } else {
            0.80 + 0.12 * depth.min(1.0)
        };
        let (above, here) = plane.data.split_at_mut(y * stride);
        let before = &above[(y.max(1) - 1) * stride..];
        let source = &above[source * stride..][..stride];
        for x in (0..stride).step_by(lanes) {
            let from = (x as isize + shift as isize).clamp(0, (stride - lanes) as isize) as usize;
            let image = load(simd, source, from) * (1.0 - keep) + load(simd, before, x) * keep;
            store::<S>(image, here, x);
        }
    }

    /// One row of the street: the mirror where it is wet, asphalt where it is not.
    #[inline(always)]
    fn puddles<S: Simd>(&self, simd: S, y: usize, street: usize, canvas: &mut Canvas) {
        let depth = (y - street) as f32 * self.size.half_pixel();
        let perspective = 1.0 / (depth + 0.14);
        let dim = 1.0 / (1.0 + 0.9 * depth);
        let stride = canvas.rgb[0].stride;
        let [red, green, blue] = canvas.rows_mut(y);
        for x in (0..stride).step_by(F::<S>::LEN) {
            // Puddles lie flat: their pattern is drawn out towards the horizon.
            let px =
                iota(simd) * self.size.half_pixel() + (self.size.x(x as f32) + self.now.view.x);
            let along = splat(simd, perspective * 5.5);
            let ground = noise::<S>(self.seed ^ 7, px * (perspective * 0.55), along);
            let wet = (smoothstep::<S>(0.25, 0.7, ground) * 0.62 + 0.36) * dim;
            store::<S>(load(simd, red, x) * wet + self.wet[0], red, x);
            store::<S>(load(simd, green, x) * wet + self.wet[1], green, x);
            store::<S>(load(simd, blue, x) * wet + self.wet[2], blue, x);
        }
    }
}

/// How brightly a window burns: its group flares with its beats, a few go out and come back.
fn window_light(window: &Window, moment: &Moment) -> f32 {
    let mine = (window.group + moment.beats).is_multiple_of(4);
    let out = (window.group * 7 + moment.bars * 5).is_multiple_of(12);
    let flare = if mine { 0.80 } else { 0.22 } * moment.beat;
    let level = if out { 0.15 } else { 1.0 };
    window.brightness
        * (0.75 + flare + 0.25 * moment.treble * (window.group % 3) as f32 * 0.5)
        * level
}

fn car(dice: &mut Dice) -> Car {
    let tail = dice.chance(0.5);
    Car {
        place: dice.within(0.0, 5.0),
        speed: dice.within(0.10, 0.22) * if tail { 1.0 } else { -1.0 },
        lane: if tail { 0.0 } else { 0.011 },
        tail,
    }
}
