//! The stage: a song in, documents out.

use std::time::Duration;

use audio_parser::AudioParser;
use model::analysis::AudioAnalysis;
use model::corrections::{Corrections, TempoCorrection};
use model::format::{Resolution, VideoFormat};
use model::handoff::Song;
use model::lyrics::{LyricsSource, LyricsWish};
use model::{
    ArtifactKey, EventBody, FrameRate, JobBrief, JobId, JobOptions, RunNumber, Seconds, StageKind,
    TaskId, Usd, UserPrompt,
};
use runtime::artifacts::Artifacts;
use runtime::{Stage, StageContext, StageError, Vars};
use testkit::sound;
use testkit::{Reply, StandIn};
use tokio::sync::mpsc::UnboundedReceiver;

struct Bench {
    context: StageContext,
    events: UnboundedReceiver<EventBody>,
    song: Song,
    artifacts: Artifacts,
    _store: tempfile::TempDir,
}

async fn bench(seconds: f64) -> Bench {
    let store = tempfile::tempdir().unwrap();
    let artifacts = Artifacts::open(&format!("file://{}", store.path().display())).unwrap();
    let sound = sound::song(seconds);
    let key = ArtifactKey::of_job(id(), "song.wav").unwrap();
    let audio = artifacts.put_bytes(&key, sound.wav().into()).await.unwrap();
    let song = Song {
        audio,
        sample_rate: sound.sample_rate,
        channels: 1,
        samples: sound.samples.len() as u64,
    };
    let (context, events) = context(&song, &artifacts, JobOptions::default());
    Bench {
        context,
        events,
        song,
        artifacts,
        _store: store,
    }
}

fn id() -> JobId {
    "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f".parse().unwrap()
}

fn context(
    song: &Song,
    artifacts: &Artifacts,
    options: JobOptions,
) -> (StageContext, UnboundedReceiver<EventBody>) {
    let job = JobBrief {
        id: id(),
        user: "11111111-2222-4333-8444-555555555555".parse().unwrap(),
        run: RunNumber::FIRST,
        prompt: UserPrompt::try_from("a night drive through rain and neon ".repeat(2)).unwrap(),
        title: None,
        song: song.clone(),
        format: VideoFormat {
            size: Resolution::P480.size(),
            rate: FrameRate::FPS_30,
        },
        options,
        seed: 1,
        budget: Usd::from_dollars(1),
    };
    let task = TaskId::of_stage(StageKind::AudioParser, id(), RunNumber::FIRST);
    StageContext::detached(job, task, artifacts.clone()).unwrap()
}

impl Bench {
    /// Another task on the same store.
    fn with(&mut self, options: JobOptions) {
        (self.context, self.events) = context(&self.song, &self.artifacts, options);
    }

    async fn hear(&self, parser: &AudioParser) -> AudioAnalysis {
        let heard = parser.run(self.song.clone(), &self.context).await.unwrap();
        self.context.load(&heard.analysis).await.unwrap()
    }

    /// What was said to cost money, so far. Events pass a channel of their own: the last that the stage
    /// says is its results, behind any cost.
    async fn costs(&mut self) -> Vec<Usd> {
        let mut costs = Vec::new();
        loop {
            match self.events.recv().await.unwrap() {
                EventBody::CostUpdate { total, .. } => costs.push(total),
                EventBody::AudioParserResults { .. } => return costs,
                _ => {}
            }
        }
    }
}

/// A parser whose provider is `server`, at 6 dollars a minute.
fn parser_with(server: &StandIn) -> AudioParser {
    parser_that(server, "false")
}

/// The same, of a provider that charges a key once, or does not.
fn parser_that(server: &StandIn, idempotent: &str) -> AudioParser {
    let vars = Vars::from_pairs([
        ("OPENAI_BASE_URL", server.url().as_str()),
        ("SPEECH_PRICE_PER_MINUTE_USD", "6"),
        ("SPEECH_IDEMPOTENT", idempotent),
    ]);
    AudioParser::from_config(&vars).unwrap()
}

const WORDS: &str =
    r#"{"words":[{"word":"Come","start":2.0,"end":2.4},{"word":"home","start":2.5,"end":3}]}"#;

fn transcribing() -> JobOptions {
    JobOptions {
        lyrics: Some(LyricsWish::Transcribe),
        ..JobOptions::default()
    }
}

