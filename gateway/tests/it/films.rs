//! Getting the film: signed links, parts of files, and what happens to changed links.

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::app::{TestApp, assert_problem};

const FILM: &[u8] = b"0123456789 this is not really a film";

#[tokio::test]
async fn a_finished_film_is_downloaded_by_a_link_without_a_token() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    let path = format!("/api/v1/jobs/{job}/download");
    assert_problem(ada.get(&path).await, 404, "no-film").await;
    app.completes(job, FILM).await;
    app.settled().await;

    let body: Value = ada.get(&path).await.json().await.unwrap();
    assert_eq!(body["expires_in"], 3600);
    assert_eq!(body["filename"], format!("music_video_{job}.mp4"));
    let answer = app
        .http
        .get(body["download_url"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let headers = answer.headers().clone();
    assert_eq!(headers["content-type"], "video/mp4");
    assert_eq!(headers["content-length"], FILM.len().to_string());
    assert_eq!(headers["accept-ranges"], "bytes");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    let disposition = format!("attachment; filename=\"music_video_{job}.mp4\"");
    assert_eq!(headers["content-disposition"], disposition);
    assert_eq!(answer.bytes().await.unwrap(), FILM);

    let shown = ada.job(job).await;
    let inline = app
        .http
        .get(shown["video_url"].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(inline.headers()["content-disposition"], "inline");

    std::fs::remove_file(
        app.objects()
            .iter()
            .find(|name| name.ends_with("film.mp4"))
            .unwrap(),
    )
    .unwrap();
    assert_problem(ada.get(&path).await, 410, "film-gone").await;
}

#[tokio::test]
async fn a_part_of_a_film_is_served_as_asked() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    app.completes(job, FILM).await;
    app.settled().await;
    let link = ada.job(job).await["video_url"].as_str().unwrap().to_owned();
    let part = async |range: &str| {
        app.http
            .get(&link)
            .header("range", range)
            .send()
            .await
            .unwrap()
    };

    for (range, expected) in [
        ("bytes=0-3", &FILM[..4]),
        ("bytes=30-", &FILM[30..]),
        ("bytes=-4", &FILM[FILM.len() - 4..]),
    ] {
        let answer = part(range).await;
        assert_eq!(answer.status(), StatusCode::PARTIAL_CONTENT);
        assert_eq!(
            answer.headers()["content-length"],
            expected.len().to_string()
        );
        assert_eq!(answer.bytes().await.unwrap(), expected);
    }
    assert_eq!(
        part("bytes=0-3").await.headers()["content-range"],
        format!("bytes 0-3/{}", FILM.len())
    );
    let several = part("bytes=0-0,-1").await;
    assert_eq!(several.status(), 200);
    let beyond = part("bytes=1000-").await;
    assert_eq!(
        beyond.headers()["content-range"],
        format!("bytes */{}", FILM.len())
    );
    assert_problem(beyond, 416, "range-not-satisfiable").await;
    let head = app.http.head(&link).send().await.unwrap();
    assert_eq!(head.headers()["content-length"], FILM.len().to_string());
}

#[tokio::test]
async fn a_changed_link_opens_nothing() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.user(), app.user());
    let (job, other) = (ada.uploads().await, eve.uploads().await);
    app.completes(job, FILM).await;
    app.completes(other, FILM).await;
    app.settled().await;
    let link = ada.job(job).await["video_url"].as_str().unwrap().to_owned();
    let (address, query) = link.split_once('?').unwrap();
    for changed in [
        address.to_owned(),
        link.replace(&job.to_string(), &other.to_string()),
        link.replace("film.mp4", "song.wav"),
        link.replace("as=inline", "as=attachment"),
        link.replace("exp=1", "exp=2"),
        link.replace("exp=", "exp=0"),
        link[..link.len() - 1].to_owned(),
        format!("{link}&sig=0"),
        format!("{address}?{}", query.to_uppercase()),
        link.replace("/film.mp4", "/%2e%2e/film.mp4"),
        link.replace("/film.mp4", "//film.mp4"),
        link.replace("film.mp4", "film.mp4%00"),
    ] {
        let answer = app.http.get(&changed).send().await.unwrap();
        assert_problem(answer, 403, "forbidden").await;
    }
    for method in [Method::POST, Method::PUT, Method::DELETE] {
        let answer = app.http.request(method, &link).send().await.unwrap();
        assert_eq!(answer.headers()["allow"], "GET,HEAD");
        assert_problem(answer, 405, "method-not-allowed").await;
    }
}
