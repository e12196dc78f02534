//! Secrets are in the files that are theirs, and nowhere else.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::beatreel::{PROMPT, Up};

/// Where they have to be: how everything is kept, what the broker reads, and what says that we run.
const THEIRS: [&str; 3] = ["secrets.json", "server.conf", "up.json"];

fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Object(members) => members.values().for_each(|member| strings(member, found)),
        Value::Array(values) => values.iter().for_each(|value| strings(value, found)),
        _ => {}
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        if entry.path().is_dir() {
            files(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_a_log_a_row_a_message_an_object_or_an_argument() {
    let up = Up::start(1).await;
    let job = up.submit(6.5).await;
    let watch = up.watch(&job);
    let (_, code) = watch.rest().await;
    assert_eq!(code, Some(0));
    let film = up.film(&job).await;
    let kept = std::fs::read(up.data().join("secrets.json")).expect("secrets");
    let mut kept: Value = serde_json::from_slice(&kept).expect("JSON");
    // Who uses it is no secret.
    kept.as_object_mut().expect("members").remove("user");
    let mut secrets = vec![up.token.clone()];
    strings(&kept, &mut secrets);
    assert!(secrets.len() >= 11, "eight passwords, two keys, a token");

    let mut all = vec![];
    files(&up.data(), &mut all);
    assert!(all.iter().any(|path| path.ends_with("gateway.log")));
    for path in all.iter().chain([&film]) {
        let name = path.file_name().and_then(|name| name.to_str());
        // One that goes meanwhile holds nothing any more.
        let Ok(bytes) = std::fs::read(path) else {
            continue;
        };
        let text = String::from_utf8_lossy(&bytes);
        if !name.is_some_and(|name| THEIRS.contains(&name)) {
            for secret in &secrets {
                assert!(!text.contains(secret), "a secret is in {}", path.display());
            }
        }
        if path.extension().is_some_and(|ending| ending == "log") {
            for private in [PROMPT, "&sig=", "\u{1b}"] {
                assert!(!text.contains(private), "{private:?} in {}", path.display());
            }
        }
    }
    for (name, pid) in up.processes() {
        let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).expect("arguments");
        let arguments = String::from_utf8_lossy(&arguments);
        for secret in &secrets {
            assert!(
                !arguments.contains(secret),
                "a secret among the arguments of {name}"
            );
        }
    }
}
