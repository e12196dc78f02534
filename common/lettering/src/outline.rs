//! Glyph outlines as coverage: the exact area that an outline covers of each pixel.
//!
//! Signed areas summed along rows, as R. Levien's "font-rs" (2015) does. Plain arithmetic, in the order in
//! which the outline comes.

use harfrust::font::glyph::outline::{DrawMemory, DrawOptions, PathSink};

use crate::fonts::FontId;
use crate::glyphs::Glyph;

type Point = (f32, f32);

/// Straight lines of an outline, in pixels.
#[derive(Debug, Default)]
struct Lines {
    all: Vec<(Point, Point)>,
    /// Pixels a unit of the font, and where its origin lies.
    scale: f32,
    origin: Point,
    begin: Point,
    at: Point,
}

/// Pixels that an outline covers, each 0–1.
#[derive(Debug)]
pub(crate) struct Coverage {
    pub(crate) left: i32,
    pub(crate) top: i32,
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) values: Vec<f32>,
}

/// What `glyph` covers where its origin lies at `origin`. `None` for one without an outline, such as a space.
pub(crate) fn coverage(glyph: &Glyph, origin: Point, em: f32) -> Option<Coverage> {
    let lines = lines(glyph.font, glyph, origin, em)?;
    let mut points = lines.iter().flat_map(|(from, to)| [*from, *to]);
    let first = points.next()?;
    let (mut low, mut high) = (first, first);
    for (x, y) in points {
        low = (low.0.min(x), low.1.min(y));
        high = (high.0.max(x), high.1.max(y));
    }
    let (left, top) = (low.0.floor() as i32 - 1, low.1.floor() as i32 - 1);
    let width = (high.0.ceil() as i32 - left + 2).clamp(1, 8192) as usize;
    let height = (high.1.ceil() as i32 - top + 1).clamp(1, 8192) as usize;
    let mut coverage = Coverage {
        left,
        top,
        width,
        height,
        values: vec![0.0; width * height],
    };
    let shift = (left as f32, top as f32);
    for (from, to) in lines {
        coverage.add(
            (from.0 - shift.0, from.1 - shift.1),
            (to.0 - shift.0, to.1 - shift.1),
        );
    }
    coverage.sum();
    Some(coverage)
}

fn lines(font: FontId, glyph: &Glyph, origin: Point, em: f32) -> Option<Vec<(Point, Point)>> {
    let font = font.get()?;
    let outline = font.outline_glyphs().get(glyph.id)?;
    let mut lines = Lines {
        scale: em / f32::from(font.units_per_em().max(1)),
        origin,
        ..Lines::default()
    };
    let drawn = outline.draw(&DrawOptions::new(), DrawMemory::default(), &mut lines);
    drawn.ok()?;
    (!lines.all.is_empty()).then_some(lines.all)
}

impl Lines {
    fn point(&self, x: f32, y: f32) -> Point {
        (
            self.origin.0 + x * self.scale,
            self.origin.1 - y * self.scale,
        )
    }

    fn line(&mut self, to: Point) {
        self.all.push((self.at, to));
        self.at = to;
    }
}

impl PathSink for Lines {
    fn move_to(&mut self, x: f32, y: f32) {
        self.close();
        self.at = self.point(x, y);
        self.begin = self.at;
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let to = self.point(x, y);
        self.line(to);
    }

    fn quad_to(&mut self, cx: f32, cy: f32, x: f32, y: f32) {
        let (a, b, c) = (self.at, self.point(cx, cy), self.point(x, y));
        let bend = (a.0 - 2.0 * b.0 + c.0).abs() + (a.1 - 2.0 * b.1 + c.1).abs();
        let steps = steps(bend);
        for step in 1..=steps {
            let t = step as f32 / steps as f32;
            let (u, v, w) = ((1.0 - t) * (1.0 - t), 2.0 * t * (1.0 - t), t * t);
            self.line((a.0 * u + b.0 * v + c.0 * w, a.1 * u + b.1 * v + c.1 * w));
        }
    }

