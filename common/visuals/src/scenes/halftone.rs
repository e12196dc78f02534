//! A printed poster: pictures in dots of two inks on paper, each screen at its own angle.
//!
//! Flat colour, like the tiles of the Bauhaus: luma is painted at full size and chroma at half size. As in
//! print, the screen stands still and the picture moves behind it: dots grow and shrink, and none of their
//! thousand edges travels.

use fearless_simd::prelude::*;
use model::look::{SceneParameters, Variant};

use super::{Draw, Size};
use crate::colour::{Colours, Rgb, blend, yuv};
use crate::finish::{Finish, Grain};
use crate::hash::Dice;
use crate::lanes::{F, Point, exp2, iota, mix, saturate, sin, smoothstep, splat, store};
use crate::maths;
use crate::motion::{Clip, Moment, View};
use crate::plane::Field;

/// What is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Motive {
    /// A lit ball before waves.
    Ball,
    /// A sun over a sea of even lines.
    Sun,
    /// Ripples about two points.
    Ripples,
    /// A slow gradient, with much paper.
    Fade,
}

/// One ink, and the screen that prints it.
#[derive(Debug, Clone, Copy)]
struct Screen {
    cosine: f32,
    sine: f32,
    /// Dots per unit.
    pitch: f32,
    ink: Rgb,
}

/// Edges of dots are three pixels wide: ink bleeds a little, and sharper ones cost bits.
const SOFT: f32 = 0.33;

/// What is fixed over a clip, and where everything lies now.
#[derive(Debug)]
pub(crate) struct Halftone {
    size: Size,
    motive: Motive,
    paper: Rgb,
    screens: [Screen; 2],
    centre: (f32, f32),
    other: (f32, f32),
    radius: f32,
    lamp: (f32, f32, f32),
    take: View,
    now: Now,
}

/// What changes from frame to frame.
#[derive(Debug, Clone, Copy, Default)]
struct Now {
    view: View,
    swell: f32,
    press: f32,
    grow: f32,
    waves: f32,
    lamp: (f32, f32, f32),
}

impl Halftone {
    pub(crate) fn new(parameters: &SceneParameters, clip: &Clip, size: Size) -> Self {
        let mut dice = Dice::new(parameters.seed, 0x0068_616c);
        let colours = Colours::new(&parameters.palette);
        let light = blend(colours.light, [0.97, 0.95, 0.91], 0.5);
        let motive = match parameters.variant {
            Variant::Full => Motive::Ball,
            Variant::Calm => Motive::Sun,
            Variant::Turned => Motive::Ripples,
            Variant::Bare => Motive::Fade,
        };
        // Bridges are printed the other way: light ink on dark paper.
        let dark = motive == Motive::Ripples;
        let (paper, first) = if dark {
            (blend(colours.deep, colours.shade, 0.18), colours.tone)
        } else {
            (light, blend(colours.deep, colours.shade, 0.12))
        };
        let pitch = dice.within(9.3, 11.5) * if motive == Motive::Fade { 0.8 } else { 1.0 };
        let turn = dice.within(0.02, 0.06);
        let screen = |angle: f32, ink: Rgb| Screen {
            cosine: maths::cos(angle),
            sine: maths::sin(angle),
            pitch,
            ink: yuv(ink),
        };
        Self {
            size,
            motive,
            paper: yuv(paper),
            screens: [screen(turn, colours.accent), screen(turn + 0.0833, first)],
            centre: (dice.within(-0.6, 0.6), dice.within(-0.14, 0.14)),
            other: (dice.within(-1.4, 1.4), dice.within(-0.8, 0.8)),
            radius: dice.within(0.44, 0.60),
            lamp: (dice.within(-0.7, 0.7), -0.55, 0.6),
            take: View {
                x: clip.take.x * 0.4,
                y: clip.take.y * 0.12,
                zoom: 0.9 + 0.35 * clip.take.near,
            },
            now: Now::default(),
        }
    }

