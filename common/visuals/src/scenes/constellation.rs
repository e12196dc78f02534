//! Points of light and the lines between neighbours: a globe, a net over unseen hills, a ring. They turn in
//! the dark, and each beat lights another slice of them.

use fearless_simd::prelude::*;
use model::look::{SceneParameters, Variant};

use super::stars::Stars;
use super::{Draw, Size};
use crate::colour::{Colours, Ramp, Rgb, blend, light_of};
use crate::finish::{Finish, Grain};
use crate::hash::Dice;
use crate::lanes::{self, F, each_pixel, exp2, iota, noise, splat};
use crate::maths::{cos, mix, sin};
use crate::motifs::{Disc, shine};
use crate::motion::{Clip, Moment, View};
use crate::plane::{Canvas, Field};
use crate::strokes::{Stroke, Strokes};

/// What the points are arranged as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    Globe,
    /// Seen flat over hills, to the horizon.
    Net,
    Ring,
}

/// A point of the body.
#[derive(Debug, Clone, Copy)]
struct Point {
    /// Where it is while the body is at rest: x to the right, y down, z towards the viewer, about -1…1.
    at: [f32; 3],
    phase: f32,
    /// The slice that it is lit with.
    group: u32,
    bright: bool,
}

/// A point on the frame.
#[derive(Debug, Clone, Copy)]
struct Seen {
    x: f32,
    y: f32,
    /// 0 (far) to 1 (near).
    z: f32,
    lit: f32,
}

/// Slices that take turns.
const SLICES: u32 = 4;

/// What is fixed over a clip, and where everything stands now.
#[derive(Debug)]
pub(crate) struct Constellation {
    size: Size,
    space: Ramp,
    lamp: Rgb,
    accent: Rgb,
    body: Body,
    points: Vec<Point>,
    /// Pairs of points that a line joins.
    pairs: Vec<(usize, usize)>,
    centre: (f32, f32),
    radius: f32,
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
        let (body, count, dawn) = match parameters.variant {
            Variant::Full => (Body::Globe, 190, false),
            Variant::Calm => (Body::Net, 0, false),
            Variant::Turned => (Body::Ring, 0, true),
            Variant::Bare => (Body::Globe, 46, false),
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
                (1.0, blend(colours.shade, colours.accent, 0.5)),
            ]
        };
        let points = points(&mut dice, body, count);
        let small = parameters.variant == Variant::Bare;
        Self {
            size,
            space: Ramp::of_light(&stops),
            lamp: light_of(blend(colours.tone, colours.light, 0.75)),
            accent: light_of(blend(colours.accent, colours.light, 0.15)),
            body,
            pairs: neighbours(&points, if small { 0.62 } else { 0.36 }),
            points,
            centre: (dice.within(-0.45, 0.45), dice.within(-0.10, 0.10)),
            radius: if small { 0.52 } else { dice.within(0.70, 0.84) },
            seed: dice.bits() as u32,
            take: View {
                x: clip.take.x * 0.35,
                y: clip.take.y * 0.12,
                zoom: 0.95 + 0.35 * clip.take.near,
            },
            now: (View::default(), 0.0, 1.0),
            stars: Stars::new(&mut dice, 180, size),
            strokes: Strokes::default(),
            discs: Vec::new(),
        }
    }

    #[inline(always)]
    fn pixel<S: Simd>(&self, simd: S, x: f32, y: f32) -> [F<S>; 3] {
        let (view, flow, glow) = self.now;
        let px = iota(simd) * self.size.half_pixel() + self.size.x(x);
        let uy = self.size.y(y);
        // Light stands behind the body, or along the horizon of its hills.
        let (ox, oy) = (
            px - (self.centre.0 - view.x * 0.3),
            uy - (self.centre.1 - view.y * 0.3),
        );
        let middle = if self.body == Body::Net {
            exp2::<S>(ox * ox * -0.5 - (oy + 0.1) * (oy + 0.1) * 5.0) * (0.42 * glow)
        } else {
            let strength = if self.body == Body::Ring { 0.36 } else { 0.60 };
            exp2::<S>((ox * ox + oy * oy) * -1.7) * (strength * glow)
        };
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

    /// Where the points are.
    fn seen(&self, moment: &Moment, view: &View) -> Vec<Seen> {
        let turn = moment.flow * 0.011;
        let (sine, cosine) = (sin(turn), cos(turn));
        let tilt =
            if self.body == Body::Ring { 0.16 } else { 0.05 } + 0.012 * sin(moment.flow * 0.021);
        let (dip, level) = (sin(tilt), cos(tilt));
        let swell = self.radius * view.zoom * (1.0 + 0.045 * moment.beat + 0.02 * moment.bass);
        self.points
            .iter()
            .map(|point| {
                let mine = (point.group + moment.beats).is_multiple_of(SLICES);
                let struck = if mine { 1.25 } else { 0.30 } * moment.beat;
                let twinkle =
                    0.3 * moment.treble * (0.5 + 0.5 * sin(point.phase + moment.flow * 0.13));
                let lit = if point.bright { 1.0 } else { 0.42 } * (0.6 + struck + twinkle);
                let [x, y, z] = point.at;
                if self.body == Body::Net {
                    return self.on_hills(point, lit, moment, view);
                }
                let breath = 1.0 + 0.025 * sin(point.phase + moment.flow * 0.03);
                let (x, z) = (x * cosine + z * sine, z * cosine - x * sine);
                let (y, z) = (y * level - z * dip, z * level + y * dip);
                let closer = swell * breath / (1.0 - 0.24 * z);
                Seen {
                    x: self.centre.0 - view.x + x * closer,
                    y: self.centre.1 - view.y + y * closer,
                    z: (0.5 + 0.5 * z).clamp(0.0, 1.0),
                    lit,
                }
            })
            .collect()
    }

    /// A knot of the net: hills run under it.
    fn on_hills(&self, point: &Point, lit: f32, moment: &Moment, view: &View) -> Seen {
        let [x, _, z] = point.at;
        let flow = moment.flow;
        let away = mix(5.2, 0.9, z);
        let hill = 0.30 * sin(x * 0.23 + flow * 0.022 + point.phase * 0.02)
            + 0.22 * sin(away * 0.31 + x * 0.11 + flow * 0.030)
            + 0.07 * moment.beat * sin(away * 0.5 - 0.25 * moment.since_beat);
        Seen {
            x: (x - view.x * 1.4) * view.zoom / away * 1.5,
            y: self.centre.1 - 0.18 - view.y + (0.95 - hill) * view.zoom / away,
            z,
            lit: lit * (0.35 + 0.65 * z.min(0.6)),
        }
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
        for (one, other) in &self.pairs {
            let (a, b) = (&seen[*one], &seen[*other]);
            let z = f32::midpoint(a.z, b.z);
            let lit = f32::midpoint(a.lit, b.lit);
            // What is behind is fainter, or the body would look flat.
            let strength = (0.10 + 0.55 * z * z) * (0.35 + 1.1 * lit + 0.2 * moment.bass);
            self.strokes.push(Stroke {
                from: place(a),
                to: place(b),
                radius: mix(0.35, 1.0, z) * pixel,
                soft: 2.0,
                tone: 0.92,
                strength: strength.min(0.85),
            });
        }
    }
}

