//! A flight over a sea of clouds: billows one behind the other, lit from where the sun is.

use fearless_simd::prelude::*;
use model::look::{SceneParameters, Variant};

use super::stars::Stars;
use super::{Draw, Size};
use crate::colour::{Colours, Ramp, Rgb, blend, light_of};
use crate::finish::{Finish, Grain};
use crate::hash::Dice;
use crate::lanes::{
    self, F, each_pixel, exp2, iota, noise, noise_line, saturate, smoothstep, splat,
};
use crate::maths;
use crate::motion::{Clip, Moment, View};
use crate::plane::Field;

const LAYERS: usize = 7;

/// One bank of clouds.
#[derive(Debug, Clone, Copy)]
struct Bank {
    seed: u32,
    base: f32,
    rise: f32,
    /// Billows per unit.
    fine: f32,
    depth: f32,
    lit: Rgb,
    shadow: Rgb,
    /// Now: the lowest row that it can reach, and how far it has drifted.
    top: f32,
    lift: f32,
    drift: f32,
}

/// What is fixed over a clip, and where everything stands now.
#[derive(Debug)]
pub(crate) struct Clouds {
    size: Size,
    sky: Ramp,
    disc: Rgb,
    warm: Rgb,
    banks: Vec<Bank>,
    sun: (f32, f32),
    radius: f32,
    streaks: u32,
    horizon: f32,
    stars: Option<Stars>,
    take: View,
    now: Now,
}

/// What changes from frame to frame.
#[derive(Debug, Clone, Copy, Default)]
struct Now {
    sun: (f32, f32),
    radius: f32,
    glow: f32,
    heat: f32,
    drift: f32,
}

impl Clouds {
    pub(crate) fn new(parameters: &SceneParameters, clip: &Clip, size: Size) -> Self {
        let mut dice = Dice::new(parameters.seed, 0x0063_6c6f);
        let colours = Colours::new(&parameters.palette);
        let Colours {
            deep,
            shade,
            tone,
            light,
            accent,
        } = colours;
        let night = parameters.variant == Variant::Turned;
        let day = parameters.variant == Variant::Calm;
        let bare = parameters.variant == Variant::Bare;
        let horizon = dice.within(-0.12, 0.10) + if bare { 0.22 } else { 0.0 };
        let warm = blend(light, accent, if night { 0.10 } else { 0.75 });
        let (stops, low) = if night {
            let black = blend(deep, [0.0; 3], 0.4);
            (
                [black, deep, blend(deep, shade, 0.6), shade],
                blend(shade, tone, 0.3),
            )
        } else if day {
            (
                [
                    blend(shade, tone, 0.4),
                    tone,
                    blend(tone, light, 0.55),
                    light,
                ],
                blend(tone, light, 0.7),
            )
        } else {
            (
                [
                    deep,
                    shade,
                    blend(tone, accent, 0.2),
                    blend(light, accent, 0.65),
                ],
                blend(tone, accent, 0.25),
            )
        };
        let places = [0.0, 0.4, 0.78, 1.0];
        let stops = std::array::from_fn::<_, 4, _>(|index| (places[index], stops[index]));
        let banks = (0..LAYERS)
            .map(|index| {
                let near = index as f32 / (LAYERS - 1) as f32;
                let body = if day {
                    blend(low, blend(light, [1.0; 3], 0.3), near * 0.8)
                } else if night {
                    blend(low, blend(shade, tone, 0.35), near)
                } else {
                    blend(low, blend(tone, light, 0.35), near * 0.85)
                };
                let dark = blend(
                    low,
                    blend(deep, shade, if day { 0.95 } else { 0.45 }),
                    maths::mix(0.25, 0.95, near),
                );
                Bank {
                    seed: dice.bits() as u32,
                    base: horizon + 0.02 + 1.0 * near * (0.35 + 0.65 * near),
                    rise: maths::mix(0.06, 0.52, near)
                        * dice.within(0.85, 1.2)
                        * if bare { 0.55 } else { 1.0 },
                    fine: maths::mix(5.0, 1.05, near.sqrt()),
                    depth: 0.10 + 0.90 * near * near,
                    lit: light_of(body),
                    shadow: light_of(dark),
                    top: 0.0,
                    lift: 0.0,
                    drift: 0.0,
                }
            })
            .collect();
        let side = if dice.chance(0.5) { 1.0 } else { -1.0 };
        Self {
            size,
            sky: Ramp::of_light(&stops),
            disc: light_of(blend(light, [1.0; 3], 0.5)),
            warm: light_of(warm),
            banks,
            sun: (
                side * dice.within(0.15, 0.85),
                if night {
                    dice.within(-0.49, -0.29)
                } else {
                    dice.within(-0.08, 0.02)
                },
            ),
            radius: if night { 0.11 } else { dice.within(0.07, 0.12) },
            horizon,
            streaks: dice.bits() as u32,
            stars: night.then(|| Stars::new(&mut dice, 320, size)),
            take: View {
                x: clip.take.x * 0.9,
                y: clip.take.y * 0.08,
                zoom: 0.95 + 0.3 * clip.take.near,
            },
            now: Now::default(),
        }
    }

