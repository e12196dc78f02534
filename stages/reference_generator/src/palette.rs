//! The main colours of a picture: what models are told, and what the film's palette came out as.

use model::look::Srgb;
use model::reference::Swatch;

/// Colours that are told at most.
const MOST: usize = 5;
/// Pixels that are looked at, about: every n-th of the picture.
const LOOKED_AT: usize = 20_000;
/// Bits of each channel by which pixels are gathered before they are clustered.
const BITS: u32 = 5;
const ROUNDS: usize = 12;
/// Clusters closer than this in `OKLab` are one colour to the eye.
const ALIKE: f32 = 0.045;

type Lab = [f32; 3];

/// Pixels that are nearly the same.
#[derive(Debug, Clone, Copy)]
struct Heap {
    colour: Lab,
    count: f32,
}

/// The main colours of rows of RGB, the largest first; shares add up to 1. None for no pixels.
///
/// k-means in `OKLab`. It begins with the largest heap of pixels and then takes, again and again, the one
/// that is largest and farthest from all that were taken, so that a small accent is found and the same
/// picture always gives the same colours.
pub(crate) fn main_colours(rgb: &[u8]) -> Vec<Swatch> {
    let heaps = heaps(rgb);
    let total: f32 = heaps.iter().map(|heap| heap.count).sum();
    let mut clusters = begin(&heaps);
    for _ in 0..ROUNDS {
        clusters = moved(&clusters, &heaps);
    }
    let clusters = without_doubles(clusters);
    let mut swatches: Vec<Swatch> = clusters
        .iter()
        .map(|cluster| Swatch {
            colour: visuals::srgb(cluster.colour),
            share: f64::from((cluster.count / total * 1000.0).round()) / 1000.0,
        })
        .filter(|swatch| swatch.share > 0.0)
        .collect();
    swatches.sort_by(|a, b| b.share.total_cmp(&a.share));
    swatches
}

/// Pixels gathered by their upper bits, each heap with the mean of its own.
fn heaps(rgb: &[u8]) -> Vec<Heap> {
    // An odd step walks through the columns instead of down a few of them.
    let step = (rgb.len() / 3 / LOOKED_AT).max(1) | 1;
    let mut gathered = vec![([0_u32; 3], 0_u32); 1 << (3 * BITS)];
    let (pixels, _) = rgb.as_chunks::<3>();
    for pixel in pixels.iter().step_by(step) {
        let index = pixel.iter().fold(0, |index, value| {
            index << BITS | usize::from(value >> (8 - BITS))
        });
        if let Some((sum, count)) = gathered.get_mut(index) {
            for (sum, value) in sum.iter_mut().zip(pixel) {
                *sum += u32::from(*value);
            }
            *count += 1;
        }
    }
    let filled = gathered.into_iter().filter(|(_, count)| *count > 0);
    filled
        .map(|(sum, count)| Heap {
            colour: visuals::oklab(Srgb(sum.map(|sum| ((sum + count / 2) / count) as u8))),
            count: count as f32,
        })
        .collect()
}

fn begin(heaps: &[Heap]) -> Vec<Heap> {
    let mut clusters: Vec<Heap> = Vec::with_capacity(MOST);
    while clusters.len() < MOST {
        let worth = |heap: &Heap| {
            let nearest = clusters
                .iter()
                .map(|taken| square(heap.colour, taken.colour));
            heap.count.sqrt() * nearest.fold(4.0, f32::min)
        };
        let best = heaps.iter().max_by(|a, b| worth(a).total_cmp(&worth(b)));
        match best {
            Some(heap) if worth(heap) > 0.0 => clusters.push(*heap),
            _ => break,
        }
    }
    clusters
}

/// Each cluster at the mean of the heaps that are nearest to it; those without any are gone.
fn moved(clusters: &[Heap], heaps: &[Heap]) -> Vec<Heap> {
    let mut sums = vec![([0.0_f32; 3], 0.0_f32); clusters.len()];
    for heap in heaps {
        let distances = clusters
            .iter()
            .map(|cluster| square(heap.colour, cluster.colour));
        let nearest = distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((sum, count)) = nearest.and_then(|(index, _)| sums.get_mut(index)) {
            for (sum, value) in sum.iter_mut().zip(heap.colour) {
                *sum += value * heap.count;
            }
            *count += heap.count;
        }
    }
    let filled = sums.into_iter().filter(|(_, count)| *count > 0.0);
    filled
        .map(|(sum, count)| Heap {
            colour: sum.map(|sum| sum / count),
            count,
        })
        .collect()
}

