//! The song as AAC, once a job: while the first clip is drawn, so that what is finished can be played and
//! the composer finds it made.

use media::ffmpeg::{Ffmpeg, FfmpegError};
use model::ArtifactKey;
use model::film::SOUND;
use runtime::{StageContext, StageError, StageResultExt};

/// Encodes and stores it, unless it lies there.
pub(crate) async fn encode(ffmpeg: &Ffmpeg, cx: &StageContext) -> Result<(), StageError> {
    let key = ArtifactKey::of_job(cx.job().id, SOUND).or_fatal("naming the sound")?;
    let there = cx.artifacts().head(&key).await;
    if there.or_retry("looking for the sound")?.is_some() {
        return Ok(());
    }
    let (song, sound) = (cx.scratch().join("song.wav"), cx.scratch().join(SOUND));
    let fetched = cx.artifacts().fetch(&cx.job().song.audio, &song).await;
    fetched.map_err(|error| {
        if error.is_lasting() {
            StageError::fatal("fetching the song", error)
        } else {
            StageError::retry("fetching the song", error)
        }
    })?;
    let encoded = ffmpeg
        .encode_song(&song, &sound, cx.job().options.quality, &cx.cancelled())
        .await;
    encoded.map_err(|error| match error {
        FfmpegError::Cancelled => StageError::Cancelled,
        error => {
            let was_killed = error.was_killed();
            StageError::of_program("encoding the song", error, was_killed)
        }
    })?;
    let stored = cx.artifacts().put_file(&key, &sound).await;
    stored.or_retry("storing the sound").map(drop)
}