#[tokio::test]
async fn a_song_becomes_an_analysis_with_its_curves_and_an_event_that_tells_of_it() {
    let mut bench = bench(26.0).await;
    let heard = AudioParser::default()
        .run(bench.song, &bench.context)
        .await
        .unwrap();
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
    let outcome = AudioParser::default().run(bench.song, &bench.context).await;
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
    let outcome = AudioParser::default().run(bench.song, &bench.context).await;
    let error = outcome.unwrap_err();
    assert!(matches!(error, StageError::Fatal { .. }), "{error:?}");
    assert_eq!(error.code(), "AUDIO_ANALYSIS_ERROR");
}

#[tokio::test]
async fn a_corrected_song_is_not_listened_to_again() {
    let mut bench = bench(20.0).await;
    let parser = AudioParser::default();
    let plain = bench.hear(&parser).await;
    // Whoever listens again finds nothing.
    bench.artifacts.delete_job(id()).await.unwrap();
    let corrections = Corrections::default()
        .tempo(Some(TempoCorrection::Half))
        .offset(0.05)
        .unwrap();
    bench.with(JobOptions {
        corrections,
        ..JobOptions::default()
    });
    let corrected = bench.hear(&parser).await;

    assert!((corrected.tempo.bpm - plain.tempo.bpm / 2.0).abs() < 1e-9);
    let later = |beat: &model::analysis::Beat| {
        let near = |other: &model::analysis::Beat| (beat.time.0 - other.time.0 - 0.05).abs() < 1e-6;
        plain.beats.iter().any(near)
    };
    assert!(!corrected.beats.is_empty() && corrected.beats.iter().all(later));
    assert_eq!(corrected.peaks, plain.peaks);
    let fetched = AudioParser::default()
        .run(bench.song.clone(), &bench.context)
        .await;
    assert!(fetched.is_err(), "another worker has to fetch the song");
}

#[tokio::test]
async fn lyrics_that_were_given_are_in_the_analysis_with_their_times() {
    let mut bench = bench(12.0).await;
    let key = ArtifactKey::of_job(id(), "lyrics.txt").unwrap();
    let text = "[00:02.00]Come <00:02.50>home\n[00:06.25]Now\n";
    let text = bench.artifacts.put_bytes(&key, text.into()).await.unwrap();
    bench.with(JobOptions {
        lyrics: Some(LyricsWish::Given(text)),
        ..JobOptions::default()
    });
    let lyrics = bench.hear(&AudioParser::default()).await.lyrics.unwrap();
    assert_eq!(lyrics.source, LyricsSource::Timed);
    let times: Vec<f64> = lyrics
        .lines
        .iter()
        .flat_map(|line| line.words.iter().map(|word| word.start.0))
        .collect();
    assert_eq!(times, [2.0, 2.5, 6.25]);
}

#[tokio::test]
async fn words_are_heard_by_a_provider_paid_once_and_not_asked_for_again() {
    let words = r#"{"language":"english","words":[{"word":"Come","start":2.0,"end":2.4},{"word":"home","start":2.5,"end":3}],
        "segments":[{"start":2,"end":3,"text":"Come home","avg_logprob":-0.1}]}"#;
    let server = StandIn::start(vec![Reply::ok(words)]).await;
    let mut bench = bench(10.0).await;
    for _ in 0..2 {
        bench.with(transcribing());
        let lyrics = bench.hear(&parser_with(&server)).await.lyrics.unwrap();
        assert_eq!(lyrics.source, LyricsSource::Transcribed);
        assert_eq!(lyrics.lines[0].text, "Come home");
        assert_eq!(lyrics.lines[0].words[1].start, Seconds(2.5));
        assert!((lyrics.confidence - 0.905).abs() < 0.01);
        assert_eq!(bench.costs().await, [Usd::from_dollars(1)]);
    }
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    // Ten seconds of 16 kHz mono.
    assert!((320_000..322_000).contains(&asked[0].body.len()));
}

#[tokio::test]
async fn a_provider_that_fails_costs_the_words_and_not_the_job() {
    let mut bench = bench(4.0).await;
    let refusing = StandIn::start(vec![Reply::Answer(401, "", "no key".into())]).await;
    bench.with(transcribing());
    let lyrics = bench.hear(&parser_with(&refusing)).await.lyrics.unwrap();
    assert_eq!((lyrics.source, lyrics.lines.len()), (LyricsSource::None, 0));
    assert!(lyrics.notes[0].contains("no key"), "{:?}", lyrics.notes);
    assert!(bench.costs().await.is_empty());

    bench.with(transcribing());
    let lyrics = bench.hear(&AudioParser::default()).await.lyrics.unwrap();
    assert!(
        lyrics.notes[0].contains("OPENAI_API_KEY"),
        "{:?}",
        lyrics.notes
    );
}

