//! `docs/api.md`: every endpoint as `curl` shows it, made by this test. What differs from run to run is
//! masked, so that the file changes only when the API does.

use std::fmt::Write as _;
use std::io::Write as _;

use reqwest::Method;
use serde_json::Value;
use testkit::sound;
use tokio::process::Command;

use crate::app::{PROMPT, TestApp, User};

/// Headers that are worth seeing.
const SHOWN: [&str; 18] = [
    "accept-ranges",
    "allow",
    "cache-control",
    "content-disposition",
    "content-range",
    "content-type",
    "etag",
    "idempotent-replayed",
    "link",
    "location",
    "preference-applied",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "vary",
    "www-authenticate",
    "x-accel-buffering",
    "x-content-type-options",
];

const HEAD: &str = "# The API by example\n\n\
Made by `gateway/tests/it/transcript.rs` with `curl` against a running gateway; ids, times, keys and links \
are masked. The description with all fields, parameters and refusals is `docs/openapi.json`, served at \
`/openapi.json` and, for people, at `/docs`.\n\n\
`$TOKEN` is a bearer token (`beatreel token` prints one), `$PROMPT` a sentence of 50 to 500 characters.\n";

struct Transcript<'a> {
    app: &'a TestApp,
    user: &'a User<'a>,
    text: String,
}

impl Transcript<'_> {
    fn says(&mut self, words: &str) {
        write!(self.text, "\n{words}\n").unwrap();
    }

    /// Runs `curl` on `path` and writes down both. Gives the body.
    async fn curl(&mut self, arguments: &[&str], path: &str) -> String {
        let url = if path.starts_with("http") {
            path.to_owned()
        } else {
            format!("{}{path}", self.app.base_url)
        };
        let mut command = Command::new("curl");
        command
            .args(["-sS", "-i", "--max-time", "20"])
            .kill_on_drop(true);
        let mut shown = "curl -i".to_owned();
        for argument in arguments {
            let real = argument
                .replace("$TOKEN", &self.user.token)
                .replace("$PROMPT", PROMPT);
            command.arg(real);
            shown.push(' ');
            shown.push_str(&quoted(argument));
        }
        let output = command.arg(&url).output().await.unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let answer = String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n");
        // What was said before the answer, such as 100 Continue, is left out.
        let answer = answer
            .rsplit_once("HTTP/1.1 100 Continue\n\n")
            .map_or(&*answer, |(_, last)| last);
        let (head, body) = answer.split_once("\n\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap();
        let mut headers: Vec<_> = lines
            .filter(|line| SHOWN.contains(&line.split(':').next().unwrap()))
            .collect();
        headers.sort_unstable();
        let pretty = serde_json::from_str::<Value>(body).map_or_else(
            |_| body.to_owned(),
            |json| serde_json::to_string_pretty(&json).unwrap(),
        );
        let headers = headers.join("\n");
        let url = quoted(&url);
        write!(
            self.text,
            "\n```\n$ {shown} {url}\n{status}\n{headers}\n\n{}\n```\n",
            pretty.trim_end()
        )
        .unwrap();
        body.to_owned()
    }
}

/// As a shell reads it; a dollar stays one that the shell fills in.
fn quoted(word: &str) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:".contains(&b);
    if word.bytes().all(is_plain) {
        word.to_owned()
    } else if word.contains('"') {
        format!("'{word}'")
    } else {
        format!("\"{word}\"")
    }
}

/// Everything that differs from run to run, by what it stands for.
fn masked(text: &str, app: &TestApp) -> String {
    let mut text = text.replace(&app.base_url, "http://127.0.0.1:8000");
    // Longest first: an ETag begins like an id.
    for (marker, until, mask) in [
        ("sig=", " \"\n", "…"),
        ("/1/", "/", "…"),
        ("exp=", "&\" \n", "…"),
        ("ticket=", "\" \n", "…"),
        ("\"ticket\": \"", "\"", "…"),
        ("\"seed\": \"", "\"", "…"),
        ("W/\"", "\"", "…"),
        ("\"seed\":\"", "\"", "…"),
        ("cursor=", ">\" \n", "…"),
        ("\"next_cursor\": \"", "\"", "…"),
        ("\"secret\": \"whsec_", "\"", "…"),
        ("\"request_id\": \"", "\"", "…"),
        (";t=", "\n", "…"),
        ("retry: ", "\n", "2000"),
        ("/dl/", "\"", "…"),
    ] {
        text = mask_after(&text, marker, until, mask);
    }
    mask_times(&mask_ids(&text))
}

fn mask_after(text: &str, marker: &str, until: &str, mask: &str) -> String {
    let mut parts = text.split(marker);
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        let end = part.find(|c| until.contains(c)).unwrap_or(part.len());
        write!(out, "{marker}{mask}{}", &part[end..]).unwrap();
    }
    out
}

