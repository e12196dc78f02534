//! A map of unknown land: contour lines over shaded relief, or sheets of cut paper one above the other.
//!
//! Heights are a field at half size; lines are found in it at full size, so that they stay crisp.

use fearless_simd::prelude::*;
use model::look::{SceneParameters, Variant};

use super::{Draw, Size};
use crate::colour::{Colours, Ramp, Rgb, blend, yuv};
use crate::finish::{Finish, Grain};
use crate::hash::Dice;
use crate::lanes::{
    self, F, each_pixel, iota, load, mix, noise, saturate, smoothstep, splat, stir, store,
};
use crate::motion::{Clip, Moment, View};
use crate::plane::Field;

/// How the land is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// At night: relief in the dark, lines that glow.
    Night,
    /// On paper, in ink.
    Paper,
    /// In sheets of cut paper.
    Sheets,
    /// Lines alone, in the dark.
    Lines,
}

/// What is fixed over a clip, and where everything stands now.
#[derive(Debug)]
pub(crate) struct Contours {
    size: Size,
    style: Style,
    ground: Ramp,
    /// Y′ and colour differences of thin and thick lines.
    thin: Rgb,
    thick: Rgb,
    /// Sheets go from the first to the last.
    sheets: [Rgb; 2],
    levels: f32,
    seed: u32,
    origin: (f32, f32),
    take: View,
    now: Now,
}

/// What changes from frame to frame.
#[derive(Debug, Clone, Copy, Default)]
struct Now {
    view: View,
    flow: f32,
    lift: f32,
    glow: f32,
    relief: f32,
}

/// Every so many lines one is thick.
const THICK: f32 = 5.0;

impl Contours {
    pub(crate) fn new(parameters: &SceneParameters, clip: &Clip, size: Size) -> Self {
        let mut dice = Dice::new(parameters.seed, 0x0063_6f6e);
        let colours = Colours::new(&parameters.palette);
        let Colours {
            deep,
            shade,
            tone,
            light,
            accent,
        } = colours;
        let style = match parameters.variant {
            Variant::Full => Style::Paper,
            Variant::Calm => Style::Night,
            Variant::Turned => Style::Sheets,
            Variant::Bare => Style::Lines,
        };
        let black = blend(deep, [0.0; 3], 0.15);
        let paper = blend(light, [0.97, 0.95, 0.91], 0.45);
        let (stops, thin, thick) = match style {
            Style::Night => (
                [
                    black,
                    blend(deep, shade, 0.3),
                    shade,
                    blend(tone, accent, 0.70),
                ],
                blend(tone, light, 0.5),
                blend(accent, light, 0.2),
            ),
            Style::Paper => (
                [
                    blend(paper, accent, 0.75),
                    blend(paper, accent, 0.16),
                    paper,
                    paper,
                ],
                blend(shade, tone, 0.2),
                blend(deep, accent, 0.25),
            ),
            Style::Sheets => ([deep, shade, tone, light], shade, accent),
            Style::Lines => (
                [
                    black,
                    black,
                    blend(black, deep, 0.6),
                    blend(deep, accent, 0.4),
                ],
                blend(shade, tone, 0.85),
                light,
            ),
        };
        let places = [0.0, 0.35, 0.7, 1.0];
        let stops = std::array::from_fn::<_, 4, _>(|index| (places[index], stops[index]));
        Self {
            size,
            style,
            ground: Ramp::of_light(&stops),
            thin: yuv(thin),
            thick: yuv(thick),
            sheets: [
                yuv(blend(shade, accent, 0.35)),
                yuv(blend(tone, light, 0.75)),
            ],
            levels: match style {
                Style::Sheets => 9.0,
                Style::Lines => 14.0,
                _ => dice.within(17.5, 22.5),
            },
            seed: dice.bits() as u32,
            origin: (dice.within(-60.0, 60.0), dice.within(-60.0, 60.0)),
            take: View {
                x: clip.take.x * 1.2,
                y: clip.take.y * 0.8,
                zoom: 0.8 + 0.5 * clip.take.near,
            },
            now: Now::default(),
        }
    }

