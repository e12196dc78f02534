//! Colours of frames, and how far they are from a palette.

use visuals::Picture;

/// A colour in `OKLab`: lightness, and the two opponent axes.
pub(super) type Lab = [f64; 3];

/// Some hundred pixels of a picture, evenly spread.
pub(super) fn colours(picture: &Picture) -> Vec<Lab> {
    const WANTED: usize = 800;
    let rgb = picture.to_rgb();
    // An odd step walks through the columns instead of down a few of them.
    let step = (rgb.len() / 3 / WANTED).max(1) | 1;
    let pixels = rgb.chunks_exact(3).step_by(step);
    pixels
        .map(|pixel| {
            oklab(std::array::from_fn(|channel| {
                f64::from(pixel.get(channel).copied().unwrap_or(0)) / 255.0
            }))
        })
        .collect()
}

/// `OKLab` of sRGB in 0–1: B. Ottosson, "A perceptual color space for image processing", 2020.
pub(super) fn oklab(rgb: [f64; 3]) -> Lab {
    let linear = |v: f64| {
        if v <= 0.04045 {
            v / 12.92
        } else {
            ((v + 0.055) / 1.055).powf(2.4)
        }
    };
    let [r, g, b] = rgb.map(linear);
    let l = (0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b).cbrt();
    let m = (0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b).cbrt();
    let s = (0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b).cbrt();
    [
        0.210_454_255_3 * l + 0.793_617_785 * m - 0.004_072_046_8 * s,
        1.977_998_495_1 * l - 2.428_592_205 * m + 0.450_593_709_9 * s,
        0.025_904_037_1 * l + 0.782_771_766_2 * m - 0.808_675_766 * s,
    ]
}

/// How far a frame's colours lie from a palette: of its six main ones (k-means), each by its share of the
/// frame, the distance in `OKLab` to the nearest mixture of two colours of the palette, black or white.
pub(super) fn from_palette(pixels: &[Lab], palette: &[Lab]) -> f64 {
    let mut anchors = palette.to_vec();
    anchors.extend(GREYS);
    let clusters = main_colours(pixels);
    let total: usize = clusters.iter().map(|(_, count)| count).sum();
    let sum: f64 = clusters
        .iter()
        .map(|(colour, count)| nearest(*colour, &anchors) * *count as f64)
        .sum();
    sum / total.max(1) as f64
}

/// Six clusters by k-means: their middles and how many pixels each has. Begins with pixels at even steps
/// of lightness, so that the same frame gives the same clusters.
fn main_colours(pixels: &[Lab]) -> Vec<(Lab, usize)> {
    const CLUSTERS: usize = 6;
    const ROUNDS: usize = 8;
    let mut sorted = pixels.to_vec();
    sorted.sort_by(|a, b| a[0].total_cmp(&b[0]));
    let seed = |index: usize| {
        sorted
            .get((2 * index + 1) * sorted.len() / (2 * CLUSTERS))
            .copied()
    };
    let mut middles: Vec<Lab> = (0..CLUSTERS).filter_map(seed).collect();
    let mut counts = vec![0; middles.len()];
    for _ in 0..ROUNDS {
        let mut sums = vec![([0.0; 3], 0); middles.len()];
        for pixel in pixels {
            let nearest = middles
                .iter()
                .enumerate()
                .min_by(|(_, a), (_, b)| square(*pixel, **a).total_cmp(&square(*pixel, **b)));
            let Some((sum, count)) = nearest.and_then(|(index, _)| sums.get_mut(index)) else {
                continue;
            };
            for (sum, value) in sum.iter_mut().zip(pixel) {
                *sum += value;
            }
            *count += 1;
        }
        for ((middle, held), (sum, count)) in middles.iter_mut().zip(&mut counts).zip(sums) {
            *held = count;
            if count > 0 {
                *middle = sum.map(|value| value / f64::from(count));
            }
        }
    }
    middles
        .into_iter()
        .zip(counts.into_iter().map(|count| count as usize))
        .collect()
}

