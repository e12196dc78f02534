//! The ground of a text: the picture right under and around its letters, held back as far as it must be.
//!
//! Nothing is laid over what is dark (or light) enough already; elsewhere each pixel is dimmed (or lifted)
//! just below the luminance at which the letters have their contrast. So a text over night has no veil, and
//! one across a bright window has a soft shade there alone.

use crate::luminance::TABLES;
use crate::mask::{Area, Frame, Mask};

/// How much the ground gives way, 0–255, for each pixel of chroma around a text.
#[derive(Debug)]
pub(crate) struct Veil {
    /// In pixels of half size.
    area: Area,
    amount: Vec<u8>,
    /// The same close to the letters alone, until it is settled what they are.
    near: Vec<u8>,
    /// Whether the letters are dark.
    is_dark: bool,
}

/// How far a picture would have to give way under letters of either kind, 0–1 on average.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cost {
    pub(crate) light: f32,
    pub(crate) dark: f32,
}

impl Veil {
    /// The veil of letters of this size in pixels, on a frame of this size.
    pub(crate) fn of(masks: &[&Mask], em: f32, (width, height): (usize, usize)) -> Self {
        let radius = |ems: f32| ((em * ems * 0.5) as usize).max(1);
        let margin = radius(0.9);
        let ends = |area: Area| (area.left + area.width, area.top + area.height);
        let left = masks
            .iter()
            .map(|mask| mask.area.left / 2)
            .min()
            .unwrap_or(0);
        let top = masks
            .iter()
            .map(|mask| mask.area.top / 2)
            .min()
            .unwrap_or(0);
        let right = masks
            .iter()
            .map(|mask| ends(mask.area).0 / 2)
            .max()
            .unwrap_or(0);
        let bottom = masks
            .iter()
            .map(|mask| ends(mask.area).1 / 2)
            .max()
            .unwrap_or(0);
        let (left, top) = (left.saturating_sub(margin), top.saturating_sub(margin));
        let area = Area {
            left,
            top,
            width: (right + margin).min(width / 2).saturating_sub(left),
            height: (bottom + margin).min(height / 2).saturating_sub(top),
        };
        let mut cover = vec![0_u8; area.width * area.height];
        for mask in masks {
            copy(mask, area, &mut cover);
        }
        // Wider than the blur takes from it again, so that the ground is whole right beside the letters.
        let soft = radius(0.085);
        let spread = largest(&cover, area, 2 * soft + 2);
        let mut near = spread.clone();
        let mut wide = spread;
        for _ in 0..2 {
            near = blurred(&near, area, soft);
        }
        for _ in 0..3 {
            wide = blurred(&wide, area, radius(0.20));
        }
        let amount = near.iter().zip(wide);
        let amount =
            amount.map(|(near, wide)| (*near).max((u16::from(wide) * 5 / 4).min(255) as u8));
        Self {
            area,
            amount: amount.collect(),
            near,
            is_dark: false,
        }
    }

    /// From now on it is for dark letters, or for light ones. What is lifted towards white glows, so it stays
    /// close to dark letters; a shade may be wide.
    pub(crate) fn settle(&mut self, is_dark: bool) {
        let near = std::mem::take(&mut self.near);
        if is_dark && !near.is_empty() {
            self.amount = near;
        }
        self.is_dark = is_dark;
    }

    /// What letters of either kind would cost this frame: a sample of the pixels under the veil.
    pub(crate) fn cost(&self, frame: &Frame<'_>) -> Cost {
        let (mut light, mut dark, mut all) = (0_i64, 0_i64, 0_i64);
        for y in (0..self.area.height).step_by(3) {
            for x in (0..self.area.width).step_by(3) {
                let amount = i64::from(self.amount[y * self.area.width + x]);
                if amount == 0 {
                    continue;
                }
                let (column, row) = (self.area.left + x, self.area.top + y);
                let at = row * (frame.width / 2) + column;
                let luma = frame.luma[row * 2 * frame.width + column * 2];
                let (u, v) = (i32::from(frame.u[at]), i32::from(frame.v[at]));
                let luminance = TABLES.luminance(luma, u, v);
                light += amount * i64::from(256 - TABLES.dimmed(luminance));
                dark += amount * i64::from(TABLES.lifted(luma));
                all += amount * 256;
            }
        }
        let share = |sum: i64| sum as f32 / all.max(1) as f32;
        Cost {
            light: share(light),
            dark: share(dark),
        }
    }

