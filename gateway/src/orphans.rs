//! What a crash in the middle of an acceptance leaves: a song without a row, and a rate slot without a
//! job. Both carry the job's id, and the id tells when it was made. Idempotency keys that have expired go
//! with them, and folders of uploads whose process was killed.

use std::path::Path;
use std::time::Duration;

use model::{JobId, UserId};
use runtime::Artifacts;
use time::OffsetDateTime;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::error::{ApiError, OrFault, causes};
use crate::intake::SONG;
use crate::intake::form::SCRATCH;

/// How often it looks.
const PERIOD: Duration = Duration::from_mins(10);
/// How often it looks for half objects.
const HALVES_PERIOD: Duration = Duration::from_mins(2);

/// Looks at once, and then until stopped.
pub(crate) async fn sweep(app: App, stop: CancellationToken) {
    let mut period = tokio::time::interval(PERIOD.min(app.config.orphan_grace));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = period.tick() => {}
        }
        let swept = async {
            let grace = app.config.orphan_grace;
            let swept = tokio::task::spawn_blocking(move || folders(&std::env::temp_dir(), grace));
            let swept = swept.await.or_internal(FOLDERS)?;
            swept.or_unavailable(FOLDERS)?;
            songs(&app).await?;
            slots(&app).await?;
            let now = OffsetDateTime::now_utc();
            let forgotten = app.store.forget_keys(now).await;
            forgotten.or_unavailable("forgetting idempotency keys")
        };
        let swept = tokio::select! {
            () = stop.cancelled() => return,
            swept = swept => swept,
        };
        if let Err(error) = swept {
            tracing::warn!(
                causes = causes(&error),
                "leftovers of broken-off uploads could not be looked for"
            );
        }
    }
}

/// Removes half objects, until stopped.
pub(crate) async fn sweep_halves(app: App, stop: CancellationToken) {
    let grace = app.config.half_grace;
    let mut period = tokio::time::interval(HALVES_PERIOD.min(grace));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = period.tick() => {}
        }
        let artifacts = app.artifacts.clone();
        let swept = tokio::task::spawn_blocking(move || artifacts.sweep_halves(grace)).await;
        match swept.map_err(std::io::Error::other).flatten() {
            Ok(0) => {}
            Ok(halves) => tracing::info!(halves, "removed what killed writers have left"),
            Err(error) => tracing::warn!(%error, "half objects could not be looked for"),
        }
    }
}

const FOLDERS: &str = "looking for folders of broken-off uploads";

/// Removes folders of uploads in `room` that are older than any upload takes.
fn folders(room: &Path, grace: Duration) -> std::io::Result<()> {
    for entry in room.read_dir()? {
        let entry = entry?;
        let is_ours = entry.file_name().to_string_lossy().starts_with(SCRATCH);
        if !is_ours || !entry.file_type()?.is_dir() {
            continue;
        }
        // One that goes meanwhile was someone's to remove.
        let Ok(made) = entry.metadata().and_then(|folder| folder.modified()) else {
            continue;
        };
        if made.elapsed().unwrap_or_default() >= grace {
            std::fs::remove_dir_all(entry.path())?;
            tracing::warn!(folder = %entry.path().display(), "removed what a broken-off upload has left");
        }
    }
    Ok(())
}

/// Removes songs that belong to no row. Only what an upload alone would leave: where a stage has stored
/// something there was a row once, and if it is gone the fault may be the database's.
async fn songs(app: &App) -> Result<(), ApiError> {
    const DOING: &str = "looking for songs without a job";
    for job in app.artifacts.jobs().await.or_unavailable(DOING)? {
        if !is_orphan(app, job).await? || !holds_a_song_only(&app.artifacts, job).await? {
            continue;
        }
        app.artifacts.delete_job(job).await.or_unavailable(DOING)?;
        tracing::warn!(job.id = %job, "removed a song whose upload was broken off");
    }
    Ok(())
}

async fn holds_a_song_only(artifacts: &Artifacts, job: JobId) -> Result<bool, ApiError> {
    let keys = artifacts
        .keys_of_job(job)
        .await
        .or_unavailable("looking at a song without a job")?;
    let song = format!("/{SONG}");
    Ok(keys.iter().all(|key| key.as_str().ends_with(&song)))
}

/// Gives back slots that belong to no row.
async fn slots(app: &App) -> Result<(), ApiError> {
    for user in app.limiter.users().await? {
        for job in app.limiter.jobs_of(user).await? {
            if is_orphan(app, job).await? {
                give_back(app, user, job).await?;
            }
        }
    }
    Ok(())
}

async fn give_back(app: &App, user: UserId, job: JobId) -> Result<(), ApiError> {
    app.limiter.give_back(user, job).await?;
    tracing::warn!(job.id = %job, "gave back the slot of a broken-off upload");
    Ok(())
}

/// No acceptance takes this long, and none of it has become a row.
async fn is_orphan(app: &App, job: JobId) -> Result<bool, ApiError> {
    let Some(made) = job.uuid().get_timestamp() else {
        return Ok(false);
    };
    let age = OffsetDateTime::now_utc().unix_timestamp() as f64 - made.to_unix().0 as f64;
    if age < app.config.orphan_grace.as_secs_f64() {
        return Ok(false);
    }
    let known = app.store.has_job(job).await;
    Ok(!known.or_unavailable("looking for a job")?)
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes, create_dir, write};
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn folders_of_uploads_go_when_they_are_older_than_any_upload() {
        let room = tempfile::tempdir().unwrap();
        let grace = Duration::from_mins(15);
        let make = |name: &str, age: Duration| {
            let path = room.path().join(name);
            create_dir(&path).unwrap();
            write(path.join("upload"), "half a song").unwrap();
            let then = FileTimes::new().set_modified(SystemTime::now() - age);
            File::open(&path).unwrap().set_times(then).unwrap();
            path
        };
        let old = make("beatreel-upload-old", grace * 2);
        let new = make("beatreel-upload-new", Duration::ZERO);
        let other = make("anything", grace * 2);
        folders(room.path(), grace).unwrap();
        assert!(!old.exists() && new.exists() && other.exists());
    }
}