#[tokio::test]
async fn a_lost_answer_counts_as_paid_and_is_not_asked_for_again() {
    let mut bench = bench(4.0).await;
    let cutting = StandIn::start(vec![Reply::Cut]).await;
    for _ in 0..2 {
        bench.with(transcribing());
        let lyrics = bench.hear(&parser_with(&cutting)).await.lyrics.unwrap();
        assert_eq!(lyrics.source, LyricsSource::None);
        assert_eq!(bench.costs().await, [Usd::from_micros(400_000)]);
    }
    assert_eq!(cutting.asked().len(), 1);
}

/// A worker that is lost once the provider was asked, and the one that comes after it.
async fn heard_after_a_loss(
    bench: &mut Bench,
    parser: &AudioParser,
    server: &StandIn,
) -> (AudioAnalysis, Vec<Usd>) {
    bench.with(transcribing());
    {
        let lost = parser.run(bench.song.clone(), &bench.context);
        let asked = testkit::eventually("it is asked", Duration::from_secs(30), async || {
            (!server.asked().is_empty()).then_some(())
        });
        tokio::select! {
            heard = lost => panic!("{heard:?}"),
            () = asked => {}
        }
    }
    // The ledger is the lost one's.
    let heard = parser.run(bench.song.clone(), &bench.context).await;
    let heard = bench.context.load(&heard.unwrap().analysis).await.unwrap();
    (heard, bench.costs().await)
}

#[tokio::test]
async fn words_whose_worker_was_lost_are_not_paid_twice() {
    let mut bench = bench(4.0).await;
    let server = StandIn::start(vec![Reply::Silence, Reply::ok(WORDS)]).await;
    let parser = parser_with(&server);
    let (heard, costs) = heard_after_a_loss(&mut bench, &parser, &server).await;
    let notes = heard.lyrics.unwrap().notes;
    assert!(notes[0].contains("not paid twice"), "{notes:?}");
    assert_eq!(server.asked().len(), 1);
    assert_eq!(costs, [Usd::from_micros(400_000)]);
}

#[tokio::test]
async fn words_whose_worker_was_lost_are_asked_for_again_where_a_key_is_charged_once() {
    let mut bench = bench(4.0).await;
    let server = StandIn::start(vec![Reply::Silence, Reply::ok(WORDS)]).await;
    let parser = parser_that(&server, "true");
    let (heard, costs) = heard_after_a_loss(&mut bench, &parser, &server).await;
    assert_eq!(heard.lyrics.unwrap().lines[0].text, "Come home");
    let keys: Vec<_> = server.asked().iter().filter_map(key_of).collect();
    assert_eq!(keys.len(), 2);
    assert!(keys[0] == keys[1] && keys[0].contains(&id().to_string()));
    assert_eq!(costs, [Usd::from_micros(400_000)]);
}

#[tokio::test]
async fn an_answer_that_comes_late_is_found_by_the_next_worker() {
    let mut bench = bench(4.0).await;
    let server = StandIn::start(vec![Reply::Late(Duration::from_secs(2), WORDS.to_owned())]).await;
    let parser = parser_with(&server);
    let (heard, costs) = heard_after_a_loss(&mut bench, &parser, &server).await;
    assert_eq!(heard.lyrics.unwrap().lines[0].text, "Come home");
    assert_eq!(server.asked().len(), 1);
    assert!(costs.iter().all(|cost| *cost == Usd::from_micros(400_000)));
}

/// The idempotency key that came with a request.
fn key_of(asked: &testkit::Asked) -> Option<String> {
    let head = asked.head.to_lowercase();
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("idempotency-key: "));
    key.map(str::to_owned)
}

#[tokio::test]
async fn words_beyond_the_budget_are_not_bought() {
    let mut bench = bench(10.5).await;
    let server = StandIn::start(vec![Reply::Cut]).await;
    bench.with(transcribing());
    let lyrics = bench.hear(&parser_with(&server)).await.lyrics.unwrap();
    assert!(lyrics.notes[0].contains("$1.05"), "{:?}", lyrics.notes);
    assert!(server.asked().is_empty() && bench.costs().await.is_empty());
}
