//! One still: drawn, and written as PNG.

use std::io::Cursor;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageError};
use model::format::{FrameSize, Resolution, VideoFormat};
use model::music::Envelopes;
use model::{FrameRate, Seconds};
use visuals::{Picture, Renderer};

use crate::moment::Moment;

/// The size of every still.
pub(crate) const SIZE: FrameSize = Resolution::P720.size();
/// Frames drawn before the one that is kept, so that its motion has heard the music that led to it.
const RUN_UP: u32 = 12;

/// A still that has no bytes.
#[derive(Debug, thiserror::Error)]
#[error("writing a picture as PNG")]
pub(crate) struct StillError(#[from] ImageError);

/// Draws a moment. Asks `wanted` before each frame and gives `None` once it says no.
pub(crate) fn draw(
    moment: &Moment,
    music: &Envelopes,
    rate: FrameRate,
    wanted: impl Fn() -> bool,
) -> Result<Option<Vec<u8>>, StillError> {
    let format = VideoFormat { size: SIZE, rate };
    let mut renderer = Renderer::new(
        &moment.parameters,
        format,
        moment.first_frame,
        moment.frames,
    );
    let mut picture = Picture::new(SIZE);
    for frame in moment.frame.saturating_sub(RUN_UP)..=moment.frame {
        if !wanted() {
            return Ok(None);
        }
        let time = rate.time_of(moment.first_frame + u64::from(frame));
        renderer.render(frame, &music.at(Seconds(time.0)), &mut picture);
    }
    let mut png = Cursor::new(Vec::new());
    PngEncoder::new(&mut png).write_image(
        &picture.to_rgb(),
        SIZE.width,
        SIZE.height,
        ExtendedColorType::Rgb8,
    )?;
    Ok(Some(png.into_inner()))
}
