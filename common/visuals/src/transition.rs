//! From one clip's picture to the next's: the transitions that are drawn.
//!
//! They work on finished pictures, so they go with pictures of any origin. What moves is eased; a wipe
//! has a soft edge, a push is blurred along its way, and a flash stays below what counts as one.

use model::look::Srgb;
use model::plan::TransitionKind;

use crate::maths::{pow, smoothstep};
use crate::picture::Picture;

/// How far a flash lightens, in relative luminance: WCAG 2.3.1 counts a change from 0.10 on.
const FLASH: f32 = 0.085;
/// How far a zoom punch goes into the picture before the cut, and from where it comes to rest after.
const PUNCH_IN: f32 = 0.34;
const PUNCH_OUT: f32 = 0.2;
/// Pictures that the blur of a zoom is made of.
const ZOOM_STEPS: u32 = 3;
/// Share of the pixels that lie in a luma wipe's soft edge.
const WIPE_EDGE: f32 = 0.3;
/// How long the shutter is open while a picture is pushed, as a share of a frame.
const SHUTTER: f32 = 0.6;

/// A transition over some frames, half of them on each side of its cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transition {
    kind: TransitionKind,
    frames: u32,
    /// What a fade goes through: Y, U, V.
    dark: [u8; 3],
}

impl Transition {
    /// One of `frames` frames; a fade goes through `dark`.
    pub fn new(kind: TransitionKind, frames: u32, dark: Srgb) -> Self {
        Self {
            kind,
            frames: frames.max(1),
            dark: yuv(dark),
        }
    }

    /// Whether anything of the picture before is to be seen at `frame` (from 0).
    pub fn shows_from(self, frame: u32) -> bool {
        self.overlaps() || self.progress(frame) < 0.5
    }

    /// Whether anything of the picture after is to be seen at `frame`.
    pub fn shows_to(self, frame: u32) -> bool {
        self.overlaps() || self.progress(frame) >= 0.5
    }

    /// Draws frame `frame` of the transition to `out`, which takes on the size of `to`. A picture that
    /// is not shown is not looked at; where both are, they have to be of one size.
    pub fn draw(self, frame: u32, from: &Picture, to: &Picture, out: &mut Picture) {
        let progress = self.progress(frame);
        let shown = if self.shows_to(frame) { to } else { from };
        if out.size() != shown.size() {
            *out = Picture::new(shown.size());
        }
        match self.kind {
            TransitionKind::Cut => out.clone_from(shown),
            TransitionKind::Crossfade => crossfade(smoothstep(0.0, 1.0, progress), from, to, out),
            TransitionKind::FadeThroughDark => {
                let light = smoothstep(0.0, 1.0, (2.0 * progress - 1.0).abs());
                self.darken(light, shown, out);
            }
            TransitionKind::LumaWipe => luma_wipe(progress, from, to, out),
            TransitionKind::Push => self.push(progress, from, to, out),
            TransitionKind::ZoomPunch => self.zoom_punch(frame, shown, out),
            TransitionKind::Flash => {
                let rest = (2.0 * progress - 1.0).abs();
                lighten(FLASH * (1.0 - rest) * (1.0 - 0.5 * rest), shown, out);
            }
        }
    }

    const fn overlaps(self) -> bool {
        matches!(
            self.kind,
            TransitionKind::Crossfade | TransitionKind::LumaWipe | TransitionKind::Push
        )
    }

    /// 0–1, at the middle of the frame; the cut is at a half.
    fn progress(self, frame: u32) -> f32 {
        (frame as f32 + 0.5) / self.frames as f32
    }

    fn darken(self, light: f32, shown: &Picture, out: &mut Picture) {
        let weight = (light * 256.0) as i32;
        for ((shown, out), dark) in planes(shown)
            .into_iter()
            .zip(planes_mut(out))
            .zip(self.dark)
        {
            let dark = i32::from(dark);
            for (out, value) in out.bytes.iter_mut().zip(shown.bytes) {
                *out = (dark + (((i32::from(*value) - dark) * weight) >> 8)) as u8;
            }
        }
    }