    fn curve_to(&mut self, cx0: f32, cy0: f32, cx1: f32, cy1: f32, x: f32, y: f32) {
        let (a, b) = (self.at, self.point(cx0, cy0));
        let (c, d) = (self.point(cx1, cy1), self.point(x, y));
        let bend = |a: f32, b: f32, c: f32, d: f32| {
            (a - 2.0 * b + c).abs().max((b - 2.0 * c + d).abs()) * 3.0
        };
        let steps = steps(bend(a.0, b.0, c.0, d.0) + bend(a.1, b.1, c.1, d.1));
        for step in 1..=steps {
            let t = step as f32 / steps as f32;
            let s = 1.0 - t;
            let (i, j, k, l) = (s * s * s, 3.0 * s * s * t, 3.0 * s * t * t, t * t * t);
            self.line((
                a.0 * i + b.0 * j + c.0 * k + d.0 * l,
                a.1 * i + b.1 * j + c.1 * k + d.1 * l,
            ));
        }
    }

    fn close(&mut self) {
        if self.at != self.begin {
            let begin = self.begin;
            self.line(begin);
        }
    }
}

/// As many straight lines as keep within a twentieth of a pixel of a curve that bends so far.
fn steps(bend: f32) -> usize {
    ((bend * 2.5).sqrt().ceil() as usize).clamp(1, 24)
}

impl Coverage {
    /// Adds what lies right of a line, signed by its direction.
    fn add(&mut self, from: Point, to: Point) {
        if from.1 == to.1 {
            return;
        }
        let (sign, from, to) = if from.1 < to.1 {
            (1.0, from, to)
        } else {
            (-1.0, to, from)
        };
        let slope = (to.0 - from.0) / (to.1 - from.1);
        let rows = (from.1.max(0.0) as usize)..(to.1.ceil().max(0.0) as usize).min(self.height);
        for y in rows {
            let (top, bottom) = ((y as f32).max(from.1), (y as f32 + 1.0).min(to.1));
            let (a, b) = (
                from.0 + slope * (top - from.1),
                from.0 + slope * (bottom - from.1),
            );
            let high = (bottom - top) * sign;
            let row = &mut self.values[y * self.width..][..self.width];
            spread(row, (a.min(b), a.max(b)), high);
        }
    }

    /// From differences to coverage. An outline may run either way, and may cross itself.
    fn sum(&mut self) {
        for row in self.values.chunks_exact_mut(self.width) {
            let mut sum = 0.0;
            for value in row {
                sum += *value;
                *value = sum.abs().min(1.0);
            }
        }
    }
}

/// Adds the differences of a stretch of a line within one row: it runs from `a` to `b` while it goes down
/// by `high` (of one pixel).
fn spread(row: &mut [f32], (a, b): (f32, f32), high: f32) {
    let last = row.len() - 1;
    let (first, end) = (a.max(0.0) as usize, b.max(0.0) as usize);
    if first >= last {
        return;
    }
    if first == end {
        let inside = 1.0 - (f32::midpoint(a, b) - first as f32);
        row[first] += high * inside;
        row[first + 1] += high * (1.0 - inside);
        return;
    }
    // Pixel by pixel: how much of the height falls into it, and how much of it lies right of the line.
    let per_pixel = high / (b - a);
    for x in first..=end.min(last - 1) {
        let (from, to) = (a.max(x as f32), b.min(x as f32 + 1.0));
        let part = per_pixel * (to - from);
        let inside = 1.0 - (f32::midpoint(from, to) - x as f32);
        row[x] += part * inside;
        row[x + 1] += part * (1.0 - inside);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(points: &[Point]) -> (f32, Vec<f32>) {
        let mut coverage = Coverage {
            left: 0,
            top: 0,
            width: 12,
            height: 10,
            values: vec![0.0; 120],
        };
        for (index, point) in points.iter().enumerate() {
            coverage.add(*point, points[(index + 1) % points.len()]);
        }
        coverage.sum();
        (coverage.values.iter().sum(), coverage.values)
    }

    #[test]
    fn an_outline_covers_its_area_to_the_fraction_of_a_pixel() {
        let (sum, values) = area(&[(1.25, 1.5), (5.75, 1.5), (5.75, 4.0), (1.25, 4.0)]);
        assert!((sum - 4.5 * 2.5).abs() < 1e-3, "{sum}");
        assert!((values[12 + 1] - 0.375).abs() < 1e-4 && (values[24 + 3] - 1.0).abs() < 1e-4);
        // The other way round, and slanting.
        let (sum, _) = area(&[(2.0, 8.0), (9.3, 5.1), (4.4, 1.2)]);
        let exact =
            0.5 * ((2.0 * (5.1 - 1.2) + 9.3 * (1.2 - 8.0) + 4.4 * (8.0 - 5.1)) as f32).abs();
        assert!((sum - exact).abs() < 1e-2, "{sum} {exact}");
    }
}
