//! Flashes by the rule of WCAG 2.3.1, counted, and accents damped before they are too many.
//!
//! A general flash is a pair of opposing changes of relative luminance of 0.1 or more, the darker image
//! below 0.8; a red flash a pair of opposing changes that involve a saturated red. They matter where at
//! least a quarter of any window of a third of the picture's width and height changes the same way at
//! once. More than three of either in any second is a failure; what is drawn here stays at two.
//! Source: W3C, "Understanding Success Criterion 2.3.1", and its definition of "general flash and red
//! flash thresholds".

use std::collections::VecDeque;
use std::sync::LazyLock;

use crate::maths::pow;
use crate::picture::Picture;

/// Cells across and down; both divide by three.
const ACROSS: usize = 36;
const DOWN: usize = 24;
/// A window: a third of the picture each way; and a quarter of its cells.
const WINDOW: (usize, usize) = (ACROSS / 3, DOWN / 3);
const QUARTER: u32 = (WINDOW.0 * WINDOW.1).div_ceil(4) as u32;
/// Changes of relative luminance that count, and how bright the darker side may be.
const CHANGE: f32 = 0.10;
const DARKER_BELOW: f32 = 0.80;
/// Changes of redness, `(R - G - B) · 320`, that count.
const RED_CHANGE: f32 = 20.0;
/// Red is saturated where it has this share of the light.
const RED_SHARE: f32 = 0.8;
/// Cells whose changes come within so many seconds change at once.
const AT_ONCE: f64 = 0.1;

/// Flashes within a second, in the window that has the most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FlashCount {
    /// Pairs of opposing changes of luminance.
    pub general: u32,
    /// Pairs of opposing changes to and from saturated red.
    pub red: u32,
}

/// Counts the flashes of a film, frame by frame in order.
#[derive(Debug)]
pub struct Flashes {
    at_once: u64,
    second: u64,
    frame: u64,
    general: Swings,
    red: Swings,
    worst: FlashCount,
}

impl Flashes {
    /// For films of this frame rate.
    pub fn new(fps: f64) -> Self {
        Self {
            at_once: (fps * AT_ONCE) as u64 + 1,
            second: (fps + 0.5) as u64,
            frame: 0,
            general: Swings::new(CHANGE),
            red: Swings::new(RED_CHANGE),
            worst: FlashCount::default(),
        }
    }

    /// Looks at the next frame; tells the flashes of the second that ends with it.
    pub fn see(&mut self, picture: &Picture) -> FlashCount {
        let cells = cells(picture);
        self.frame += 1;
        let times = (self.frame, self.at_once, self.second);
        let luminance = |cell: usize| State {
            value: cells[cell].luminance,
            counts: cells[cell].luminance < DARKER_BELOW,
        };
        self.general.see(times, luminance);
        // Orange and brown swing in redness too, and are not saturated red: one of both sides has to be.
        let redness = |cell: usize| State {
            value: cells[cell].redness,
            counts: cells[cell].saturated,
        };
        self.red.see(times, redness);
        let now = FlashCount {
            general: self.general.flashes(),
            red: self.red.flashes(),
        };
        self.worst.general = self.worst.general.max(now.general);
        self.worst.red = self.worst.red.max(now.red);
        now
    }

    /// The most flashes in any second so far.
    pub const fn worst(&self) -> FlashCount {
        self.worst
    }
}

/// A cell of the picture.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    luminance: f32,
    redness: f32,
    saturated: bool,
}