    /// The banks that are not hidden at a row by nearer ones.
    fn seen(&self, y: f32) -> &[Bank] {
        let covers = |bank: &Bank| y > bank.base + 0.62 * bank.rise + 0.06;
        &self.banks[self.banks.iter().rposition(covers).unwrap_or(0)..]
    }

    #[inline(always)]
    fn pixel<S: Simd>(&self, simd: S, x: f32, y: f32) -> [F<S>; 3] {
        let now = &self.now;
        let px = iota(simd) * self.size.half_pixel() + self.size.x(x);
        let uy = self.size.y(y);
        let height = (uy + 1.0) / (self.horizon + 1.15);
        let (dx, dy) = (px - now.sun.0, uy - now.sun.1);
        // By day the sun is hidden, and its light lies along the horizon.
        let (flat, tall) = if self.stars.is_some() {
            (0.7, 1.0)
        } else {
            (0.30, 2.2)
        };
        let far2 = dx * dx * flat + dy * dy * tall;
        let wide = exp2::<S>(far2 * -1.7) * (0.36 * now.glow);
        let close = exp2::<S>(far2 * -16.0) * (0.22 * now.glow);
        let toward = exp2::<S>(dx * dx * -0.9);
        let mut rgb = [splat(simd, 0.0); 3];
        // How much of what lies further away is seen.
        let mut through = splat(simd, 1.0);
        for bank in self.seen(uy).iter().rev() {
            if uy < bank.top {
                continue;
            }
            let across = (px + bank.drift) * bank.fine;
            let broad = noise_line::<S>(bank.seed, across * 0.42);
            let hump = noise_line::<S>(bank.seed ^ 3, across * 1.25);
            // Billows: folded noise, round on top, that churns as it drifts.
            let row = (uy - bank.base) * bank.fine * 1.25;
            let churn = noise::<S>(
                bank.seed ^ 5,
                across * 1.9 + hump,
                splat(simd, row * 1.9 + bank.lift),
            );
            let puff = noise::<S>(
                bank.seed ^ 7,
                across * 4.2 + churn,
                splat(simd, row * 4.2 - bank.lift),
            );
            let round = (churn * 2.0 - 1.0).abs();
            let puff = (puff * 2.0 - 1.0).abs();
            let top = broad * (-bank.rise)
                + hump * (bank.rise * -0.34)
                + round * (bank.rise * -0.46)
                + puff * (bank.rise * -0.22)
                + (bank.base + bank.rise * 0.62);
            let into = splat(simd, uy) - top;
            let soft = 0.012 + 0.022 * bank.depth;
            let cover = smoothstep::<S>(0.0, soft, into);
            // The crown is lit, the flank in shadow; hollows between billows are darker.
            let crown = exp2::<S>(into.max(0.0) * (-3.4 / bank.rise));
            let hollow = round * 0.55 + puff * 0.40 + 0.28;
            let lit = saturate::<S>(crown * hollow * (toward * 0.45 + 0.80) * 1.35);
            let rim = exp2::<S>(into.max(0.0) * -34.0) * toward * (0.75 * now.glow);
            let cover = cover * through;
            let cloth = bank.lit.into_iter().zip(bank.shadow).zip(self.warm);
            for (value, ((bright, dark), warm)) in rgb.iter_mut().zip(cloth) {
                *value += (lit * (bright - dark) + dark + rim * warm) * cover;
            }
            through -= cover;
            if !through.simd_gt(0.004).any_true() {
                return rgb;
            }
        }
        let sky = {
            // High, thin streaks.
            let streak = noise::<S>(
                self.streaks,
                px * 0.7 + (now.drift + uy * 1.3),
                splat(simd, uy * 7.0),
            );
            let streak = smoothstep::<S>(0.50, 0.95, streak) * (wide + 0.12) * 0.55;
            lanes::ramp(simd, &self.sky, wide + close + streak + height * 0.66)
        };
        let edge =
            ((dx * dx + dy * dy).sqrt() * -1.0 + now.radius) * (1.0 / self.size.half_pixel());
        // A crescent: what the earth's shadow leaves of the moon.
        let (sx, sy) = (dx - now.radius * 0.42, dy + now.radius * 0.16);
        let hidden = ((sx * sx + sy * sy).sqrt() * -1.0 + now.radius * 0.97)
            * (1.0 / self.size.half_pixel());
        let shown = saturate::<S>(hidden * -0.5 + 0.5);
        let disc = saturate::<S>(edge * 0.5 + 0.5) * shown * now.heat;
        for ((value, sky), disc_light) in rgb.iter_mut().zip(sky).zip(self.disc) {
            *value += (disc * disc_light + sky) * through;
        }
        rgb
    }
}

