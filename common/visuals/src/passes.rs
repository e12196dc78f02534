//! The passes over a frame, for every scene alike: its light, the developed picture at half size, and bytes.
//!
//! A scene's kernels are methods here and not closures: the compiler keeps a method beside its scene, and
//! would keep all closures together. What is the same for all scenes is compiled once, in [`crate::finish`].

use fearless_simd::Level;

use crate::bands::{Band, side_by_side};
use crate::bloom::Bloom;
use crate::finish::{Finish, Finisher};
use crate::level::on_this_cpu;
use crate::motifs::Motifs;
use crate::motion::Moment;
use crate::picture::Picture;
use crate::plane::{Canvas, Field};
use crate::scenes::Draw;

/// Who draws: the instructions that are used, and the number of threads.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crew {
    pub(crate) level: Level,
    pub(crate) threads: usize,
}

/// A [`Draw`] whose kind is not known: what a renderer asks of a scene.
pub(crate) trait Passes: std::fmt::Debug + Send + Sync {
    /// Whether [`Draw::FIELD`] is set.
    fn has_field(&self) -> bool;

    /// Everything that is the same over a frame.
    fn prepare(&mut self, moment: &Moment) -> Finish;

    /// The light of the frame.
    fn light(&mut self, crew: Crew, canvas: &mut Canvas);

    /// From light to Y′ and colour differences at half size, with what the scene paints there.
    fn develop(&self, crew: Crew, light: (&Canvas, &Bloom), finish: (&Finish, &mut Finisher));

    /// To bytes: chroma as it is, luma at full size with all that is drawn there.
    fn paint(
        &self,
        crew: Crew,
        above: (&Field, &Motifs),
        finish: (&Finish, &mut Finisher),
        picture: &mut Picture,
    );
}

impl<D: Kernels + std::fmt::Debug + Send + Sync> Passes for D {
    fn has_field(&self) -> bool {
        D::FIELD
    }

    fn prepare(&mut self, moment: &Moment) -> Finish {
        Draw::prepare(self, moment)
    }

    fn light(&mut self, crew: Crew, canvas: &mut Canvas) {
        let scene = &*self;
        if let Some(plane) = canvas.field.plane_mut() {
            let stride = plane.stride;
            let bands = Band::split([plane.data.as_mut_slice()], stride, crew.threads);
            side_by_side(bands, |band| scene.field_band(crew.level, band));
        }
        let (stride, field) = (canvas.rgb[0].stride, &canvas.field);
        let planes = canvas.rgb.each_mut();
        let planes = planes.map(|plane| plane.data.as_mut_slice());
        let bands = Band::split(planes, stride, crew.threads);
        side_by_side(bands, |band| scene.light_band(crew.level, field, band));
        self.rest(crew.level, canvas);
    }

    fn develop(
        &self,
        crew: Crew,
        light: (&Canvas, &Bloom),
        (finish, finisher): (&Finish, &mut Finisher),
    ) {
        let stride = light.0.rgb[0].stride;
        let planes = finisher.yuv.each_mut();
        let planes = planes.map(|plane| plane.data.as_mut_slice());
        let bands = Band::split(planes, stride, crew.threads);
        let parts = bands.into_iter().zip(&mut finisher.scratch).collect();
        let (level, field) = (crew.level, &light.0.field);
        side_by_side(parts, |(mut band, scratch)| {
            for index in 0..band.len() {
                let y = band.first + index;
                if !finish.flat {
                    scratch.develop_at(level, (light.0, light.1, finish), y, band.row(index));
                }
                let [_, u, v] = band.row(index);
                self.chroma_at(level, field, y, [u, v]);
            }
        });
    }

    fn paint(
        &self,
        crew: Crew,
        above: (&Field, &Motifs),
        (finish, finisher): (&Finish, &mut Finisher),
        picture: &mut Picture,
    ) {
        let width = picture.size().width as usize;
        let yuv = &finisher.yuv;
        let (luma, u, v) = picture.planes_mut();
        let chroma = Band::split([u, v], width / 2, crew.threads);
        // Two rows of luma for each of chroma, so that the bands agree.
        let luma = Band::split([luma], width * 2, crew.threads);
        let scratch = finisher.scratch.iter_mut();
        let parts = luma.into_iter().zip(chroma).zip(scratch).collect();
        let (level, (field, motifs)) = (crew.level, above);
        side_by_side(parts, |((mut luma, chroma), scratch)| {
            scratch.chroma_band(level, (yuv, finish), chroma);
            for index in 0..luma.len() {
                let first = (luma.first + index) * 2;
                let [pair] = luma.row(index);
                for (below, row) in pair.chunks_exact_mut(width).enumerate() {
                    let y = first + below;
                    if !finish.flat {
                        scratch.enlarge_at(level, &yuv[0], y);
                    }
                    self.luma_at(level, field, y, &mut scratch.luma);
                    motifs.luma_row(y, &mut scratch.luma[..width]);
                    scratch.luma_at(level, finish, y, row);
                }
            }
        });
    }
}

/// The kernels of a scene, compiled for each level.
trait Kernels: Draw + Sized {
    fn field_band(&self, level: Level, mut band: Band<'_, f32, 1>) {
        on_this_cpu!(level, simd => for index in 0..band.len() {
            let y = (band.first + index) as f32 - 1.0;
            let [row] = band.row(index);
            self.field_row(simd, y, row);
        });
    }

    fn light_band(&self, level: Level, field: &Field, mut band: Band<'_, f32, 3>) {
        on_this_cpu!(level, simd => for index in 0..band.len() {
            let y = band.first + index;
            self.light_row(simd, field, y, band.row(index));
        });
    }

    fn rest(&mut self, level: Level, canvas: &mut Canvas) {
        on_this_cpu!(level, simd => self.light_rest(simd, canvas));
    }

    fn chroma_at(&self, level: Level, field: &Field, y: usize, uv: [&mut [f32]; 2]) {
        on_this_cpu!(level, simd => self.chroma_row(simd, field, y, uv));
    }

    fn luma_at(&self, level: Level, field: &Field, y: usize, row: &mut [f32]) {
        on_this_cpu!(level, simd => self.luma_row(simd, field, y, row));
    }
}

impl<D: Draw> Kernels for D {}
