//! The stage: a song in, documents out.

use audio_parser::AudioParser;
use model::format::{Resolution, VideoFormat};
use model::handoff::Song;
use model::{
    ArtifactKey, EventBody, FrameRate, JobBrief, JobOptions, RunNumber, Seconds, StageKind, TaskId,
    Usd, UserPrompt,
};
use runtime::artifacts::Artifacts;
use runtime::{Stage, StageContext, StageError};
use testkit::sound;
use tokio::sync::mpsc::UnboundedReceiver;

struct Bench {
    context: StageContext,
    events: UnboundedReceiver<EventBody>,
    song: Song,
    _store: tempfile::TempDir,
}

async fn bench(seconds: f64) -> Bench {
    let store = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(&format!("file://{}", store.path().display())).unwrap();
    let id = "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f".parse().unwrap();
    let sound = sound::song(seconds);
    let key = ArtifactKey::of_job(id, "song.wav").unwrap();
    let audio = artifacts.put_bytes(&key, sound.wav().into()).await.unwrap();
    let song = Song {
        audio,
        sample_rate: sound.sample_rate,
        channels: 1,
        samples: sound.samples.len() as u64,
    };
    let job = JobBrief {
        id,
        user: "11111111-2222-4333-8444-555555555555".parse().unwrap(),
        run: RunNumber::FIRST,
        prompt: UserPrompt::try_from("a night drive through rain and neon ".repeat(2)).unwrap(),
        title: None,
        song: song.clone(),
        format: VideoFormat {
            size: Resolution::P480.size(),
            rate: FrameRate::FPS_30,
        },
        options: JobOptions::default(),
        seed: 1,
        budget: Usd::ZERO,
    };
    let task = TaskId::of_stage(StageKind::AudioParser, id, RunNumber::FIRST);
    let (context, events) = StageContext::detached(job, task, artifacts).unwrap();
    Bench {
        context,
        events,
        song,
        _store: store,
    }
}

#[tokio::test]
async fn a_song_becomes_an_analysis_with_its_curves_and_an_event_that_tells_of_it() {
    let mut bench = bench(26.0).await;
    let heard = AudioParser.run(bench.song, &bench.context).await.unwrap();
    let analysis = bench.context.load(&heard.analysis).await.unwrap();
    assert_eq!(analysis.duration, Seconds(26.0));
    let curves = bench.context.load(&analysis.envelopes).await.unwrap();
    assert_eq!(curves.rate_hz, 30.0, "the rate of the film");
    assert_eq!(curves.percussive.len(), curves.beat.len());
    let told = loop {
        match bench.events.recv().await {
            Some(EventBody::AudioParserResults {
                bpm,
                beat_count,
                clip_boundaries_count,
                ..
            }) => {
                break (bpm, beat_count as usize, clip_boundaries_count as usize);
            }
            Some(_) => {}
            None => panic!("the stage ended without telling what it heard"),
        }
    };
    assert!((told.0 - analysis.tempo.bpm).abs() < 1e-9);
    assert_eq!(told.1, analysis.beats.len());
    assert_eq!(told.2, analysis.clip_grid.len());
}

#[tokio::test]
async fn a_cancelled_song_is_not_heard() {
    let bench = bench(20.0).await;
    bench.context.cancelled().cancel();
    let outcome = AudioParser.run(bench.song, &bench.context).await;
    assert!(matches!(outcome, Err(StageError::Cancelled)), "{outcome:?}");
}

#[tokio::test]
async fn a_song_that_is_not_canonical_fails_for_good() {
    let mut bench = bench(2.0).await;
    let key = ArtifactKey::of_job(bench.context.job().id, "other.wav").unwrap();
    let artifacts = bench.context.artifacts();
    bench.song.audio = artifacts
        .put_bytes(&key, "not a song".into())
        .await
        .unwrap();
    let outcome = AudioParser.run(bench.song, &bench.context).await;
    let error = outcome.unwrap_err();
    assert!(matches!(error, StageError::Fatal { .. }), "{error:?}");
    assert_eq!(error.code(), "AUDIO_ANALYSIS_ERROR");
}
