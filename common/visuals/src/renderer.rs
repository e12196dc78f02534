//! The renderer: one clip, frame by frame.

use fearless_simd::Level;
use model::format::VideoFormat;
use model::look::{SceneParameters, Texture};
use model::music::MusicAt;

use crate::bloom::Bloom;
use crate::finish::Finisher;
use crate::flashes::Limiter;
use crate::motifs::Motifs;
use crate::motion::{Clip, Follower};
use crate::passes::{Crew, Passes};
use crate::picture::Picture;
use crate::plane::{Canvas, Field};
use crate::scenes::{self, Size};

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
    crew: Crew,
    clip: Clip,
    texture: Texture,
    follower: Follower,
    limiter: Limiter,
    scene: Box<dyn Passes>,
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
        let scene = scenes::scene(parameters, &clip, size);
        if scene.has_field() {
            canvas.field = Field::new(canvas.width(), canvas.height());
        }
        Self {
            crew: Crew {
                level: Level::new(),
                threads: 1,
            },
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
        self.crew.level = level;
        self
    }

    /// The same, on so many threads.
    #[must_use]
    pub fn on_threads(mut self, threads: usize) -> Self {
        self.crew.threads = threads.clamp(1, 64);
        self.finisher = Finisher::new(&self.canvas, self.crew.threads);
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
            self.scene.light(self.crew, &mut self.canvas);
            self.motifs.light(&mut self.canvas);
            self.bloom.gather_at(self.crew.level, &self.canvas);
        }
        let light = (&self.canvas, &self.bloom);
        self.scene
            .develop(self.crew, light, (&finish, &mut self.finisher));
        let above = (&self.canvas.field, &self.motifs);
        self.scene
            .paint(self.crew, above, (&finish, &mut self.finisher), picture);
        self.limiter.see(picture);
    }
}
