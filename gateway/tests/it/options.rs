//! What may be asked for beside song and sentence: priced, kept, carried to the stages, told; or refused.

use model::format::Quality;
use model::handoff::Song;
use model::lyrics::LyricsWish;
use model::style::Style;
use model::{Envelope, JobId, Usd};
use reqwest::Method;
use reqwest::multipart::Part;
use serde_json::{Value, json};
use testkit::sound;

use crate::app::{PROMPT, TestApp, User, assert_problem, form, job_id};

fn song() -> Vec<u8> {
    sound::tone(440.0, 2.0).wav()
}

/// The first message of a job, as `audio_parser` will take it.
async fn message_of(app: &TestApp, job: JobId) -> Envelope<Song> {
    app.settled().await;
    let stream = app.jetstream.get_stream(nats::streams::WORK).await.unwrap();
    let subject = format!("work.audio_parser.{job}.1");
    let message = stream.get_last_raw_message_by_subject(&subject).await;
    serde_json::from_slice(&message.unwrap().payload).unwrap()
}

async fn quoted(user: &User<'_>, asked: &Value) -> reqwest::Response {
    let request = user.request(Method::POST, "/api/v1/quotes").json(asked);
    request.send().await.unwrap()
}

#[tokio::test]
async fn what_is_asked_for_is_told_and_carried_to_the_stages() {
    let app = TestApp::start().await;
    let ada = app.user();
    let asked = [
        ("title", "Night"),
        ("resolution", "720p"),
        ("aspect_ratio", "4:5"),
        ("fps", "59.94"),
        ("quality", "high"),
        ("style", "vintage"),
        ("lettering", "lyrics"),
        ("seed", "18446744073709551615"),
        ("max_cost", "0.25"),
        ("tempo", "double"),
        ("beat_offset", "-0.05"),
        ("downbeat_shift", "2"),
        ("beats_per_bar", "3"),
    ];
    let filled = asked
        .into_iter()
        .fold(form(song(), PROMPT), |form, (name, value)| {
            form.text(name, value)
        });
    let answer = ada.submit(filled).await;
    assert_eq!(answer.status(), 201);
    let job = job_id(&answer.json().await.unwrap());

    let told = ada.job(job).await;
    assert_eq!(told["title"], "Night");
    let expected = json!({
        "resolution": "720p", "aspect_ratio": "4:5", "width": 720, "height": 900, "fps": "59.94",
        "quality": "high", "style": "vintage", "lettering": "lyrics", "seed": "18446744073709551615", "max_cost": 0.25,
        "tempo": "double", "beat_offset": -0.05, "downbeat_shift": 2, "beats_per_bar": 3, "lyrics": null, "outputs": [],
    });
    assert_eq!(told["options"], expected);

    let brief = message_of(&app, job).await.job;
    assert_eq!(brief.format.size.to_string(), "720x900");
    assert_eq!(brief.format.rate.to_string(), "59.94");
    assert_eq!(brief.options.quality, Quality::High);
    assert_eq!(brief.options.style, Some(Style::Vintage));
    assert_eq!(
        (brief.seed, brief.budget),
        (u64::MAX, Usd::from_micros(250_000))
    );
    let corrections = brief.options.corrections;
    assert_eq!(corrections.corrected_offset(), -0.05);
    assert_eq!(corrections.corrected_shift(), 2);
    assert_eq!(corrections.corrected_beats_per_bar(), Some(3));
}

#[tokio::test]
async fn a_draft_is_made_at_half_the_size_and_told_as_it_was_asked_for() {
    let app = TestApp::start().await;
    let ada = app.user();
    let asked = form(song(), PROMPT).text("quality", "draft");
    let answer = ada.submit(asked.text("resolution", "1080p")).await;
    assert_eq!(answer.status(), 201);
    let job = job_id(&answer.json().await.unwrap());
    let told = ada.job(job).await["options"].take();
    assert_eq!(
        (&told["resolution"], &told["width"]),
        (&json!("1080p"), &json!(960))
    );
    let brief = message_of(&app, job).await.job;
    assert_eq!(brief.format.size.to_string(), "960x540");
}

#[tokio::test]
async fn what_is_not_asked_for_is_as_the_house_has_it() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    let mut told = ada.job(job).await["options"].take();
    assert!(told["seed"].take().as_str().unwrap().parse::<u64>().is_ok());
    let expected = json!({
        "resolution": "1080p", "aspect_ratio": "16:9", "width": 1920, "height": 1080, "fps": "30",
        "quality": "standard", "style": null, "lettering": "all", "seed": null, "max_cost": 2000.0,
        "tempo": null, "beat_offset": 0.0, "downbeat_shift": 0, "beats_per_bar": null, "lyrics": null,
        "outputs": [],
    });
    assert_eq!(told, expected);
    assert!(message_of(&app, job).await.job.options.is_default());
}

