//! Ink that spreads in water: marbled like *suminagashi*, drop into drop, and stirred.
//!
//! A frame is the whole history told backwards: each pixel is carried back through the swirls and
//! through every drop, latest first, until it lies within the drop that brought its colour. Drops push
//! the ink around them outwards without changing its area: A. Jaffer, "Oseen Flow in Ink Marbling",
//! 2017. Being a function of time alone, it needs no run-up and no memory.

use fearless_simd::prelude::*;
use model::look::{SceneParameters, Variant};

use super::{Draw, Size};
use crate::colour::{Colours, Ramp, Rgb, blend, light_of};
use crate::finish::{Finish, Grain};
use crate::hash::Dice;
use crate::lanes::{self, F, Point, each_pixel, exp2, iota, mix, noise, saturate, splat, stir};
use crate::maths;
use crate::motion::{Clip, Moment, View};
use crate::plane::Field;

const DROPS: usize = 10;
/// A swirl is drawn after each so many drops.
const STIR_EVERY: usize = 4;

/// A drop of ink.
#[derive(Debug, Clone, Copy)]
struct Drop {
    x: f32,
    y: f32,
    radius: f32,
    /// Where its colour lies on the ramp, 0 (water) to 1.
    ink: f32,
    /// How much of the accent it holds.
    accent: f32,
    phase: f32,
    /// Its area now: what it pushes away.
    area: f32,
}

/// A finger drawn round in the bath.
#[derive(Debug, Clone, Copy)]
struct Swirl {
    x: f32,
    y: f32,
    /// One over the square of its reach.
    tight: f32,
    strength: f32,
    phase: f32,
    /// Turns at its middle, now.
    turns: f32,
}

/// What is fixed over a clip, and where everything stands now.
#[derive(Debug)]
pub(crate) struct Ink {
    size: Size,
    ramp: Ramp,
    accent: Rgb,
    seed: u32,
    drops: Vec<Drop>,
    swirls: Vec<Swirl>,
    take: View,
    origin: (f32, f32),
    dark: bool,
    view: View,
    flow: f32,
    soft: f32,
}

impl Draw for Ink {
    fn prepare(&mut self, moment: &Moment) -> Finish {
        self.view = View {
            x: self.take.x + moment.view.x,
            y: self.take.y + moment.view.y,
            zoom: self.take.zoom * moment.view.zoom,
        };
        self.flow = moment.flow;
        self.soft = 1.8 * self.size.half_pixel() / self.view.zoom;
        for (index, drop) in self.drops.iter_mut().enumerate() {
            // Drops swell in turn, one group a beat, and breathe with the bass.
            let turn = (index as u32 + moment.beats).is_multiple_of(3);
            let slow = maths::sin(drop.phase + moment.flow * 0.06);
            let struck = if turn { 0.12 } else { 0.03 } * moment.beat;
            let radius = drop.radius * (1.0 + 0.16 * slow + 0.05 * moment.bass + struck);
            drop.area = radius * radius;
        }
        for swirl in &mut self.swirls {
            let wave = maths::sin(swirl.phase + moment.flow * 0.05);
            swirl.turns = swirl.strength * (0.8 + 0.35 * wave);
        }
        Finish {
            flat: false,
            exposure: 1.0,
            bloom: if self.dark { 0.6 } else { 0.04 },
            vignette: if self.dark { 0.3 } else { 0.18 },
            dither: 1.5,
            grain: Grain::default(),
        }
    }

    #[inline(always)]
    fn light_row<S: Simd>(&self, simd: S, _: &Field, y: usize, rgb: [&mut [f32]; 3]) {
        each_pixel!(rgb, x => self.pixel(simd, x as f32, y as f32));
    }
}

impl Ink {
    pub(crate) fn new(parameters: &SceneParameters, clip: &Clip, size: Size) -> Self {
        let mut dice = Dice::new(parameters.seed, 0x0069_6e6b);
        let colours = Colours::new(&parameters.palette);
        // In the dark for bridges and hints, on paper else.
        let dark = matches!(parameters.variant, Variant::Turned | Variant::Bare);
        let fewer = match parameters.variant {
            Variant::Full | Variant::Turned => 1.0,
            Variant::Calm => 0.72,
            Variant::Bare => 0.5,
        };
        Self {
            size,
            ramp: ramp(&colours, dark),
            accent: light_of(colours.accent),
            seed: dice.bits() as u32,
            drops: (0..DROPS)
                .map(|index| fall(&mut dice, index, fewer))
                .collect(),
            swirls: (0..=DROPS / STIR_EVERY).map(|_| swirl(&mut dice)).collect(),
            take: View {
                x: clip.take.x * 0.4,
                y: clip.take.y * 0.25,
                zoom: 0.85 + 0.45 * clip.take.near,
            },
            origin: (dice.within(-40.0, 40.0), dice.within(-40.0, 40.0)),
            dark,
            view: View::default(),
            flow: 0.0,
            soft: 1.0,
        }
    }

