//! The renderer: one clip, frame by frame.

use fearless_simd::Level;
use model::format::VideoFormat;
use model::look::{SceneParameters, Texture};
use model::music::MusicAt;

use crate::bands::{Band, side_by_side};
use crate::bloom::Bloom;
use crate::finish::{Finish, Finisher};
use crate::flashes::Limiter;
use crate::level::on_this_cpu;
use crate::motifs::Motifs;
use crate::motion::{Clip, Follower};
use crate::picture::Picture;
use crate::plane::{Canvas, Field};
use crate::scenes::{Draw, Scene, Size};

/// Draws one clip.
///
/// The same parameters, format, first frame, music and order of frames give the same bytes on every
/// machine, at every SIMD level and on any number of threads. Frames are meant to be drawn in order from 0: motion that depends
/// on what was heard (beats counted, levels smoothed) follows the music from frame to frame; a jump
/// starts it afresh. Nothing else is carried over, so a clip needs no run-up.
///
/// Accents that would flash are damped as they come: see [`crate::Flashes`].
///
/// It works on the calling thread alone unless told otherwise, and holds about 9 bytes a pixel: 19 MB at
/// 1080p.
#[derive(Debug)]
pub struct Renderer {
    level: Level,
    clip: Clip,
    texture: Texture,
    threads: usize,
    follower: Follower,
    limiter: Limiter,
    scene: Scene,
    motifs: Motifs,
    canvas: Canvas,
    bloom: Bloom,
    finisher: Finisher,
    picture: Picture,
}

impl Renderer {
    /// For the clip that begins with the film's frame `first_frame` and has `frames` frames.
    pub fn new(
        parameters: &SceneParameters,
        format: VideoFormat,
        first_frame: u64,
        frames: u32,
    ) -> Self {
        let picture = Picture::new(format.size);
        let size = Size {
            width: picture.size().width as usize,
            height: picture.size().height as usize,
        };
        let clip = Clip::new(parameters, 1.0 / format.rate.fps(), first_frame, frames);
        let mut canvas = Canvas::new(size.width / 2, size.height / 2);
        let scene = Scene::new(parameters, &clip, size);
        if scene.has_field() {
            canvas.field = Field::new(canvas.width(), canvas.height());
        }
        Self {
            level: Level::new(),
            threads: 1,
            limiter: Limiter::new(format.rate.fps()),
            scene,
            motifs: Motifs::new(parameters, size),
            follower: Follower::new(),
            bloom: Bloom::new(&canvas),
            finisher: Finisher::new(&canvas, 1),
            clip,
            texture: parameters.texture,
            canvas,
            picture,
        }
    }

    /// The levels that this machine's CPU has and kernels are compiled for, to compare them.
    pub fn levels() -> Vec<Level> {
        let best = Level::new();
        let mut levels = vec![best];
        #[cfg(target_arch = "x86_64")]
        levels.extend(best.as_avx2().map(Level::Avx2));
        levels.push(Level::baseline());
        levels
    }

    /// The same, bound to a SIMD level.
    #[must_use]
    pub fn at_level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// The same, on so many threads.
    #[must_use]
    pub fn on_threads(mut self, threads: usize) -> Self {
        self.threads = threads.clamp(1, 64);
        self.finisher = Finisher::new(&self.canvas, self.threads);
        self
    }

    /// Passes over frame `frame` without drawing it: what follows is drawn as if it had been, unless its
    /// accents would have been damped.
    pub fn pass(&mut self, frame: u32, music: &MusicAt) {
        let moment = self.follower.at(&self.clip, frame, music);
        self.scene.prepare(&moment);
    }

    /// Draws frame `frame` of the clip (from 0) to `picture`, which takes on the clip's size.
    pub fn render(&mut self, frame: u32, music: &MusicAt, picture: &mut Picture) {
        if !self.follower.expects(frame) {
            self.limiter.forget();
        }
        let mut moment = self.follower.at(&self.clip, frame, music);
        moment.damp(self.limiter.allowance());
        let mut finish = self.scene.prepare(&moment);
        if self.texture == Texture::Film {
            finish.film(frame);
        }
        self.motifs.prepare(&moment);
        if picture.size() != self.picture.size() {
            *picture = self.picture.clone();
        }
        if !finish.flat {
            self.light();
            let (canvas, bloom) = (&self.canvas, &mut self.bloom);
            on_this_cpu!(self.level, _simd => bloom.gather(canvas));
        }
        self.develop(&finish);
        self.paint(&finish, picture);
        self.limiter.see(picture);
    }

