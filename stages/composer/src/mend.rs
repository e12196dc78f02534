//! Clips that are not as asked for: made ours where they can be decoded, and drawn anew where not.

use std::collections::BTreeMap;

use media::ffmpeg::{ConformError, Conforming, FfmpegError};
use model::film::ReplacedClip;
use render::Shot;
use runtime::{StageError, StageResultExt};

use crate::gather::{Sources, checked, place_of};
use crate::sorted;
use crate::timeline::Entry;

/// A clip as it was found: how a decoder has to be set up for it, or what is wrong with it.
pub(crate) type Found = Result<Vec<u8>, Unfit>;

/// What is wrong with a clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unfit {
    /// For people.
    pub(crate) why: String,
    /// Whether its file is there, and so may be one that can be decoded.
    pub(crate) is_there: bool,
}

/// Sets right what can be, clip by clip, each in its place in the scratch folder. Tells which were not as asked
/// for, and why.
pub(crate) async fn all(
    found: Vec<Found>,
    sources: Sources<'_>,
) -> Result<Vec<ReplacedClip>, StageError> {
    let cx = sources.cx;
    let mut setup = most_common(&found);
    let mut replaced = Vec::new();
    for (entry, found) in sources.timeline.entries().iter().zip(found) {
        let unfit = match found {
            Ok(own) if Some(&own) == setup.as_ref() => continue,
            Ok(_) => Unfit {
                why: "it was encoded unlike the others".to_owned(),
                is_there: true,
            },
            Err(unfit) => unfit,
        };
        cx.checkpoint()?;
        let index = entry.clip.index;
        let (own, done) = match conformed(&unfit, entry, sources).await? {
            Some(own) => (own, "brought to the format of the film"),
            None => (drawn_anew(entry, sources).await?, "drawn anew"),
        };
        let Unfit { why, .. } = unfit;
        cx.message(format!("Clip {index} is {done}: {why}"));
        if *setup.get_or_insert_with(|| own.clone()) != own {
            let problem = format!("clip {index} cannot be encoded like the others");
            return Err(StageError::fatal("replacing a clip", problem));
        }
        let why = format!("{why}; it was {done}");
        replaced.push(ReplacedClip { clip: index, why });
    }
    Ok(replaced)
}

/// What most clips need of a decoder: those that need something else cannot be joined to them.
fn most_common(found: &[Found]) -> Option<Vec<u8>> {
    let mut counts: BTreeMap<&Vec<u8>, u32> = BTreeMap::new();
    for setup in found.iter().filter_map(|found| found.as_ref().ok()) {
        *counts.entry(setup).or_default() += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, count)| *count);
    most.map(|(setup, _)| setup.clone())
}

/// Brings a foreign clip to the house format and its length. `None` where it cannot be decoded, and where it has
/// to begin with a transition, in which the clip before goes on: only our renderer can draw that.
async fn conformed(
    unfit: &Unfit,
    entry: &Entry,
    sources: Sources<'_>,
) -> Result<Option<Vec<u8>>, StageError> {
    if !unfit.is_there || entry.transition_frames > 0 {
        return Ok(None);
    }
    let (cx, frames) = (sources.cx, entry.file.count);
    let file = place_of(entry.clip.index, cx);
    let ours = file.with_extension("ours.mp4");
    let wanted = Conforming {
        format: cx.job().format,
        quality: cx.job().options.quality,
        frames,
    };
    let cancel = cx.cancelled();
    let made = sources.ffmpeg.conform(&file, wanted, &ours, &cancel);
    match made.await {
        Ok(()) => {}
        Err(ConformError::Ffmpeg(FfmpegError::Cancelled)) => return Err(StageError::Cancelled),
        Err(ConformError::Ffmpeg(error)) if error.was_killed() => {
            return Err(StageError::of_program("conforming a clip", error, true));
        }
        Err(error) => {
            tracing::info!(
                job.id = %cx.job().id,
                causes = runtime::stage::causes(&error).join(": "),
                "a clip cannot be decoded"
            );
            return Ok(None);
        }
    }
    let renamed = tokio::fs::rename(&ours, &file).await;
    renamed.or_retry("putting a clip in its place")?;
    Ok(checked(file, frames, cx).await?.ok())
}

async fn drawn_anew(entry: &Entry, sources: Sources<'_>) -> Result<Vec<u8>, StageError> {
    let (cx, index) = (sources.cx, entry.clip.index);
    let file = place_of(index, cx);
    let instruction = sources.prompts.clips.get(index.0 as usize);
    let shot = Shot {
        instruction: instruction
            .cloned()
            .ok_or("there is no such clip")
            .or_fatal("replacing a clip")?,
        format: cx.job().format,
        quality: cx.job().options.quality,
        envelopes: cx.load(sources.envelopes).await?,
    };
    let drawn = render::to_file(sources.ffmpeg, shot, &file, cx.cancelled(), |_| ()).await;
    drawn.map_err(|error| match error {
        render::RenderError::Ffmpeg(error) => sorted("replacing a clip", error),
        error @ render::RenderError::Drawing(_) => StageError::retry("replacing a clip", error),
    })?;
    let found = checked(file, entry.file.count, cx).await?;
    found
        .map_err(|unfit| unfit.why)
        .or_retry("checking a clip that was drawn anew")
}