    /// To the left. The way is that of a smooth step; the blur is as long as the way that the shutter sees.
    fn push(self, progress: f32, from: &Picture, to: &Picture, out: &mut Picture) {
        let speed = 6.0 * progress * (1.0 - progress) / self.frames as f32;
        let way = smoothstep(0.0, 1.0, progress);
        for ((from, to), out) in planes(from)
            .into_iter()
            .zip(planes(to))
            .zip(planes_mut(out))
        {
            let width = out.width;
            let offset = ((way * width as f32) as usize).min(width);
            let blur = ((speed * SHUTTER * width as f32) as usize).clamp(1, width);
            let rows = from
                .bytes
                .chunks_exact(width)
                .zip(to.bytes.chunks_exact(width));
            for ((from, to), out) in rows.zip(out.bytes.chunks_exact_mut(width)) {
                pushed_row(from, to, out, offset, blur);
            }
        }
    }

    fn zoom_punch(self, frame: u32, shown: &Picture, out: &mut Picture) {
        let zoom_at = |step: u32| {
            let within = (step as f32 + 0.5) / ZOOM_STEPS as f32 - 0.5;
            let progress =
                ((frame as f32 + 0.5 + 0.7 * within) / self.frames as f32).clamp(0.0, 1.0);
            let near = 1.0 - (2.0 * progress - 1.0).abs();
            let depth = if self.shows_to(frame) {
                PUNCH_OUT
            } else {
                PUNCH_IN
            };
            1.0 + depth * near * near * near
        };
        let zooms: [f32; ZOOM_STEPS as usize] = [zoom_at(0), zoom_at(1), zoom_at(2)];
        for (shown, out) in planes(shown).into_iter().zip(planes_mut(out)) {
            zoomed(&shown, out.bytes, zooms);
        }
    }
}

/// A plane to be read.
struct Plane<'a> {
    bytes: &'a [u8],
    width: usize,
}

/// A plane to be written.
struct PlaneMut<'a> {
    bytes: &'a mut [u8],
    width: usize,
}

fn planes(picture: &Picture) -> [Plane<'_>; 3] {
    let width = picture.size().width as usize;
    let (y, chroma) = picture.as_bytes().split_at(picture.luma().len());
    let (u, v) = chroma.split_at(chroma.len() / 2);
    [(y, width), (u, width / 2), (v, width / 2)].map(|(bytes, width)| Plane { bytes, width })
}

fn planes_mut(picture: &mut Picture) -> [PlaneMut<'_>; 3] {
    let width = picture.size().width as usize;
    let (y, u, v) = picture.planes_mut();
    [(y, width), (u, width / 2), (v, width / 2)].map(|(bytes, width)| PlaneMut { bytes, width })
}

/// As the planes hold it: BT.709 in limited range.
fn yuv(Srgb(rgb): Srgb) -> [u8; 3] {
    let [r, g, b] = rgb.map(|value| f32::from(value) / 255.0);
    let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
    let (u, v) = ((b - y) / 1.8556, (r - y) / 1.5748);
    [16.5 + 219.0 * y, 128.5 + 224.0 * u, 128.5 + 224.0 * v].map(|value| value as u8)
}

fn mixed(from: u8, to: u8, weight: u32) -> u8 {
    ((u32::from(from) * (256 - weight) + u32::from(to) * weight + 128) >> 8) as u8
}

fn crossfade(share: f32, from: &Picture, to: &Picture, out: &mut Picture) {
    let weight = (share * 256.0 + 0.5) as u32;
    let sources = from.as_bytes().iter().zip(to.as_bytes());
    for (out, (from, to)) in out.bytes_mut().iter_mut().zip(sources) {
        *out = mixed(*from, *to, weight);
    }
}

/// What is bright goes first, by its rank among all pixels: dark pictures and bright ones go as evenly.
fn luma_wipe(progress: f32, from: &Picture, to: &Picture, out: &mut Picture) {
    let mut counts = [0_u32; 256];
    for luma in from.luma() {
        counts[usize::from(*luma)] += 1;
    }
    let mut weights = [0_u32; 256];
    let mut brighter = 0;
    for (weight, count) in weights.iter_mut().zip(counts).rev() {
        let rank = (brighter + count / 2) as f32 / from.luma().len() as f32;
        let share = smoothstep(rank, rank + WIPE_EDGE, progress * (1.0 + WIPE_EDGE));
        *weight = (share * 256.0) as u32;
        brighter += count;
    }
    let width = from.size().width as usize;
    let luma = from.luma();
    for (index, ((from, to), out)) in planes(from)
        .into_iter()
        .zip(planes(to))
        .zip(planes_mut(out))
        .enumerate()
    {
        let step = if index == 0 { 1 } else { 2 };
        for (row, out) in out.bytes.chunks_exact_mut(out.width).enumerate() {
            let start = row * from.width;
            let mask = luma[row * step * width..].iter().step_by(step);
            let sources = from.bytes[start..].iter().zip(&to.bytes[start..]);
            for ((out, (from, to)), luma) in out.iter_mut().zip(sources).zip(mask) {
                *out = mixed(*from, *to, weights[usize::from(*luma)]);
            }
        }
    }
}