    /// The land's height at half size, in contour intervals.
    #[inline(always)]
    fn height<S: Simd>(&self, simd: S, x: f32, y: f32) -> F<S> {
        let closer = 1.0 / self.now.view.zoom;
        let px = (iota(simd) * self.size.half_pixel() + self.size.x(x)) * closer;
        let px = px + (self.now.view.x + self.origin.0);
        let py = splat(
            simd,
            self.size.y(y) * closer + self.now.view.y + self.origin.1,
        );
        let (qx, qy) = stir::<S>((px, py), 4, 0.31, 0.10, self.now.flow * 0.006);
        let broad = noise::<S>(self.seed, qx * 0.85, qy * 0.85);
        let middle = noise::<S>(self.seed ^ 0x31, qx * 1.9 + qy * 0.6, qy * 1.9 - qx * 0.6);
        let fine = noise::<S>(self.seed ^ 0x77, qx * 4.3 - qy * 1.3, qy * 4.3 + qx * 1.3);
        (broad * 0.62 + middle * 0.28 + fine * 0.10 + self.now.lift) * self.levels
    }

    /// A row of light: the ground in its colours, lit from the upper left.
    #[inline(always)]
    fn relief<S: Simd>(&self, simd: S, field: &Field, x: usize, y: usize) -> [F<S>; 3] {
        let [above, row, below] = field.rows(y);
        let at = x + Field::MARGIN;
        let here = load(simd, row, at);
        let right = load(simd, row, at + 1) - load(simd, row, at - 1);
        let down = load(simd, below, at) - load(simd, above, at);
        let slope = (right + down) * (0.5 * self.now.relief);
        let lit = saturate::<S>(slope * -1.0 + 0.5);
        // Lines wander over the land as it rises; its colours stay where they are.
        let at = (here * (1.0 / self.levels) - (self.now.lift + 0.18)) * 0.9;
        let [r, g, b] = lanes::ramp(simd, &self.ground, at + (lit - 0.5) * 0.55);
        let shade = lit * 0.7 + 0.65;
        [r * shade, g * shade, b * shade]
    }

    /// Draws the lines over samples of a row: `here` is the height, `steep` how much it changes per pixel of
    /// full size, `wide` the sample's own width in such pixels.
    #[inline(always)]
    fn line<S: Simd>(&self, here: F<S>, steep: F<S>, wide: f32) -> (F<S>, F<S>) {
        let level = (here + 0.5).floor();
        let off = (here - level).abs() / steep.max(1e-4);
        let fifth = level * (1.0 / THICK);
        let thick = saturate::<S>((fifth - (fifth + 0.5).floor()).abs() * -60.0 + 1.0);
        let pixel = self.size.height as f32 / 1080.0;
        let half = thick * (0.75 * pixel) + (0.62 * pixel).max(0.45);
        let cover = saturate::<S>((half - off) * (1.0 / wide) + 0.5);
        // Where lines would run into each other, they fade to a tint.
        let crowded = smoothstep::<S>(0.42, 0.16, steep);
        (cover * (crowded * 0.85 + 0.15), thick)
    }

    /// How strongly lines are drawn.
    fn strength(&self) -> (f32, f32) {
        match self.style {
            Style::Night => (0.62 * self.now.glow, 0.9 * self.now.glow),
            Style::Paper => (0.50, 0.85),
            Style::Sheets => (0.0, 0.0),
            Style::Lines => (0.75 * self.now.glow, 0.95 * self.now.glow),
        }
    }

    /// Colours one channel of a run of samples.
    #[inline(always)]
    fn coloured<S: Simd>(
        &self,
        simd: S,
        under: F<S>,
        (here, steep): (F<S>, F<S>),
        (channel, wide): (usize, f32),
    ) -> F<S> {
        if self.style == Style::Sheets {
            return self.sheet::<S>(here, steep, (channel, wide));
        }
        let (cover, thick) = self.line::<S>(here, steep, wide);
        let (faint, strong) = self.strength();
        let colour = mix::<S>(
            splat(simd, self.thin[channel]),
            splat(simd, self.thick[channel]),
            thick,
        );
        let strength = thick * (strong - faint) + faint;
        mix::<S>(under, colour, (cover * strength).min(1.0))
    }

