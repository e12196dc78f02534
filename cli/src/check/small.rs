//! A film's frames made small: their luma, and how alike two of them are.

use visuals::Picture;

/// Frames are decoded at twice this size, and kept at it.
pub(super) const ACROSS: usize = 160;
pub(super) const DOWN: usize = 90;

/// Luma at 160×90, 16 (black) to 235 (white), row by row.
pub(super) type Small = Vec<f32>;

/// The luma of a picture of 320×180, in means of 2×2 pixels; of another size nothing.
pub(super) fn small(picture: &Picture) -> Small {
    let pairs = picture.luma().chunks_exact(ACROSS * 4);
    let mut small = Vec::with_capacity(ACROSS * DOWN);
    for pair in pairs.take(DOWN) {
        let (upper, lower) = pair.split_at(ACROSS * 2);
        let blocks = upper.chunks_exact(2).zip(lower.chunks_exact(2));
        small.extend(blocks.map(|(upper, lower)| {
            let sum: u32 = upper
                .iter()
                .chain(lower)
                .map(|value| u32::from(*value))
                .sum();
            sum as f32 * 0.25
        }));
    }
    small
}

/// Mean luma, 0 (black) to 1 (white).
pub(super) fn lightness(small: &Small) -> f64 {
    let sum: f64 = small.iter().map(|value| f64::from(*value)).sum();
    (sum / small.len().max(1) as f64 - 16.0) / 219.0
}

/// How far two pictures differ as histograms of luma, 0 (not at all) to 1.
pub(super) fn histogram_distance(a: &Small, b: &Small) -> f64 {
    const BINS: usize = 32;
    let histogram = |small: &Small| {
        let mut bins = [0.0; BINS];
        for value in small {
            if let Some(bin) = bins.get_mut((*value as usize * BINS / 256).min(BINS - 1)) {
                *bin += 1.0 / small.len() as f64;
            }
        }
        bins
    };
    let pairs = histogram(a).into_iter().zip(histogram(b));
    pairs.map(|(a, b): (f64, f64)| (a - b).abs()).sum::<f64>() * 0.5
}

/// Structural similarity, 1 for the same picture: Wang, Bovik, Sheikh & Simoncelli, "Image Quality
/// Assessment: From Error Visibility to Structural Similarity", 2004; over windows of 8×8, every 4 pixels.
pub(super) fn similarity(a: &Small, b: &Small) -> f64 {
    const WINDOW: usize = 8;
    const C1: f64 = 0.01 * 219.0 * 0.01 * 219.0;
    const C2: f64 = 0.03 * 219.0 * 0.03 * 219.0;
    let (mut sum, mut windows) = (0.0, 0.0);
    for top in (0..=DOWN - WINDOW).step_by(WINDOW / 2) {
        for left in (0..=ACROSS - WINDOW).step_by(WINDOW / 2) {
            let (mut ma, mut mb, mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0, 0.0, 0.0);
            for row in top..top + WINDOW {
                let from = row * ACROSS + left;
                let lines = a.iter().skip(from).zip(b.iter().skip(from));
                for (a, b) in lines.take(WINDOW) {
                    let (a, b) = (f64::from(*a), f64::from(*b));
                    ma += a;
                    mb += b;
                    aa += a * a;
                    bb += b * b;
                    ab += a * b;
                }
            }
            let count = (WINDOW * WINDOW) as f64;
            let (ma, mb) = (ma / count, mb / count);
            let (va, vb, cov) = (
                aa / count - ma * ma,
                bb / count - mb * mb,
                ab / count - ma * mb,
            );
            sum += (2.0 * ma * mb + C1) * (2.0 * cov + C2)
                / ((ma * ma + mb * mb + C1) * (va + vb + C2));
            windows += 1.0;
        }
    }
    sum / windows
}

