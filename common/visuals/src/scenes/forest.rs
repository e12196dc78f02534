//! Tree trunks in the mist, one row behind the other, and shafts of light between them.

use fearless_simd::prelude::*;
use model::look::{SceneParameters, Variant};

use super::ridge::{self, Form, Paint, Ridge};
use super::{Draw, Size};
use crate::colour::{Colours, Ramp, Rgb, blend, light_of, yuv};
use crate::finish::{Finish, Grain};
use crate::hash::Dice;
use crate::lanes::{
    self, F, each_pixel, exp2, iota, load, noise, noise_line, smoothstep, splat, store,
};
use crate::maths::{self, mix, sin};
use crate::motion::{Clip, Moment, View};
use crate::plane::Field;

/// Trunks in each row, the furthest first.
const ROWS: [usize; 4] = [26, 17, 11, 6];

/// One trunk, in units.
#[derive(Debug, Clone, Copy)]
struct Trunk {
    x: f32,
    /// Half its width at the middle of the frame.
    wide: f32,
    lean: f32,
    bend: f32,
    phase: f32,
    /// Where branches leave it: height, length and slope of each.
    branches: [(f32, f32, f32); 5],
}

/// A row of trunks and how it is coloured: Y′ and colour differences.
#[derive(Debug)]
struct Row {
    trunks: Vec<Trunk>,
    near: f32,
    body: Rgb,
    lit: Rgb,
    /// Now: how far it is shifted, and how much closer it is.
    shift: f32,
    closer: f32,
}

/// What is fixed over a clip, and where everything stands now.
#[derive(Debug)]
pub(crate) struct Forest {
    size: Size,
    mist: Ramp,
    shaft: Rgb,
    rows: Vec<Row>,
    floor: Vec<Ridge>,
    source: (f32, f32),
    shafts: f32,
    seed: u32,
    take: View,
    now: Now,
}

/// What changes from frame to frame.
#[derive(Debug, Clone, Copy, Default)]
struct Now {
    source: (f32, f32),
    glow: f32,
    shafts: f32,
    drift: f32,
    sway: f32,
}

impl Forest {
    pub(crate) fn new(parameters: &SceneParameters, clip: &Clip, size: Size) -> Self {
        let mut dice = Dice::new(parameters.seed, 0x0066_6f72);
        let colours = Colours::new(&parameters.palette);
        let Colours {
            deep,
            shade,
            tone,
            light,
            accent,
        } = colours;
        let (night, shafts) = match parameters.variant {
            Variant::Full => (false, 1.0),
            Variant::Calm => (false, 0.45),
            Variant::Turned => (true, 0.75),
            Variant::Bare => (false, 0.15),
        };
        let stops = if night {
            [
                blend(deep, [0.0; 3], 0.35),
                deep,
                blend(deep, shade, 0.75),
                blend(shade, tone, 0.6),
            ]
        } else if parameters.variant == Variant::Calm {
            // Morning mist, thick and light.
            [
                blend(tone, light, 0.15),
                blend(tone, light, 0.5),
                blend(tone, light, 0.8),
                blend(light, accent, 0.5),
            ]
        } else {
            [
                blend(shade, tone, 0.2),
                tone,
                blend(tone, light, 0.55),
                blend(accent, light, 0.35),
            ]
        };
        let places = [0.0, 0.42, 0.64, 0.84];
        let stops = std::array::from_fn::<_, 4, _>(|index| (places[index], stops[index]));
        let air = blend(stops[1].1, stops[2].1, 0.35);
        let dark = blend(deep, [0.0; 3], 0.22);
        let count = if parameters.variant == Variant::Bare {
            3
        } else {
            4
        };
        let rows = ROWS
            .iter()
            .take(count)
            .enumerate()
            .map(|(index, trunks)| {
                let near = index as f32 / 3.0;
                let body = blend(blend(air, shade, 0.35), dark, mix(0.12, 1.0, near));
                Row {
                    trunks: (0..*trunks)
                        .map(|at| trunk(&mut dice, near, at, *trunks))
                        .collect(),
                    near,
                    body: yuv(body),
                    lit: yuv(blend(
                        body,
                        blend(light, accent, 0.8),
                        mix(0.45, 0.62, near),
                    )),
                    shift: 0.0,
                    closer: 1.0,
                }
            })
            .collect();
        let side = if dice.chance(0.5) { 1.0 } else { -1.0 };
        Self {
            size,
            mist: Ramp::of_light(&stops),
            shaft: light_of(blend(accent, light, 0.25)).map(|v| v * if night { 0.35 } else { 1.0 }),
            rows,
            floor: floor(&mut dice, size, [air, dark], &colours),
            source: (side * dice.within(0.35, 1.1), -1.35),
            shafts,
            seed: dice.bits() as u32,
            take: View {
                x: clip.take.x * 0.7,
                y: clip.take.y * 0.06,
                zoom: 0.98 + 0.3 * clip.take.near,
            },
            now: Now::default(),
        }
    }

