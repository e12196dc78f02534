//! The object store on a disk.

use bytes::Bytes;
use model::{ArtifactKey, ArtifactRef, JobId};
use runtime::{ArtifactError, Artifacts};
use tempfile::TempDir;

fn store() -> (TempDir, Artifacts) {
    let folder = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(&format!("file://{}", folder.path().display())).unwrap();
    (folder, artifacts)
}

fn job() -> JobId {
    JobId::new(uuid::Uuid::from_u128(3))
}

fn key(name: &str) -> ArtifactKey {
    ArtifactKey::of_job(job(), name).unwrap()
}

#[tokio::test]
async fn the_same_bytes_may_be_stored_twice_and_others_never_replace_them() {
    let (folder, artifacts) = store();
    let file = folder.path().join("file");
    std::fs::write(&file, "three").unwrap();
    let one = artifacts
        .put_bytes(&key("run-1/film.mp4"), "one".into())
        .await
        .unwrap();
    let again = artifacts
        .put_bytes(&key("run-1/film.mp4"), "one".into())
        .await
        .unwrap();
    let two = artifacts
        .put_bytes(&key("run-1/film.mp4"), "two".into())
        .await
        .unwrap();
    let three = artifacts
        .put_file(&key("run-1/film.mp4"), &file)
        .await
        .unwrap();
    let three_again = artifacts
        .put_file(&key("run-1/film.mp4"), &file)
        .await
        .unwrap();

    assert_eq!((&one.key, &again), (&key("run-1/film.mp4"), &one));
    assert_ne!(two.key, one.key);
    let beside = two
        .key
        .as_str()
        .strip_prefix(&format!("jobs/{}/run-1/film-", job()));
    assert!(
        beside.is_some_and(|name| name.contains(".mp4")),
        "{}",
        two.key
    );
    assert_eq!(three, three_again);
    for (artifact, bytes) in [(&one, "one"), (&two, "two"), (&three, "three")] {
        assert_eq!(artifacts.get_bytes(artifact).await.unwrap(), bytes);
    }
    assert_eq!(
        artifacts.keys_of_job(job()).await.unwrap().len(),
        3,
        "and nothing half done"
    );
}

#[tokio::test]
async fn a_file_of_several_parts_comes_back_as_it_was() {
    let (folder, artifacts) = store();
    let bytes: Vec<u8> = (0..12_345_678u32).map(|n| (n * 7 / 5) as u8).collect();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    std::fs::write(&from, &bytes).unwrap();

    let artifact = artifacts.put_file(&key("song.wav"), &from).await.unwrap();
    artifacts.fetch(&artifact, &to).await.unwrap();

    assert_eq!(artifact.length, bytes.len() as u64);
    assert!(std::fs::read(&to).unwrap() == bytes);
    assert_eq!(
        artifacts.exists(&key("song.wav")).await.unwrap(),
        Some(artifact.clone())
    );
    let range = artifacts
        .open_read(&artifact.key, Some(1_000_000..1_000_010))
        .await
        .unwrap();
    let part: Vec<Bytes> = futures::TryStreamExt::try_collect(range).await.unwrap();
    assert_eq!(part.concat(), bytes[1_000_000..1_000_010]);
}

#[tokio::test]
async fn what_was_changed_behind_our_back_is_not_used() {
    let (folder, artifacts) = store();
    let artifact = artifacts
        .put_bytes(&key("plan.json"), "{\"a\":1}".into())
        .await
        .unwrap();
    let path = folder.path().join(artifact.key.as_str());
    for other in ["{\"a\":2}", "{\"a\"", "{\"a\":1} and more"] {
        std::fs::write(&path, other).unwrap();
        let error = artifacts.get_bytes(&artifact).await.unwrap_err();
        assert!(
            matches!(error, ArtifactError::Damaged { .. }),
            "{other}: {error}"
        );
        let to = folder.path().join("to");
        assert!(artifacts.fetch(&artifact, &to).await.is_err());
    }
    std::fs::remove_file(&path).unwrap();
    let error = artifacts.get_bytes(&artifact).await.unwrap_err();
    assert!(matches!(error, ArtifactError::NotFound { .. }));
    assert!(error.is_lasting());
}

#[tokio::test]
async fn the_artifacts_of_a_job_are_removed_together_and_no_others() {
    let (_folder, artifacts) = store();
    let other = ArtifactKey::of_job(JobId::new(uuid::Uuid::from_u128(4)), "song.wav").unwrap();
    for key in [key("song.wav"), key("run-1/film.mp4"), other.clone()] {
        artifacts.put_bytes(&key, "x".into()).await.unwrap();
    }
    assert_eq!(artifacts.delete_job(job()).await.unwrap(), 2);
    assert_eq!(
        artifacts.exists(&key("song.wav")).await.unwrap(),
        None::<ArtifactRef>
    );
    assert_eq!(artifacts.head(&other).await.unwrap(), Some(1));
}

#[test]
fn only_a_folder_or_a_bucket_is_a_store() {
    for url in [
        "",
        "/tmp/x",
        "file://relative",
        "s3://",
        "s3://bucket/folder",
        "http://x",
    ] {
        let error = Artifacts::open(url).unwrap_err();
        assert!(matches!(error, ArtifactError::Url { .. }), "{url}");
    }
}
