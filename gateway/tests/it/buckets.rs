//! Artifacts in a bucket, and films that its store hands out itself.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use futures::TryStreamExt;
use model::{ArtifactKey, JobId};
use reqwest::redirect::Policy;
use runtime::Artifacts;
use serde_json::Value;
use uuid::Uuid;

use crate::app::{TestApp, assert_problem};
use crate::bucket::{BUCKET, S3Store};

const FILM: &[u8] = b"0123456789 this is not really a film";

#[tokio::test]
async fn a_bucket_keeps_artifacts_as_a_folder_does() {
    let store = S3Store::start().await;
    let artifacts = Artifacts::of(&store.storage()).unwrap();
    let job = JobId::new(Uuid::now_v7());
    let key = |name: &str| ArtifactKey::of_job(job, name).unwrap();

    let plan = artifacts
        .put_bytes(&key("plan.json"), "a".into())
        .await
        .unwrap();
    assert_eq!(
        artifacts
            .put_bytes(&key("plan.json"), "a".into())
            .await
            .unwrap(),
        plan
    );
    let other = artifacts
        .put_bytes(&key("plan.json"), "b".into())
        .await
        .unwrap();
    assert_ne!(other.key, plan.key);
    assert_eq!(artifacts.get_bytes(&plan).await.unwrap(), "a");
    assert_eq!(artifacts.get_bytes(&other).await.unwrap(), "b");

    // Larger than a part of an upload.
    let scratch = tempfile::tempdir().unwrap();
    let (file, back) = (scratch.path().join("film"), scratch.path().join("back"));
    let bytes: Vec<u8> = (0..12_000_000_u32).map(|n| (n / 7) as u8).collect();
    std::fs::write(&file, &bytes).unwrap();
    let film = artifacts.put_file(&key("film.mp4"), &file).await.unwrap();
    assert_eq!(
        artifacts.put_file(&key("film.mp4"), &file).await.unwrap(),
        film
    );
    artifacts.fetch(&film, &back).await.unwrap();
    assert_eq!(std::fs::read(&back).unwrap(), bytes);
    assert_eq!(artifacts.head(&film.key).await.unwrap(), Some(12_000_000));
    let part = artifacts.open_read(&film.key, Some(70..140)).await.unwrap();
    let part: Vec<_> = part.try_collect().await.unwrap();
    assert_eq!(part.concat(), bytes[70..140]);

    assert_eq!(artifacts.jobs().await.unwrap(), [job]);
    // Half of no upload is left.
    assert_eq!(artifacts.keys_of_job(job).await.unwrap().len(), 3);
    assert_eq!(artifacts.delete_job(job).await.unwrap(), 3);
    assert_eq!(artifacts.head(&film.key).await.unwrap(), None);
    assert!(store.keys().is_empty());
}

#[tokio::test]
async fn a_film_in_a_bucket_is_linked_to_for_an_hour_as_its_store_has_signed() {
    let store = S3Store::start().await;
    let app = TestApp::start_with(|config| config.storage = store.storage()).await;
    let ada = app.user();
    let job = ada.uploads().await;
    app.completes(job, FILM).await;
    app.settled().await;
    let path = format!("/api/v1/jobs/{job}/download");
    let told: Value = ada.get(&path).await.json().await.unwrap();
    assert_eq!(told["expires_in"], 3600);
    let link = told["download_url"].as_str().unwrap();
    let begin = format!("{}/{BUCKET}/jobs/{job}/film.mp4?", store.public());
    assert!(link.starts_with(&begin), "{link}");
    let query: BTreeMap<_, _> = url::Url::parse(link)
        .unwrap()
        .query_pairs()
        .into_owned()
        .collect();
    assert_eq!(query["X-Amz-Expires"], "3600");

    let fetch = async |link: &str| app.http.get(link).send().await.unwrap();
    let film = fetch(link).await;
    assert_eq!(film.status(), 200);
    assert_eq!(film.headers()["content-type"], "video/mp4");
    let disposition = format!("attachment; filename=\"music_video_{job}.mp4\"");
    assert_eq!(film.headers()["content-disposition"], disposition);
    assert_eq!(film.bytes().await.unwrap(), FILM);
    for changed in [
        link.replace("film.mp4?", "song.wav?"),
        link.replace("X-Amz-Expires=3600", "X-Amz-Expires=7200"),
        link.replace("video%2Fmp4", "text%2Fhtml"),
        link.replace("localhost", "127.0.0.1"),
    ] {
        assert_ne!(changed, link);
        assert_eq!(fetch(&changed).await.status(), 403, "{changed}");
    }
    store.inside.ahead.store(3598, Ordering::SeqCst);
    assert_eq!(fetch(link).await.status(), 200);
    store.inside.ahead.store(3602, Ordering::SeqCst);
    assert_eq!(fetch(link).await.status(), 403);
}

#[tokio::test]
async fn a_link_of_ours_leads_to_the_bucket_and_is_good_no_longer_than_itself() {
    let store = S3Store::start().await;
    let app = TestApp::start_with(|config| config.storage = store.storage()).await;
    let ada = app.user();
    let job = ada.uploads().await;
    app.completes(job, FILM).await;
    app.settled().await;
    let link = ada.job(job).await["video_url"].as_str().unwrap().to_owned();
    assert!(link.starts_with(&app.base_url), "{link}");
    let still = reqwest::Client::builder()
        .redirect(Policy::none())
        .build()
        .unwrap();
    let led = still.get(&link).send().await.unwrap();
    assert_eq!(led.status(), 307);
    assert_eq!(led.headers()["cache-control"], "no-store");
    let target = url::Url::parse(led.headers()["location"].to_str().unwrap()).unwrap();
    let (_, left) = target
        .query_pairs()
        .find(|(name, _)| name == "X-Amz-Expires")
        .unwrap();
    assert!(
        (3000..=3600).contains(&left.parse::<u32>().unwrap()),
        "{left}"
    );

    let part = app.http.get(&link).header("range", "bytes=0-3");
    let part = part.send().await.unwrap();
    assert_eq!(
        (
            part.status().as_u16(),
            &part.headers()["content-disposition"]
        ),
        (206, &"inline".parse().unwrap())
    );
    assert_eq!(part.bytes().await.unwrap(), &FILM[..4]);
    let head = app.http.head(&link).send().await.unwrap();
    assert_eq!(head.headers()["content-length"], FILM.len().to_string());
    // The page may show what comes from there.
    let page = app.http.get(&app.base_url).send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(
        policy.contains(&format!(
            "media-src 'self' blob: {} {};",
            app.base_url,
            store.public()
        )),
        "{policy}"
    );

    app.artifacts.delete_job(job).await.unwrap();
    assert_problem(
        ada.get(&format!("/api/v1/jobs/{job}/download")).await,
        410,
        "film-gone",
    )
    .await;
    assert_problem(app.http.get(&link).send().await.unwrap(), 404, "not-found").await;
}
