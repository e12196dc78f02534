//! The clips of one shape among those of all, and the films of all shapes as one. Pure.

use model::ClipIndex;
use model::clip::{Clip, Clips};
use model::film::{Film, ShapedFilm};
use model::format::FrameSize;
use model::handoff::Instructed;

/// The clips of a shape, by their places in its film.
pub(crate) fn clips(all: &[Clip], film: &Instructed, shape: u32) -> Clips {
    let first = film.slot(shape, ClipIndex(0)).0;
    let of_shape = all.iter().skip(first as usize).take(film.clips as usize);
    let clips = of_shape.map(|clip| Clip {
        index: ClipIndex(clip.index.0.saturating_sub(first)),
        ..clip.clone()
    });
    Clips {
        clips: clips.collect(),
    }
}

/// The clips of a shape by their places among all.
pub(crate) fn placed(
    clips: Vec<Clip>,
    film: &Instructed,
    shape: u32,
) -> impl Iterator<Item = Clip> {
    let first = film.slot(shape, ClipIndex(0)).0;
    clips.into_iter().map(move |clip| Clip {
        index: ClipIndex(first.saturating_add(clip.index.0)),
        ..clip
    })
}

/// The first film with the others beside it.
pub(crate) fn one(films: Vec<(FrameSize, Film)>) -> Result<Film, &'static str> {
    let mut films = films.into_iter();
    let (_, first) = films.next().ok_or("the job has no shape")?;
    let others = films.map(|(size, film)| ShapedFilm {
        size,
        video: film.video,
        poster: film.poster,
        report: film.report.artifact,
    });
    Ok(Film {
        others: others.collect(),
        ..first
    })
}