/// The picture by cells: relative luminance and redness, each from some samples.
fn cells(picture: &Picture) -> Vec<Cell> {
    const SAMPLES: usize = 3; // each way, of colour
    const FINE: usize = 8; // each way, of luma: fine patterns must not beat with the samples
    let (width, height) = (
        picture.size().width as usize,
        picture.size().height as usize,
    );
    let (y_plane, chroma) = picture.as_bytes().split_at(width * height);
    let (u_plane, v_plane) = chroma.split_at(width * height / 4);
    let mut cells = vec![Cell::default(); ACROSS * DOWN];
    for (index, cell) in cells.iter_mut().enumerate() {
        let (column, row) = (index % ACROSS, index / ACROSS);
        let mut sum = [0.0; 3];
        for sample in 0..SAMPLES * SAMPLES {
            let (i, j) = (sample % SAMPLES, sample / SAMPLES);
            let x = ((column * SAMPLES + i) * 2 + 1) * width / (ACROSS * SAMPLES * 2);
            let y = ((row * SAMPLES + j) * 2 + 1) * height / (DOWN * SAMPLES * 2);
            let at = y / 2 * (width / 2) + (x / 2).min(width / 2 - 1);
            let rgb = shown(y_plane[y * width + x], u_plane[at], v_plane[at]);
            for (sum, value) in sum.iter_mut().zip(rgb) {
                *sum += LINEAR[value];
            }
        }
        let [r, g, b] = sum.map(|sum| sum / (SAMPLES * SAMPLES) as f32);
        *cell = Cell {
            luminance: 0.0,
            redness: ((r - g - b) * 320.0).max(0.0),
            saturated: r > 0.02 && r >= RED_SHARE * (r + g + b),
        };
    }
    // Line by line, with the columns worked out once.
    let columns: [usize; ACROSS * FINE] =
        std::array::from_fn(|sample| (sample * 2 + 1) * width / (ACROSS * FINE * 2));
    let grey: &[f32] = &GREY;
    for sample in 0..DOWN * FINE {
        let y = (sample * 2 + 1) * height / (DOWN * FINE * 2);
        let line = &y_plane[y * width..(y + 1) * width];
        let row = &mut cells[sample / FINE * ACROSS..][..ACROSS];
        for (cell, columns) in row.iter_mut().zip(columns.chunks_exact(FINE)) {
            for x in columns {
                cell.luminance += grey[usize::from(line[*x])];
            }
        }
    }
    for cell in &mut cells {
        cell.luminance /= (FINE * FINE) as f32;
    }
    cells
}

/// sRGB bytes of a pixel.
fn shown(y: u8, u: u8, v: u8) -> [usize; 3] {
    let y = (f32::from(y) - 16.0) * (255.0 / 219.0);
    let u = (f32::from(u) - 128.0) * (255.0 / 224.0);
    let v = (f32::from(v) - 128.0) * (255.0 / 224.0);
    [
        y + 1.5748 * v,
        y - 0.187_324 * u - 0.468_124 * v,
        y + 1.8556 * u,
    ]
    .map(|value| (value + 0.5).clamp(0.0, 255.0) as usize)
}

/// Luma to light.
static GREY: LazyLock<Vec<f32>> = LazyLock::new(|| {
    let shown = |luma: usize| ((luma as f32 - 16.0) * (255.0 / 219.0) + 0.5).clamp(0.0, 255.0);
    (0..256).map(|luma| LINEAR[shown(luma) as usize]).collect()
});

/// sRGB bytes to light.
static LINEAR: LazyLock<Vec<f32>> = LazyLock::new(|| {
    (0..256)
        .map(|byte| {
            let v = byte as f32 / 255.0;
            if v <= 0.04045 {
                v / 12.92
            } else {
                pow((v + 0.055) / 1.055, 2.4)
            }
        })
        .collect()
});

/// Which way something went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

/// What a cell shows of a quantity, and whether a swing to it or from it counts.
#[derive(Debug, Clone, Copy)]
struct State {
    value: f32,
    counts: bool,
}

impl State {
    fn lower(self, other: Self) -> Self {
        if other.value < self.value {
            other
        } else {
            self
        }
    }

    fn higher(self, other: Self) -> Self {
        if other.value > self.value {
            other
        } else {
            self
        }
    }
}

/// The swings of one quantity.
#[derive(Debug)]
struct Swings {
    change: f32,
    cells: Vec<Track>,
    windows: Vec<Window>,
}

/// A cell's extremes since it last turned, and its last swing.
#[derive(Debug, Clone, Copy)]
struct Track {
    low: State,
    high: State,
    last: Option<(u64, Way)>,
}

