//! A mirrored passage of light, as through a kaleidoscope: rings come towards the viewer, petals turn.

use fearless_simd::prelude::*;
use model::look::{SceneParameters, Variant};

use super::{Draw, Size};
use crate::colour::{Colours, Ramp, Rgb, blend, light_of};
use crate::finish::{Finish, Grain};
use crate::hash::Dice;
use crate::lanes::{
    self, F, each_pixel, exp2, iota, noise, saturate, smoothstep, splat, stir, turns_of,
};
use crate::maths::{cos, sin};
use crate::motion::{Clip, Moment, View};
use crate::plane::Field;

/// What is fixed over a clip, and where everything stands now.
#[derive(Debug)]
pub(crate) struct Tunnel {
    size: Size,
    glass: Ramp,
    hot: Rgb,
    accent: Rgb,
    /// How often the picture is mirrored about its centre.
    petals: f32,
    /// How much it winds as it recedes.
    twist: f32,
    open: bool,
    seed: u32,
    origin: (f32, f32),
    take: View,
    now: Now,
}

/// What changes from frame to frame.
#[derive(Debug, Clone, Copy, Default)]
struct Now {
    view: View,
    centre: (f32, f32),
    way: f32,
    turn: f32,
    stir: f32,
    lines: f32,
    heart: f32,
}

impl Tunnel {
    pub(crate) fn new(parameters: &SceneParameters, clip: &Clip, size: Size) -> Self {
        let mut dice = Dice::new(parameters.seed, 0x0074_756e);
        let colours = Colours::new(&parameters.palette);
        let (petals, twist, open) = match parameters.variant {
            Variant::Full => ([6.0, 8.0, 10.0][dice.below(3) as usize], 0.0, false),
            Variant::Calm => ([5.0, 6.0][dice.below(2) as usize], 0.05, false),
            Variant::Turned => ([3.0, 4.0][dice.below(2) as usize], 0.16, true),
            Variant::Bare => (4.0, 0.0, true),
        };
        let black = blend(colours.deep, [0.0; 3], 0.6);
        Self {
            size,
            glass: Ramp::of_light(&[
                (0.0, black),
                (0.38, colours.deep),
                (0.68, colours.shade),
                (0.90, colours.tone),
                (1.0, colours.light),
            ]),
            hot: light_of(blend(colours.light, [1.0; 3], 0.2)),
            accent: light_of(colours.accent),
            petals,
            twist,
            open,
            seed: dice.bits() as u32,
            origin: (dice.within(-40.0, 40.0), dice.within(-40.0, 40.0)),
            take: View {
                x: clip.take.x * 0.25,
                y: clip.take.y * 0.12,
                zoom: 0.85 + 0.4 * clip.take.near,
            },
            now: Now::default(),
        }
    }

    #[inline(always)]
    fn pixel<S: Simd>(&self, simd: S, x: f32, y: f32) -> [F<S>; 3] {
        let now = &self.now;
        let closer = 1.0 / now.view.zoom;
        let px = (iota(simd) * self.size.half_pixel() + self.size.x(x)) * closer - now.centre.0;
        let py = splat(simd, self.size.y(y) * closer - now.centre.1);
        let far2 = px * px + py * py;
        let away = lanes::log2::<S>(far2 + 0.0006) * 0.5;
        let angle = turns_of::<S>(px, py) + away * self.twist + now.turn;
        // One petal, mirrored on both sides: continuous all round.
        let fold = angle * self.petals;
        let petal = (fold - (fold + 0.5).floor()).abs() * 2.0;
        let depth = away * 0.95 - now.way;

        let at = (petal * 1.15 + self.origin.0, depth * 1.25 + self.origin.1);
        let (qx, qy) = stir::<S>(at, 4, 0.42, 0.12, now.stir);
        let broad = noise::<S>(self.seed, qx * 1.3, qy * 1.3);
        let fine = noise::<S>(self.seed ^ 9, qx * 3.4 + broad, qy * 3.4);
        let glass = saturate::<S>(broad * 1.15 + fine * 0.36 - 0.42);

        // Lines of light where the glass folds over, and along the mirrors.
        let edge = (broad - 0.52) * 17.0;
        let thread = exp2::<S>(edge * edge * -1.0);
        let inner = (fine - 0.5) * 17.0;
        let vein = exp2::<S>(inner * inner * -1.4) * 0.5;
        let seam = exp2::<S>(petal * -26.0) * 0.3;

        // Dark at the far end, where a light waits.
        let near = smoothstep::<S>(0.02, 0.9, far2.sqrt());
        let body = glass * glass * (near * 0.85 + 0.10);
        let [r, g, b] = lanes::ramp(simd, &self.glass, body);
        let heart = exp2::<S>(far2 * if self.open { -420.0 } else { -700.0 }) * now.heart;
        let line = (thread + vein + seam) * (near * 0.85 + 0.02) * now.lines;
        let cool = line * glass;
        [
            r + cool * self.hot[0] * 0.20
                + (line - cool) * self.accent[0] * 0.36
                + heart * self.hot[0],
            g + cool * self.hot[1] * 0.20
                + (line - cool) * self.accent[1] * 0.36
                + heart * self.hot[1],
            b + cool * self.hot[2] * 0.20
                + (line - cool) * self.accent[2] * 0.36
                + heart * self.hot[2],
        ]
    }
}

impl Draw for Tunnel {
    fn prepare(&mut self, moment: &Moment) -> Finish {
        let wander = moment.time * 0.03;
        self.now = Now {
            view: View {
                zoom: self.take.zoom * moment.view.zoom * (1.0 + 0.02 * moment.downbeat),
                ..moment.view
            },
            centre: (
                self.take.x - moment.view.x * 0.6 + 0.10 * sin(wander),
                self.take.y - moment.view.y * 0.6 + 0.06 * cos(wander * 1.3),
            ),
            way: moment.flow * 0.13,
            turn: moment.flow * 0.006,
            stir: moment.flow * 0.02,
            lines: 0.55 + 0.75 * moment.beat + 0.3 * moment.treble,
            heart: 3.6 + 2.4 * moment.beat + 0.6 * moment.bass,
        };
        Finish {
            flat: false,
            exposure: 1.0,
            bloom: 0.85 + 0.3 * moment.bass,
            vignette: 0.30,
            dither: 2.0,
            grain: Grain::default(),
        }
    }

    #[inline(always)]
    fn light_row<S: Simd>(&self, simd: S, _: &Field, y: usize, rgb: [&mut [f32]; 3]) {
        each_pixel!(rgb, x => self.pixel(simd, x as f32, y as f32));
    }
}
