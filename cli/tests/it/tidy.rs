//! The arrows between crates (ARCHITECTURE.md), as `cargo metadata` sees them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// What each of our crates may depend on, by the names of their folders. `testkit` may be a
/// dev-dependency of any.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("tools", &[]),
    ("visuals", &["model"]),
    ("lettering", &["model"]),
    ("media", &["model", "tools"]),
    ("render", &["model", "visuals", "media", "lettering"]),
    ("testkit", &["tools"]),
    ("nats", &["model"]),
    ("runtime", &["model", "nats"]),
    ("providers", &["model", "runtime"]),
    ("audio-parser", &["model", "runtime", "media", "providers"]),
    ("scene-planner", &["model", "runtime"]),
    ("reference-generator", &["model", "runtime", "visuals"]),
    ("prompt-generator", &["model", "runtime"]),
    (
        "video-generator",
        &["model", "runtime", "visuals", "media", "render"],
    ),
    ("composer", &["model", "runtime", "media", "render"]),
    (
        "gateway",
        &["model", "nats", "runtime", "media", "providers"],
    ),
    ("song", &["model"]),
];

/// Crates of others that only some of ours may use. The cli sees all.
const FENCED: &[(&str, &[&str])] = &[
    ("async-nats", &["nats", "runtime", "gateway"]),
    ("sqlx", &["gateway"]),
    ("axum", &["gateway"]),
    ("jsonwebtoken", &["gateway"]),
    ("reqwest", &["providers", "gateway"]), // the gateway: published keys, webhooks
    ("realfft", &["audio-parser"]),
    ("object_store", &["runtime", "gateway"]),
    ("symphonia", &["media"]),
];

/// Pure crates: no async, no I/O.
const PURE: &[&str] = &["model", "visuals", "lettering"];
const IMPURE: &[&str] = &["tokio", "futures", "async-nats", "object_store", "reqwest"];

/// Normal and build dependencies of each of our crates, all without our prefix.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo speaks JSON");
    let short = |value: &Value| {
        value
            .as_str()
            .unwrap_or_default()
            .trim_start_matches("beatreel-")
            .to_owned()
    };
    let packages = metadata["packages"].as_array().expect("packages").iter();
    packages
        .map(|package| {
            let all = package["dependencies"]
                .as_array()
                .expect("dependencies")
                .iter();
            let normal = all.filter(|dependency| dependency["kind"] != "dev");
            (
                short(&package["name"]),
                normal
                    .map(|dependency| short(&dependency["name"]))
                    .collect(),
            )
        })
        .collect()
}

#[test]
fn crates_depend_only_along_the_arrows() {
    let dependencies = dependencies();
    let ours: BTreeSet<&String> = dependencies.keys().collect();
    for (crate_name, uses) in dependencies.iter().filter(|(name, _)| *name != "beatreel") {
        let arrows = ARROWS.iter().find(|(name, _)| name == crate_name);
        let (_, allowed) =
            arrows.unwrap_or_else(|| panic!("{crate_name} has no arrows: add it here"));
        for used in uses.iter().filter(|used| ours.contains(used)) {
            assert!(
                allowed.contains(&used.as_str()),
                "{crate_name} must not depend on {used}"
            );
        }
    }
    assert!(
        !dependencies["beatreel"].contains("testkit"),
        "testkit is for tests only"
    );
}

#[test]
fn fenced_crates_stay_in_their_rooms() {
    let dependencies = dependencies();
    for (fenced, rooms) in FENCED {
        for (crate_name, uses) in dependencies.iter().filter(|(name, _)| *name != "beatreel") {
            let allowed = rooms.contains(&crate_name.as_str()) || !uses.contains(*fenced);
            assert!(
                allowed,
                "{crate_name} must not use {fenced}; only {rooms:?} and cli may"
            );
        }
    }
}

#[test]
fn pure_crates_know_neither_async_nor_io() {
    let dependencies = dependencies();
    for name in PURE {
        for impure in IMPURE {
            assert!(
                !dependencies[*name].contains(*impure),
                "{name} must not use {impure}"
            );
        }
    }
}

#[test]
fn processes_are_started_only_where_they_may_be() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let allowed = ["cli/", "common/media/", "common/tools/", "common/testkit/"];
    let listing = Command::new("git")
        .args(["ls-files", "*.rs"])
        .current_dir(root)
        .output();
    let Ok(listing) = listing else {
        panic!("git is needed to list the sources")
    };
    let files = String::from_utf8_lossy(&listing.stdout).into_owned();
    let others = files
        .lines()
        .filter(|file| !allowed.iter().any(|room| file.starts_with(room)));
    for file in others.filter(|file| !file.contains("/tests/")) {
        let source = std::fs::read_to_string(format!("{root}/{file}")).unwrap_or_default();
        assert!(
            !source.contains("process::Command"),
            "{file} must not start processes"
        );
    }
}

/// The sources of ours that git knows.
fn sources() -> String {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let listing = Command::new("git")
        .args(["ls-files", "*.rs"])
        .current_dir(root)
        .output();
    let listing = listing.expect("git lists the sources").stdout;
    let files = String::from_utf8_lossy(&listing).into_owned();
    let read = |file: &str| std::fs::read_to_string(format!("{root}/{file}")).unwrap_or_default();
    files.lines().map(read).collect()
}

#[test]
fn every_test_that_the_table_of_faults_names_is_there() {
    let code = sources();
    let table = include_str!("../../../docs/reliability.md");
    let mut named = 0;
    let rows = table.lines().filter(|line| line.starts_with("| "));
    for line in rows.filter(|line| !line.starts_with("| I") && !line.starts_with("| id")) {
        let tests = line.trim_end_matches(" |").rsplit(" | ").next();
        let tests = tests.unwrap_or_default();
        let names: Vec<_> = tests.split('`').filter(|name| name.contains('_')).collect();
        let shown = !names.is_empty() || tests.contains("Chaos") || tests == "how it is looked at";
        assert!(shown, "no test shows this: {line}");
        for name in names {
            assert!(code.contains(&format!("fn {name}(")), "there is no {name}");
            named += 1;
        }
    }
    assert!(named > 60, "{named}");
}
