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
use crate::lanes::{self, F, Point, exp2, iota, mix, noise, saturate, splat, stir, store};
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
    /// Its area now: what it pushes away; and half of one over its radius.
    area: f32,
    edge: f32,
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
    /// How much beats move it.
    lively: f32,
    view: View,
    flow: f32,
    soft: f32,
}

impl Draw for Ink {
    fn prepare(&mut self, moment: &Moment) -> Finish {
        // In verses the bath lies still.
        let still = if self.lively < 1.0 { 0.6 } else { 1.0 };
        self.view = View {
            x: self.take.x + moment.view.x * still,
            y: self.take.y + moment.view.y * still,
            zoom: self.take.zoom * moment.view.zoom,
        };
        self.flow = moment.flow * (0.6 + 0.25 * self.lively);
        self.soft = 1.8 * self.size.half_pixel() / self.view.zoom;
        for (index, drop) in self.drops.iter_mut().enumerate() {
            // Drops swell in turn, one group a beat, and breathe with the bass.
            let turn = (index as u32 + moment.beats).is_multiple_of(3);
            let slow = maths::sin(drop.phase + moment.flow * 0.06);
            let struck = if turn { 0.15 } else { 0.04 } * moment.beat * self.lively;
            let radius = drop.radius * (1.0 + 0.10 * slow + 0.05 * moment.bass + struck);
            drop.area = radius * radius;
            drop.edge = 0.5 / radius;
        }
        for swirl in &mut self.swirls {
            let wave = maths::sin(swirl.phase + moment.flow * 0.05);
            swirl.turns = swirl.strength * (0.8 + 0.30 * wave + 0.02 * self.lively * moment.beat);
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
        let [red, green, blue] = rgb;
        let lanes = F::<S>::LEN;
        let mut x = 0;
        while x < red.len() {
            if x + 2 * lanes <= red.len() {
                let starts = [x, x + lanes];
                for (start, [r, g, b]) in
                    starts.into_iter().zip(self.pixels(simd, starts, y as f32))
                {
                    store::<S>(r, red, start);
                    store::<S>(g, green, start);
                    store::<S>(b, blue, start);
                }
            } else {
                let [[r, g, b]] = self.pixels(simd, [x], y as f32);
                store::<S>(r, red, x);
                store::<S>(g, green, x);
                store::<S>(b, blue, x);
            }
            x += 2 * lanes;
        }
    }
}

impl Ink {
    pub(crate) fn new(parameters: &SceneParameters, clip: &Clip, size: Size) -> Self {
        let mut dice = Dice::new(parameters.seed, 0x0069_6e6b);
        let colours = Colours::new(&parameters.palette);
        // In the dark for bridges and hints, on paper else.
        let dark = matches!(parameters.variant, Variant::Turned | Variant::Bare);
        // Verses have thin ink.
        let pale = if parameters.variant == Variant::Calm {
            0.55
        } else {
            1.0
        };
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
                .map(|index| fall(&mut dice, index, fewer, pale))
                .collect(),
            swirls: (0..=DROPS / STIR_EVERY).map(|_| swirl(&mut dice)).collect(),
            take: View {
                x: clip.take.x * 0.4,
                y: clip.take.y * 0.25,
                zoom: 0.85 + 0.45 * clip.take.near,
            },
            origin: (dice.within(-40.0, 40.0), dice.within(-40.0, 40.0)),
            dark,
            lively: if parameters.variant == Variant::Calm {
                0.10
            } else {
                2.2
            },
            view: View::default(),
            flow: 0.0,
            soft: 1.0,
        }
    }

