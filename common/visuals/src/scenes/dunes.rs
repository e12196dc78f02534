//! Dunes under a wide sky: sharp crests that wind down towards the viewer, one side lit, one in shadow.

use fearless_simd::prelude::*;
use model::look::{SceneParameters, Variant};

use super::stars::Stars;
use super::{Draw, Size};
use crate::colour::{Colours, Ramp, Rgb, blend, light_of};
use crate::finish::{Finish, Grain};
use crate::hash::Dice;
use crate::lanes::{self, F, each_pixel, exp2, iota, noise_line, saturate, sin, smoothstep, splat};
use crate::maths;
use crate::motion::{Clip, Moment, View};
use crate::plane::Field;

const LAYERS: usize = 5;

/// One line of dunes.
#[derive(Debug, Clone, Copy)]
struct Range {
    seed: u32,
    base: f32,
    rise: f32,
    /// Crests per unit, and where they begin.
    crests: f32,
    phase: f32,
    depth: f32,
    lit: Rgb,
    shadow: Rgb,
    /// Now: the highest row that it can reach.
    top: f32,
}

/// What is fixed over a clip, and where everything stands now.
#[derive(Debug)]
pub(crate) struct Dunes {
    size: Size,
    sky: Ramp,
    disc: Rgb,
    warm: Rgb,
    ranges: Vec<Range>,
    sun: (f32, f32),
    radius: f32,
    /// 0 where the sun stands out of sight.
    heat: f32,
    horizon: f32,
    side: f32,
    stars: Option<Stars>,
    take: View,
    now: Now,
}

/// What changes from frame to frame.
#[derive(Debug, Clone, Copy, Default)]
struct Now {
    view: View,
    sun: (f32, f32),
    radius: f32,
    glow: f32,
    heat: f32,
    wind: f32,
    drift: f32,
}

impl Dunes {
    pub(crate) fn new(parameters: &SceneParameters, clip: &Clip, size: Size) -> Self {
        let mut dice = Dice::new(parameters.seed, 0x0064_756e);
        let colours = Colours::new(&parameters.palette);
        let Colours {
            deep,
            shade,
            tone,
            light,
            accent,
        } = colours;
        let night = parameters.variant == Variant::Turned;
        let noon = parameters.variant == Variant::Calm;
        let bare = parameters.variant == Variant::Bare;
        let stops = if night {
            let black = blend(deep, [0.0; 3], 0.35);
            [
                black,
                deep,
                blend(deep, shade, 0.7),
                blend(shade, tone, 0.3),
            ]
        } else if noon {
            [
                blend(shade, tone, 0.6),
                tone,
                blend(tone, light, 0.6),
                light,
            ]
        } else {
            [
                shade,
                blend(shade, tone, 0.6),
                blend(tone, accent, 0.35),
                blend(light, accent, 0.60),
            ]
        };
        let places = [0.0, 0.4, 0.78, 1.0];
        let sky = std::array::from_fn::<_, 4, _>(|index| (places[index], stops[index]));
        let low = blend(stops[2], stops[3], 0.4);
        let horizon = dice.within(-0.08, 0.12) + if bare { 0.25 } else { 0.0 };
        let side = if dice.chance(0.5) { 1.0 } else { -1.0 };
        let sand = if night {
            blend(shade, tone, 0.6)
        } else {
            blend(tone, light, if noon { 0.7 } else { 0.42 })
        };
        let sand = blend(sand, accent, if night { 0.0 } else { 0.24 });
        let ranges = (0..LAYERS)
            .map(|index| {
                let near = index as f32 / (LAYERS - 1) as f32;
                let haze = maths::mix(0.72, 0.0, near.sqrt());
                let dark = blend(deep, shade, if noon { 0.8 } else { 0.35 });
                Range {
                    seed: dice.bits() as u32,
                    base: horizon + 0.05 + 0.92 * near * (0.4 + 0.6 * near),
                    rise: maths::mix(0.10, 0.50, near)
                        * dice.within(0.85, 1.15)
                        * if bare { 0.6 } else { 1.0 },
                    crests: maths::mix(1.1, 0.42, near) * dice.within(0.9, 1.1),
                    phase: dice.within(0.0, 50.0),
                    depth: 0.12 + 0.88 * near * near,
                    lit: light_of(blend(sand, low, haze)),
                    shadow: light_of(blend(blend(dark, sand, 0.12), low, haze * 0.85)),
                    top: 0.0,
                }
            })
            .collect();
        Self {
            size,
            sky: Ramp::of_light(&sky),
            disc: light_of(blend(accent, light, 0.4)),
            warm: light_of(blend(light, accent, 0.35)),
            ranges,
            sun: (
                side * dice.within(0.25, 0.95),
                if night {
                    -0.55
                } else {
                    dice.within(-0.30, -0.06)
                },
            ),
            heat: if noon || bare { 0.0 } else { 1.0 },
            radius: if night { 0.10 } else { dice.within(0.16, 0.27) },
            horizon,
            side,
            stars: night.then(|| Stars::new(&mut dice, 340, size)),
            take: View {
                x: clip.take.x * 0.9,
                y: clip.take.y * 0.08,
                zoom: 0.95 + 0.3 * clip.take.near,
            },
            now: Now::default(),
        }
    }