impl Draw for Clouds {
    fn prepare(&mut self, moment: &Moment) -> Finish {
        let view = View {
            x: self.take.x + moment.view.x,
            y: self.take.y + moment.view.y * 0.6,
            zoom: self.take.zoom * moment.view.zoom,
        };
        let far = 1.0 + (view.zoom - 1.0) * 0.3;
        self.now = Now {
            sun: (
                (self.sun.0 - view.x * 0.08) * far,
                (self.sun.1 + self.horizon - view.y * 0.25) * far,
            ),
            radius: self.radius * far * (1.0 + 0.04 * moment.beat),
            glow: if self.stars.is_some() { 0.6 } else { 0.82 }
                + 0.55 * moment.beat
                + 0.2 * moment.bass,
            drift: moment.flow * 0.03,
            heat: if self.stars.is_some() {
                2.6 + 1.2 * moment.beat
            } else {
                0.0
            },
        };
        for bank in &mut self.banks {
            bank.drift = view.x * bank.depth + moment.flow * (0.012 + 0.075 * bank.depth);
            bank.lift = moment.flow * 0.08 + 0.10 * moment.bass;
            bank.top = bank.base - bank.rise * 1.25;
        }
        if let Some(stars) = &mut self.stars {
            stars.place(&View { zoom: far, ..view }, moment.time, moment.treble);
        }
        Finish {
            flat: false,
            exposure: 1.0 + 0.03 * moment.energy,
            bloom: 0.6 + 0.3 * moment.beat,
            vignette: 0.26,
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
        let above = y as f32 * 2.0 / (self.size.height as f32) - 1.0 < self.horizon - 0.16;
        if let Some(stars) = self.stars.as_ref().filter(|_| above) {
            stars.luma_row(y, row);
        }
    }
}