    /// Holds the picture back, `strength` of 256.
    pub(crate) fn draw(&self, strength: i32, frame: &mut Frame<'_>) {
        let (width, half) = (frame.width, frame.width / 2);
        for (y, amounts) in self.amount.chunks_exact(self.area.width.max(1)).enumerate() {
            let row = self.area.top + y;
            let (above, below) = frame.luma[row * 2 * width..][..width * 2].split_at_mut(width);
            let chroma = row * half + self.area.left;
            let (u, v) = (&mut frame.u[chroma..], &mut frame.v[chroma..]);
            let left = self.area.left * 2;
            let luma = above[left..]
                .chunks_exact_mut(2)
                .zip(below[left..].chunks_exact_mut(2));
            for (((amount, luma), u), v) in amounts.iter().zip(luma).zip(u).zip(v) {
                if *amount > 0 {
                    let (above, below) = luma;
                    let amount = i32::from(*amount) * strength;
                    if self.is_dark {
                        lift(amount, [above, below], [u, v]);
                    } else {
                        dim(amount, [above, below], [u, v]);
                    }
                }
            }
        }
    }
}

/// Two by two pixels and their chroma give way to light letters; `amount` is of 255 · 256.
#[inline]
fn dim(amount: i32, [above, below]: [&mut [u8]; 2], [u, v]: [&mut u8; 2]) {
    let chroma = [i32::from(*u), i32::from(*v)];
    let brightest = above[0].max(above[1]).max(below[0]).max(below[1]);
    let left = TABLES.dimmed(TABLES.luminance(brightest, chroma[0], chroma[1]));
    let left = 65_536 - (256 - left) * amount / 255;
    if left < 65_536 {
        for pixel in above.iter_mut().chain(below.iter_mut()) {
            *pixel = (16 + ((i32::from(*pixel) - 16) * left) / 65_536).clamp(0, 255) as u8;
        }
        [*u, *v] = chroma.map(|value| (128 + (value - 128) * left / 65_536).clamp(0, 255) as u8);
    }
}

/// The same for dark letters.
#[inline]
fn lift(amount: i32, [above, below]: [&mut [u8]; 2], [u, v]: [&mut u8; 2]) {
    let darkest = above[0].min(above[1]).min(below[0]).min(below[1]);
    let lift = TABLES.lifted(darkest) * amount / 255;
    if lift > 0 {
        for pixel in above.iter_mut().chain(below.iter_mut()) {
            let value = i32::from(*pixel);
            *pixel = (value + ((235 - value) * lift + 32_768) / 65_536).clamp(0, 255) as u8;
        }
        let chroma = [i32::from(*u), i32::from(*v)];
        [*u, *v] = chroma.map(|value| (value + (128 - value) * lift / 65_536).clamp(0, 255) as u8);
    }
}

fn copy(mask: &Mask, area: Area, cover: &mut [u8]) {
    let (left, top) = (mask.area.left / 2 - area.left, mask.area.top / 2 - area.top);
    let width = mask.area.width / 2;
    for (y, row) in mask.chroma.chunks_exact(width).enumerate() {
        let Some(out) = cover.get_mut((top + y) * area.width + left..) else {
            return;
        };
        for (out, value) in out.iter_mut().zip(row) {
            *out = (*out).max(*value);
        }
    }
}

/// Each pixel the largest within `radius` of it.
fn largest(plane: &[u8], area: Area, radius: usize) -> Vec<u8> {
    let across = along(plane, area, |row, x| {
        let (from, to) = (x.saturating_sub(radius), (x + radius + 1).min(row.len()));
        row[from..to].iter().copied().max().unwrap_or(0)
    });
    turned(&across, area, |column, y| {
        let (from, to) = (y.saturating_sub(radius), (y + radius + 1).min(column.len()));
        column[from..to].iter().copied().max().unwrap_or(0)
    })
}

/// Each pixel the mean within `radius` of it; beyond the edges it is 0.
fn blurred(plane: &[u8], area: Area, radius: usize) -> Vec<u8> {
    let count = 2 * radius as u32 + 1;
    let mean = |row: &[u8], x: usize| {
        let (from, to) = (x.saturating_sub(radius), (x + radius + 1).min(row.len()));
        let sum: u32 = row[from..to].iter().map(|value| u32::from(*value)).sum();
        ((sum + count / 2) / count) as u8
    };
    turned(&along(plane, area, mean), area, mean)
}

fn along(plane: &[u8], area: Area, value: impl Fn(&[u8], usize) -> u8) -> Vec<u8> {
    let rows = plane.chunks_exact(area.width.max(1));
    rows.flat_map(|row| (0..row.len()).map(|x| value(row, x)).collect::<Vec<u8>>())
        .collect()
}

fn turned(plane: &[u8], area: Area, value: impl Fn(&[u8], usize) -> u8) -> Vec<u8> {
    let mut out = vec![0; plane.len()];
    let mut column = vec![0; area.height];
    for x in 0..area.width {
        for (y, cell) in column.iter_mut().enumerate() {
            *cell = plane[y * area.width + x];
        }
        for y in 0..area.height {
            out[y * area.width + x] = value(&column, y);
        }
    }
    out
}