    /// Runs of pixels from the columns `starts` on. Several at once: what one step of the way back waits
    /// for, another can use.
    #[inline(always)]
    fn pixels<S: Simd, const N: usize>(
        &self,
        simd: S,
        starts: [usize; N],
        y: f32,
    ) -> [[F<S>; 3]; N] {
        let closer = 1.0 / self.view.zoom;
        let py = splat(simd, self.size.y(y) * closer + self.view.y);
        let zero = splat(simd, 0.0);
        let mut at = [(zero, zero); N];
        let (mut ink, mut accent) = ([zero; N], [zero; N]);
        let mut open = [splat(simd, 1.0); N];
        let mut sharp = [splat(simd, 1.0 / self.soft); N];
        let mut tooth = [zero; N];
        for run in 0..N {
            let px = iota(simd) * self.size.half_pixel() + self.size.x(starts[run] as f32);
            let px = px * closer + self.view.x;
            let far = (px + self.origin.0, py + self.origin.1);
            let (sx, sy) = stir::<S>(far, 4, 0.33, 0.088, self.flow * 0.02);
            at[run] = (sx - self.origin.0, sy - self.origin.1);
            tooth[run] = noise::<S>(self.seed, at[run].0 * 7.0, at[run].1 * 7.0);
        }
        for (index, drop) in self.drops.iter().enumerate().rev() {
            for run in 0..N {
                if index % STIR_EVERY == 2 {
                    at[run] = turned::<S>(at[run], &self.swirls[index / STIR_EVERY]);
                }
                let (dx, dy) = (at[run].0 - drop.x, at[run].1 - drop.y);
                let square = dx * dx + dy * dy;
                let edge = (square * -1.0 + drop.area) * drop.edge;
                let taken = saturate::<S>(edge * sharp[run] + 0.5) * open[run];
                // Ink gathers at the rim of its drop.
                let near = square.min(drop.area) * (1.0 / drop.area);
                let depth = near * near * near * 0.16 + (tooth[run] - 0.5) * 0.09;
                let depth = (depth + (drop.ink - 0.06)).max(0.0);
                ink[run] = mix::<S>(ink[run], depth, taken);
                accent[run] = mix::<S>(accent[run], splat(simd, drop.accent), taken);
                open[run] *= taken * -1.0 + 1.0;
                // Outside: back to where this ink was before the drop fell.
                let outside = (square - drop.area).max(0.0) / (square + 1e-4);
                let shrink = outside.sqrt();
                sharp[run] *= shrink.max(0.12);
                at[run] = (dx * shrink + drop.x, dy * shrink + drop.y);
            }
            // Where all of it is known, earlier drops are not asked.
            let mut most = zero;
            for open in open {
                most = most.max(open);
            }
            if !most.simd_gt(0.004).any_true() {
                break;
            }
        }
        let mut colours = [[zero; 3]; N];
        for run in 0..N {
            let ramp = lanes::ramp(simd, &self.ramp, ink[run]);
            for (channel, value) in ramp.into_iter().enumerate() {
                let accented = splat(simd, self.accent[channel]);
                colours[run][channel] = mix::<S>(value, accented, accent[run]);
            }
        }
        colours
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

fn fall(dice: &mut Dice, index: usize, size: f32, pale: f32) -> Drop {
    const INKS: [f32; DROPS] = [0.55, 0.85, 0.1, 0.5, 1.0, 0.8, 0.5, 0.0, 0.9, 0.35];
    let accent = index == 6 || index == 1;
    // Spread evenly (golden ratio), so that no part of the bath stays empty.
    let spread = |step: f32, chance: f32| (index as f32 * step + chance * 0.22).fract() * 2.0 - 1.0;
    let chance = dice.unit();
    Drop {
        x: 1.35 * spread(0.618_034, chance) + dice.within(-0.2, 0.2),
        y: 0.85 * spread(0.754_877_7, 1.0 - chance) + dice.within(-0.15, 0.15),
        radius: size * dice.within(0.3, 0.62) * if accent { 0.62 } else { 1.0 },
        ink: (INKS[index] + dice.within(-0.08, 0.08)).clamp(0.0, 1.0) * pale,
        accent: if accent { 0.92 } else { 0.0 },
        phase: dice.unit(),
        area: 0.0,
        edge: 0.0,
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