#[tokio::test]
async fn an_option_that_is_not_accepted_is_named_with_what_is_and_nothing_is_kept() {
    let app = TestApp::start().await;
    let ada = app.user();
    for (field, value, rule) in [
        ("resolution", "4k", "2160p"),
        ("aspect_ratio", "16x9", "9:16"),
        ("fps", "120", "59.94"),
        ("quality", "best", "draft"),
        ("style", "", "golden_hour"),
        ("lettering", "both", "lyrics"),
        ("seed", "18446744073709551616", "18446744073709551615"),
        ("max_cost", "-1", "dollars"),
        ("max_cost", "2000.000001", "$2000.00"),
        ("tempo", "29", "30 to 300"),
        ("beat_offset", "2.1", "2 seconds"),
        ("downbeat_shift", "7", "6 beats"),
        ("beats_per_bar", "1", "2 to 7"),
    ] {
        let answer = ada.submit(form(song(), PROMPT).text(field, value)).await;
        let body = assert_problem(answer, 422, "validation-failed").await;
        assert_eq!(body["errors"][0]["pointer"], format!("#/{field}"));
        let detail = body["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains(rule), "{field}: {detail}");
    }
    let twice = form(song(), PROMPT).text("fps", "24").text("fps", "25");
    let body = assert_problem(ada.submit(twice).await, 422, "validation-failed").await;
    assert_eq!(body["errors"][0]["pointer"], "#/fps");
    app.kept_nothing_for(&ada).await;
}

#[tokio::test]
async fn price_and_budget_follow_what_is_asked_for() {
    let app = TestApp::start_with(|config| {
        config.prices.per_minute = Usd::from_dollars(30);
    })
    .await;
    let ada = app.user();
    let price = async |asked: Value| {
        let answer = quoted(&ada, &asked).await;
        assert_eq!(answer.status(), 200);
        answer.json::<Value>().await.unwrap()
    };
    assert_eq!(
        price(json!({ "duration": 60 })).await["estimated_cost"],
        30.0
    );
    let large = price(json!({ "duration": 60, "resolution": "2160p", "fps": "60" })).await;
    assert_eq!(large["estimated_cost"], 240.0);
    let tall = json!({ "duration": 60, "aspect_ratio": "9:16", "max_cost": 29.5 });
    let tall = price(tall).await;
    assert_eq!(
        (&tall["limit"], &tall["within_limit"]),
        (&json!(29.5), &json!(false))
    );
    for (field, value) in [
        ("fps", json!("31")),
        ("max_cost", json!(2000.5)),
        ("max_cost", json!(-1)),
    ] {
        let answer = quoted(&ada, &json!({ "duration": 60, field: value })).await;
        let body = assert_problem(answer, 422, "validation-failed").await;
        assert_eq!(body["errors"][0]["pointer"], format!("#/{field}"));
    }

    // Two seconds at twice the frames cost 2 dollars.
    let doubled = |limit: &'static str| {
        let options = form(song(), PROMPT).text("fps", "60");
        options.text("max_cost", limit)
    };
    let body = assert_problem(
        ada.submit(doubled("1.999999")).await,
        402,
        "budget-exceeded",
    )
    .await;
    assert_eq!(
        (&body["estimated_usd"], &body["limit_usd"]),
        (&json!(2.0), &json!(1.999999))
    );
    app.kept_nothing_for(&ada).await;
    let accepted: Value = ada.submit(doubled("2")).await.json().await.unwrap();
    assert_eq!(accepted["estimated_cost"], 2.0);
}

#[tokio::test]
async fn lyrics_are_kept_as_text_and_carried_to_the_stages() {
    let app = TestApp::start().await;
    let ada = app.user();
    let text = "[00:01.00]Größe\n";
    let wide: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    for file in [text.as_bytes().to_vec(), wide] {
        let lyrics = Part::bytes(file).file_name("words.lrc");
        let answer = ada
            .submit(form(song(), PROMPT).part("lyrics", lyrics))
            .await;
        assert_eq!(answer.status(), 201);
        let job = job_id(&answer.json().await.unwrap());
        assert_eq!(ada.job(job).await["options"]["lyrics"], "given");
        let wish = message_of(&app, job).await.job.options.lyrics;
        let Some(LyricsWish::Given(stored)) = wish else {
            panic!("{wish:?}");
        };
        let kept = app.artifacts.get_bytes(&stored).await.unwrap();
        assert_eq!(kept, text.as_bytes());
    }
}

#[tokio::test]
async fn lyrics_that_cannot_be_sung_are_refused_with_their_line_and_nothing_is_kept() {
    let app = TestApp::start().await;
    let ada = app.user();
    for (bytes, rule) in [
        (b"Gr\xf6\xdfe".to_vec(), "save them as UTF-8"),
        (b"one\ntwo\x01".to_vec(), "line 2"),
        (b" \n".to_vec(), "no words"),
        (b"la ".repeat(40_000), "65536"),
        (b"la ".repeat(60_000), "longer than"),
        (b"transcribe".to_vec(), "OPENAI_BASE_URL"),
    ] {
        let lyrics = Part::bytes(bytes).file_name("words.txt");
        let answer = ada
            .submit(form(song(), PROMPT).part("lyrics", lyrics))
            .await;
        let body = assert_problem(answer, 422, "validation-failed").await;
        assert_eq!(body["errors"][0]["pointer"], "#/lyrics");
        let detail = body["errors"][0]["detail"].as_str().unwrap();
        assert!(detail.contains(rule), "{detail}");
    }
    let asked = json!({ "duration": 60, "lyrics": "transcribe" });
    assert_problem(quoted(&ada, &asked).await, 422, "validation-failed").await;
    app.kept_nothing_for(&ada).await;
}

#[tokio::test]
async fn words_that_are_to_be_heard_are_priced_where_a_provider_is_configured() {
    let app = TestApp::start_with(|config| {
        config.prices.speech = Some(Usd::from_micros(6_000));
    })
    .await;
    let ada = app.user();
    let asked = json!({ "duration": 60, "lyrics": "transcribe" });
    let quote: Value = quoted(&ada, &asked).await.json().await.unwrap();
    assert_eq!(quote["estimated_cost"], 0.006);
    let asking = form(song(), PROMPT).text("lyrics", "transcribe");
    let accepted: Value = ada.submit(asking).await.json().await.unwrap();
    assert_eq!(accepted["estimated_cost"], 0.0002);
    let job = job_id(&accepted);
    assert_eq!(ada.job(job).await["options"]["lyrics"], "transcribe");
    let wish = message_of(&app, job).await.job.options.lyrics;
    assert_eq!(wish, Some(LyricsWish::Transcribe));
}