/// UUIDs, each by the order in which it is first seen.
fn mask_ids(text: &str) -> String {
    let mut known: Vec<String> = vec![];
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = (0..rest.len()).find(|at| {
        rest.get(*at..at + 36)
            .is_some_and(|word| word.parse::<model::JobId>().is_ok())
    }) {
        let id = rest[at..at + 36].to_owned();
        let number = known
            .iter()
            .position(|seen| *seen == id)
            .unwrap_or_else(|| {
                known.push(id);
                known.len() - 1
            });
        out.push_str(&rest[..at]);
        write!(out, "0190c2a4-7b1e-7c3d-9e4f-0000000000{:02}", number + 1).unwrap();
        rest = &rest[at + 36..];
    }
    out + rest
}

/// RFC 3339 times.
fn mask_times(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("\"20") {
        let (before, after) = rest.split_at(at + 1);
        out.push_str(before);
        let end = after.find('"').unwrap_or(after.len());
        let word = &after[..end];
        let is_time = word.len() >= 20 && word.as_bytes()[10] == b'T' && word.ends_with('Z');
        out.push_str(if is_time {
            "2026-01-01T12:00:00Z"
        } else {
            word
        });
        rest = &after[end..];
    }
    out + rest
}

const AUTH: [&str; 2] = ["-H", "Authorization: Bearer $TOKEN"];

#[tokio::test]
async fn the_transcript_of_the_api_is_what_the_gateway_answers() {
    if Command::new("curl")
        .arg("--version")
        .output()
        .await
        .is_err()
    {
        let mut out = std::io::stderr();
        writeln!(out, "SKIPPED docs/api.md: no curl on this machine").expect("a line");
        return;
    }
    let app = TestApp::start().await;
    let ada = app.user();
    let folder = tempfile::tempdir().unwrap();
    let song = folder.path().join("song.wav");
    std::fs::write(&song, sound::tone(440.0, 2.0).wav()).unwrap();
    let mut transcript = Transcript {
        app: &app,
        user: &ada,
        text: HEAD.to_owned(),
    };
    let file = format!("audio_file=@{}", song.display());
    uploads(&mut transcript, &file).await;
    follows(&mut transcript).await;
    runs_the_service(&mut transcript).await;
    let written = masked(&transcript.text, &app).replace(&file, "audio_file=@song.wav");

    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/api.md");
    if std::fs::read_to_string(path).unwrap_or_default() != written {
        std::fs::write(path, written).unwrap();
        panic!("docs/api.md was stale and has been written anew: look at it, commit it");
    }
}

async fn uploads(transcript: &mut Transcript<'_>, file: &str) {
    let json = [
        "-H",
        "Content-Type: application/json",
        "-d",
        r#"{"duration": 180, "resolution": "2160p", "fps": "60"}"#,
    ];
    transcript.says("## What will it cost: `POST /api/v1/quotes`");
    transcript
        .curl(&[&AUTH[..], &json].concat(), "/api/v1/quotes")
        .await;

    let form = [
        "-F",
        file,
        "-F",
        "user_prompt=$PROMPT",
        "-F",
        "resolution=480p",
        "-F",
        "aspect_ratio=9:16",
        "-F",
        "style=noir",
    ];
    let keyed = ["-H", "Idempotency-Key: 5a0f"];
    transcript.says("## Upload: `POST /api/v1/upload-audio`");
    transcript
        .curl(&[&AUTH[..], &keyed, &form].concat(), "/api/v1/upload-audio")
        .await;
    transcript.says("The same request with the same key gives the same job:");
    transcript
        .curl(&[&AUTH[..], &keyed, &form].concat(), "/api/v1/upload-audio")
        .await;
    transcript.says("What is wrong is told by field:");
    let short = ["-F", file, "-F", "user_prompt=too short"];
    transcript
        .curl(&[&AUTH[..], &short].concat(), "/api/v1/upload-audio")
        .await;
    let odd = ["-F", file, "-F", "user_prompt=$PROMPT", "-F", "fps=120"];
    transcript
        .curl(&[&AUTH[..], &odd].concat(), "/api/v1/upload-audio")
        .await;
    transcript.says("And without a token:");
    transcript.curl(&form, "/api/v1/upload-audio").await;
}

