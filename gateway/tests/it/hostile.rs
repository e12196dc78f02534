//! What someone sends who means us no good, where no other suite has it.

use std::time::Instant;

use reqwest::Method;
use reqwest::multipart::{Form, Part};
use testkit::sound;

use crate::app::{PATIENCE, PROMPT, TestApp, assert_problem, form};

/// Bytes that begin with `head`, as long as a short song.
fn padded(head: &[u8]) -> Vec<u8> {
    [head, &[0x20; 4_000]].concat()
}

#[tokio::test]
async fn what_a_player_would_follow_or_run_is_no_song() {
    let app = TestApp::start().await;
    let ada = app.user();
    for head in [
        b"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1,\nfile:///etc/passwd\n".as_slice(),
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\"/>",
        b"<!doctype html><script>1</script>",
        b"\x7fELF\x02\x01\x01",
        b"\0\0\0\x20ftypisom",
        b"RIFF\xff\0\0\0AVI LIST",
        b"#!/bin/sh\n",
    ] {
        let answer = ada.submit(form(padded(head), PROMPT)).await;
        assert_problem(answer, 415, "unsupported-media-type").await;
    }
    app.kept_nothing_for(&ada).await;
}

#[tokio::test]
async fn forms_of_very_many_parts_or_very_long_names_are_refused_soon() {
    let app = TestApp::start().await;
    let ada = app.user();
    let part = |name: &str, more: &str| {
        format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n{more}\r\na\r\n")
    };
    let headers = "x-header: 1\r\n".repeat(64);
    for body in [
        part("title", "").repeat(50_000),
        part(&"n".repeat(1 << 20), ""),
        part("title", &headers),
        part("user_prompt", "").replace("\r\na\r\n", &format!("\r\n{}\r\n", "a".repeat(9 << 20))),
    ] {
        let asked = Instant::now();
        let request = ada
            .request(Method::POST, "/api/v1/upload-audio")
            .header("content-type", "multipart/form-data; boundary=x")
            .body(body + "--x--\r\n");
        let answer = request.send().await.unwrap();
        assert!(answer.status().is_client_error(), "{}", answer.status());
        assert!(asked.elapsed() < PATIENCE);
    }
    app.kept_nothing_for(&ada).await;
}

#[tokio::test]
async fn the_name_of_a_file_is_never_used() {
    let app = TestApp::start_with(|config| config.rate_limit.jobs = 100).await;
    let ada = app.user();
    let names = [
        "../../../etc/cron.d/x",
        "..\\..\\x",
        "-y",
        "file:/etc/passwd",
        "concat:a|b",
        "a\"; filename=\"b",
        "<img src=x onerror=alert(1)>.mp3",
        "\u{202e}3pm.exe",
        &"n".repeat(4_000),
    ];
    for name in names {
        let song = Part::bytes(sound::tone(440.0, 1.5).wav()).file_name(name.to_owned());
        let form = Form::new()
            .text("user_prompt", PROMPT)
            .part("audio_file", song);
        let answer = ada.submit(form).await;
        assert_eq!(answer.status(), 201, "{name}");
        let job = crate::app::job_id(&answer.json().await.unwrap());
        let shown = ada.job(job).await.to_string();
        assert!(
            !shown.contains("passwd") && !shown.contains("onerror"),
            "{shown}"
        );
    }
    let red = Part::bytes(sound::tone(440.0, 1.5).wav()).file_name("\u{1b}[31mred");
    let red = Form::new()
        .text("user_prompt", PROMPT)
        .part("audio_file", red);
    assert_problem(ada.submit(red).await, 400, "invalid-request").await;
    // Where things lie is ours to say: by the job's id, and by names that are always the same.
    for object in app.objects() {
        assert!(object.ends_with("/song.wav"), "{object}");
        let job = object.rsplit('/').nth(1).unwrap();
        assert!(job.parse::<model::JobId>().is_ok(), "{object}");
    }
}

#[tokio::test]
async fn a_link_outlives_its_film_and_is_then_to_nothing() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    app.completes(job, b"<html><script>1</script>").await;
    app.settled().await;
    let link = ada.job(job).await["video_url"].as_str().unwrap().to_owned();
    // What is in it is never asked: it is a film, and runs nothing.
    let film = app.http.get(&link).send().await.unwrap();
    assert_eq!(film.status(), 200);
    let header = |name: &str| film.headers()[name].to_str().unwrap();
    assert_eq!(header("content-type"), "video/mp4");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(
        header("content-security-policy"),
        "sandbox; default-src 'none'"
    );
    for object in app
        .objects()
        .iter()
        .filter(|name| name.ends_with("film.mp4"))
    {
        std::fs::remove_file(object).unwrap();
    }
    let gone = app.http.get(&link).send().await.unwrap();
    assert_problem(gone, 404, "not-found").await;
}

#[tokio::test]
async fn no_spelling_of_a_path_leads_out_of_the_store() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    let query = format!("as=inline&exp=4000000000&sig={}", "0a".repeat(32));
    for path in [
        "%2e%2e%2f%2e%2e%2fetc/passwd",
        "..%2f..%2fetc%2fpasswd",
        "..;/..;/etc/passwd",
        "%252e%252e%252fetc/passwd",
        "jobs/%00",
        "jobs//x",
        "jobs%5c..%5cx",
        &format!("jobs/{job}/song.wav"),
    ] {
        let path = format!("/api/v1/files/{path}?{query}");
        let answer = app.request(Method::GET, &path).send().await.unwrap();
        assert_problem(answer, 403, "forbidden").await;
    }
}
