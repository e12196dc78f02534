//! How processes live and end: nothing is left behind, whoever is killed.

use testkit::eventually;
use tokio::process::Command;
use tools::child;

use crate::beatreel::{SOON, Up, beatreel, descendants, run, signal, text, until_gone};

#[tokio::test(flavor = "multi_thread")]
async fn one_directory_has_one_up_which_ctrl_c_ends_with_all_it_started() {
    let mut up = Up::start(1).await;
    let processes = up.processes();
    assert_eq!(
        processes.len(),
        8,
        "broker, gateway, six stages: {processes:?}"
    );
    assert_eq!(up.page, format!("{}/#token={}", up.base, up.token));

    let data = up.data().display().to_string();
    let second = run(["up", "--port", "0", "--data", &data]).await;
    assert_eq!(second.status.code(), Some(1));
    let refusal = text(&second.stderr);
    assert!(
        refusal.contains("already runs on") && refusal.contains("--data"),
        "{refusal}"
    );

    // Other verbs find the running one by where they are, whatever other secret there is.
    let mut token = beatreel(["token"]);
    let token = token
        .current_dir(up.scratch.path())
        .env(
            "SUPABASE_JWT_SECRET",
            "another service's secret, long enough",
        )
        .output()
        .await
        .expect("token runs");
    assert!(token.status.success(), "{}", text(&token.stderr));
    let jobs = reqwest::Client::new().get(format!("{}/api/v1/jobs", up.base));
    let jobs = jobs
        .bearer_auth(text(&token.stdout).trim())
        .send()
        .await
        .expect("an answer");
    assert_eq!(jobs.status(), 200);

    signal("INT", up.child.id().expect("it runs")).await;
    let ended = tokio::time::timeout(SOON, up.child.wait())
        .await
        .expect("it ends")
        .expect("waiting");
    assert_eq!(ended.code(), Some(0));
    until_gone(&processes).await;
    assert!(!up.data().join("up.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_dies_is_started_again() {
    let up = Up::start(1).await;
    let before = up.processes();
    let broker = up.process("nats-server").expect("it runs");
    for name in ["nats-server", "gateway", "composer"] {
        signal("KILL", up.process(name).expect("it runs")).await;
    }
    let all_back = async || {
        let processes = up.processes();
        let is_new = |name: &str| {
            let pid =
                |list: &[(String, u32)]| list.iter().find(|(n, _)| n == name).map(|(_, pid)| *pid);
            pid(&processes).is_some_and(|now| pid(&before) != Some(now))
        };
        (is_new("nats-server") && is_new("gateway") && is_new("composer")).then_some(processes)
    };
    let after = eventually("all three run again", SOON, all_back).await;
    assert!(after.iter().all(|(_, pid)| *pid != broker));
    let ready = async || {
        let answer = reqwest::get(format!("{}/readyz", up.base)).await.ok()?;
        answer.status().is_success().then_some(())
    };
    eventually("the gateway is ready again", SOON, ready).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_file_that_cannot_be_written_ends_nothing() {
    let up = Up::start(1).await;
    let before = up.processes();
    let in_the_way = up.data().join("up.json.part");
    std::fs::create_dir(&in_the_way).expect("a directory");
    let pid = up.child.id().expect("it runs");
    signal("KILL", up.process("composer").expect("it runs")).await;
    let is_new = |id: u32| before.iter().all(|(_, known)| *known != id);
    let restarted = async || {
        let all = descendants(pid);
        (all.len() == before.len() && all.iter().any(|(_, id)| is_new(*id))).then_some(())
    };
    eventually("another composer runs", SOON, restarted).await;

    std::fs::remove_dir(&in_the_way).expect("out of the way");
    signal("KILL", up.process("gateway").expect("it runs")).await;
    let told = async || {
        let new = |name| up.process(name).is_some_and(is_new);
        (new("composer") && new("gateway")).then_some(())
    };
    eventually("the file is written again", SOON, told).await;
}

#[tokio::test]
async fn a_signal_is_heard_while_programs_are_still_looked_for() {
    let scratch = tempfile::tempdir().expect("a scratch directory");
    let slow = scratch.path().join("nats-server");
    let asked = scratch.path().join("asked");
    // Written by a process of its own: one that another test starts meanwhile would hold it open.
    let written = Command::new("sh")
        .args([
            "-c",
            r#"printf '#!/bin/sh\necho $$ > %s\nexec sleep 300\n' "$1" > "$0"; chmod 755 "$0""#,
        ])
        .args([&slow, &asked])
        .status();
    assert!(written.await.expect("sh runs").success());
    let mut command = beatreel(["up", "--json", "--port", "0", "--data"]);
    command
        .arg(scratch.path().join("data"))
        .env("NATS_SERVER_BIN", &slow);
    let mut up = child::spawn(command).expect("up starts");
    let is_asked = async || {
        let text = std::fs::read_to_string(&asked).ok()?;
        text.trim().parse::<u32>().ok()
    };
    let looked_at = eventually("the slow server is asked", SOON, is_asked).await;

    signal("TERM", up.id().expect("it runs")).await;
    let ended = tokio::time::timeout(SOON, up.wait()).await;
    signal("KILL", looked_at).await;
    assert_eq!(
        ended.expect("it ends soon").expect("waiting").code(),
        Some(1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_outlives_an_up_that_is_killed_in_the_middle_of_work() {
    let mut up = Up::start(2).await;
    let job = up.submit(30.0).await;
    up.watch(&job).until("video_generation_start").await;
    let pid = up.child.id().expect("it runs");
    let encoding = async || {
        let all = descendants(pid);
        all.iter().any(|(name, _)| name == "ffmpeg").then_some(all)
    };
    let all = eventually("ffmpeg makes a clip", SOON, encoding).await;
    assert!(
        all.len() >= 9,
        "broker, gateway, six stages, ffmpeg: {all:?}"
    );

    signal("KILL", pid).await;
    up.child.wait().await.expect("it is gone");
    until_gone(&all).await;
    // The same directory goes on where it was: the film is made after all.
    let up = Up::start_on(up.scratch, 2).await;
    let (_, code) = up.watch(&job).rest().await;
    assert_eq!(code, Some(0));
}
