//! Uploads that are refused: the right problem, and nothing kept.

use axum::body::Bytes;
use media::audio::SeparateDecoder;
use model::Usd;
use reqwest::Method;
use reqwest::multipart::{Form, Part};
use testkit::sound;

use crate::app::{DECODER, PATIENCE, PROMPT, TestApp, assert_problem, form};

#[tokio::test]
async fn what_is_no_song_of_the_three_formats_is_refused_and_not_kept() {
    let app = TestApp::start().await;
    let ada = app.user();
    let ogg = [b"OggS".as_slice(), &[0; 4000]].concat();
    for other in [
        ogg,
        b"%PDF-1.7 and so on".to_vec(),
        b"hello".repeat(1000),
        vec![],
    ] {
        let answer = ada.submit(form(other, PROMPT)).await;
        assert_problem(answer, 415, "unsupported-media-type").await;
    }
    app.kept_nothing_for(&ada).await;
}

#[tokio::test]
async fn a_song_that_cannot_be_decoded_or_has_the_wrong_length_is_refused_and_not_kept() {
    let app = TestApp::start().await;
    let ada = app.user();
    let broken = [b"fLaC".as_slice(), &[0xAB; 10_000]].concat();
    assert_problem(
        ada.submit(form(broken, PROMPT)).await,
        422,
        "audio-unreadable",
    )
    .await;
    let short = sound::tone(440.0, 0.5).wav();
    assert_problem(
        ada.submit(form(short, PROMPT)).await,
        422,
        "audio-too-short",
    )
    .await;
    app.kept_nothing_for(&ada).await;
}

#[tokio::test]
async fn a_song_over_the_length_limit_is_refused_and_not_kept() {
    let app = TestApp::start_with(|config| config.song_limits.max_seconds = 2.0).await;
    let ada = app.user();
    let long = sound::tone(440.0, 2.5).wav();
    assert_problem(ada.submit(form(long, PROMPT)).await, 422, "audio-too-long").await;
    app.kept_nothing_for(&ada).await;
}

#[tokio::test]
async fn a_prompt_of_49_or_501_characters_is_refused_and_not_kept() {
    let app = TestApp::start().await;
    let ada = app.user();
    for length in [49, 501] {
        let answer = ada
            .submit(form(sound::tone(440.0, 1.5).wav(), &"é".repeat(length)))
            .await;
        let body = assert_problem(answer, 422, "validation-failed").await;
        assert_eq!(body["errors"][0]["pointer"], "#/user_prompt");
        assert_eq!(body["code"], "VALIDATION_ERROR");
    }
    app.kept_nothing_for(&ada).await;
}

#[tokio::test]
async fn a_file_over_ten_megabytes_is_refused_whether_or_not_its_length_is_told() {
    const LIMIT: usize = 10_485_760;
    let app = TestApp::start().await;
    let ada = app.user();
    for length in [LIMIT + 1, 2 * LIMIT] {
        let answer = ada.submit(form(vec![0; length], PROMPT)).await;
        let body = assert_problem(answer, 413, "payload-too-large").await;
        assert_eq!(body["limit_bytes"], LIMIT);

        let chunk = Bytes::from(vec![0; 1 << 20]);
        let chunks =
            (0..=length / chunk.len()).map(move |_| Ok::<_, std::io::Error>(chunk.clone()));
        let stream = reqwest::Body::wrap_stream(futures::stream::iter(chunks));
        let part = Part::stream(stream).file_name("song.wav");
        let untold = Form::new()
            .text("user_prompt", PROMPT)
            .part("audio_file", part);
        assert_problem(ada.submit(untold).await, 413, "payload-too-large").await;
    }
    app.kept_nothing_for(&ada).await;
}

#[tokio::test]
async fn a_form_that_is_not_as_described_is_refused_and_not_kept() {
    let app = TestApp::start().await;
    let ada = app.user();
    let song = || Part::bytes(sound::tone(440.0, 1.5).wav()).file_name("a.wav");
    let good = || {
        Form::new()
            .part("audio_file", song())
            .text("user_prompt", PROMPT)
    };

    let no_song = Form::new().text("user_prompt", PROMPT);
    let body = assert_problem(ada.submit(no_song).await, 422, "validation-failed").await;
    assert_eq!(body["errors"][0]["pointer"], "#/audio_file");
    let no_prompt = Form::new().part("audio_file", song());
    assert_problem(ada.submit(no_prompt).await, 422, "validation-failed").await;
    for (field, value) in [
        ("title", "x".repeat(201)),
        ("title", "two\nlines".to_owned()),
        ("resolution", "4k".to_owned()),
        ("seed", "-1".to_owned()),
        ("user_prompt", PROMPT.to_owned()),
    ] {
        let answer = ada.submit(good().text(field, value)).await;
        let body = assert_problem(answer, 422, "validation-failed").await;
        assert_eq!(body["errors"][0]["pointer"], format!("#/{field}"));
    }
    assert_problem(
        ada.submit(good().text("colour", "red")).await,
        400,
        "invalid-request",
    )
    .await;
    let long = good().text("user_prompt2", "x".repeat(9000));
    assert_problem(ada.submit(long).await, 400, "invalid-request").await;
    app.kept_nothing_for(&ada).await;
}

