//! Gas and stars in deep space: a stirred cloud about one hot core.

use fearless_simd::prelude::*;
use model::look::{SceneParameters, Variant};

use super::stars::Stars;
use super::{Draw, Size};
use crate::colour::{Colours, Ramp, Rgb, blend, light_of};
use crate::finish::{Finish, Grain};
use crate::hash::Dice;
use crate::lanes::{self, F, each_pixel, exp2, iota, noise, saturate, smoothstep, splat, stir};
use crate::maths::{cos, sin};
use crate::motion::{Clip, Moment, View};
use crate::plane::Field;

/// What is fixed over a clip.
#[derive(Debug)]
pub(crate) struct Nebula {
    size: Size,
    gas: Ramp,
    hot: Rgb,
    seed: u32,
    /// Where in the endless cloud this place lies.
    origin: (f32, f32),
    /// The core, and the direction of the band of gas through it.
    core: (f32, f32),
    band: (f32, f32),
    scale: f32,
    /// How much gas there is, how hot its core, how bright its threads.
    gas_share: f32,
    heat: f32,
    threads: f32,
    stars: Stars,
    take: View,
    now: Now,
}

/// What changes from frame to frame.
#[derive(Debug, Clone, Copy, Default)]
struct Now {
    view: View,
    flow: f32,
    core_heat: f32,
    core_reach: f32,
    filament: f32,
}

impl Draw for Nebula {
    fn prepare(&mut self, moment: &Moment) -> Finish {
        let view = View {
            x: self.take.x + moment.view.x,
            y: self.take.y + moment.view.y,
            zoom: self.take.zoom * moment.view.zoom * (1.0 + 0.012 * moment.beat),
        };
        self.stars.place(&view, moment.time, moment.treble);
        self.now = Now {
            view,
            flow: moment.flow,
            core_heat: self.heat * (5.0 + 4.0 * moment.beat + 1.5 * moment.bass),
            core_reach: 1.0 + 0.25 * moment.bass + 0.18 * moment.beat,
            filament: self.threads * (0.7 + 0.5 * moment.beat + 0.6 * moment.treble),
        };
        Finish {
            flat: false,
            exposure: 1.0 + 0.05 * moment.beat + 0.08 * moment.energy,
            bloom: 0.6 + 0.3 * moment.bass,
            vignette: 0.34,
            dither: 2.0,
            grain: Grain::default(),
        }
    }

    #[inline(always)]
    fn light_row<S: Simd>(&self, simd: S, _: &Field, y: usize, rgb: [&mut [f32]; 3]) {
        each_pixel!(rgb, x => self.pixel(simd, x as f32, y as f32));
    }

    #[inline(always)]
    fn luma_row<S: Simd>(&self, _: S, _: &Field, y: usize, row: &mut [f32]) {
        self.stars.luma_row(y, row);
    }
}

impl Nebula {
    pub(crate) fn new(parameters: &SceneParameters, clip: &Clip, size: Size) -> Self {
        let mut dice = Dice::new(parameters.seed, 0x006e_6562);
        let colours = Colours::new(&parameters.palette);
        let black = colours.deep.map(|v| v * 0.5);
        // Filaments are gas that is hotter than any around it: the ramp goes on to them, mixed in OKLab. As
        // light on top of the gas, orange over violet was red.
        let Colours {
            deep,
            shade,
            tone,
            light,
            accent,
        } = colours;
        // Held below the display's end, or the glow about orange is red: see `colour::glow_of`.
        let held = |colour: Rgb| colour.map(|value| value.min(0.9));
        let gas = Ramp::of_light(&[
            (0.0, black),
            (0.14, deep),
            (0.32, shade),
            (0.50, tone),
            (0.55, held(blend(blend(tone, light, 0.3), accent, 0.35))),
            (0.62, held(accent)),
            (0.92, held(accent)),
            (1.0, held(blend(accent, light, 0.6))),
        ]);
        let angle = dice.within(-0.11, 0.11) + if dice.chance(0.5) { 0.0 } else { 0.07 };
        let (gas_share, heat, threads) = match parameters.variant {
            Variant::Full => (1.0, 1.0, 1.0),
            // The core lies behind the gas.
            Variant::Calm => (0.95, 0.0, 0.6),
            // A dark cloud, lit along its edges.
            Variant::Turned => (0.72, 0.0, 1.9),
            // Thin gas, and the night behind it.
            Variant::Bare => (0.62, 0.55, 0.7),
        };
        let stars = 420 + (parameters.intensity * 200.0) as usize;
        Self {
            size,
            gas,
            hot: light_of(light),
            seed: dice.bits() as u32,
            origin: (dice.within(-60.0, 60.0), dice.within(-60.0, 60.0)),
            core: (dice.within(-0.75, 0.75), dice.within(-0.3, 0.3)),
            band: (cos(angle), sin(angle)),
            scale: dice.within(0.85, 1.25)
                * if parameters.variant == Variant::Turned {
                    0.7
                } else {
                    1.0
                },
            gas_share,
            heat,
            threads,
            stars: Stars::new(&mut dice, stars, size),
            take: View {
                x: clip.take.x * 0.55,
                y: clip.take.y * 0.3,
                zoom: 0.8 + 0.45 * clip.take.near,
            },
            now: Now::default(),
        }
    }