/// One row of a push: a window slides over the two rows side by side, and each pixel is the mean of the
/// `blur` pixels about it.
fn pushed_row(from: &[u8], to: &[u8], out: &mut [u8], offset: usize, blur: usize) {
    let width = from.len();
    let at = |x: usize| -> u32 {
        // Before the first and after the last pixel there is more of the same.
        let x = x.saturating_sub(blur / 2).min(2 * width - 1);
        u32::from(if x < width { from[x] } else { to[x - width] })
    };
    let mut sum: u32 = (offset..offset + blur).map(at).sum();
    let count = blur as u32;
    for (x, out) in out.iter_mut().enumerate() {
        *out = ((sum + count / 2) / count) as u8;
        let left = offset + x;
        sum = sum + at(left + blur) - at(left);
    }
}

/// The mean of a plane at several zooms about its middle, each above 1.
fn zoomed(plane: &Plane<'_>, out: &mut [u8], zooms: [f32; ZOOM_STEPS as usize]) {
    let width = plane.width;
    let height = plane.bytes.len() / width;
    let (middle_x, middle_y) = (0.5 * width as f32, 0.5 * height as f32);
    let position = |at: usize, middle: f32, zoom: f32| {
        (((at as f32 + 0.5 - middle) / zoom + middle - 0.5).max(0.0) * 256.0) as usize
    };
    let columns: Vec<[usize; ZOOM_STEPS as usize]> = (0..width)
        .map(|x| zooms.map(|zoom| position(x, middle_x, zoom)))
        .collect();
    for (y, row) in out.chunks_exact_mut(width).enumerate() {
        let lines = zooms.map(|zoom| {
            let at = position(y, middle_y, zoom);
            let (line, part) = ((at >> 8).min(height - 1), at & 255);
            (line * width, (line + 1).min(height - 1) * width, part)
        });
        for (out, columns) in row.iter_mut().zip(&columns) {
            let mut sum = 0;
            for ((upper, lower, down), at) in lines.into_iter().zip(columns) {
                let (x, right) = ((at >> 8).min(width - 1), at & 255);
                let next = (x + 1).min(width - 1);
                let value = |line: usize, x: usize| usize::from(plane.bytes[line + x]);
                let above = value(upper, x) * (256 - right) + value(upper, next) * right;
                let below = value(lower, x) * (256 - right) + value(lower, next) * right;
                sum += above * (256 - down) + below * down;
            }
            *out = ((sum / ZOOM_STEPS as usize) >> 16) as u8;
        }
    }
}

