//! Brings clips and song from the store, checked and ready to be joined.

use std::path::PathBuf;

use media::ffmpeg::{Ffmpeg, JoinedClip};
use media::house;
use media::mp4::VideoTrack;
use model::ArtifactRef;
use model::format::VideoFormat;
use runtime::{StageContext, StageError, StageResultExt};

use crate::sorted;
use crate::timeline::Timeline;

/// Fetches every clip and checks that it keeps to the house format, has its frames, and can be decoded
/// with the same configuration as the first. `progress` hears the share that is done.
pub(crate) async fn clips(
    timeline: &Timeline,
    format: VideoFormat,
    cx: &StageContext,
    progress: impl Fn(f64),
) -> Result<Vec<JoinedClip>, StageError> {
    let entries = timeline.entries();
    let mut clips = Vec::with_capacity(entries.len());
    let mut configuration = None;
    for entry in entries {
        cx.checkpoint()?;
        let file = fetched(
            &entry.clip.video,
            format!("clip-{}.mp4", entry.clip.index),
            cx,
        )
        .await?;
        let frames = entry.clip.frames;
        let video = checked(file.clone(), format, frames).await?;
        if *configuration.get_or_insert(video.configuration.clone()) != video.configuration {
            let problem = format!("clip {} was encoded unlike the first", entry.clip.index);
            return Err(StageError::fatal("checking a clip", problem));
        }
        clips.push(JoinedClip { file, frames });
        progress(clips.len() as f64 / entries.len() as f64);
    }
    Ok(clips)
}

async fn checked(
    file: PathBuf,
    format: VideoFormat,
    frames: u32,
) -> Result<VideoTrack, StageError> {
    let check = move || house::check_clip(&file, format, frames);
    let outcome = tokio::task::spawn_blocking(check).await;
    // What lies in the store does not change: a clip that is wrong stays wrong.
    outcome
        .or_retry("checking a clip")?
        .or_fatal("checking a clip")
}

/// Fetches the song and encodes it, whole and once.
pub(crate) async fn song(ffmpeg: &Ffmpeg, cx: &StageContext) -> Result<PathBuf, StageError> {
    let wav = fetched(&cx.job().song.audio, "song.wav".to_owned(), cx).await?;
    let encoded = cx.scratch().join("song.m4a");
    let quality = cx.job().options.quality;
    let outcome = ffmpeg
        .encode_song(&wav, &encoded, quality, &cx.cancelled())
        .await;
    outcome.map_err(|error| sorted("encoding the song", error))?;
    Ok(encoded)
}

/// Brings an artifact into the scratch directory; its length and digest are checked on the way.
async fn fetched(
    artifact: &ArtifactRef,
    name: String,
    cx: &StageContext,
) -> Result<PathBuf, StageError> {
    let file = cx.scratch().join(name);
    match cx.artifacts().fetch(artifact, &file).await {
        Ok(()) => Ok(file),
        Err(error) if error.is_lasting() => Err(StageError::fatal("fetching an artifact", error)),
        Err(error) => Err(StageError::retry("fetching an artifact", error)),
    }
}
