//! Strokes: small straight marks with soft edges, drawn into luma at full size so that they stay crisp.

/// A mark on the frame, in pixels of full size; a spot where both ends are the same.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stroke {
    pub(crate) from: (f32, f32),
    pub(crate) to: (f32, f32),
    /// Half its width.
    pub(crate) radius: f32,
    /// How wide its edge is: 1 is crisp, its radius a ball of light.
    pub(crate) soft: f32,
    /// What luma becomes under it, 0–1, and how much of the way it goes there.
    pub(crate) tone: f32,
    pub(crate) strength: f32,
}

impl Stroke {
    fn top(&self) -> f32 {
        self.from.1.min(self.to.1) - self.reach()
    }

    fn bottom(&self) -> f32 {
        self.from.1.max(self.to.1) + self.reach()
    }

    fn reach(&self) -> f32 {
        self.radius + self.soft * 0.5 + 0.5
    }
}

/// The strokes of a frame, ordered by row.
#[derive(Debug, Default)]
pub(crate) struct Strokes {
    all: Vec<Stroke>,
    tallest: f32,
}

impl Strokes {
    pub(crate) fn clear(&mut self) {
        self.all.clear();
    }

    pub(crate) fn push(&mut self, stroke: Stroke) {
        self.all.push(stroke);
    }

    /// To be called once all are there.
    pub(crate) fn sort(&mut self) {
        self.all.sort_by(|a, b| a.top().total_cmp(&b.top()));
        let heights = self.all.iter().map(|stroke| stroke.bottom() - stroke.top());
        self.tallest = heights.fold(0.0, f32::max);
    }

    /// Draws what lies in row `y`.
    pub(crate) fn luma_row(&self, y: usize, row: &mut [f32]) {
        let y = y as f32 + 0.5;
        let first = self
            .all
            .partition_point(|stroke| stroke.top() < y - self.tallest);
        for stroke in &self.all[first..] {
            if stroke.top() > y {
                break;
            }
            if stroke.bottom() >= y {
                draw(stroke, y, row);
            }
        }
    }
}

fn draw(stroke: &Stroke, y: f32, row: &mut [f32]) {
    let ((x0, y0), (x1, y1)) = (stroke.from, stroke.to);
    let (dx, dy) = (x1 - x0, y1 - y0);
    let square = (dx * dx + dy * dy).max(1e-6);
    let reach = stroke.reach();
    // The part of it that passes near this row, so that a long slanting stroke costs no more than it shows.
    let part = |y: f32| {
        if dy.abs() < 1e-3 {
            return None;
        }
        Some(x0 + dx * ((y - y0) / dy).clamp(0.0, 1.0))
    };
    let (a, b) = (part(y - reach).unwrap_or(x0), part(y + reach).unwrap_or(x1));
    let first = (a.min(b) - reach).max(0.0) as usize;
    let last = ((a.max(b) + reach).max(0.0) as usize + 1).min(row.len());
    let sharp = 1.0 / stroke.soft.max(1.0);
    for (x, value) in row.iter_mut().enumerate().take(last).skip(first) {
        let (px, py) = (x as f32 + 0.5 - x0, y - y0);
        let along = ((px * dx + py * dy) / square).clamp(0.0, 1.0);
        let (ax, ay) = (px - dx * along, py - dy * along);
        let inside = (stroke.radius - (ax * ax + ay * ay).sqrt()) * sharp + 0.5;
        let inside = inside.clamp(0.0, 1.0);
        let cover = inside * inside * (3.0 - 2.0 * inside) * stroke.strength;
        *value += (stroke.tone - *value) * cover;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stroke_covers_its_own_pixels_and_no_others() {
        let mut strokes = Strokes::default();
        strokes.push(Stroke {
            from: (4.0, 4.5),
            to: (9.0, 4.5),
            radius: 1.0,
            soft: 1.0,
            tone: 1.0,
            strength: 1.0,
        });
        strokes.sort();
        let mut row = [0.0; 16];
        strokes.luma_row(4, &mut row);
        assert_eq!(row[..2], [0.0; 2]);
        assert_eq!(row[5..8], [1.0; 3]);
        assert_eq!(row[12..], [0.0; 4]);
        let mut above = [0.0; 16];
        strokes.luma_row(1, &mut above);
        assert_eq!(above, [0.0; 16]);
    }
}
