//! What letters cost: a title and a sung line over the frames of a scene.

use lettering::Letterer;
use model::format::VideoFormat;
use model::lettering::{Cue, CueWord, Face, Lettering, Role};
use model::look::Palette;
use model::timeline::Span;
use visuals::Picture;

use super::process::thread_cpu;

/// CPU time that a title and a line of usual length add to a frame, in milliseconds: shaping and drawing
/// them once included, as in a clip.
pub(super) fn cost(pictures: &[Picture], palette: Palette, format: VideoFormat) -> f64 {
    let frames = u32::try_from(pictures.len()).unwrap_or(u32::MAX);
    let lettering = Lettering {
        face: Face::Grotesk,
        palette,
        begun: Vec::new(),
        cues: vec![
            cue(Role::Title, "Midnight Rain", frames),
            cue(
                Role::Lyric,
                "We ran along the river till the morning came",
                frames,
            ),
        ],
    };
    let began = thread_cpu();
    let mut letterer = Letterer::new(&lettering, format);
    let mut spent = thread_cpu() - began;
    for (frame, picture) in (0..).zip(pictures) {
        let mut picture = picture.clone();
        let began = thread_cpu();
        letterer.draw(frame, picture.as_bytes_mut());
        spent += thread_cpu() - began;
    }
    1e3 * spent / f64::from(frames.max(1))
}

/// A text over all frames; a line's words are sung one after the other.
fn cue(role: Role, text: &str, frames: u32) -> Cue {
    let count = text.split(' ').count() as u32;
    let words = text.split(' ').zip(0..).map(|(word, index)| CueWord {
        text: word.to_owned(),
        sung: (role == Role::Lyric).then(|| Span {
            first: u64::from(frames * index / count),
            count: (frames / count).max(1),
        }),
    });
    Cue {
        role,
        seen: Span {
            first: 0,
            count: frames,
        },
        words: words.collect(),
    }
}