/// The points of a body; `count` is for the globe.
fn points(dice: &mut Dice, body: Body, count: usize) -> Vec<Point> {
    const GOLDEN: f32 = 0.618_034;
    let mut all = Vec::new();
    let mut add = |dice: &mut Dice, at: [f32; 3], along: f32| {
        all.push(Point {
            at,
            phase: dice.unit(),
            group: (along.clamp(0.0, 0.999) * SLICES as f32) as u32,
            bright: dice.chance(0.34),
        });
    };
    match body {
        Body::Globe => {
            // Spread evenly by the golden angle, then shaken a little.
            for index in 0..count {
                let y = (index as f32 + 0.5) / count as f32 * 2.0 - 1.0;
                let round = (1.0 - y * y).max(0.0).sqrt();
                let turn = index as f32 * GOLDEN + dice.within(-0.012, 0.012);
                add(
                    dice,
                    [round * cos(turn), y, round * sin(turn)],
                    0.5 + 0.5 * y,
                );
            }
        }
        Body::Net => {
            for row in 0..15 {
                for column in 0..23 {
                    let shift = if row % 2 == 0 { 0.25 } else { -0.25 };
                    let x = (column as f32 - 11.0 + shift + dice.within(-0.12, 0.12)) * 0.46;
                    let z = row as f32 / 14.0;
                    add(dice, [x, 0.0, z], z);
                }
            }
        }
        Body::Ring => {
            for index in 0..220 {
                let (round, across) = (index as f32 / 220.0, index as f32 * GOLDEN);
                let wide = 0.80 + 0.30 * cos(across);
                let at = [wide * cos(round), 0.30 * sin(across), wide * sin(round)];
                add(dice, at, round);
            }
        }
    }
    all
}

/// Pairs of points nearer to each other than `near`; for the net, those a step apart.
fn neighbours(points: &[Point], near: f32) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    // The net lies in a plane, its rows closer than its columns.
    let flat = points.iter().all(|point| point.at[1] == 0.0);
    for (one, a) in points.iter().enumerate() {
        for (other, b) in points.iter().enumerate().skip(one + 1) {
            let [dx, dy, dz] = [0, 1, 2].map(|axis| a.at[axis] - b.at[axis]);
            let (dx, dz) = if flat {
                (dx * 0.62, dz * 3.9)
            } else {
                (dx, dz)
            };
            if dx * dx + dy * dy + dz * dz < near * near {
                pairs.push((one, other));
            }
        }
    }
    pairs
}

impl Draw for Constellation {
    fn prepare(&mut self, moment: &Moment) -> Finish {
        let view = View {
            x: self.take.x + moment.view.x * 1.2,
            y: self.take.y + moment.view.y,
            zoom: self.take.zoom * moment.view.zoom,
        };
        self.now = (
            view,
            moment.flow,
            0.86 + 0.28 * moment.beat + 0.10 * moment.bass,
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
                strength: ((0.25 + 0.75 * point.z) * point.lit / (1.0 + 2.0 * blur)).min(0.97),
            });
            let light = if kept.bright { self.accent } else { self.lamp };
            let far = 0.25 + 0.75 * point.z;
            let power = point.lit * far * if kept.bright { 0.8 } else { 0.4 };
            self.discs.push(Disc {
                x: x * 0.5,
                y: y * 0.5,
                radius: radius * if kept.bright { 2.4 } else { 0.8 } + 0.8,
                light: light.map(|v| v * power),
            });
        }
        self.strokes.sort();
        Finish {
            flat: false,
            exposure: 1.0,
            bloom: 0.9 + 0.4 * moment.beat,
            vignette: 0.32,
            dither: 2.2,
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
