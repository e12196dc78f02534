//! Brings clips and song from the store, checked and ready to be joined. A clip that is not as asked for is
//! mended in its place, and one that is missing drawn anew: nothing that follows is shifted.

use std::path::PathBuf;

use media::ffmpeg::Ffmpeg;
use media::film::JoinedClip;
use media::house;
use model::clip::{Clip, ClipPrompts};
use model::film::{ReplacedClip, SOUND};
use model::music::Envelopes;
use model::{ArtifactKey, ArtifactRef, Stored};
use runtime::{StageContext, StageError, StageResultExt};

use crate::mend::{self, Found, Unfit};
use crate::sorted;
use crate::timeline::{Entry, Timeline};

/// What the clips come from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sources<'a> {
    pub(crate) ffmpeg: &'a Ffmpeg,
    pub(crate) timeline: &'a Timeline,
    pub(crate) prompts: &'a ClipPrompts,
    pub(crate) envelopes: &'a Stored<Envelopes>,
    pub(crate) cx: &'a StageContext,
}

/// The clips of a film, ready to be joined.
#[derive(Debug)]
pub(crate) struct Gathered {
    /// In the scratch folder, in order.
    pub(crate) files: Vec<JoinedClip>,
    /// The same in the store.
    pub(crate) clips: Vec<Clip>,
    /// Those that were mended or drawn anew.
    pub(crate) replaced: Vec<ReplacedClip>,
}

/// Share of the stage's time that goes by until all is there.
const GATHERED: f64 = 0.3;

/// All clips, and the song.
pub(crate) async fn all(sources: Sources<'_>) -> Result<(Gathered, Song), StageError> {
    let cx = sources.cx;
    tokio::try_join!(
        clips(sources, |share| cx.progress(share * GATHERED)),
        song(sources.ffmpeg, cx),
    )
}

/// All clips. `progress` hears the share that is done.
async fn clips(sources: Sources<'_>, progress: impl Fn(f64)) -> Result<Gathered, StageError> {
    let cx = sources.cx;
    let entries = sources.timeline.entries();
    let mut found: Vec<Found> = Vec::with_capacity(entries.len());
    for entry in entries {
        cx.checkpoint()?;
        found.push(fetched_clip(entry, cx).await?);
        progress(found.len() as f64 / entries.len() as f64);
    }
    let mut clips: Vec<Clip> = entries.iter().map(|entry| entry.clip.clone()).collect();
    let replaced = mend::all(found, sources).await?;
    for ReplacedClip { clip: index, .. } in &replaced {
        if let Some(clip) = clips.get_mut(index.0 as usize) {
            let name = format!("clips/{index}.mp4");
            clip.video = cx.store_file(&name, &place_of(*index, cx)).await?;
        }
    }
    let joined = |entry: &Entry| JoinedClip {
        file: place_of(entry.clip.index, cx),
        frames: entry.file.count,
    };
    Ok(Gathered {
        files: entries.iter().map(joined).collect(),
        clips,
        replaced,
    })
}

pub(crate) fn place_of(clip: model::ClipIndex, cx: &StageContext) -> PathBuf {
    cx.scratch().join(format!("clip-{clip}.mp4"))
}

/// Fetches a clip and checks that it keeps to the house format and has its frames. What may be better
/// later is an error; what stays wrong is told.
async fn fetched_clip(entry: &Entry, cx: &StageContext) -> Result<Found, StageError> {
    let file = place_of(entry.clip.index, cx);
    match cx.artifacts().fetch(&entry.clip.video, &file).await {
        Ok(()) => checked(file, entry.file.count, cx).await,
        Err(error) if error.is_lasting() => Ok(Err(Unfit {
            why: error.to_string(),
            is_there: false,
        })),
        Err(error) => Err(StageError::retry("fetching a clip", error)),
    }
}

pub(crate) async fn checked(
    file: PathBuf,
    frames: u32,
    cx: &StageContext,
) -> Result<Found, StageError> {
    let format = cx.job().format;
    let check = move || house::check_clip(&file, format, frames);
    let outcome = tokio::task::spawn_blocking(check).await;
    let outcome = outcome.or_retry("checking a clip")?;
    Ok(outcome
        .map(|video| video.configuration)
        .map_err(|fault| Unfit {
            why: runtime::stage::causes(&fault).join(": "),
            is_there: true,
        }))
}

/// The song: as it was uploaded and canonicalised, and as AAC, encoded whole and once.
#[derive(Debug)]
pub(crate) struct Song {
    pub(crate) wav: PathBuf,
    pub(crate) sound: PathBuf,
    /// The sound in the store.
    pub(crate) stored: ArtifactRef,
}

/// Fetches the song, and its AAC that was made beside the first clip; where that is not there, it is
/// made now.
async fn song(ffmpeg: &Ffmpeg, cx: &StageContext) -> Result<Song, StageError> {
    let wav = fetched(&cx.job().song.audio, "song.wav", cx).await?;
    let key = ArtifactKey::of_job(cx.job().id, SOUND).or_fatal("naming the sound")?;
    let there = cx.artifacts().exists(&key).await;
    if let Some(stored) = there.or_retry("looking for the sound")? {
        let sound = fetched(&stored, SOUND, cx).await?;
        return Ok(Song { wav, sound, stored });
    }
    let sound = cx.scratch().join(SOUND);
    let encoded = ffmpeg
        .encode_song(&wav, &sound, cx.job().options.quality, &cx.cancelled())
        .await;
    encoded.map_err(|error| sorted("encoding the song", error))?;
    let stored = cx.artifacts().put_file(&key, &sound).await;
    let stored = stored.or_retry("storing the sound")?;
    Ok(Song { wav, sound, stored })
}

/// Brings an artifact into the scratch directory; its length and digest are checked on the way.
async fn fetched(
    artifact: &ArtifactRef,
    name: &str,
    cx: &StageContext,
) -> Result<PathBuf, StageError> {
    let file = cx.scratch().join(name);
    match cx.artifacts().fetch(artifact, &file).await {
        Ok(()) => Ok(file),
        Err(error) if error.is_lasting() => Err(StageError::fatal("fetching an artifact", error)),
        Err(error) => Err(StageError::retry("fetching an artifact", error)),
    }
}