    /// The ranges that are not hidden at a row by nearer ones.
    fn seen(&self, y: f32) -> &[Range] {
        let covers = |range: &Range| y > range.base + 2.0 * self.size.half_pixel();
        &self.ranges[self.ranges.iter().rposition(covers).unwrap_or(0)..]
    }

    #[inline(always)]
    fn pixel<S: Simd>(&self, simd: S, x: f32, y: f32) -> [F<S>; 3] {
        let now = &self.now;
        let px = iota(simd) * self.size.half_pixel() + self.size.x(x);
        let uy = self.size.y(y);
        let (dx, dy) = (px - now.sun.0, uy - now.sun.1);
        let sharp = 1.0 / self.size.half_pixel();
        let mut rgb = [splat(simd, 0.0); 3];
        // How much of what lies further away is seen.
        let mut through = splat(simd, 1.0);
        for range in self.seen(uy).iter().rev() {
            if uy < range.top {
                continue;
            }
            let (lit, cover) = self.sand(simd, range, (px, uy), sharp);
            let cover = cover * through;
            let toward = exp2::<S>(dx * dx * -0.8) * (0.10 * now.glow) * lit;
            for ((value, lit_sand), (shadow, warm)) in rgb
                .iter_mut()
                .zip(range.lit)
                .zip(range.shadow.into_iter().zip(self.warm))
            {
                let sand = lit * (lit_sand - shadow) + shadow + toward * warm;
                *value += sand * cover;
            }
            through -= cover;
            if !through.simd_gt(0.004).any_true() {
                return rgb;
            }
        }
        let height = (uy + 1.0) / (self.horizon + 1.15);
        let far2 = dx * dx + dy * dy;
        let wide = exp2::<S>((dx * dx * 0.6 + dy * dy) * -1.6) * (0.30 * now.glow);
        let close = exp2::<S>(far2 * -12.0) * (0.14 * now.glow);
        let sky = lanes::ramp(simd, &self.sky, wide + close + height * 0.68);
        let edge = (far2.sqrt() * -1.0 + now.radius) * (1.0 / self.size.half_pixel()) + 0.5;
        let disc = saturate::<S>(edge) * now.heat;
        for ((value, sky), disc_light) in rgb.iter_mut().zip(sky).zip(self.disc) {
            *value += (disc * disc_light + sky) * through;
        }
        rgb
    }