/// A window's swings within the last second.
#[derive(Debug, Clone, Default)]
struct Window {
    swings: VecDeque<u64>,
    last: Option<Way>,
    /// The frame of the last.
    at: u64,
}

impl Swings {
    fn new(change: f32) -> Self {
        let windows = (ACROSS - WINDOW.0 + 1) * (DOWN - WINDOW.1 + 1);
        Self {
            change,
            cells: Vec::new(),
            windows: vec![Window::default(); windows],
        }
    }

    fn see(&mut self, (frame, at_once, second): (u64, u64, u64), state: impl Fn(usize) -> State) {
        if self.cells.is_empty() {
            let start = |cell| Track {
                low: state(cell),
                high: state(cell),
                last: None,
            };
            self.cells = (0..ACROSS * DOWN).map(start).collect();
        }
        for (cell, track) in self.cells.iter_mut().enumerate() {
            let now = state(cell);
            let (low, high) = (track.low, track.high);
            let rises = now.value - low.value >= self.change && (low.counts || now.counts);
            let falls = high.value - now.value >= self.change && (high.counts || now.counts);
            // A swing on in the same way only widens it.
            match (rises, falls, track.last.map(|(_, way)| way)) {
                (true, _, last) if last != Some(Way::Up) => {
                    *track = turned(now, frame, Way::Up);
                }
                (_, true, last) if last != Some(Way::Down) => {
                    *track = turned(now, frame, Way::Down);
                }
                _ => {}
            }
            match track.last {
                Some((_, Way::Up)) => track.high = track.high.higher(now),
                Some((_, Way::Down)) => track.low = track.low.lower(now),
                None => {
                    track.low = track.low.lower(now);
                    track.high = track.high.higher(now);
                }
            }
        }
        let cells = &self.cells;
        // In most frames too few cells have swung anywhere for any window to.
        let went = |way| {
            let fresh = |cell: &&Track| {
                cell.last
                    .is_some_and(|(at, went)| went == way && at + at_once > frame)
            };
            cells.iter().filter(fresh).count() >= QUARTER as usize
        };
        let ways = [Way::Up, Way::Down].map(|way| went(way).then_some(way));
        for (index, window) in self.windows.iter_mut().enumerate() {
            for way in ways.into_iter().flatten() {
                if window.last != Some(way) && moved(cells, index, (window.at, frame, at_once), way)
                {
                    window.last = Some(way);
                    window.at = frame;
                    window.swings.push_back(frame);
                }
            }
            while window.swings.front().is_some_and(|at| at + second <= frame) {
                window.swings.pop_front();
            }
        }
    }

    /// Swings in the worst window.
    fn swings(&self) -> usize {
        let swings = self.windows.iter().map(|window| window.swings.len());
        swings.max().unwrap_or(0)
    }

    /// Pairs of opposing swings in the worst window.
    fn flashes(&self) -> u32 {
        self.swings() as u32 / 2
    }
}

/// Whether a quarter of a window's cells went this way at once: within `at_once` frames, and since the
/// window's last swing.
fn moved(
    cells: &[Track],
    window: usize,
    (since, frame, at_once): (u64, u64, u64),
    way: Way,
) -> bool {
    let across = ACROSS - WINDOW.0 + 1;
    let (left, top) = (window % across, window / across);
    let mut count = 0;
    for row in cells.chunks_exact(ACROSS).skip(top).take(WINDOW.1) {
        for cell in &row[left..left + WINDOW.0] {
            let fresh = |(at, went)| went == way && at > since && at + at_once > frame;
            count += u32::from(cell.last.is_some_and(fresh));
        }
    }
    count >= QUARTER
}

fn turned(now: State, frame: u64, way: Way) -> Track {
    Track {
        low: now,
        high: now,
        last: Some((frame, way)),
    }
}

/// Takes accents back once a second flash within a second has begun.
#[derive(Debug)]
pub(crate) struct Limiter {
    fps: f64,
    flashes: Flashes,
    allowance: f32,
}

