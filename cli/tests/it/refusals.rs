//! What is wrong is said clearly, and says what to do.

use std::net::TcpListener;
use std::process::Stdio;

use reqwest::Method;

use crate::beatreel::{PROMPT, Up, beatreel, run, text};

#[tokio::test]
async fn a_role_lists_every_variable_that_is_missing_and_ends_with_2() {
    for (arguments, variables) in [
        (
            vec!["gateway"],
            vec!["STORAGE_URL", "SUPABASE_JWT_SECRET", "URL_SIGNING_KEY"],
        ),
        (vec!["stage", "composer"], vec!["STORAGE_URL"]),
    ] {
        let mut command = beatreel([]);
        command.args(arguments).env_clear().stdout(Stdio::null());
        let output = command.output().await.expect("it runs");
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        for variable in variables {
            assert!(said.contains(variable), "{variable} in:\n{said}");
        }
    }
}

#[tokio::test]
async fn a_port_that_was_asked_for_and_is_taken_is_refused() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = holder.local_addr().expect("an address").port().to_string();
    let data = scratch.path().join("data").display().to_string();
    let output = run(["up", "--port", &port, "--data", &data]).await;
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("port {port} is taken")), "{said}");
}

#[tokio::test]
async fn without_a_gateway_a_verb_says_how_to_start_one() {
    let output = run([
        "watch",
        "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f",
        "--data",
        "/nowhere",
    ])
    .await;
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("beatreel up"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_gateway_refuses_is_told_in_its_words_and_nothing_is_stored() {
    let up = Up::start(1).await;
    let file = up.scratch.path().join("song.mp3");
    std::fs::write(&file, "this is no music").expect("writing a file");
    let path = file.display().to_string();
    let mut command = beatreel(["submit", &path, PROMPT]);
    let output = up.addressed(&mut command).output().await.expect("it runs");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("VALIDATION_ERROR, HTTP 4"), "{said}");

    let mut command = beatreel(["submit", &path, "too short"]);
    let output = up.addressed(&mut command).output().await.expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("9 characters"),
        "{}",
        text(&output.stderr)
    );

    let other = format!("jobs/{}", "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f");
    let unknown = up
        .http(Method::GET, &other)
        .send()
        .await
        .expect("an answer");
    assert_eq!(unknown.status(), 404);
    assert_eq!(up.json(Method::GET, "jobs").await["total"], 0);
}
