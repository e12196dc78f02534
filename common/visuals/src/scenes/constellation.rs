//! Points that drift in the dark, and the lines between those that are near each other.

use fearless_simd::prelude::*;
use model::look::{SceneParameters, Variant};

use super::stars::Stars;
use super::{Draw, Size};
use crate::colour::{Colours, Ramp, Rgb, blend, light_of};
use crate::finish::{Finish, Grain};
use crate::hash::Dice;
use crate::lanes::{self, F, each_pixel, exp2, iota, noise, splat};
use crate::maths::{mix, sin};
use crate::motifs::{Disc, shine};
use crate::motion::{Clip, Moment, View};
use crate::plane::{Canvas, Field};
use crate::strokes::{Stroke, Strokes};

/// A point in its box: x and y in units, z from 0 (far) to 1 (near).
#[derive(Debug, Clone, Copy)]
struct Point {
    x: f32,
    y: f32,
    z: f32,
    phase: f32,
    group: u32,
    bright: bool,
}

/// A point on the frame.
#[derive(Debug, Clone, Copy)]
struct Seen {
    x: f32,
    y: f32,
    z: f32,
    lit: f32,
}

/// What is fixed over a clip, and where everything stands now.
#[derive(Debug)]
pub(crate) struct Constellation {
    size: Size,
    space: Ramp,
    lamp: Rgb,
    accent: Rgb,
    points: Vec<Point>,
    /// Points nearer than this are joined.
    near: f32,
    seed: u32,
    take: View,
    now: (View, f32, f32),
    stars: Stars,
    strokes: Strokes,
    discs: Vec<Disc>,
}

impl Constellation {
    pub(crate) fn new(parameters: &SceneParameters, clip: &Clip, size: Size) -> Self {
        let mut dice = Dice::new(parameters.seed, 0x0063_6e73);
        let colours = Colours::new(&parameters.palette);
        let (count, near, dawn) = match parameters.variant {
            Variant::Full => (170, 0.50, false),
            Variant::Calm => (110, 0.50, false),
            Variant::Turned => (150, 0.44, true),
            Variant::Bare => (60, 0.62, false),
        };
        let black = blend(colours.deep, [0.0; 3], 0.6);
        let stops = if dawn {
            [
                (0.0, colours.deep),
                (0.4, colours.shade),
                (0.75, colours.tone),
                (1.0, blend(colours.tone, colours.accent, 0.5)),
            ]
        } else {
            [
                (0.0, black),
                (0.4, colours.deep),
                (0.75, blend(colours.deep, colours.shade, 0.7)),
                (1.0, colours.shade),
            ]
        };
        Self {
            size,
            space: Ramp::of_light(&stops),
            lamp: light_of(blend(colours.tone, colours.light, 0.75)),
            accent: light_of(blend(colours.accent, colours.light, 0.3)),
            points: (0..count)
                .map(|_| Point {
                    x: dice.within(-2.3, 2.3),
                    y: dice.within(-1.25, 1.25),
                    z: dice.unit(),
                    phase: dice.unit(),
                    group: dice.below(4),
                    bright: dice.chance(0.12),
                })
                .collect(),
            near,
            seed: dice.bits() as u32,
            take: View {
                x: clip.take.x * 0.5,
                y: clip.take.y * 0.3,
                zoom: 0.95 + 0.4 * clip.take.near,
            },
            now: (View::default(), 0.0, 1.0),
            stars: Stars::new(&mut dice, 260, size),
            strokes: Strokes::default(),
            discs: Vec::new(),
        }
    }

    #[inline(always)]
    fn pixel<S: Simd>(&self, simd: S, x: f32, y: f32) -> [F<S>; 3] {
        let (view, flow, glow) = self.now;
        let px = iota(simd) * self.size.half_pixel() + self.size.x(x);
        let uy = self.size.y(y);
        let far = px * px * 0.30 + uy * uy;
        let middle = exp2::<S>(far * -1.1) * (0.55 * glow);
        let cloud = noise::<S>(
            self.seed,
            (px + view.x * 0.2) * 0.9 + flow * 0.01,
            splat(simd, uy * 1.3 + flow * 0.006),
        );
        let wisp = noise::<S>(
            self.seed ^ 3,
            (px + view.x * 0.25) * 2.3,
            splat(simd, uy * 2.9 - flow * 0.01),
        );
        lanes::ramp(
            simd,
            &self.space,
            middle + cloud * 0.36 + wisp * 0.16 - 0.02,
        )
    }

