//! The renderer: one clip, frame by frame.

use fearless_simd::Level;
use model::format::VideoFormat;
use model::look::SceneParameters;
use model::music::MusicAt;

use crate::bloom::Bloom;
use crate::finish::Finisher;
use crate::level::on_this_cpu;
use crate::motion::{Clip, Follower};
use crate::picture::Picture;
use crate::plane::Canvas;
use crate::scenes::{Scene, Size};

/// Draws one clip.
///
/// The same parameters, format, first frame, music and order of frames give the same bytes on every
/// machine and at every SIMD level. Frames are meant to be drawn in order from 0: motion that depends
/// on what was heard (beats counted, levels smoothed) follows the music from frame to frame; a jump
/// starts it afresh. Nothing else is carried over, so a clip needs no run-up.
///
/// It works on the calling thread alone and holds about 9 bytes a pixel: 19 MB at 1080p.
#[derive(Debug)]
pub struct Renderer {
    level: Level,
    clip: Clip,
    follower: Follower,
    scene: Scene,
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
        let canvas = Canvas::new(size.width / 2, size.height / 2);
        Self {
            level: Level::new(),
            scene: Scene::new(parameters, &clip, size),
            follower: Follower::new(),
            bloom: Bloom::new(&canvas),
            finisher: Finisher::new(&canvas),
            clip,
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

    /// Passes over frame `frame` without drawing it: what follows is drawn as if it had been.
    pub fn pass(&mut self, frame: u32, music: &MusicAt) {
        let moment = self.follower.at(&self.clip, frame, music);
        self.scene.prepare(&moment);
    }

    /// Draws frame `frame` of the clip (from 0) to `picture`, which takes on the clip's size.
    pub fn render(&mut self, frame: u32, music: &MusicAt, picture: &mut Picture) {
        let moment = self.follower.at(&self.clip, frame, music);
        let finish = self.scene.prepare(&moment);
        if picture.size() != self.picture.size() {
            *picture = self.picture.clone();
        }
        let (scene, canvas) = (&self.scene, &mut self.canvas);
        let (bloom, finisher) = (&mut self.bloom, &mut self.finisher);
        if !finish.flat {
            on_this_cpu!(self.level, simd => scene.light(simd, canvas));
            on_this_cpu!(self.level, _simd => bloom.gather(canvas));
            on_this_cpu!(self.level, simd => finisher.develop(simd, canvas, bloom, &finish));
        }
        on_this_cpu!(self.level, simd => scene.chroma(simd, &mut finisher.yuv));
        on_this_cpu!(self.level, simd => finisher.chroma(simd, picture, &finish));
        on_this_cpu!(self.level, simd => finisher.luma(simd, scene, picture, &finish));
    }
}