    #[inline(always)]
    fn pixel<S: Simd>(&self, simd: S, x: f32, y: f32) -> [F<S>; 3] {
        let now = &self.now;
        let px = iota(simd) * self.size.half_pixel() + self.size.x(x);
        let uy = self.size.y(y);
        let (dx, dy) = (px - now.source.0, uy - now.source.1);
        let far2 = dx * dx * 0.45 + dy * dy * 0.55;
        let glow = exp2::<S>(far2 * -0.62) * (0.62 * now.glow);
        let low = maths::smoothstep(0.2, 0.9, uy) * 0.16;
        let fog = noise::<S>(self.seed, px * 0.8 + now.drift, splat(simd, uy * 1.9)) - 0.5;
        let [r, g, b] = lanes::ramp(simd, &self.mist, glow + fog * 0.14 + (0.24 + low));
        // Shafts run from the light: a pattern over the angle alone, that fades on its way.
        let angle = dx * (1.0 / (dy + 0.12));
        let broad = noise_line::<S>(self.seed ^ 3, angle * 4.6 + now.drift * 0.35);
        let fine = noise_line::<S>(self.seed ^ 5, angle * 13.0 - now.drift * 0.5);
        let beam = smoothstep::<S>(0.46, 0.92, broad * 0.72 + fine * 0.28);
        let reach = exp2::<S>(far2 * -0.55)
            * (now.shafts * (0.85 + 0.45 * maths::smoothstep(1.0, -0.4, uy)));
        let shaft = beam * reach * (fog * 0.8 + 1.0);
        // Towards their colour, not on top of it: added to another hue it would give a third.
        let shaft = lanes::saturate::<S>(shaft);
        [
            lanes::mix::<S>(r, splat(simd, self.shaft[0]), shaft),
            lanes::mix::<S>(g, splat(simd, self.shaft[1]), shaft),
            lanes::mix::<S>(b, splat(simd, self.shaft[2]), shaft),
        ]
    }

    /// Paints the trunks' part of a row whose middle is at `y`, with samples `step` pixels apart.
    #[inline(always)]
    fn trunks<S: Simd, const N: usize>(
        &self,
        simd: S,
        (y, step): (f32, f32),
        mut values: [&mut [f32]; N],
        channels: [usize; N],
    ) {
        let half = self.size.height as f32 * 0.5;
        let uy = y / half - 1.0;
        for row in &self.rows {
            let at = uy / row.closer;
            for trunk in &row.trunks {
                let middle = trunk_at(trunk, at, self.now.sway * row.near) + row.shift;
                let flare = 1.0 + 0.5 * maths::smoothstep(0.45, 1.0, at) - 0.22 * at.min(0.0).abs();
                let wide = trunk.wide * flare;
                let lit = if middle < self.now.source.0 {
                    1.0
                } else {
                    -1.0
                };
                let span = (middle * row.closer, wide * row.closer, lit);
                self.fill(simd, span, (half, step), (row, &mut values, channels));
                for (height, long, slope) in trunk.branches {
                    // A branch rises away from the trunk: at this row it is a short run of pixels.
                    let up = height - at;
                    if up < 0.0 || up > long {
                        continue;
                    }
                    let out = middle + slope * up;
                    let thin = wide * 0.15 * (1.0 - up / long) + 0.0009;
                    let span = (
                        out * row.closer,
                        thin * (1.0 + slope.abs()) * row.closer,
                        lit,
                    );
                    self.fill(simd, span, (half, step), (row, &mut values, channels));
                }
            }
        }
    }

    /// Fills a span of a row, lighter on the side of the light.
    #[inline(always)]
    fn fill<S: Simd, const N: usize>(
        &self,
        simd: S,
        (middle, wide, lit): (f32, f32, f32),
        (half, step): (f32, f32),
        (row, values, channels): (&Row, &mut [&mut [f32]; N], [usize; N]),
    ) {
        let centre = (middle + self.size.aspect()) * half / step;
        let reach = wide * half / step;
        let length = values.first().map_or(0, |values| values.len());
        let first = (centre - reach - 1.0).max(0.0) as usize;
        let last = ((centre + reach + 2.0).max(0.0) as usize).min(length);
        let glow = (0.75 * self.now.glow).min(1.0);
        let turned = lit / reach.max(0.5);
        let mut x = first;
        while x < last {
            // The last run may begin before the span's end needs it to: what is covered twice is not
            // drawn twice, as it lies before `x`.
            let from = x.min(length.saturating_sub(F::<S>::LEN));
            let at = iota(simd) + (from as f32 + 0.5);
            let off = at - centre;
            let cover = (off.abs() * -1.0 + (reach + 0.5))
                .max(0.0)
                .min((reach * 2.0).min(1.0));
            let cover = cover * lanes::step::<S>(at - x as f32);
            let rim = smoothstep::<S>(0.15, 1.0, off * turned) * glow;
            for (values, channel) in values.iter_mut().zip(channels) {
                let bark = rim * (row.lit[channel] - row.body[channel]) + row.body[channel];
                let under = load(simd, values, from);
                store::<S>(lanes::mix::<S>(under, bark, cover), values, from);
            }
            x = from + F::<S>::LEN;
        }
    }
}

