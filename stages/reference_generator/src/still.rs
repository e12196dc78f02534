//! One still: drawn, and written as PNG.

use std::io::Cursor;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageError};
use model::Seconds;
use model::format::{FrameSize, Resolution, VideoFormat};
use model::music::Envelopes;
use model::reference::Swatch;
use visuals::{Picture, Renderer};

use crate::moment::Moment;
use crate::palette;

/// The size of the stills of a film: its shape, at 720 lines or columns.
pub(crate) const fn size(film: FrameSize) -> FrameSize {
    film.scaled_to(Resolution::P720.short_side())
}

/// Frames drawn before the one that is kept, so that its motion has heard the music that led to it.
const RUN_UP: u32 = 12;

/// A still, drawn.
pub(crate) struct Still {
    pub(crate) png: Vec<u8>,
    /// Its main colours.
    pub(crate) colours: Vec<Swatch>,
}

/// A still that has no bytes.
#[derive(Debug, thiserror::Error)]
#[error("writing a picture as PNG")]
pub(crate) struct StillError(#[from] ImageError);

/// Draws a moment. Asks `wanted` before each frame and gives `None` once it says no.
pub(crate) fn draw(
    moment: &Moment,
    music: &Envelopes,
    film: VideoFormat,
    wanted: impl Fn() -> bool,
) -> Result<Option<Still>, StillError> {
    let size = size(film.size);
    let format = VideoFormat { size, ..film };
    let mut renderer = Renderer::new(
        &moment.parameters,
        format,
        moment.first_frame,
        moment.frames,
    );
    let mut picture = Picture::new(size);
    for frame in moment.frame.saturating_sub(RUN_UP)..=moment.frame {
        if !wanted() {
            return Ok(None);
        }
        let time = film.rate.time_of(moment.first_frame + u64::from(frame));
        renderer.render(frame, &music.at(Seconds(time.0)), &mut picture);
    }
    let rgb = picture.to_rgb();
    let mut png = Cursor::new(Vec::new());
    PngEncoder::new(&mut png).write_image(
        &rgb,
        size.width,
        size.height,
        ExtendedColorType::Rgb8,
    )?;
    Ok(Some(Still {
        png: png.into_inner(),
        colours: palette::main_colours(&rgb),
    }))
}
