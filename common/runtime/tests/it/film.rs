//! Fan-out, join and end: a film of twelve clips by three workers.

use std::sync::atomic::Ordering;

use model::event::EventBody;
use model::handoff::Referenced;
use model::job::StageStatus;
use model::{Seconds, StageKind, Stored};
use nats::streams;

use crate::bench::{Bench, reference};
use crate::toys::{Clipper, Joiner, Prompter};

const CLIPS: u32 = 12;

fn referenced() -> Referenced {
    Referenced {
        analysis: Stored::new(reference("analysis.json")),
        plan: Stored::new(reference("plan.json")),
        references: Stored::new(reference("references.json")),
    }
}

#[tokio::test]
async fn three_workers_make_every_clip_once_and_the_film_once() {
    let bench = Bench::start().await;
    let (clipper, joiner) = (Clipper::default(), Joiner::default());
    let workers: Vec<_> = ["one", "two", "three"]
        .map(|name| bench.serve(name, clipper.clone()))
        .into();
    let _others = (
        bench.serve("prompter", Prompter(CLIPS)),
        bench.serve("joiner", joiner.clone()),
    );

    let task = bench.task(StageKind::PromptGenerator);
    bench.submit(&task, referenced()).await;
    let end = bench.end().await;
    for stage in [StageKind::VideoGenerator, StageKind::Composer] {
        bench.settled(stage).await;
    }
    drop(workers);

    let EventBody::Completed { video, clips, .. } = end else {
        panic!("the job ends with a film, not {end:?}");
    };
    assert_eq!(clips, CLIPS);
    let film = bench.artifacts().get_bytes(&video).await.unwrap();
    let expected: Vec<_> = (0..CLIPS).map(|clip| format!("clip {clip}")).collect();
    assert_eq!(film, expected.concat());
    assert_eq!(clipper.made.load(Ordering::SeqCst), CLIPS);
    assert_eq!(joiner.films.load(Ordering::SeqCst), 1);
    let mut work = bench.jetstream.get_stream(streams::WORK).await.unwrap();
    let messages = work.info().await.unwrap().state.messages;
    assert_eq!(
        messages,
        u64::from(CLIPS) + 2,
        "each clip, its begin and its end"
    );
    tells_of_every_clip(&bench.events().await);
}

fn tells_of_every_clip(events: &[EventBody]) {
    let mut made: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            EventBody::VideoGenerationComplete { clip_index, .. } => Some(clip_index.0),
            _ => None,
        })
        .collect();
    made.sort_unstable();
    assert_eq!(made, (0..CLIPS).collect::<Vec<_>>());
    let of_clips: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            EventBody::StageUpdate {
                stage: StageKind::VideoGenerator,
                status,
                duration,
                ..
            } => Some((*status, duration.is_some())),
            _ => None,
        })
        .collect();
    assert_eq!(
        of_clips,
        [
            (StageStatus::Processing, false),
            (StageStatus::Completed, true)
        ]
    );
    let highest = events.iter().filter_map(|event| match event {
        EventBody::Progress {
            progress,
            stage: StageKind::VideoGenerator,
            ..
        } => Some(*progress),
        _ => None,
    });
    assert_eq!(highest.max(), Some(85));
    foretells_when_the_clips_are_made(events);
    assert!(matches!(events.last(), Some(EventBody::Completed { .. })));
}

/// Each clip takes 150 ms at least, by one of three workers. How the figure falls is proved beside the
/// tally: what each worker sees of the others, and in which order they say it, is a matter of load.
fn foretells_when_the_clips_are_made(events: &[EventBody]) {
    let foretold: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            EventBody::Progress {
                stage: StageKind::VideoGenerator,
                estimated_remaining,
                ..
            } => estimated_remaining.map(|Seconds(left)| left),
            _ => None,
        })
        .collect();
    assert_eq!(foretold.len(), CLIPS as usize, "{foretold:?}");
    let longest = foretold.iter().copied().fold(0.0, f64::max);
    // At least nine are open when the first is told of, and three workers share them.
    assert!(longest > 0.4, "{foretold:?}");
    // Whoever saw the last clip saw that none is open.
    assert!(foretold.contains(&0.0), "{foretold:?}");
}

#[tokio::test]
async fn a_film_gets_done_although_the_server_restarts_in_the_middle_of_its_clips() {
    let mut bench = Bench::start().await;
    let (clipper, joiner) = (Clipper::default(), Joiner::default());
    let _workers: Vec<_> = ["one", "two", "three"]
        .map(|name| bench.serve(name, clipper.clone()))
        .into();
    let _others = (
        bench.serve("prompter", Prompter(CLIPS)),
        bench.serve("joiner", joiner.clone()),
    );
    let task = bench.task(StageKind::PromptGenerator);
    bench.submit(&task, referenced()).await;
    testkit::eventually("some clips are made", crate::bench::SOON, async || {
        (clipper.made.load(Ordering::SeqCst) >= 4).then_some(())
    })
    .await;

    bench.server.restart().await;
    let end = bench.end().await;

    assert!(
        matches!(end, EventBody::Completed { clips: CLIPS, .. }),
        "{end:?}"
    );
    let made = clipper.made.load(Ordering::SeqCst);
    assert!(
        made <= CLIPS + 3,
        "at most what was in hand is made again: {made}"
    );
    assert_eq!(joiner.films.load(Ordering::SeqCst), 1);
}