async fn follows(transcript: &mut Transcript<'_>) {
    let list: Value = transcript
        .user
        .get("/api/v1/jobs")
        .await
        .json()
        .await
        .unwrap();
    let job = list["jobs"][0]["job_id"].as_str().unwrap().to_owned();
    let of_job = |rest: &str| format!("/api/v1/jobs/{job}{rest}");
    transcript.app.settled().await;
    transcript.says("## One job: `GET /api/v1/jobs/{job_id}`");
    transcript.curl(&AUTH, &of_job("")).await;
    transcript
        .says("`Prefer: wait=30` holds the answer until the job has ended, or the time is over:");
    transcript
        .curl(
            &[&AUTH[..], &["-H", "Prefer: wait=0"]].concat(),
            &of_job(""),
        )
        .await;
    transcript.says("## Before there is a film: `GET /api/v1/jobs/{job_id}/download`");
    transcript.curl(&AUTH, &of_job("/download")).await;
    transcript.says("## A ticket for an EventSource: `POST /api/v1/jobs/{job_id}/stream-ticket`");
    transcript
        .curl(
            &[&["-X", "POST"], &AUTH[..]].concat(),
            &of_job("/stream-ticket"),
        )
        .await;

    transcript
        .app
        .completes(job.parse().unwrap(), b"the bytes of a film")
        .await;
    transcript.app.settled().await;
    transcript.says("## Events: `GET /api/v1/jobs/{job_id}/stream`\n\nThe first is the whole state; of a job that has ended it is followed by the end.");
    transcript.curl(&AUTH, &of_job("/stream")).await;
    transcript.says("Whoever has seen the end is told not to come back:");
    transcript
        .curl(
            &[&AUTH[..], &["-H", "Last-Event-ID: 2"]].concat(),
            &of_job("/stream"),
        )
        .await;
    transcript.says("## The past: `GET /api/v1/jobs/{job_id}/events`");
    transcript.curl(&AUTH, &of_job("/events")).await;
    transcript.says("## Many jobs on one stream: `GET /api/v1/events`");
    transcript
        .curl(&AUTH, &format!("/api/v1/events?jobs={job}"))
        .await;
    keeps_and_ends(transcript, &job).await;
}

async fn keeps_and_ends(transcript: &mut Transcript<'_>, job: &str) {
    let of_job = |rest: &str| format!("/api/v1/jobs/{job}{rest}");
    transcript.says("## The film: `GET /api/v1/jobs/{job_id}/download`");
    let answer = transcript.curl(&AUTH, &of_job("/download")).await;
    let link: Value = serde_json::from_str(&answer).unwrap();
    let link = link["download_url"].as_str().unwrap().to_owned();
    transcript.says("The link needs no token, and serves parts:");
    transcript.curl(&["-r", "0-8"], &link).await;
    transcript.says("## Too late to cancel: `POST /api/v1/jobs/{job_id}/cancel`");
    transcript
        .curl(&[&["-X", "POST"], &AUTH[..]].concat(), &of_job("/cancel"))
        .await;
    let other = transcript.user.uploads().await;
    transcript.says("In time:");
    let cancel = format!("/api/v1/jobs/{other}/cancel");
    transcript
        .curl(&[&["-X", "POST"], &AUTH[..]].concat(), &cancel)
        .await;
    transcript.app.settled().await;
    transcript.says("## Your jobs: `GET /api/v1/jobs`");
    transcript.curl(&AUTH, "/api/v1/jobs?limit=1").await;
    transcript.says("A value that is not accepted, and someone else's job:");
    transcript.curl(&AUTH, "/api/v1/jobs?limit=51").await;
    transcript
        .curl(&AUTH, &format!("/api/v1/jobs/{}", uuid::Uuid::new_v4()))
        .await;
    tells_webhooks(transcript, job).await;
}

async fn tells_webhooks(transcript: &mut Transcript<'_>, job: &str) {
    let of_job = |rest: &str| format!("/api/v1/jobs/{job}{rest}");
    transcript.says("## What a webhook was told: `GET /api/v1/jobs/{job_id}/webhooks`\n\nThe end of each pass is told once, and `run` says of which: the film is the first, every fork another. `POST …/webhooks/{delivery}/resend` tells it again.");
    transcript.curl(&AUTH, &of_job("/webhooks")).await;
    let resend = of_job("/webhooks/msg_none/resend");
    transcript
        .curl(&[&["-X", "POST"], &AUTH[..]].concat(), &resend)
        .await;
    transcript.says("## What webhooks are signed with: `GET /api/v1/webhook-secret`");
    transcript.curl(&AUTH, "/api/v1/webhook-secret").await;
    transcript
        .curl(
            &[&["-X", "POST"], &AUTH[..]].concat(),
            "/api/v1/webhook-secret/rotate",
        )
        .await;
}

async fn runs_the_service(transcript: &mut Transcript<'_>) {
    transcript.says("## Health: `GET /api/v1/health`, `/livez`, `/readyz`");
    transcript.curl(&[], "/api/v1/health").await;
    transcript.curl(&[], "/livez").await;
    transcript.curl(&[], "/readyz").await;
    transcript.says("## Figures: `GET /metrics`\n\nWhat there is:\n");
    let answer = transcript
        .app
        .request(Method::GET, "/metrics")
        .send()
        .await
        .unwrap();
    let figures = answer.text().await.unwrap();
    for line in figures
        .lines()
        .filter_map(|line| line.strip_prefix("# HELP "))
    {
        let (name, meaning) = line.split_once(' ').unwrap();
        writeln!(transcript.text, "- `{name}`: {meaning}").unwrap();
    }
    transcript.says("## A method that is not there");
    transcript.curl(&["-X", "DELETE"], "/api/v1/health").await;
}
