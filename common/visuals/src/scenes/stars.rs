//! Stars: small discs of full-size luma, so that they stay crisp.

use super::Size;
use crate::hash::Dice;
use crate::maths::sin;
use crate::motion::View;

/// One star, in units of the scene.
#[derive(Debug, Clone, Copy)]
struct Star {
    x: f32,
    y: f32,
    depth: f32,
    brightness: f32,
    size: f32,
    twinkle: f32,
}

/// A star on the frame, in pixels of full size.
#[derive(Debug, Clone, Copy)]
struct Spot {
    x: f32,
    y: f32,
    brightness: f32,
    size: f32,
}

/// A sky of stars.
#[derive(Debug)]
pub(crate) struct Stars {
    all: Vec<Star>,
    spots: Vec<Spot>,
    size: Size,
}

/// No star reaches further than this, in pixels.
const REACH: f32 = 4.0;

impl Stars {
    pub(crate) fn new(dice: &mut Dice, count: usize, size: Size) -> Self {
        let all = (0..count)
            .map(|_| {
                let rarity = dice.unit();
                let bright = rarity * rarity * rarity * rarity;
                Star {
                    x: dice.within(-2.2, 2.2),
                    y: dice.within(-1.3, 1.3),
                    depth: dice.within(0.2, 0.6),
                    brightness: 0.14 + 0.30 * rarity + 0.55 * bright,
                    size: 0.62 + 0.95 * bright,
                    twinkle: dice.unit(),
                }
            })
            .collect();
        Self {
            all,
            spots: Vec::with_capacity(count),
            size,
        }
    }

    /// Places the stars for a frame; `sparkle` is how strongly they twinkle, 0–1.
    pub(crate) fn place(&mut self, view: &View, time: f32, sparkle: f32) {
        let half = self.size.height as f32 * 0.5;
        let grain = (self.size.height as f32 / 1080.0).max(0.6);
        self.spots.clear();
        for star in &self.all {
            let closer = 1.0 + (view.zoom - 1.0) * star.depth;
            let x = (star.x - view.x * star.depth) * closer;
            let y = (star.y - view.y * star.depth) * closer;
            let wave = sin(star.twinkle * 9.0 + time * (0.25 + star.twinkle * 0.9));
            let alive = 1.0 - (0.18 + 0.3 * sparkle) * (0.5 + 0.5 * wave);
            let spot = Spot {
                x: (x + self.size.aspect()) * half - 0.5,
                y: (y + 1.0) * half - 0.5,
                brightness: star.brightness * alive * (1.0 + 0.35 * sparkle * star.twinkle),
                size: star.size * grain,
            };
            let inside = spot.x > -REACH && spot.x < self.size.width as f32 + REACH;
            if inside && spot.y > -REACH && spot.y < self.size.height as f32 + REACH {
                self.spots.push(spot);
            }
        }
        self.spots.sort_by(|a, b| a.y.total_cmp(&b.y));
    }

    /// Adds the stars of row `y`, each weaker where the row is bright already.
    pub(crate) fn luma_row(&self, y: usize, row: &mut [f32]) {
        let y = y as f32;
        let first = self.spots.partition_point(|spot| spot.y < y - REACH);
        for spot in &self.spots[first..] {
            if spot.y > y + REACH {
                break;
            }
            let dy = spot.y - y;
            let from = (spot.x - REACH).max(0.0) as usize;
            let to = ((spot.x + REACH).max(0.0) as usize).min(self.size.width - 1);
            for (x, value) in row.iter_mut().enumerate().take(to + 1).skip(from) {
                let dx = spot.x - x as f32;
                let square = (dx * dx + dy * dy) / (spot.size * spot.size);
                let shape = (1.0 - square * (1.0 / 6.0)).max(0.0);
                let shape = shape * shape;
                let shape = shape * shape;
                *value += spot.brightness * shape * shape * (1.0 - *value * 1.1).max(0.0);
            }
        }
    }
}