/// Clusters that look alike become one, the smaller part of the larger.
fn without_doubles(mut clusters: Vec<Heap>) -> Vec<Heap> {
    clusters.sort_by(|a, b| b.count.total_cmp(&a.count));
    let mut kept: Vec<Heap> = Vec::with_capacity(clusters.len());
    for cluster in clusters {
        let like = kept
            .iter_mut()
            .find(|other| square(other.colour, cluster.colour) < ALIKE * ALIKE);
        match like {
            Some(other) => other.count += cluster.count,
            None => kept.push(cluster),
        }
    }
    kept
}

fn square(a: Lab, b: Lab) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use model::FrameRate;
    use model::format::{FrameSize, VideoFormat};
    use model::look::{CameraMove, Palette, SceneKind, SceneParameters, Texture, Variant};
    use model::music::MusicAt;
    use visuals::{Picture, Renderer};

    use super::*;

    #[test]
    fn the_colours_of_a_poster_are_found_with_their_shares() {
        let mut rgb = Vec::new();
        for index in 0..10_000 {
            rgb.extend(match index % 20 {
                0 => [230_u8, 57, 70],
                1..=7 => [241, 250, 238],
                _ => [29, 53, 87],
            });
        }
        let swatches = main_colours(&rgb);
        let found: Vec<(Srgb, f64)> = swatches
            .iter()
            .map(|swatch| (swatch.colour, swatch.share))
            .collect();
        let expected = [
            (Srgb([29, 53, 87]), 0.6),
            (Srgb([241, 250, 238]), 0.35),
            (Srgb([230, 57, 70]), 0.05),
        ];
        assert_eq!(found.len(), 3);
        for ((colour, share), (expected, expected_share)) in found.iter().zip(expected) {
            assert!(
                square(visuals::oklab(*colour), visuals::oklab(expected)) < 1e-5,
                "{colour:?}"
            );
            assert!((share - expected_share).abs() < 0.01, "{share}");
        }
        assert_eq!(main_colours(&[]), []);
    }

    /// The distance in `OKLab` to the nearest mixture of two of the palette's colours, black or white.
    fn from_palette(colour: Lab, palette: &Palette) -> f32 {
        let Palette {
            deep,
            shade,
            tone,
            light,
            accent,
        } = *palette;
        let mut anchors: Vec<Lab> = [deep, shade, tone, light, accent]
            .map(visuals::oklab)
            .to_vec();
        anchors.extend([[0.0; 3], [1.0, 0.0, 0.0]]);
        let mut nearest = f32::INFINITY;
        for a in &anchors {
            for b in &anchors {
                for step in 0..=20 {
                    let t = step as f32 / 20.0;
                    let mixed = std::array::from_fn(|at| a[at] + (b[at] - a[at]) * t);
                    nearest = nearest.min(square(colour, mixed));
                }
            }
        }
        nearest.sqrt()
    }

    #[test]
    fn what_a_scene_shows_agrees_with_the_palette_that_it_was_given() {
        let palettes = [
            [
                [8, 10, 26],
                [40, 40, 90],
                [140, 90, 160],
                [240, 210, 200],
                [255, 120, 60],
            ],
            [
                [6, 26, 32],
                [15, 76, 92],
                [47, 163, 154],
                [217, 242, 225],
                [242, 177, 52],
            ],
        ];
        for colours in palettes {
            let [deep, shade, tone, light, accent] = colours.map(Srgb);
            let palette = Palette {
                deep,
                shade,
                tone,
                light,
                accent,
            };
            for scene in SceneKind::ALL {
                let swatches = main_colours(&drawn(scene, palette));
                let apart: f64 = swatches
                    .iter()
                    .map(|swatch| {
                        let distance = from_palette(visuals::oklab(swatch.colour), &palette);
                        f64::from(distance) * swatch.share
                    })
                    .sum();
                // What `beatreel check` allows a film.
                assert!(
                    apart <= 0.06,
                    "{scene}: {apart:.3} from its palette, {swatches:?}"
                );
                assert!(swatches.len() >= 2, "{scene}: {swatches:?}");
            }
        }
    }

    fn drawn(scene: SceneKind, palette: Palette) -> Vec<u8> {
        let size = FrameSize {
            width: 320,
            height: 180,
        };
        let rate = FrameRate::FPS_30;
        let parameters = SceneParameters {
            scene,
            seed: 5,
            variant: Variant::Full,
            motifs: [None; 2],
            texture: Texture::Clean,
            palette,
            camera: CameraMove::PushIn,
            intensity: 0.6,
            reactivity: 0.8,
        };
        let mut renderer = Renderer::new(&parameters, VideoFormat { size, rate }, 100, 60);
        let mut picture = Picture::new(size);
        let music = MusicAt {
            energy: 0.8,
            bass: 0.6,
            ..MusicAt::default()
        };
        for frame in 0..4 {
            renderer.render(frame, &music, &mut picture);
        }
        picture.to_rgb()
    }
}