impl Limiter {
    /// Swings within a second from which on accents are taken back: the next completes a second flash.
    const MOST: usize = 3;

    pub(crate) fn new(fps: f64) -> Self {
        Self {
            fps,
            flashes: Flashes::new(fps),
            allowance: 1.0,
        }
    }

    /// Starts afresh: what comes next does not follow on what was seen.
    pub(crate) fn forget(&mut self) {
        *self = Self::new(self.fps);
    }

    /// How strong accents may be, 0–1.
    pub(crate) const fn allowance(&self) -> f32 {
        self.allowance
    }

    pub(crate) fn see(&mut self, picture: &Picture) {
        self.flashes.see(picture);
        let swings = self.flashes.general.swings().max(self.flashes.red.swings());
        self.allowance = if swings >= Self::MOST {
            self.allowance * 0.3
        } else {
            self.allowance + (1.0 - self.allowance) * 0.05
        };
    }
}

#[cfg(test)]
mod tests {
    use model::format::FrameSize;

    use super::*;

    const SIZE: FrameSize = FrameSize {
        width: 144,
        height: 96,
    };

    /// A second and a half at 30 frames, of which the leftmost share is painted.
    fn worst(share: f64, paint: impl Fn(u32) -> [u8; 3]) -> FlashCount {
        let mut flashes = Flashes::new(30.0);
        for frame in 0..45 {
            let mut picture = Picture::new(SIZE);
            let (y, u, v) = picture.planes_mut();
            for (plane, value) in [y, u, v].into_iter().zip(paint(frame)) {
                let width = if plane.len() > 144 * 48 { 144 } else { 72 };
                for row in plane.chunks_exact_mut(width) {
                    let until = (width as f64 * share) as usize;
                    row[..until].fill(value);
                }
            }
            flashes.see(&picture);
        }
        flashes.worst()
    }

    #[test]
    fn a_strobe_is_counted_and_a_steady_picture_is_not() {
        let strobe = worst(1.0, |frame| {
            [
                if (frame / 3).is_multiple_of(2) {
                    30
                } else {
                    200
                },
                128,
                128,
            ]
        });
        assert!((4..=5).contains(&strobe.general), "{strobe:?}");
        assert_eq!(worst(1.0, |_| [200, 128, 128]).general, 0);
    }

    #[test]
    fn small_changes_small_areas_and_bright_pictures_do_not_count() {
        let swing = |low: u8, high: u8| {
            move |frame: u32| {
                [
                    if (frame / 3).is_multiple_of(2) {
                        low
                    } else {
                        high
                    },
                    128,
                    128,
                ]
            }
        };
        assert_eq!(worst(1.0, swing(100, 112)).general, 0);
        assert_eq!(worst(0.05, swing(30, 200)).general, 0);
        assert_eq!(
            worst(1.0, swing(216, 235)).general,
            0,
            "both sides are above 0.8"
        );
        assert!(worst(0.15, swing(30, 200)).general >= 4, "half of a window");
    }

    #[test]
    fn a_ramp_up_and_down_again_is_one_flash() {
        let ramp = |frame: u32| {
            [
                30 + (frame.min(45 - frame.min(44)) * 8).min(180) as u8,
                128,
                128,
            ]
        };
        assert_eq!(worst(1.0, ramp).general, 1);
    }

    #[test]
    fn orange_and_brown_are_no_saturated_red() {
        // Warm lamps on brown: much redness, and no pixel of which red is four fifths of the light.
        let warm = |frame: u32| {
            if (frame / 3).is_multiple_of(2) {
                [40, 120, 136]
            } else {
                [130, 90, 170]
            }
        };
        assert_eq!(worst(1.0, warm).red, 0);
    }

    #[test]
    fn saturated_red_counts_of_its_own() {
        let red = |frame: u32| {
            if (frame / 3).is_multiple_of(2) {
                [16, 128, 128]
            } else {
                [63, 102, 240]
            }
        };
        let count = worst(1.0, red);
        assert!(count.red >= 4, "{count:?}");
    }
}