    /// How much of each ink lies at a point of the poster, 0–1.
    #[inline(always)]
    fn inks<S: Simd>(&self, simd: S, x: F<S>, y: F<S>) -> (F<S>, F<S>) {
        let now = &self.now;
        let (dx, dy) = (x - self.centre.0, y - self.centre.1);
        let distance = (dx * dx + dy * dy).sqrt();
        match self.motive {
            Motive::Ball => {
                let radius = self.radius * now.swell;
                let (nx, ny) = (dx * (1.0 / radius), dy * (1.0 / radius));
                let nz = (nx * nx * -1.0 - ny * ny + 1.0).max(0.0).sqrt();
                let lamp = now.lamp;
                let lit = nx * lamp.0 + ny * lamp.1 + nz * lamp.2;
                let inside = saturate::<S>((distance * -1.0 + radius) * 40.0);
                let bend = sin::<S>(x * 0.23 + now.waves * 0.5) * 0.35;
                let wave = sin::<S>(y * 1.0 + bend - now.waves);
                let ground = smoothstep::<S>(-0.9, 1.0, wave) * 0.46 + 0.02;
                let fall = exp2::<S>((distance - radius).max(0.0) * -5.0) * 0.35;
                let shade = saturate::<S>(lit * -1.05 + 0.72);
                let warm = saturate::<S>(lit * 0.9 + 0.15) * inside;
                (warm, mix::<S>(ground + fall, shade, inside))
            }
            Motive::Sun => {
                let radius = self.radius * 0.72 * now.swell;
                let disc = saturate::<S>((distance * -1.0 + radius) * 18.0);
                let low = y - (self.centre.1 + 0.22);
                let sea = saturate::<S>(low * 60.0);
                let wave = sin::<S>(low * 3.4 + sin::<S>(x * 0.4 + now.waves) * 0.12 - now.waves);
                let lines = smoothstep::<S>(-0.2, 0.9, wave) * 0.75 + low * 0.35;
                let glow = exp2::<S>((distance - radius).max(0.0) * -3.4) * 0.40;
                let above = sea * -1.0 + 1.0;
                let warm = disc * above + glow * (disc * -1.0 + 1.0) * 0.8;
                let mirrored = exp2::<S>(dx * dx * -7.0) * 0.5 * sea;
                (
                    warm + mirrored,
                    lines.max(0.0) * sea + saturate::<S>(y * -0.5 - 0.18) * above,
                )
            }
            Motive::Ripples => {
                let (ox, oy) = (x - self.other.0, y - self.other.1);
                let second = (ox * ox + oy * oy).sqrt();
                let a = sin::<S>(distance * 1.9 - now.waves * 1.4);
                let b = sin::<S>(second * 1.4 - now.waves);
                let both = a * 0.5 + b * 0.5;
                let near = exp2::<S>(distance * -1.1);
                (
                    saturate::<S>(a * near * now.swell * 1.25 - 0.12),
                    saturate::<S>(both * 0.55 + 0.20),
                )
            }
            Motive::Fade => {
                let bend = sin::<S>(x * 0.21 + now.waves * 0.4) * 0.2;
                let fade = saturate::<S>((y + bend) * 0.6 + 0.18);
                let disc = saturate::<S>((distance * -1.0 + 0.34 * now.swell) * 9.0);
                (disc * 0.95, fade * fade * 0.9 + splat(simd, 0.0))
            }
        }
    }

    /// How large the dots of each ink are at the samples from `at` on, `step` pixels apart, of a row.
    #[inline(always)]
    fn levels<S: Simd>(&self, simd: S, at: usize, (y, step): (f32, f32)) -> (F<S>, F<S>) {
        let unit = 2.0 / self.size.height as f32;
        let closer = 1.0 / self.now.view.zoom;
        let py = (y * unit - 1.0) * closer + self.now.view.y;
        let px = (iota(simd) + (at as f32 + 0.5)) * (step * unit) - self.size.aspect();
        let (warm, main) = self.inks(simd, px * closer + self.now.view.x, splat(simd, py));
        (self.radius::<S>(warm), self.radius::<S>(main))
    }

    /// How large the dots are that print a level, in cells.
    #[inline(always)]
    fn radius<S: Simd>(&self, level: F<S>) -> F<S> {
        let radius = (level * self.now.press).max(0.0).sqrt() * 0.76;
        let radius = radius + smoothstep::<S>(0.05, 0.2, radius) * self.now.grow;
        // Dots finer than a pixel are not there.
        radius - smoothstep::<S>(0.09, 0.03, radius) * 0.3
    }