    /// How lit a range is at a point (0–1), and how much of the pixel it covers.
    #[inline(always)]
    fn sand<S: Simd>(
        &self,
        simd: S,
        range: &Range,
        (px, uy): (F<S>, f32),
        sharp: f32,
    ) -> (F<S>, F<S>) {
        let now = &self.now;
        let world = px + now.view.x * range.depth + now.drift * range.depth;
        let warp = noise_line::<S>(range.seed ^ 1, world * (range.crests * 0.8)) - 0.5;
        let u = world * range.crests + warp * 0.55 + range.phase;
        let cell = (u + 0.5).floor();
        // 0 on a crest, 1 in the valleys; a crest is sharp, a valley round.
        let off = (u - cell) * 2.0;
        let valley = off.abs();
        let shape = (valley * valley * 0.55 + valley * 0.45) * -1.0 + 1.0;
        let tall = noise_line::<S>(range.seed, u * 0.37) * 0.75 + 0.40;
        let swell = noise_line::<S>(range.seed ^ 2, world * 0.55) * 0.25;
        let top = (shape * tall * 0.78 + swell) * -range.rise + range.base;
        let into = splat(simd, uy) - top;
        let cover = saturate::<S>(into * sharp + 0.5);
        let into = into.max(0.0);
        // The crest winds down the slope: the line between light and shadow.
        let bend = sin::<S>(into * (0.55 / range.rise) + cell * 0.37) * 0.16;
        let winding = (bend + into * (0.28 / range.rise))
            * smoothstep::<S>(0.0, 0.25, into * (1.0 / range.rise));
        let across = (off - winding) * self.side;
        // Light comes from the sun's side: sharp on the crest, soft in the valley.
        let blur = into * 1.2 + 0.012;
        let sharp_edge = saturate::<S>(across / blur + 0.5);
        // A slope ends in its valley, in shadow on both sides of it.
        let ended = smoothstep::<S>(0.98, 0.40, off * self.side);
        let lit = sharp_edge * ended * smoothstep::<S>(1.15, 0.25, across);
        // Wind ripples, where they are large enough to be seen.
        let ripple =
            sin::<S>(across * 2.4 + into * (26.0 * (0.4 + range.depth)) + warp * 3.0 - now.wind);
        let seen = 0.07 * range.depth * range.depth;
        let lit = lit * (ripple * seen + (1.0 - seen));
        let fall = exp2::<S>(into * -0.9);
        (saturate::<S>(lit * (fall * 0.6 + 0.4)), cover)
    }
}

impl Draw for Dunes {
    fn prepare(&mut self, moment: &Moment) -> Finish {
        let view = View {
            x: self.take.x + moment.view.x * 1.2,
            y: self.take.y + moment.view.y * 0.5,
            zoom: self.take.zoom * moment.view.zoom,
        };
        let far = 1.0 + (view.zoom - 1.0) * 0.3;
        self.now = Now {
            view,
            sun: (
                (self.sun.0 - view.x * 0.08) * far,
                (self.sun.1 + self.horizon - view.y * 0.25) * far,
            ),
            radius: self.radius * far * (1.0 + 0.035 * moment.beat),
            glow: 0.85 + 0.45 * moment.beat + 0.2 * moment.bass,
            heat: self.heat * (1.4 + 0.7 * moment.beat),
            wind: moment.flow * 0.10,
            drift: moment.flow * 0.03,
        };
        for range in &mut self.ranges {
            range.top = range.base - range.rise * 1.3;
        }
        if let Some(stars) = &mut self.stars {
            stars.place(&View { zoom: far, ..view }, moment.time, moment.treble);
        }
        Finish {
            flat: false,
            exposure: 1.0 + 0.03 * moment.energy,
            bloom: 0.55 + 0.3 * moment.beat,
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
        let above = y as f32 * 2.0 / (self.size.height as f32) - 1.0 < self.horizon - 0.14;
        if let Some(stars) = self.stars.as_ref().filter(|_| above) {
            stars.luma_row(y, row);
        }
    }
}
