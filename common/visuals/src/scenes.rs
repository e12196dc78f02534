//! The scenes: what is drawn. Each gives light at half size, and may draw over the finished luma (at
//! full size) and chroma (at half size) where an edge has to be crisp.

mod aurora;
mod bauhaus;
mod ink;
mod nebula;
mod neon_city;
mod patches;
mod ridge;
mod ridges;
mod shapes;
mod stars;
mod towers;

use fearless_simd::prelude::*;
use model::look::{SceneKind, SceneParameters};

use crate::finish::Finish;
use crate::motion::{Clip, Moment};
use crate::plane::{Canvas, Plane};

/// One of the scenes, with what it prepared.
#[derive(Debug)]
pub(crate) enum Scene {
    Nebula(nebula::Nebula),
    Ink(ink::Ink),
    Bauhaus(bauhaus::Bauhaus),
    NeonCity(neon_city::NeonCity),
    Aurora(aurora::Aurora),
    Ridges(ridges::Ridges),
}

impl Scene {
    pub(crate) fn new(parameters: &SceneParameters, clip: &Clip, size: Size) -> Self {
        match parameters.scene {
            SceneKind::Ink => Self::Ink(ink::Ink::new(parameters, clip, size)),
            SceneKind::Bauhaus => Self::Bauhaus(bauhaus::Bauhaus::new(parameters, clip, size)),
            SceneKind::Ridges => Self::Ridges(ridges::Ridges::new(parameters, clip, size)),
            SceneKind::Aurora => Self::Aurora(aurora::Aurora::new(parameters, clip, size)),
            SceneKind::NeonCity => Self::NeonCity(neon_city::NeonCity::new(parameters, clip, size)),
            SceneKind::Nebula => Self::Nebula(nebula::Nebula::new(parameters, clip, size)),
        }
    }

    /// Everything that is the same over a frame.
    pub(crate) fn prepare(&mut self, moment: &Moment) -> Finish {
        match self {
            Self::Nebula(scene) => scene.prepare(moment),
            Self::Ink(scene) => scene.prepare(moment),
            Self::Bauhaus(scene) => scene.prepare(moment),
            Self::Ridges(scene) => scene.prepare(moment),
            Self::NeonCity(scene) => scene.prepare(moment),
            Self::Aurora(scene) => scene.prepare(moment),
        }
    }

    /// The light of the frame.
    #[inline(always)]
    pub(crate) fn light<S: Simd>(&self, simd: S, canvas: &mut Canvas) {
        match self {
            Self::Nebula(scene) => scene.light(simd, canvas),
            Self::Ink(scene) => scene.light(simd, canvas),
            Self::Ridges(scene) => scene.light(simd, canvas),
            Self::NeonCity(scene) => scene.light(simd, canvas),
            Self::Aurora(scene) => scene.light(simd, canvas),
            Self::Bauhaus(_) => {}
        }
    }

    /// Draws over the colour differences of the developed frame, `[_, u, v]` at half size.
    #[inline(always)]
    pub(crate) fn chroma<S: Simd>(&self, simd: S, yuv: &mut [Plane; 3]) {
        match self {
            Self::Bauhaus(scene) => scene.chroma(simd, yuv),
            Self::Ridges(scene) => scene.chroma(simd, yuv),
            Self::Aurora(scene) => scene.chroma(simd, yuv),
            Self::Nebula(_) | Self::Ink(_) | Self::NeonCity(_) => {}
        }
    }

    /// Draws over one row of luma at full size, 0–1.
    #[inline(always)]
    pub(crate) fn luma_row<S: Simd>(&self, simd: S, y: usize, row: &mut [f32]) {
        match self {
            Self::Nebula(scene) => scene.stars.luma_row(y, row),
            Self::Bauhaus(scene) => scene.luma_row(simd, y, row),
            Self::Ridges(scene) => scene.luma_row(simd, y, row),
            Self::Aurora(scene) => scene.luma_row(simd, y, row),
            Self::Ink(_) | Self::NeonCity(_) => {}
        }
    }
}

/// The picture in pixels of full size, and the scale between them and the plane that scenes think in:
/// half a picture height is 1, the middle is (0, 0), x goes right and y down.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Size {
    /// Pixels at half size to units.
    pub(crate) fn half_pixel(self) -> f32 {
        4.0 / self.height as f32
    }

    /// Half the picture's width in units.
    pub(crate) fn aspect(self) -> f32 {
        self.width as f32 / self.height as f32
    }

    /// The unit coordinate of the middle of column `x` at half size.
    pub(crate) fn x(self, x: f32) -> f32 {
        (x + 0.5) * self.half_pixel() - self.aspect()
    }

    /// The unit coordinate of the middle of row `y` at half size.
    pub(crate) fn y(self, y: f32) -> f32 {
        (y + 0.5) * self.half_pixel() - 1.0
    }
}