/// Adds a veil of white light: `L + veil · (1 − L)` in relative luminance, so by at most `veil`.
fn lighten(veil: f32, shown: &Picture, out: &mut Picture) {
    let mut lumas = [0_u8; 256];
    for (code, luma) in lumas.iter_mut().enumerate() {
        let signal = ((code as f32 - 16.0) / 219.0).clamp(0.0, 1.0);
        let light = pow(signal, 2.4);
        let lit = pow(light + veil * (1.0 - light), 1.0 / 2.4);
        *luma = (16.0 + 219.0 * lit) as u8; // rounded down: never more than asked for
    }
    for (index, (shown, out)) in planes(shown).into_iter().zip(planes_mut(out)).enumerate() {
        if index == 0 {
            for (out, luma) in out.bytes.iter_mut().zip(shown.bytes) {
                *out = lumas[usize::from(*luma)].max(*luma);
            }
        } else {
            out.bytes.copy_from_slice(shown.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use model::format::FrameSize;

    use super::*;

    const SIZE: FrameSize = FrameSize {
        width: 64,
        height: 36,
    };
    const DARK: Srgb = Srgb([8, 10, 26]);

    /// A slope from `low` to `high` luma, with these colour differences.
    fn slope(low: u8, high: u8, chroma: u8) -> Picture {
        let mut picture = Picture::new(SIZE);
        let (y, u, v) = picture.planes_mut();
        for (at, luma) in y.iter_mut().enumerate() {
            let x = at as u32 % SIZE.width;
            *luma = (u32::from(low) + u32::from(high - low) * x / (SIZE.width - 1)) as u8;
        }
        u.fill(chroma);
        v.fill(chroma);
        picture
    }

    fn drawn(kind: TransitionKind, frame: u32, from: &Picture, to: &Picture) -> Picture {
        let mut out = Picture::new(SIZE);
        Transition::new(kind, 12, DARK).draw(frame, from, to, &mut out);
        out
    }

    fn distance(a: &Picture, b: &Picture) -> f64 {
        let bytes = a.as_bytes().iter().zip(b.as_bytes());
        let sum: u32 = bytes.map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
        f64::from(sum) / a.as_bytes().len() as f64
    }

    #[test]
    fn every_transition_goes_evenly_from_the_one_picture_to_the_other() {
        let (from, to) = (slope(30, 120, 110), slope(90, 220, 150));
        let between = distance(&from, &to);
        for kind in TransitionKind::ALL {
            let first = drawn(kind, 0, &from, &to);
            let last = drawn(kind, 11, &from, &to);
            assert!(
                distance(&first, &from) < 0.2 * between,
                "{kind:?} begins as the one"
            );
            assert!(
                distance(&last, &to) < 0.2 * between,
                "{kind:?} ends as the other"
            );
            if kind == TransitionKind::FadeThroughDark {
                continue; // its middle is neither
            }
            let middle = [5, 6].map(|frame| drawn(kind, frame, &from, &to));
            assert!(
                distance(&middle[0], &from) < distance(&middle[0], &to) + 0.2 * between,
                "{kind:?}"
            );
            assert!(
                distance(&middle[1], &to) < distance(&middle[1], &from) + 0.2 * between,
                "{kind:?}"
            );
        }
    }

    #[test]
    fn of_two_like_pictures_only_what_darkens_lightens_or_moves_is_seen() {
        let picture = slope(40, 200, 120);
        for kind in [
            TransitionKind::Cut,
            TransitionKind::Crossfade,
            TransitionKind::LumaWipe,
        ] {
            for frame in 0..12 {
                assert_eq!(drawn(kind, frame, &picture, &picture), picture, "{kind:?}");
            }
        }
    }

    #[test]
    fn a_picture_that_is_not_shown_is_not_looked_at() {
        let (from, to) = (slope(40, 200, 120), slope(100, 120, 90));
        for kind in TransitionKind::ALL {
            let transition = Transition::new(kind, 12, DARK);
            for frame in 0..12 {
                assert!(transition.shows_from(frame) || transition.shows_to(frame));
                let whole = drawn(kind, frame, &from, &to);
                let other = Picture::new(SIZE);
                if !transition.shows_from(frame) {
                    assert_eq!(drawn(kind, frame, &other, &to), whole, "{kind:?}");
                }
                if !transition.shows_to(frame) {
                    assert_eq!(drawn(kind, frame, &from, &other), whole, "{kind:?}");
                }
            }
        }
    }

    #[test]
    fn a_flash_changes_no_pixel_as_much_as_counts_for_one() {
        let light = |code: u8| ((f64::from(code) - 16.0) / 219.0).powf(2.4);
        let picture = slope(16, 235, 128);
        let mut most: f64 = 0.0;
        for frame in 0..12 {
            let lit = drawn(TransitionKind::Flash, frame, &picture, &picture);
            for (before, after) in picture.luma().iter().zip(lit.luma()) {
                most = most.max(light(*after) - light(*before));
            }
        }
        assert!((0.05..0.10).contains(&most), "{most}");
    }

    #[test]
    fn a_fade_goes_through_the_dark_colour() {
        let picture = slope(100, 200, 90);
        let middle = drawn(TransitionKind::FadeThroughDark, 5, &picture, &picture);
        let dark = yuv(DARK);
        assert!(middle.luma().iter().all(|luma| luma.abs_diff(dark[0]) < 6));
    }
}