/// The share of pixels that show the accent: of the mixture of two colours that is nearest to them it is a
/// third or more. `anchors` are the palette's other colours, black and white not among them.
pub(super) fn accent_share(pixels: &[Lab], anchors: &[Lab], accent: Lab) -> f64 {
    const A_THIRD: f64 = 1.0 / 3.0;
    let mut others = anchors.to_vec();
    others.extend(GREYS);
    let shows = |pixel: &&Lab| {
        let with = others
            .iter()
            .map(|other| to_line(**pixel, *other, accent))
            .min_by(|a, b| a.distance.total_cmp(&b.distance));
        let without = nearest(**pixel, &others);
        with.is_some_and(|with| with.distance < without && with.along >= A_THIRD)
    };
    pixels.iter().filter(shows).count() as f64 / pixels.len().max(1) as f64
}

/// Black and white: with them every colour has its shades and tints.
const GREYS: [Lab; 2] = [[0.0; 3], [1.0, 0.0, 0.0]];

/// The distance to the nearest mixture of two of `anchors`.
fn nearest(at: Lab, anchors: &[Lab]) -> f64 {
    let each = anchors.iter().enumerate();
    let pairs = each.flat_map(|(index, a)| anchors.iter().skip(index).map(move |b| (*a, *b)));
    pairs
        .map(|(a, b)| to_line(at, a, b).distance)
        .fold(f64::INFINITY, f64::min)
}

fn square(a: Lab, b: Lab) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// Where a colour lies beside the line from one to another.
struct Beside {
    distance: f64,
    /// 0 at the one, 1 at the other.
    along: f64,
}

fn to_line(at: Lab, a: Lab, b: Lab) -> Beside {
    let minus = |x: Lab, y: Lab| [x[0] - y[0], x[1] - y[1], x[2] - y[2]];
    let dot = |x: Lab, y: Lab| x[0] * y[0] + x[1] * y[1] + x[2] * y[2];
    let (line, to) = (minus(b, a), minus(at, a));
    let along = (dot(to, line) / dot(line, line).max(1e-12)).clamp(0.0, 1.0);
    Beside {
        distance: square(to, line.map(|value| value * along)).sqrt(),
        along,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NIGHT: [f64; 3] = [0.05, 0.06, 0.2];
    const ORANGE: [f64; 3] = [0.95, 0.6, 0.3];

    #[test]
    fn a_mixture_of_the_palette_is_near_and_another_hue_is_not() {
        let palette = [NIGHT, ORANGE].map(oklab);
        let within = [oklab(ORANGE), [0.0; 3], [1.0, 0.0, 0.0]];
        assert!(from_palette(&within, &palette) < 1e-6);
        assert!(from_palette(&[oklab([0.1, 0.9, 0.2])], &palette) > 0.1);
    }

    #[test]
    fn the_accent_is_told_from_what_holds_little_of_it() {
        let [night, orange] = [NIGHT, ORANGE].map(oklab);
        let mixed = |share: f64| std::array::from_fn(|i| night[i] + (orange[i] - night[i]) * share);
        let grey = oklab([0.5; 3]);
        let share = accent_share(
            &[orange, mixed(0.5), mixed(0.2), grey, night],
            &[night],
            orange,
        );
        assert!((share - 0.4).abs() < 1e-9, "{share}");
    }

    #[test]
    fn clusters_hold_every_pixel_and_few_colours_give_few() {
        let pixels: Vec<Lab> = (0..60)
            .map(|index| {
                if index < 20 {
                    oklab(NIGHT)
                } else {
                    oklab(ORANGE)
                }
            })
            .collect();
        let clusters = main_colours(&pixels);
        assert_eq!(clusters.iter().map(|(_, count)| count).sum::<usize>(), 60);
        let orange = clusters
            .iter()
            .filter(|(at, _)| square(*at, oklab(ORANGE)) < 1e-9);
        assert_eq!(orange.map(|(_, count)| count).sum::<usize>(), 40);
    }
}
