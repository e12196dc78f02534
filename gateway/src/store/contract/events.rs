//! The promises about events: each is folded into the rows once, and what is kept of a row is what it says.

use super::*;

on_both! {
    events_are_folded_once_by_however_many_gateways
    a_new_stream_is_read_from_its_begin
    a_reader_is_told_how_far_progress_had_come
    a_job_that_was_read_is_read_anew_after_each_event
    what_is_kept_of_jobs_is_what_their_rows_say
}

async fn events_are_folded_once_by_however_many_gateways(bench: Bench) {
    let job = bench.accepts(user()).await;
    let other = Store::open(&bench.url).await.unwrap();
    assert_eq!(bench.store.position("one").await.unwrap(), 0);
    assert_eq!(other.position("one").await.unwrap(), 0);
    let events: Vec<_> = (1..=40)
        .map(|sequence| said(&job, sequence, progress(sequence as u8)))
        .collect();
    let read = async |store: &Store| {
        for batch in events.chunks(3) {
            assert_eq!(store.project(batch).await.unwrap().len(), batch.len());
        }
    };
    tokio::join!(read(&bench.store), read(&other));
    let state = bench.reads(&job).await.state;
    assert_eq!((state.progress, state.last_sequence), (40, 40));
    assert_eq!(state.total_cost, Usd::from_micros(7));
    assert_eq!(state.estimated_remaining, Some(Seconds(9.5)));
    assert_eq!(bench.store.position("one").await.unwrap(), 40);
    other.close().await;
}

async fn a_new_stream_is_read_from_its_begin(bench: Bench) {
    let job = bench.accepts(user()).await;
    bench.store.position("one").await.unwrap();
    let events = [said(&job, 50, progress(30)), said(&job, 51, progress(41))];
    bench.store.project(&events).await.unwrap();
    assert_eq!(bench.store.position("one").await.unwrap(), 51);
    assert!(!bench.store.is_successor("one").await.unwrap());
    assert!(bench.store.is_successor("two").await.unwrap());
    assert_eq!(bench.store.position("two").await.unwrap(), 0);
    assert!(!bench.store.is_successor("two").await.unwrap());
    let first = [said(&job, 1, progress(60))];
    bench.store.project(&first).await.unwrap();
    let state = bench.reads(&job).await.state;
    assert_eq!((state.progress, state.last_sequence), (60, 1));
}

async fn a_reader_is_told_how_far_progress_had_come(bench: Bench) {
    let job = bench.accepts(user()).await;
    bench.store.position("one").await.unwrap();
    let events = [
        said(&job, 3, progress(20)),
        said(&job, 5, progress(15)),
        said(&job, 8, progress(44)),
    ];
    bench.store.project(&events).await.unwrap();
    let at = async |sequence| bench.store.progress_at(job.brief.id, sequence).await;
    for (sequence, progress) in [(0, 0), (3, 20), (7, 20), (8, 44), (900, 44)] {
        assert_eq!(at(sequence).await.unwrap(), progress, "{sequence}");
    }
}

async fn a_job_that_was_read_is_read_anew_after_each_event(bench: Bench) {
    let job = bench.accepts(user()).await;
    bench.store.position("one").await.unwrap();
    for sequence in 1..=20 {
        assert_eq!(bench.reads(&job).await.state.last_sequence, sequence - 1);
        let event = said(&job, sequence, progress(sequence as u8));
        bench.store.project(&[event]).await.unwrap();
    }
    let stranger = bench.store.job_of(user(), job.brief.id).await.unwrap();
    assert_eq!(stranger, None);
}

async fn what_is_kept_of_jobs_is_what_their_rows_say(bench: Bench) {
    let jobs = [
        bench.accepts(user()).await,
        bench.accepts(user()).await,
        bench.accepts(user()).await,
    ];
    bench.store.position("one").await.unwrap();
    let text = |text: &str| EventBody::Message {
        text: text.to_owned(),
        stage: StageKind::Composer,
    };
    let mut sequence = 0;
    for body in [
        progress(30),
        text("a"),
        text("b"),
        progress(40),
        ended("X"),
        text("c"),
    ] {
        let mut events = vec![];
        for job in &jobs {
            sequence += 1;
            let mut event = said(job, sequence, body.clone());
            let told = Arc::make_mut(event.event.as_mut().unwrap());
            told.timestamp += time::Duration::nanoseconds(1_234_567 * sequence as i64);
            events.push(event);
        }
        bench.store.project(&events).await.unwrap();
        for job in &jobs {
            let kept = bench.reads(job).await;
            // Another gateway, which reads the rows as it keeps nothing yet.
            let other = Store::open(&bench.url).await.unwrap();
            let row = other.job_of(job.brief.user, job.brief.id).await.unwrap();
            assert_eq!(Some(&kept), row.as_deref());
            other.close().await;
        }
    }
}