    #[inline(always)]
    fn pixel<S: Simd>(&self, simd: S, x: f32, y: f32) -> [F<S>; 3] {
        let closer = 1.0 / self.view.zoom;
        let px = (iota(simd) * self.size.half_pixel() + self.size.x(x)) * closer + self.view.x;
        let py = splat(simd, self.size.y(y) * closer + self.view.y);
        let far = (px + self.origin.0, py + self.origin.1);
        let (sx, sy) = stir::<S>(far, 4, 0.33, 0.088, self.flow * 0.02);
        let mut at = (sx - self.origin.0, sy - self.origin.1);
        let tooth = noise::<S>(self.seed, at.0 * 7.0, at.1 * 7.0);

        let mut ink = splat(simd, 0.0);
        let mut accent = splat(simd, 0.0);
        let mut open = splat(simd, 1.0);
        let mut sharp = splat(simd, 1.0 / self.soft);
        for (index, drop) in self.drops.iter().enumerate().rev() {
            if index % STIR_EVERY == 2 {
                at = turned::<S>(at, &self.swirls[index / STIR_EVERY]);
            }
            let (dx, dy) = (at.0 - drop.x, at.1 - drop.y);
            let square = dx * dx + dy * dy;
            let edge = (square * -1.0 + drop.area) * (0.5 / drop.area.sqrt());
            let taken = saturate::<S>(edge * sharp + 0.5) * open;
            // Ink gathers at the rim of its drop.
            let near = square.min(drop.area) * (1.0 / drop.area);
            let depth = near * near * near * 0.16 + (tooth - 0.5) * 0.09 + (drop.ink - 0.06);
            ink = mix::<S>(ink, depth.max(0.0), taken);
            accent = mix::<S>(accent, splat(simd, drop.accent), taken);
            open *= taken * -1.0 + 1.0;
            // Outside: back to where this ink was before the drop fell.
            let outside = (square - drop.area).max(0.0) / (square + 1e-4);
            let shrink = outside.sqrt();
            sharp *= shrink.max(0.12);
            at = (dx * shrink + drop.x, dy * shrink + drop.y);
        }
        let [r, g, b] = lanes::ramp(simd, &self.ramp, ink);
        [
            mix::<S>(r, splat(simd, self.accent[0]), accent),
            mix::<S>(g, splat(simd, self.accent[1]), accent),
            mix::<S>(b, splat(simd, self.accent[2]), accent),
        ]
    }
}

/// Carries a point back through a swirl.
#[inline(always)]
fn turned<S: Simd>((x, y): Point<S>, swirl: &Swirl) -> Point<S> {
    let (dx, dy) = (x - swirl.x, y - swirl.y);
    let turns = exp2::<S>((dx * dx + dy * dy) * -swirl.tight) * swirl.turns;
    let (sine, cosine) = (lanes::sin::<S>(turns), lanes::sin::<S>(turns + 0.25));
    (
        dx * cosine - dy * sine + swirl.x,
        dx * sine + dy * cosine + swirl.y,
    )
}

/// From the water to the strongest ink: towards the dark on paper, towards the light at night.
fn ramp(colours: &Colours, dark: bool) -> Ramp {
    if dark {
        Ramp::of_light(&[
            (0.0, blend(colours.deep, [0.0; 3], 0.15)),
            (0.2, colours.deep),
            (0.5, colours.shade),
            (0.8, colours.tone),
            (1.0, colours.light),
        ])
    } else {
        Ramp::of_light(&[
            (0.0, blend(colours.light, [0.97, 0.96, 0.94], 0.6)),
            (0.25, colours.light),
            (0.5, colours.tone),
            (0.78, colours.shade),
            (1.0, colours.deep),
        ])
    }
}

fn fall(dice: &mut Dice, index: usize, size: f32) -> Drop {
    const INKS: [f32; DROPS] = [0.55, 0.85, 0.1, 0.5, 1.0, 0.8, 0.5, 0.0, 0.9, 0.35];
    let accent = index == 6;
    // Spread evenly (golden ratio), so that no part of the bath stays empty.
    let spread = |step: f32, chance: f32| (index as f32 * step + chance * 0.22).fract() * 2.0 - 1.0;
    let chance = dice.unit();
    Drop {
        x: 1.35 * spread(0.618_034, chance) + dice.within(-0.2, 0.2),
        y: 0.85 * spread(0.754_877_7, 1.0 - chance) + dice.within(-0.15, 0.15),
        radius: size * dice.within(0.3, 0.62) * if accent { 0.5 } else { 1.0 },
        ink: (INKS[index] + dice.within(-0.08, 0.08)).clamp(0.0, 1.0),
        accent: if accent { 0.92 } else { 0.0 },
        phase: dice.unit(),
        area: 0.0,
    }
}

fn swirl(dice: &mut Dice) -> Swirl {
    let reach = dice.within(0.4, 0.9);
    Swirl {
        x: dice.within(-1.2, 1.2),
        y: dice.within(-0.6, 0.6),
        tight: 1.0 / (reach * reach),
        strength: dice.within(0.4, 0.95) * if dice.chance(0.5) { 1.0 } else { -1.0 },
        phase: dice.unit(),
        turns: 0.0,
    }
}