    /// What a channel of the samples from `at` on becomes.
    #[inline(always)]
    fn printed<S: Simd, const N: usize>(
        &self,
        simd: S,
        at: usize,
        ((y, step), radii): ((f32, f32), (F<S>, F<S>)),
        channels: [usize; N],
    ) -> [F<S>; N] {
        let unit = 2.0 / self.size.height as f32;
        let px = (iota(simd) + (at as f32 + 0.5)) * (step * unit) - self.size.aspect();
        let fixed = (px, splat(simd, y * unit - 1.0));
        let [first, second] = &self.screens;
        let covers = [
            self.dots(first, fixed, radii.0, step),
            self.dots(second, fixed, radii.1, step),
        ];
        channels.map(|channel| {
            let paper = splat(simd, self.paper[channel]);
            let once = mix::<S>(paper, splat(simd, first.ink[channel]), covers[0]);
            mix::<S>(once, splat(simd, second.ink[channel]), covers[1])
        })
    }

    /// The part of a sample that a screen's dots cover, which have this radius.
    #[inline(always)]
    fn dots<S: Simd>(&self, screen: &Screen, (x, y): Point<S>, radius: F<S>, step: f32) -> F<S> {
        let (u, v) = (
            (x * screen.cosine + y * screen.sine) * screen.pitch,
            (y * screen.cosine - x * screen.sine) * screen.pitch,
        );
        let (u, v) = (u - (u + 0.5).floor(), v - (v + 0.5).floor());
        // Pixels of full size per cell.
        let sharp = self.size.height as f32 * (0.5 * SOFT) / (screen.pitch * step);
        let out = (u * u + v * v).sqrt();
        saturate::<S>((radius - out) * sharp + 0.5)
    }
}

impl Draw for Halftone {
    fn prepare(&mut self, moment: &Moment) -> Finish {
        let turn = moment.flow * 0.02;
        let lamp = (
            self.lamp.0 + 0.6 * maths::sin(turn),
            self.lamp.1 + 0.2 * maths::cos(turn * 1.3),
            self.lamp.2,
        );
        let length = (lamp.0 * lamp.0 + lamp.1 * lamp.1 + lamp.2 * lamp.2).sqrt();
        self.now = Now {
            view: View {
                x: self.take.x + moment.view.x * 0.35,
                y: self.take.y + moment.view.y,
                zoom: self.take.zoom * (0.5 + 0.5 * moment.view.zoom),
            },
            swell: 1.0 + 0.14 * moment.beat + 0.04 * moment.bass,
            press: 1.0 + 0.24 * moment.beat,
            grow: 0.026 * moment.beat,
            waves: moment.flow * 0.014,
            lamp: (lamp.0 / length, lamp.1 / length, lamp.2 / length),
        };
        Finish {
            flat: true,
            exposure: 1.0,
            bloom: 0.0,
            vignette: 0.0,
            dither: 1.8,
            grain: Grain::default(),
        }
    }

    #[inline(always)]
    fn chroma_row<S: Simd>(&self, simd: S, _: &Field, y: usize, uv: [&mut [f32]; 2]) {
        let (place, [u, v]) = ((y as f32 * 2.0 + 1.0, 2.0), uv);
        for x in (0..u.len()).step_by(F::<S>::LEN) {
            let levels = self.levels(simd, x, place);
            let [a, b] = self.printed(simd, x, (place, levels), [1, 2]);
            store::<S>(a, u, x);
            store::<S>(b, v, x);
        }
    }

    #[inline(always)]
    fn luma_row<S: Simd>(&self, simd: S, _: &Field, y: usize, row: &mut [f32]) {
        let (at, lanes) = (y as f32 + 0.5, F::<S>::LEN);
        for x in (0..row.len() / 2).step_by(lanes) {
            // Inks change slowly: two pixels share what is asked for between them.
            let (warm, main) = self.levels(simd, x, (at, 2.0));
            let (warm, main) = (warm.interleave(warm), main.interleave(main));
            let halves = [(x * 2, (warm.0, main.0)), (x * 2 + lanes, (warm.1, main.1))];
            for (from, levels) in halves {
                let [value] = self.printed(simd, from, ((at, 1.0), levels), [0]);
                store::<S>(value, row, from);
            }
        }
    }
}
