//! The shapes of the tiles, as distances.

use std::f32::consts::FRAC_1_SQRT_2;

use fearless_simd::prelude::*;

use crate::lanes::F;

/// The shapes. Coordinates within a tile go from -1 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Quarter,
    Arc,
    Target,
    Halves,
    Triangle,
    Stripes,
    Leaf,
    Corners,
    Rainbow,
    Bow,
}

/// What tiles show; what stands here twice is seen twice as often.
pub(crate) const SHAPES: [Shape; 14] = [
    Shape::Quarter,
    Shape::Arc,
    Shape::Target,
    Shape::Halves,
    Shape::Triangle,
    Shape::Stripes,
    Shape::Leaf,
    Shape::Corners,
    Shape::Rainbow,
    Shape::Bow,
    Shape::Quarter,
    Shape::Arc,
    Shape::Leaf,
    Shape::Triangle,
];

/// How deep a point lies within the shape, and within the shape inside it, in tile units.
#[inline(always)]
pub(crate) fn distances<S: Simd>(shape: Shape, u: F<S>, v: F<S>, swell: f32) -> (F<S>, F<S>) {
    let corner = ((u + 1.0) * (u + 1.0) + (v + 1.0) * (v + 1.0)).sqrt();
    let far = ((u - 1.0) * (u - 1.0) + (v - 1.0) * (v - 1.0)).sqrt();
    let middle = (u * u + v * v).sqrt();
    match shape {
        Shape::Quarter => (corner * -1.0 + 2.0, corner * -1.0 + swell),
        Shape::Arc => (
            ((corner - 1.5).abs() * -1.0 + 0.5).max(corner * -1.0 - 9.0),
            corner * -1.0 + 0.5 * swell,
        ),
        Shape::Target => (middle * -1.0 + 0.8 * swell, middle * -1.0 + 0.4 * swell),
        Shape::Halves => {
            let (a, b) = (u * u + (v + 1.0) * (v + 1.0), u * u + (v - 1.0) * (v - 1.0));
            (a.sqrt() * -1.0 + 1.0, b.sqrt() * -1.0 + 1.0)
        }
        Shape::Triangle => ((u + v) * -FRAC_1_SQRT_2, middle * -1.0 - 9.0),
        Shape::Stripes => {
            let wave = (u * 1.5 + 0.25).fract_floor().abs() * (-1.0 / 1.5) + (0.25 / 1.5);
            (wave, middle * -1.0 - 9.0)
        }
        Shape::Leaf => (
            (corner * -1.0 + 2.0).min(far * -1.0 + 2.0),
            middle * -1.0 + 0.3 * swell,
        ),
        Shape::Corners => {
            let (a, b) = (u.abs() - 1.0, v.abs() - 1.0);
            (
                (a * a + b * b).sqrt() * -1.0 + 0.86,
                middle * -1.0 + 0.22 * swell,
            )
        }
        Shape::Rainbow => {
            let ring = ((corner - 1.0).abs() - 0.5).abs() * -1.0 + 0.25;
            (ring, corner * -1.0 + 0.25)
        }
        Shape::Bow => {
            let (a, b) = (u.abs() - v.abs(), middle * -1.0 + 0.32 * swell);
            (a * FRAC_1_SQRT_2, b)
        }
    }
}

/// Distance to the nearest whole number, with sign.
trait FractFloor {
    fn fract_floor(self) -> Self;
}

impl<S: Simd> FractFloor for F<S> {
    #[inline(always)]
    fn fract_floor(self) -> Self {
        self - (self + 0.5).floor()
    }
}