    /// A sheet of paper, with the shadow that the one above throws on it.
    #[inline(always)]
    fn sheet<S: Simd>(&self, here: F<S>, steep: F<S>, (channel, wide): (usize, f32)) -> F<S> {
        let level = here.floor();
        let above = level + 1.0 - here;
        let off = above / steep.max(1e-4);
        let below = (here - level) / steep.max(1e-4);
        let [first, last] = [self.sheets[0][channel], self.sheets[1][channel]];
        let risen = 1.4 * self.now.lift + 0.2;
        let way = saturate::<S>(level * (1.4 / self.levels) - risen);
        let next = saturate::<S>((level + 1.0) * (1.4 / self.levels) - risen);
        let pixel = self.size.height as f32 / 1080.0;
        let shadow = crate::lanes::exp2::<S>(off * (-0.085 / pixel)) * 0.42;
        let dim = if channel == 0 {
            shadow * -1.0 + 1.0
        } else {
            shadow * -0.35 + 1.0
        };
        let body = (way * (last - first) + first) * dim;
        // The cut edge catches the light.
        let rim = saturate::<S>(below * (-0.6 / pixel) + 1.0)
            * if channel == 0 {
                0.055 * self.now.glow
            } else {
                0.0
            };
        let edge = saturate::<S>(off * (-1.0 / wide) + 0.5);
        mix::<S>(body + rim, next * (last - first) + first, edge)
    }
}

impl Draw for Contours {
    const FIELD: bool = true;

    fn prepare(&mut self, moment: &Moment) -> Finish {
        // In verses the land lies nearly still.
        let pace = if self.style == Style::Night { 0.5 } else { 1.0 };
        self.now = Now {
            view: View {
                x: self.take.x + moment.view.x * pace,
                y: self.take.y + (moment.view.y - moment.flow * 0.012) * pace,
                zoom: self.take.zoom * moment.view.zoom,
            },
            flow: moment.flow * pace,
            // The whole land rises with the music: lines wander.
            lift: 0.010 * pace * moment.flow
                + 0.031 * pace * moment.beat
                + 0.02 * pace * moment.bass,
            glow: 0.80 + 0.5 * moment.beat + 0.2 * moment.treble,
            relief: self.size.height as f32 / 1080.0
                * if self.style == Style::Paper { 2.1 } else { 2.6 },
        };
        let dark = matches!(self.style, Style::Night | Style::Lines);
        Finish {
            flat: false,
            exposure: 1.0,
            bloom: if dark { 0.5 } else { 0.05 },
            vignette: if dark { 0.34 } else { 0.18 },
            dither: 1.8,
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
        each_pixel!(rgb, x => self.relief(simd, field, x, y));
    }

    #[inline(always)]
    fn chroma_row<S: Simd>(&self, simd: S, field: &Field, y: usize, uv: [&mut [f32]; 2]) {
        let [above, row, below] = field.rows(y);
        let [u, v] = uv;
        for x in (0..u.len()).step_by(F::<S>::LEN) {
            let at = x + Field::MARGIN;
            let here = load(simd, row, at);
            let gx = load(simd, row, at + 1) - load(simd, row, at - 1);
            let gy = load(simd, below, at) - load(simd, above, at);
            let steep = (gx * gx + gy * gy).sqrt() * 0.25;
            for (plane, channel) in [(&mut *u, 1), (&mut *v, 2)] {
                let under = load(simd, plane, x);
                store::<S>(
                    self.coloured(simd, under, (here, steep), (channel, 2.0)),
                    plane,
                    x,
                );
            }
        }
    }

    #[inline(always)]
    fn luma_row<S: Simd>(&self, simd: S, field: &Field, y: usize, row: &mut [f32]) {
        let [above, near, below] = field.rows(y / 2);
        let far = if y.is_multiple_of(2) { above } else { below };
        let lanes = F::<S>::LEN;
        for x in (0..row.len() / 2).step_by(lanes) {
            let at = x + Field::MARGIN;
            let middle = between(simd, near, far, at);
            let (left, right) = (
                between(simd, near, far, at - 1),
                between(simd, near, far, at + 1),
            );
            let gx = (right - left) * 0.25;
            let gy = (load(simd, far, at) - load(simd, near, at)) * 0.5;
            let steep = (gx * gx + gy * gy).sqrt();
            let (even, odd) = (middle * 0.75 + left * 0.25, middle * 0.75 + right * 0.25);
            let (low, high) = even.interleave(odd);
            let (steep_low, steep_high) = steep.interleave(steep);
            for (here, steep, x) in [(low, steep_low, x * 2), (high, steep_high, x * 2 + lanes)] {
                let under = load(simd, row, x);
                store::<S>(self.coloured(simd, under, (here, steep), (0, 1.0)), row, x);
            }
        }
    }
}

/// A quarter of the way from row `near` to row `far`.
#[inline(always)]
fn between<S: Simd>(simd: S, near: &[f32], far: &[f32], at: usize) -> F<S> {
    load(simd, near, at) * 0.75 + load(simd, far, at) * 0.25
}