/// The share of the picture that lies in a pattern of more than five pairs of light and dark stripes of
/// like width, along the direction that has the most of it. Such patterns can bring on seizures (ITU-R
/// BT.1702).
pub(super) fn striped(small: &Small) -> f64 {
    let at = |x: usize, y: usize| small.get(y * ACROSS + x).copied();
    let rows = (0..DOWN).map(|y| (0..ACROSS).filter_map(|x| at(x, y)).collect());
    let columns = (0..ACROSS).map(|x| (0..DOWN).filter_map(|y| at(x, y)).collect());
    // Diagonals, by where they begin left of the picture.
    let falling = (0..ACROSS + DOWN).map(|from| {
        (0..DOWN)
            .filter_map(|y| {
                (from + y)
                    .checked_sub(DOWN)
                    .filter(|x| *x < ACROSS)
                    .and_then(|x| at(x, y))
            })
            .collect()
    });
    let rising = (0..ACROSS + DOWN).map(|from| {
        (0..DOWN)
            .filter_map(|y| {
                from.checked_sub(y)
                    .filter(|x| *x < ACROSS)
                    .and_then(|x| at(x, y))
            })
            .collect()
    });
    let share = |lines: &mut dyn Iterator<Item = Vec<f32>>| {
        let within: usize = lines.map(|line| in_stripes(&line)).sum();
        within as f64 / (ACROSS * DOWN) as f64
    };
    let mut directions: [Box<dyn Iterator<Item = Vec<f32>>>; 4] = [
        Box::new(rows),
        Box::new(columns),
        Box::new(falling),
        Box::new(rising),
    ];
    directions
        .iter_mut()
        .map(|lines| share(lines))
        .fold(0.0, f64::max)
}

/// How many samples of a line lie in runs of stripes.
fn in_stripes(line: &[f32]) -> usize {
    /// A change of relative luminance that is a stripe's edge.
    const EDGE: f32 = 0.25;
    /// Half-waves in five pairs.
    const HALVES: usize = 10;
    let light = |value: f32| ((value - 16.0) / 219.0).clamp(0.0, 1.0).powf(2.2);
    // Where the line turns: each extreme lies at least an edge from the last.
    let mut turns: Vec<(usize, f32)> = Vec::new();
    let mut rising = true;
    for (place, value) in line.iter().map(|value| light(*value)).enumerate() {
        let Some((at, extreme)) = turns.last_mut() else {
            turns.push((place, value));
            continue;
        };
        if (rising && value >= *extreme) || (!rising && value <= *extreme) {
            (*at, *extreme) = (place, value);
        } else if (value - *extreme).abs() >= EDGE {
            turns.push((place, value));
            rising = !rising;
        }
    }
    let halves: Vec<usize> = turns
        .windows(2)
        .map(|pair| match pair {
            [(from, _), (to, _)] => to - from,
            _ => 0,
        })
        .collect();
    let alike = |a: usize, b: usize| a.max(b) as f64 <= 1.8 * a.min(b).max(1) as f64;
    let (mut within, mut run): (usize, Vec<usize>) = (0, Vec::new());
    let mut close = |run: &mut Vec<usize>| {
        if run.len() > HALVES {
            within += run.iter().sum::<usize>();
        }
        run.clear();
    };
    for half in halves {
        if run.last().is_some_and(|last| !alike(*last, half)) {
            close(&mut run);
        }
        run.push(half);
    }
    close(&mut run);
    within
}

#[cfg(test)]
mod tests {
    use super::*;

    fn painted(luma: impl Fn(usize, usize) -> f32) -> Small {
        (0..ACROSS * DOWN)
            .map(|index| luma(index % ACROSS, index / ACROSS))
            .collect()
    }

    #[test]
    fn a_picture_is_like_itself_and_unlike_its_mirror_image() {
        let hills = |x: usize, y: usize| {
            if (y as f32) > 40.0 + 20.0 * (x as f32 * 0.07).sin() {
                60.0
            } else {
                200.0
            }
        };
        let (one, other) = (painted(hills), painted(|x, y| hills(x, DOWN - 1 - y)));
        assert!((similarity(&one, &one) - 1.0).abs() < 1e-9);
        assert!(similarity(&one, &other) < 0.6);
        assert_eq!(histogram_distance(&one, &one), 0.0);
    }

    #[test]
    fn stripes_are_found_in_any_direction_and_a_few_bars_are_none() {
        let wave = |place: usize| {
            if (place / 4).is_multiple_of(2) {
                40.0
            } else {
                210.0
            }
        };
        for stripes in [
            painted(|x, _| wave(x)),
            painted(|_, y| wave(y)),
            painted(|x, y| wave(x + y)),
            painted(|x, y| wave(x + DOWN - y)),
        ] {
            assert!(striped(&stripes) > 0.5, "{}", striped(&stripes));
        }
        assert_eq!(
            striped(&painted(|x, _| if (x / 32).is_multiple_of(2) {
                40.0
            } else {
                210.0
            })),
            0.0
        );
        assert_eq!(striped(&painted(|x, _| 100.0 + x as f32 * 0.5)), 0.0);
    }
}