    /// The light of the frame.
    fn light(&mut self) {
        let (level, scene, threads) = (self.level, &self.scene, self.threads);
        if let Some(plane) = self.canvas.field.plane_mut() {
            let stride = plane.stride;
            let bands = Band::split([plane.data.as_mut_slice()], stride, threads);
            side_by_side(bands, |mut band| {
                on_this_cpu!(level, simd => for index in 0..band.len() {
                    let y = (band.first + index) as f32 - 1.0;
                    let [row] = band.row(index);
                    scene.field_row(simd, y, row);
                });
            });
        }
        let (stride, field) = (self.canvas.rgb[0].stride, &self.canvas.field);
        let planes = self.canvas.rgb.each_mut();
        let bands = Band::split(
            planes.map(|plane| plane.data.as_mut_slice()),
            stride,
            threads,
        );
        side_by_side(bands, |mut band| {
            on_this_cpu!(level, simd => for index in 0..band.len() {
                let y = band.first + index;
                scene.light_row(simd, field, y, band.row(index));
            });
        });
        let (scene, canvas) = (&mut self.scene, &mut self.canvas);
        on_this_cpu!(level, simd => scene.light_rest(simd, canvas));
        self.motifs.light(canvas);
    }

    /// From light to Y′ and colour differences at half size, with what the scene paints there.
    fn develop(&mut self, finish: &Finish) {
        let (level, scene, canvas, bloom) = (self.level, &self.scene, &self.canvas, &self.bloom);
        let (stride, field) = (canvas.rgb[0].stride, &canvas.field);
        let scratch = self.finisher.scratch.as_mut_slice();
        let planes = self
            .finisher
            .yuv
            .each_mut()
            .map(|plane| plane.data.as_mut_slice());
        let bands = Band::split(planes, stride, self.threads);
        let parts = bands.into_iter().zip(scratch).collect();
        side_by_side(parts, |(mut band, scratch)| {
            on_this_cpu!(level, simd => for index in 0..band.len() {
                let y = band.first + index;
                let yuv = band.row(index);
                if !finish.flat {
                    scratch.develop(simd, (canvas, bloom, finish), y, yuv);
                }
                let [_, u, v] = band.row(index);
                scene.chroma_row(simd, field, y, [u, v]);
            });
        });
    }

    /// To bytes: chroma as it is, luma at full size with all that is drawn there.
    fn paint(&mut self, finish: &Finish, picture: &mut Picture) {
        let (level, scene, motifs) = (self.level, &self.scene, &self.motifs);
        let (field, yuv) = (&self.canvas.field, &self.finisher.yuv);
        let (width, half) = (picture.size().width as usize, self.canvas.width());
        let (luma, u, v) = picture.planes_mut();
        let chroma = Band::split([u, v], half, self.threads);
        // Two rows of luma for each of chroma, so that the bands agree.
        let luma = Band::split([luma], width * 2, self.threads);
        let scratch = self.finisher.scratch.iter_mut();
        let parts = luma.into_iter().zip(chroma).zip(scratch).collect();
        side_by_side(parts, |((mut luma, mut chroma), scratch)| {
            on_this_cpu!(level, simd => for index in 0..chroma.len() {
                let y = chroma.first + index;
                scratch.chroma(simd, (yuv, finish), y, chroma.row(index));
            });
            on_this_cpu!(level, simd => for index in 0..luma.len() {
                let first = (luma.first + index) * 2;
                let [pair] = luma.row(index);
                for (below, row) in pair.chunks_exact_mut(width).enumerate() {
                    let y = first + below;
                    if !finish.flat {
                        scratch.enlarge(simd, &yuv[0], y);
                    }
                    scene.luma_row(simd, field, y, &mut scratch.luma);
                    motifs.luma_row(y, &mut scratch.luma[..width]);
                    scratch.luma(simd, finish, y, row);
                }
            });
        });
    }
}