#[tokio::test]
async fn a_body_that_is_no_form_is_refused() {
    let app = TestApp::start().await;
    let ada = app.user();
    let upload = || ada.request(Method::POST, "/api/v1/upload-audio");
    let json = upload().json(&serde_json::json!({})).send().await.unwrap();
    assert_problem(json, 415, "unsupported-media-type").await;
    let header = "content-type";
    let no_boundary = upload()
        .header(header, "multipart/form-data")
        .body("x")
        .send();
    assert_problem(no_boundary.await.unwrap(), 400, "invalid-request").await;
    let unended = upload()
        .header(header, "multipart/form-data; boundary=x")
        .body("--x\r\ncontent-disposition: form-data; name=\"audio_file\"\r\n\r\nRIFF")
        .send();
    assert_problem(unended.await.unwrap(), 400, "invalid-request").await;
    let packed = upload()
        .header(header, "multipart/form-data; boundary=x")
        .header("content-encoding", "gzip")
        .body("x")
        .send();
    assert_problem(packed.await.unwrap(), 415, "unsupported-media-type").await;
    app.kept_nothing_for(&ada).await;
}

#[tokio::test]
async fn a_film_over_the_budget_is_refused_and_not_kept() {
    let app = TestApp::start_with(|config| {
        config.prices.per_minute = Usd::from_dollars(60);
        config.prices.limit = Usd::from_dollars(2);
    })
    .await;
    let ada = app.user();
    let answer = ada
        .submit(form(sound::tone(440.0, 3.0).wav(), PROMPT))
        .await;
    let body = assert_problem(answer, 402, "budget-exceeded").await;
    assert_eq!(body["estimated_usd"], 3.0);
    assert_eq!(body["limit_usd"], 2.0);
    assert_eq!(body["code"], "BUDGET_EXCEEDED");
    app.kept_nothing_for(&ada).await;
    ada.uploads().await; // 2 s: exactly the limit
}

/// What makes the decoder below loop for ever.
const MARK: &str = "ENDLESS";

/// The real decoder, but for files with the mark.
fn loops_on_marked_files() -> SeparateDecoder {
    let script =
        format!("if grep -q {MARK} \"$1\"; then while :; do :; done; fi; exec '{DECODER}' \"$@\"");
    let arguments = ["-c".into(), script.into(), "decoder".into()];
    // No PATH reaches a decoder: the shell has one of its own.
    SeparateDecoder::new("/bin/sh".into(), arguments.into()).bounded(1, 1 << 30, PATIENCE * 6)
}

#[tokio::test]
async fn a_file_that_explodes_costs_its_own_upload_a_422_and_nothing_else() {
    let app = TestApp::start_with(|config| config.decoder = loops_on_marked_files()).await;
    let (ada, eve) = (app.user(), app.user());
    let mut bomb = testkit::sound::tone(440.0, 2.0).wav();
    bomb.extend(MARK.as_bytes());
    let (refused, accepted) = tokio::join!(eve.submit(form(bomb, PROMPT)), ada.uploads());
    let body = assert_problem(refused, 422, "audio-unreadable").await;
    assert!(body["detail"].as_str().unwrap().contains("time"), "{body}");
    assert_eq!(app.slots_of(&eve).await, 0);
    assert_eq!(ada.job(accepted).await["status"], "queued");
    eve.uploads().await;
}

#[tokio::test]
async fn a_decoder_that_is_missing_is_our_fault_and_is_never_replaced_silently() {
    let app = TestApp::start_with(|config| {
        config.decoder = SeparateDecoder::new("/no/such/decoder".into(), Vec::new());
    })
    .await;
    let ada = app.user();
    let song = testkit::sound::tone(440.0, 2.0).wav();
    assert_problem(ada.submit(form(song, PROMPT)).await, 500, "internal").await;
    app.kept_nothing_for(&ada).await;
}
