//! `beatreel chaos` itself: a seed replays its plan, nothing is lost with the broker's store, and nothing
//! fails when everything is restarted.

use serde_json::Value;

use crate::beatreel::{FILM, beatreel, run, text};

async fn chaos<const N: usize>(arguments: [&str; N]) -> Value {
    let output = tokio::time::timeout(2 * FILM, beatreel(arguments).kill_on_drop(true).output());
    let output = output.await.expect("it ends").expect("it starts");
    let found = text(&output.stdout);
    assert!(output.status.success(), "{found}\n{}", text(&output.stderr));
    serde_json::from_str(&found).expect("a line of JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_job_is_finished_after_all_processes_and_the_brokers_store_are_gone() {
    let report = chaos([
        "chaos",
        "--wipe",
        "--minutes",
        "0.1",
        "--jobs",
        "3",
        "--json",
    ])
    .await;
    let jobs = report["jobs"].as_array().expect("jobs");
    assert_eq!(jobs.len(), 3);
    assert!(jobs.iter().all(|job| job["end"] == "completed"), "{jobs:?}");
    assert_eq!(report["invariants"].as_array().map(Vec::len), Some(9));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_of_everything_fails_no_job_and_repeats_no_charge() {
    // One round: eight processes, three seconds each.
    let report = chaos([
        "chaos",
        "--rolling",
        "--minutes",
        "0.42",
        "--jobs",
        "3",
        "--json",
    ])
    .await;
    let blows = report["blows"].as_array().expect("blows");
    assert_eq!(blows.len(), 8);
    assert!(blows.iter().all(|blow| blow["hit"] == true), "{blows:?}");
    let jobs = report["jobs"].as_array().expect("jobs");
    assert!(jobs.iter().all(|job| job["end"] == "completed"), "{jobs:?}");
}

#[tokio::test]
async fn a_seed_replays_its_plan() {
    let plan = async |seed| {
        let output = run(["chaos", "--plan", "--seed", seed]).await;
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let seven = plan("7").await;
    assert_eq!(seven, plan("7").await);
    assert_ne!(seven, plan("8").await);
    assert!(
        seven.contains("submit a song") && seven.contains("kill"),
        "{seven}"
    );
}