    #[inline(always)]
    fn pixel<S: Simd>(&self, simd: S, x: f32, y: f32) -> [F<S>; 3] {
        let now = &self.now;
        let closer = 1.0 / now.view.zoom;
        let px = (iota(simd) * self.size.half_pixel() + self.size.x(x)) * closer + now.view.x;
        let py = splat(simd, self.size.y(y) * closer + now.view.y);

        // The gas: a fluid stirred coarse to fine, then read at three scales.
        let time = now.flow * 0.035;
        let at = (
            px * self.scale + self.origin.0,
            py * self.scale + self.origin.1,
        );
        let (qx, qy) = stir::<S>(at, 6, 0.25, 0.13, time);
        let broad = noise::<S>(self.seed, qx * 1.2, qy * 1.2);
        let middle = noise::<S>(self.seed ^ 0x51, qx * 3.0 + qy * 0.9, qy * 3.0 - qx * 0.9);
        let fine = noise::<S>(self.seed ^ 0xa7, qx * 8.1 - qy * 2.6, qy * 8.1 + qx * 2.6);

        // A band through the core holds the light; what lies off it falls to night.
        let (cx, cy) = (px - self.core.0, py - self.core.1);
        let across = cy * self.band.0 - cx * self.band.1 + (broad - 0.5) * 0.9;
        let near = exp2::<S>(across * across * -2.4);
        let far2 = cx * cx + cy * cy;
        let density = saturate::<S>(broad * 0.56 + middle * 0.32 + fine * 0.18 - 0.12);
        let body = smoothstep::<S>(0.20, 0.86, density) * (near * 0.85 + 0.15) * self.gas_share;
        // Filaments where the middle scale folds over, thin as wire; dust that swallows light.
        let fold = (middle * 2.0 - 1.0).abs() * -1.0 + 1.0;
        let thread = fold * fold * fold * fold;
        let thread = thread * thread * thread;
        let thread = thread * (near * near * broad) * (1.6 * now.filament);
        let dust = smoothstep::<S>(0.62, 0.38, broad * 0.55 + fine * 0.45) * near * 0.55;
        let clear = dust * -1.0 + 1.0;

        // The core: small and hot, and the glow that it lends the gas around it.
        let reach = 1.0 / (now.core_reach * now.core_reach);
        let heart = exp2::<S>(far2 * (-4200.0 * reach)) * now.core_heat;
        let halo = exp2::<S>(far2 * (-11.0 * reach)) * (density * 0.9 + 0.1);
        let lit = halo * (0.50 * self.heat.min(1.0)) * clear + heart;
        let edge =
            saturate::<S>(smoothstep::<S>(0.55, 0.8, density) * smoothstep::<S>(0.7, 0.3, middle));

        let heat = body * (0.74 * clear) + thread + edge * near * 0.08;
        let [gas_r, gas_g, gas_b] = lanes::ramp(simd, &self.gas, heat);
        let lit = lit * 0.5;
        [
            gas_r + lit * self.hot[0],
            gas_g + lit * self.hot[1],
            gas_b + lit * self.hot[2],
        ]
    }
}