    /// Where the points are, nearest last.
    fn seen(&self, moment: &Moment, view: &View) -> Vec<Seen> {
        self.points
            .iter()
            .map(|point| {
                let depth = 0.35 + 0.65 * point.z;
                let closer = mix(0.75, 1.15, point.z) * (1.0 + (view.zoom - 1.0) * depth);
                let sway = 0.09 * sin(point.phase + moment.flow * 0.014);
                let float = 0.09 * sin(point.phase * 7.0 + moment.flow * 0.011);
                let mine = (point.group + moment.beats).is_multiple_of(4);
                let struck = if mine { 1.0 } else { 0.2 } * moment.beat;
                Seen {
                    x: (point.x + sway - view.x * depth) * closer,
                    y: (point.y + float - view.y * depth) * closer,
                    z: point.z,
                    lit: if point.bright { 1.0 } else { 0.38 }
                        * (0.7 + struck + 0.3 * moment.treble),
                }
            })
            .collect()
    }

    fn join(&mut self, seen: &[Seen], moment: &Moment) {
        let half = self.size.height as f32 * 0.5;
        let place = |point: &Seen| {
            (
                (point.x + self.size.aspect()) * half,
                (point.y + 1.0) * half,
            )
        };
        let pixel = self.size.height as f32 / 1080.0;
        for (index, a) in seen.iter().enumerate() {
            for b in &seen[index + 1..] {
                let (dx, dy, dz) = (a.x - b.x, a.y - b.y, (a.z - b.z) * 0.7);
                let apart = (dx * dx + dy * dy + dz * dz).sqrt() / self.near;
                if apart >= 1.0 {
                    continue;
                }
                let z = f32::midpoint(a.z, b.z);
                let lit = f32::midpoint(a.lit, b.lit);
                let strength =
                    (1.0 - apart) * (0.42 + 0.55 * z) * (0.7 + 0.6 * lit + 0.25 * moment.bass);
                self.strokes.push(Stroke {
                    from: place(a),
                    to: place(b),
                    radius: mix(0.30, 0.75, z) * pixel,
                    soft: 1.25,
                    tone: 0.92,
                    strength: strength.min(0.85),
                });
            }
        }
    }
}

impl Draw for Constellation {
    fn prepare(&mut self, moment: &Moment) -> Finish {
        let view = View {
            x: self.take.x + moment.view.x * 1.3 + moment.flow * 0.008,
            y: self.take.y + moment.view.y,
            zoom: self.take.zoom * moment.view.zoom,
        };
        self.now = (
            view,
            moment.flow,
            0.85 + 0.35 * moment.beat + 0.25 * moment.bass,
        );
        self.stars.place(&view, moment.time, moment.treble);
        let seen = self.seen(moment, &view);
        self.strokes.clear();
        self.discs.clear();
        self.join(&seen, moment);
        let (half, pixel) = (
            self.size.height as f32 * 0.5,
            self.size.height as f32 / 1080.0,
        );
        for (point, kept) in seen.iter().zip(&self.points) {
            let (x, y) = (
                (point.x + self.size.aspect()) * half,
                (point.y + 1.0) * half,
            );
            // What is very near or very far is out of focus.
            let blur = (point.z - 0.6).abs() * 1.6;
            let radius = (mix(1.1, 2.6, point.z) + 3.5 * blur * blur) * pixel;
            self.strokes.push(Stroke {
                from: (x, y),
                to: (x, y),
                radius,
                soft: 1.2 + radius * (0.9 + blur),
                tone: 1.0,
                strength: (0.9 * point.lit / (1.0 + 2.0 * blur)).min(0.97),
            });
            let light = if kept.bright { self.accent } else { self.lamp };
            let power = point.lit * if kept.bright { 0.9 } else { 0.5 };
            self.discs.push(Disc {
                x: x * 0.5,
                y: y * 0.5,
                radius: radius * 0.8 + 0.8,
                light: light.map(|v| v * power),
            });
        }
        self.strokes.sort();
        Finish {
            flat: false,
            exposure: 1.0,
            bloom: 0.9 + 0.4 * moment.beat,
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
    }

    #[inline(always)]
    fn luma_row<S: Simd>(&self, _: S, _: &Field, y: usize, row: &mut [f32]) {
        self.stars.luma_row(y, row);
        self.strokes.luma_row(y, row);
    }
}
