//! Buckets.

use std::time::Duration;

use model::StageKind;
use nats::kv::{Bucket, Swap};
use nats::{buckets, consumers};
use testkit::eventually;

use crate::bench;

#[tokio::test]
async fn whoever_compares_with_an_old_revision_is_refused() {
    let (_server, jetstream) = bench::open().await;
    let claims = Bucket::new(jetstream, buckets::CLAIMS);
    let Swap::Set(first) = claims.swap("a.b", "one".into(), 0).await.unwrap() else {
        panic!("nothing was there");
    };
    let second = claims.swap("a.b", "two".into(), first).await.unwrap();
    assert!(matches!(second, Swap::Set(revision) if revision > first));
    for stale in [0, first] {
        let refused = claims.swap("a.b", "three".into(), stale).await.unwrap();
        assert_eq!(refused, Swap::Conflict);
    }
    let entry = claims.get("a.b").await.unwrap().unwrap();
    assert_eq!(
        (entry.value.as_ref(), second),
        (&b"two"[..], Swap::Set(entry.revision))
    );
    assert_eq!(claims.get("a.c").await.unwrap(), None);
}

#[tokio::test]
async fn keys_are_listed_by_pattern_and_deleted_ones_read_as_gone() {
    let (_server, jetstream) = bench::open().await;
    let clips = Bucket::new(jetstream, buckets::CLIPS);
    for key in ["job.1.0", "job.1.1", "job.2.0", "other.1.0"] {
        clips.put(key, "x".into()).await.unwrap();
    }
    let mut keys = clips.keys("job.1.*").await.unwrap();
    keys.sort();
    assert_eq!(keys, ["job.1.0", "job.1.1"]);
    assert!(clips.keys("nobody.1.*").await.unwrap().is_empty());

    clips.delete("job.1.0").await.unwrap();
    assert_eq!(clips.get("job.1.0").await.unwrap(), None);
}

#[tokio::test]
async fn an_entry_with_a_life_is_gone_after_it_also_the_second_time() {
    let (_server, jetstream) = bench::open().await;
    let workers = Bucket::new(jetstream, buckets::WORKERS);
    for _ in 0..2 {
        for life in [Duration::from_mins(1), Duration::from_secs(1)] {
            workers
                .put_for("composer.one", "here".into(), life)
                .await
                .unwrap();
            // One that lives for a second may be gone before it is read.
            if life > Duration::from_secs(1) {
                assert!(workers.get("composer.one").await.unwrap().is_some());
            }
        }
        eventually("the entry expires", Duration::from_secs(10), async || {
            workers
                .get("composer.one")
                .await
                .unwrap()
                .is_none()
                .then_some(())
        })
        .await;
    }
    assert!(
        workers.keys(">").await.unwrap().is_empty(),
        "and leaves nothing behind"
    );
}

#[tokio::test]
async fn the_server_tells_the_time_by_the_clock_that_dates_entries() {
    let (_server, jetstream) = bench::open().await;
    let claims = Bucket::new(jetstream.clone(), buckets::CLAIMS);
    claims.put("a", "before".into()).await.unwrap();
    let time = consumers::server_time(&jetstream, StageKind::Composer).await;
    let time = time.unwrap();
    claims.put("b", "after".into()).await.unwrap();

    let before = claims.get("a").await.unwrap().unwrap().written;
    let after = claims.get("b").await.unwrap().unwrap().written;
    assert!(before < time && time < after, "{before} {time} {after}");
}