impl Draw for Forest {
    fn prepare(&mut self, moment: &Moment) -> Finish {
        let view = View {
            x: self.take.x + moment.view.x * 1.1,
            y: self.take.y + moment.view.y * 0.4,
            zoom: self.take.zoom * moment.view.zoom,
        };
        self.now = Now {
            source: (self.source.0 - view.x * 0.10, self.source.1),
            glow: 0.85 + 0.28 * moment.beat + 0.1 * moment.bass,
            shafts: self.shafts * (0.34 + 0.62 * moment.beat + 0.26 * moment.energy),
            drift: moment.flow * 0.022,
            sway: 0.012 * sin(moment.time * 0.09),
        };
        for row in &mut self.rows {
            let depth = 0.10 + 0.90 * row.near * row.near;
            row.shift = -view.x * depth;
            row.closer = 1.0 + (view.zoom - 1.0) * (0.2 + 0.8 * row.near);
        }
        let half = self.size.height as f32 * 0.5;
        for ridge in &mut self.floor {
            ridge.place((view.x, view.y), view.zoom);
            ridge.paint.sun = ((self.now.source.0 + self.size.aspect()) * half, half);
        }
        Finish {
            flat: false,
            exposure: 1.0 + 0.02 * moment.energy + 0.03 * moment.beat,
            bloom: 0.55 + 0.3 * moment.beat,
            vignette: 0.32,
            dither: 2.0,
            grain: Grain::default(),
        }
    }

    #[inline(always)]
    fn light_row<S: Simd>(&self, simd: S, _: &Field, y: usize, rgb: [&mut [f32]; 3]) {
        let row = y as f32 * 2.0 - 8.0;
        if self.floor.iter().any(|ridge| ridge.covers(row)) {
            // Never seen; dark, so that it lends the bloom nothing.
            for row in rgb {
                row.fill(0.0);
            }
            return;
        }
        each_pixel!(rgb, x => self.pixel(simd, x as f32, y as f32));
    }

    #[inline(always)]
    fn chroma_row<S: Simd>(&self, simd: S, _: &Field, y: usize, [u, v]: [&mut [f32]; 2]) {
        let at = y as f32 * 2.0 + 1.0;
        self.trunks(simd, (at, 2.0), [&mut *u, &mut *v], [1, 2]);
        ridge::chroma_at(simd, &self.floor, at, [u, v]);
    }

    #[inline(always)]
    fn luma_row<S: Simd>(&self, simd: S, _: &Field, y: usize, row: &mut [f32]) {
        let at = y as f32 + 0.5;
        self.trunks(simd, (at, 1.0), [&mut *row], [0]);
        ridge::luma_at(simd, &self.floor, at, row);
    }
}

/// Where a trunk's middle is at a height.
fn trunk_at(trunk: &Trunk, y: f32, sway: f32) -> f32 {
    let up = 1.0 - y;
    trunk.x + trunk.lean * up + trunk.bend * sin(trunk.phase + y * 0.21) + sway * up
}

fn trunk(dice: &mut Dice, near: f32, index: usize, count: usize) -> Trunk {
    // Spread evenly, then shaken, so that no part stays empty.
    let place = (index as f32 + 0.5 + dice.within(-0.42, 0.42)) / count as f32;
    let wide = mix(0.012, 0.085, near * near) * dice.within(0.6, 1.35);
    Trunk {
        x: mix(-2.7, 2.7, place),
        wide,
        lean: dice.within(-0.035, 0.035),
        bend: dice.within(0.0, 0.03),
        phase: dice.unit(),
        branches: std::array::from_fn(|_| {
            let side = if dice.chance(0.5) { 1.0 } else { -1.0 };
            (
                dice.within(-0.9, 0.25),
                dice.within(0.1, 0.35) * mix(0.5, 1.1, near),
                side * dice.within(0.35, 1.3),
            )
        }),
    }
}

/// The ground: a pale rise behind, and undergrowth in front.
fn floor(dice: &mut Dice, size: Size, [air, dark]: [Rgb; 2], colours: &Colours) -> Vec<Ridge> {
    [(0.80, 0.55, 0.0), (0.97, 1.0, 0.075)]
        .into_iter()
        .map(|(base, near, trees)| {
            let form = Form {
                base,
                rise: 0.22,
                peaks: 0.6,
                rough: 0.25,
                trees,
                depth: near,
            };
            let body = blend(air, dark, mix(0.15, 1.0, near * near));
            let mut ridge = Ridge::new(form, dice, size);
            ridge.paint = Paint {
                body: yuv(body),
                mist: yuv(blend(body, dark, 0.55 * (1.2 - near))),
                mist_depth: 0.3,
                glow: yuv(colours.light),
                glow_share: 0.08 * (1.2 - near),
                glow_reach: 0.7,
                sun: (0.0, 0.0),
            };
            ridge
        })
        .collect()
}
