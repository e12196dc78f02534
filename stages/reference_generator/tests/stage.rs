//! The stage, run by hand on a plan of two places.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

use model::analysis::{AudioAnalysis, Mood, MoodWord, Tempo};
use model::event::EventBody;
use model::format::{AspectRatio, Resolution, VideoFormat};
use model::handoff::{Planned, Song};
use model::harmony::Harmony;
use model::look::{CameraMove, Palette, SceneKind, Srgb, Texture, Variant};
use model::music::Envelopes;
use model::plan::{Place, PlaceId, ScenePlan, Shot};
use model::sound::Loudness;
use model::{
    ArtifactKey, ArtifactRef, ClipIndex, FrameRate, JobBrief, JobOptions, RunNumber, Seconds,
    StageKind, Stored, TaskId, Usd, UserPrompt,
};
use reference_generator::ReferenceGenerator;
use runtime::{Artifacts, Stage, StageContext, StageError};

fn brief() -> JobBrief {
    let id = "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f".parse().unwrap();
    let audio = ArtifactRef {
        key: ArtifactKey::of_job(id, "song.wav").unwrap(),
        length: 44,
        sha256: "0".repeat(64),
    };
    JobBrief {
        id,
        user: serde_json::from_str("\"0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e10\"").unwrap(),
        run: RunNumber::FIRST,
        prompt: UserPrompt::try_from("northern lights over a lake, then ink in water ".repeat(2))
            .unwrap(),
        title: None,
        song: Song {
            audio,
            sample_rate: 44_100,
            channels: 2,
            samples: 44_100 * 4,
        },
        format: VideoFormat {
            size: Resolution::P480.shaped(AspectRatio::Tall),
            rate: FrameRate::FPS_30,
        },
        options: JobOptions::default(),
        seed: 7,
        budget: Usd::ZERO,
    }
}

fn plan() -> ScenePlan {
    let palette = Palette {
        deep: Srgb([7, 19, 38]),
        shade: Srgb([18, 64, 94]),
        tone: Srgb([39, 194, 155]),
        light: Srgb([210, 251, 228]),
        accent: Srgb([176, 108, 240]),
    };
    let place = |name: &str, scene| Place {
        id: PlaceId(name.to_owned()),
        description: "somewhere".to_owned(),
        scene,
        seed: 11,
        motifs: [None; 2],
        texture: Texture::Clean,
        palette,
    };
    let shot = |index: u32, name: &str| Shot {
        clip: ClipIndex(index),
        start: Seconds(f64::from(index) * 2.0),
        end: Seconds(f64::from(index) * 2.0 + 2.0),
        section: 0,
        place: PlaceId(name.to_owned()),
        description: "something".to_owned(),
        variant: Variant::Full,
        camera: CameraMove::PushIn,
        intensity: 0.5,
    };
    ScenePlan {
        summary: "a film".to_owned(),
        heard_words: vec![],
        palette,
        places: vec![
            place("place-1", SceneKind::Aurora),
            place("place-2", SceneKind::Bauhaus),
        ],
        shots: vec![shot(0, "place-1"), shot(1, "place-2")],
        transitions: vec![],
    }
}

fn analysis(envelopes: Stored<Envelopes>) -> AudioAnalysis {
    AudioAnalysis {
        analyser: "test".to_owned(),
        duration: Seconds(4.0),
        tempo: Tempo {
            bpm: 120.0,
            confidence: 1.0,
            alternates: vec![],
        },
        beats_per_bar: 4,
        beats: vec![],
        sections: vec![],
        novelty: Vec::new(),
        harmony: Harmony::default(),
        loudness: Loudness::default(),
        silences: Vec::new(),
        mood: Mood {
            primary: MoodWord::Calm,
            secondary: None,
            valence: 0.0,
            arousal: 0.0,
            confidence: 1.0,
        },
        clip_grid: vec![],
        lyrics: None,
        peaks: vec![],
        envelopes,
    }
}

/// A context in `folder`, with the documents of the stages before stored in it.
async fn prepared(
    folder: &std::path::Path,
) -> (StageContext, Planned, impl Iterator<Item = EventBody>) {
    let artifacts = Artifacts::open(&format!("file://{}", folder.display())).unwrap();
    let job = brief();
    let task = TaskId {
        stage: StageKind::ReferenceGenerator,
        job: job.id,
        run: job.run,
        clip: None,
    };
    let (cx, mut events) = StageContext::detached(job, task, artifacts).unwrap();
    let envelopes = Envelopes {
        rate_hz: 10.0,
        energy: (0..40).map(|i| i * 6).collect(),
        bass: vec![],
        mid: vec![],
        treble: vec![],
        percussive: vec![],
        harmonic: vec![],
        beat: vec![],
        downbeat: vec![],
    };
    let envelopes = cx.store("envelopes.json", &envelopes).await.unwrap();
    let planned = Planned {
        analysis: cx
            .store("analysis.json", &analysis(envelopes))
            .await
            .unwrap(),
        plan: cx.store("plan.json", &plan()).await.unwrap(),
    };
    (
        cx,
        planned,
        std::iter::from_fn(move || events.try_recv().ok()),
    )
}

#[tokio::test]
async fn every_place_of_the_plan_gets_a_still_under_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let (cx, planned, events) = prepared(folder.path()).await;
    let given = ReferenceGenerator.run(planned.clone(), &cx).await.unwrap();
    assert_eq!(
        (&given.plan, &given.analysis),
        (&planned.plan, &planned.analysis)
    );

    let references = cx.load(&given.references).await.unwrap();
    let places: Vec<_> = references
        .images
        .iter()
        .map(|image| image.place.0.as_str())
        .collect();
    assert_eq!(places, ["place-1", "place-2"]);
    let mut pictures = Vec::new();
    for reference in &references.images {
        let key = reference.image.key.as_str();
        let name = format!("run-1/references/{}.png", reference.place.0);
        assert!(key.ends_with(&name), "{key}");
        let png = cx.artifacts().get_bytes(&reference.image).await.unwrap();
        let picture = image::load_from_memory(&png).unwrap();
        assert_eq!(
            (picture.width(), picture.height()),
            (reference.size.width, reference.size.height)
        );
        assert_eq!((picture.width(), picture.height()), (720, 1280));
        let shares: f64 = reference.colours.iter().map(|swatch| swatch.share).sum();
        assert!((shares - 1.0).abs() < 0.01 && reference.colours.len() >= 2);
        pictures.push(picture.to_rgb8());
    }
    assert_ne!(pictures[0], pictures[1]);

    // Events pass a channel of their own, which has had its turn while the last document was stored.
    let drawn: Vec<u32> = events
        .filter_map(|event| match event {
            EventBody::ReferenceGenerationComplete {
                completed_images, ..
            } => Some(completed_images),
            _ => None,
        })
        .collect();
    assert_eq!(drawn, [1, 2]);
}

#[tokio::test]
async fn a_cancelled_job_draws_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (cx, planned, _events) = prepared(folder.path()).await;
    cx.cancelled().cancel();
    let outcome = ReferenceGenerator.run(planned, &cx).await;
    assert!(matches!(outcome, Err(StageError::Cancelled)), "{outcome:?}");
}
