//! Folds of lit silk, one over the other: each begins at a bright crease and falls into shadow under the
//! next.

use fearless_simd::prelude::*;
use model::look::{SceneParameters, Variant};

use super::{Draw, Size};
use crate::colour::{Colours, Rgb, blend, glow_of, light_of};
use crate::finish::{Finish, Grain};
use crate::hash::Dice;
use crate::lanes::{F, each_pixel, exp2, iota, saturate, sin, splat};
use crate::maths;
use crate::motion::{Clip, Moment, View};
use crate::plane::Field;

const MOST: usize = 9;

/// One fold.
#[derive(Debug, Clone, Copy)]
struct Fold {
    /// Where it lies across, and the three waves of its crease: height, per unit, phase.
    offset: f32,
    waves: [(f32, f32, f32); 3],
    /// Across, nothing of it lies before this.
    begins: f32,
    /// How far light reaches into it, and how see-through it is.
    reach: f32,
    cover: f32,
    shadow: Rgb,
    lit: Rgb,
    /// The gleam on its crease.
    gleam: f32,
    group: u32,
    /// Now: phases, and how bright it is.
    at: [f32; 3],
    shine: f32,
}

/// What is fixed over a clip, and where everything lies now.
#[derive(Debug)]
pub(crate) struct Silk {
    size: Size,
    folds: Vec<Fold>,
    ground: Rgb,
    hot: Rgb,
    along: (f32, f32),
    take: View,
    view: View,
}

impl Silk {
    pub(crate) fn new(parameters: &SceneParameters, clip: &Clip, size: Size) -> Self {
        let mut dice = Dice::new(parameters.seed, 0x0073_696c);
        let colours = Colours::new(&parameters.palette);
        let (count, pale, angle) = match parameters.variant {
            Variant::Full => (MOST, false, dice.within(-0.07, 0.07)),
            Variant::Calm => (7, false, dice.within(-0.03, 0.03)),
            Variant::Turned => (9, true, dice.within(0.17, 0.24)),
            Variant::Bare => (4, false, dice.within(-0.05, 0.05)),
        };
        let folds = (0..count)
            .map(|index| fold(&mut dice, &colours, (index, count), pale))
            .collect();
        let ground = if pale {
            blend(colours.tone, colours.light, 0.8)
        } else {
            blend(colours.deep, [0.0; 3], 0.45)
        };
        Self {
            size,
            folds,
            ground: light_of(ground),
            hot: light_of(blend(colours.light, [1.0; 3], 0.25)),
            along: (maths::cos(angle), maths::sin(angle)),
            take: View {
                x: clip.take.x * 1.4,
                y: clip.take.y * 0.18,
                zoom: 0.85 + 0.4 * clip.take.near,
            },
            view: View::default(),
        }
    }

    #[inline(always)]
    fn pixel<S: Simd>(&self, simd: S, x: f32, y: f32) -> [F<S>; 3] {
        let closer = 1.0 / self.view.zoom;
        let px = (iota(simd) * self.size.half_pixel() + self.size.x(x)) * closer + self.view.x;
        let py = self.size.y(y) * closer + self.view.y;
        let along = px * self.along.0 + py * self.along.1;
        let across = px * -self.along.1 + py * self.along.0;
        let mut colour = [splat(simd, 0.0); 3];
        // How much of what lies further back is seen. From the front: little of it is.
        let mut through = splat(simd, 1.0);
        let sharp = 1.0 / (1.4 * self.size.half_pixel() * closer);
        // How far across these pixels lie: folds that begin beyond it are not looked at.
        let ends = [0.0, (F::<S>::LEN - 1) as f32].map(|lane| {
            let px = (self.size.x(x + lane)) * closer + self.view.x;
            py * self.along.0 - px * self.along.1
        });
        let furthest = ends[0].max(ends[1]) + 2.0 / sharp;
        for fold in self.folds.iter().rev() {
            if fold.begins > furthest {
                continue;
            }
            let [(a, fa, _), (b, fb, _), (c, fc, _)] = fold.waves;
            let slow = sin::<S>(along * fa + fold.at[0]);
            let bent = sin::<S>(along * fb + slow * 0.18 + fold.at[1]);
            let fine = sin::<S>(along * fc + bent * 0.12 + fold.at[2]);
            let crease = slow * a + bent * b + fine * c + fold.offset;
            let into = across - crease;
            let cover = saturate::<S>(into * sharp + 0.5);
            let depth = into.max(0.0);
            // The cloth is nearer where it swings out, and its light reaches deeper there.
            let reach = (slow * 0.35 + fine * 0.2 + 1.0) * fold.reach;
            let fall = depth / reach;
            let lit = saturate::<S>(exp2::<S>(fall * -1.5) * (bent * 0.28 + 0.72) * fold.shine);
            // A second, soft sheen within the fold, as satin has.
            let sheen = fall * 2.2 - (slow * 0.5 + 1.5);
            let sheen = splat(simd, 0.30 * fold.shine) / (sheen * sheen * 3.0 + 1.0);
            let near = depth * 28.0 + 1.0;
            let gleam = (fine * 0.5 + 0.5) / (near * near * near) * (fold.gleam * fold.shine);
            // Further in, it lets through what lies behind.
            let cover = cover * fold.cover / (fall * 0.05 + 1.0);
            let cloth = fold.shadow.into_iter().zip(fold.lit).zip(self.hot);
            for (value, ((shadow, bright), hot)) in colour.iter_mut().zip(cloth) {
                let cloth = (lit + sheen) * (bright - shadow) + shadow + gleam * hot;
                *value += cloth * (cover * through);
            }
            through *= cover * -1.0 + 1.0;
            if !through.simd_gt(0.008).any_true() {
                break;
            }
        }
        for (value, ground) in colour.iter_mut().zip(self.ground) {
            *value += through * ground;
        }
        colour
    }
}

