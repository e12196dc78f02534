//! The scenes: what is drawn. Each gives light at half size, and may draw over the finished luma (at
//! full size) and chroma (at half size) where an edge has to be crisp.

#![expect(
    clippy::too_many_lines,
    reason = "a scene's constructor is the list of its numbers, and a pixel kernel one formula"
)]

mod aurora;
mod bauhaus;
mod chrome;
mod clouds;
mod constellation;
mod contours;
mod dunes;
mod forest;
mod halftone;
mod ink;
mod nebula;
mod neon_city;
mod ocean;
mod patches;
mod rain;
mod ridge;
mod ridges;
mod shapes;
mod silk;
mod stars;
mod towers;
mod tunnel;

use fearless_simd::prelude::*;
use model::look::{SceneKind, SceneParameters};

use crate::finish::Finish;
use crate::motion::{Clip, Moment};
use crate::passes::Passes;
use crate::plane::{Canvas, Field};

/// What a scene can do. Rows do not depend on each other, so that bands of them may be drawn side by
/// side; what cannot be told by rows alone comes in [`Draw::light_rest`].
pub(crate) trait Draw {
    /// Everything that is the same over a frame.
    fn prepare(&mut self, moment: &Moment) -> Finish;

    /// Whether the scene thinks in a field of heights, given by [`Draw::field_row`] at half size.
    const FIELD: bool = false;

    /// A row of the field; its first column is `-Field::MARGIN`.
    #[inline(always)]
    fn field_row<S: Simd>(&self, _simd: S, _y: f32, _row: &mut [f32]) {}

    /// A row of the light of the frame, at half size.
    #[inline(always)]
    fn light_row<S: Simd>(&self, _simd: S, _field: &Field, _y: usize, _rgb: [&mut [f32]; 3]) {}

    /// What follows once all rows of light are there: reflections, lenses.
    #[inline(always)]
    fn light_rest<S: Simd>(&mut self, _simd: S, _canvas: &mut Canvas) {}

    /// Draws over a row of the colour differences of the developed frame, `[u, v]` at half size.
    #[inline(always)]
    fn chroma_row<S: Simd>(&self, _simd: S, _field: &Field, _y: usize, _uv: [&mut [f32]; 2]) {}

    /// Draws over one row of luma at full size, 0–1.
    #[inline(always)]
    fn luma_row<S: Simd>(&self, _simd: S, _field: &Field, _y: usize, _row: &mut [f32]) {}
}

/// Declares the scenes: for each its kind, which is also the name of its type, and its module.
macro_rules! scenes {
    ($($kind:ident in $module:ident),* $(,)?) => {
        /// The scene that is asked for. Which it is, is asked once a pass and not inside of it: so each
        /// scene's kernels are functions of their own, which compile side by side and not again when
        /// another scene changes.
        pub(crate) fn scene(parameters: &SceneParameters, clip: &Clip, size: Size) -> Box<dyn Passes> {
            match parameters.scene {
                $(SceneKind::$kind => Box::new($module::$kind::new(parameters, clip, size)),)*
            }
        }
    };
}

scenes! {
    Nebula in nebula,
    Ridges in ridges,
    NeonCity in neon_city,
    Bauhaus in bauhaus,
    Aurora in aurora,
    Ink in ink,
    Ocean in ocean,
    Silk in silk,
    Halftone in halftone,
    Clouds in clouds,
    Rain in rain,
    Contours in contours,
    Dunes in dunes,
    Tunnel in tunnel,
    Forest in forest,
    Chrome in chrome,
    Constellation in constellation,
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