impl Draw for Silk {
    fn prepare(&mut self, moment: &Moment) -> Finish {
        self.view = View {
            x: self.take.x + moment.view.x * 1.3,
            y: self.take.y + moment.view.y,
            zoom: self.take.zoom * moment.view.zoom,
        };
        for fold in &mut self.folds {
            let mine = (fold.group + moment.beats).is_multiple_of(3);
            let struck = if mine { 0.42 } else { 0.12 } * moment.beat;
            fold.shine = 0.82 + struck + 0.22 * moment.bass;
            let pace = [0.021, -0.034, 0.055];
            for ((at, (_, _, phase)), pace) in fold.at.iter_mut().zip(fold.waves).zip(pace) {
                *at = phase + moment.flow * pace;
            }
            fold.at[2] += 0.05 * moment.bass;
        }
        Finish {
            flat: false,
            exposure: 1.0,
            bloom: 0.6 + 0.3 * moment.beat,
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

fn fold(dice: &mut Dice, colours: &Colours, (index, count): (usize, usize), pale: bool) -> Fold {
    let way = index as f32 / (count - 1).max(1) as f32;
    // Colours go round: dark cloth, toned cloth, and once the accent.
    let accent = index == count / 2;
    let body = match index % 3 {
        0 => blend(colours.shade, colours.tone, 0.25),
        1 => colours.tone,
        _ => blend(colours.shade, colours.accent, 0.10),
    };
    let body = if accent { colours.accent } else { body };
    let (shadow, lit) = if pale {
        (
            blend(body, colours.shade, 0.12),
            blend(body, colours.light, 0.93),
        )
    } else {
        (
            blend(body, [0.0; 3], 0.86),
            blend(body, colours.light, 0.18),
        )
    };
    // What follows the accent covers half of it.
    let early = if index == count / 2 + 1 { 0.13 } else { 0.0 };
    let offset = maths::mix(-1.15, 0.85, way) + dice.within(-0.07, 0.07) - early;
    let waves = [
        (
            dice.within(0.16, 0.34),
            dice.within(0.07, 0.16),
            dice.unit(),
        ),
        (
            dice.within(0.07, 0.16),
            dice.within(0.18, 0.34),
            dice.unit(),
        ),
        (
            dice.within(0.015, 0.045),
            dice.within(0.5, 0.9),
            dice.unit(),
        ),
    ];
    Fold {
        offset,
        begins: offset - waves.iter().map(|(height, _, _)| height).sum::<f32>(),
        waves,
        reach: dice.within(0.16, 0.42) * if count < 6 { 1.8 } else { 1.0 },
        cover: if pale { 0.9 } else { 0.97 },
        shadow: light_of(shadow),
        lit: glow_of(lit),
        gleam: if pale { 0.12 } else { dice.within(0.08, 0.32) },
        group: dice.below(3),
        at: [0.0; 3],
        shine: 1.0,
    }
}
