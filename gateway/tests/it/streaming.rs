//! A film as a stream while it is made: real clips, a real song, an ffmpeg that plays them.

use std::path::{Path, PathBuf};

use media::ffmpeg::{Ffmpeg, MINIATURE, Storyboard};
use model::clip::{Clip, ClipSource};
use model::event::EventBody;
use model::film::{FilmReport, OutputFile, SOUND};
use model::format::{FrameSize, Quality, VideoFormat};
use model::{ArtifactKey, ArtifactRef, ClipIndex, FrameRate, JobId, Seconds, Usd};
use nats::{buckets, kv};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::app::{TestApp, User, assert_problem};

const FORMAT: VideoFormat = VideoFormat {
    size: FrameSize {
        width: 64,
        height: 36,
    },
    rate: FrameRate::FPS_30,
};
const FRAMES: u32 = 30;
const CLIPS: u32 = 3;

/// The worker that makes the clips of a job.
struct Maker<'a> {
    app: &'a TestApp,
    job: JobId,
    scratch: TempDir,
}

impl Maker<'_> {
    async fn begin(app: &TestApp, job: JobId) -> Maker<'_> {
        let scratch = tempfile::tempdir().unwrap();
        let maker = Maker { app, job, scratch };
        let colours = ["deep", "shade", "tone", "light", "accent"].map(|name| (name, "#000000"));
        let colours: std::collections::BTreeMap<_, _> = colours.into_iter().collect();
        let instruction = |index: u32| {
            json!({
                "index": index, "start": index, "end": index + 1, "first_frame": index * FRAMES,
                "frames": FRAMES, "prompt": "", "negative_prompt": "", "beats": [], "reference": null,
                "scene": { "scene": "ink", "seed": 1, "palette": colours, "camera": "hold",
                    "intensity": 0.5, "reactivity": 0.5 },
            })
        };
        let clips: Vec<Value> = (0..CLIPS).map(instruction).collect();
        let prompts = json!({ "clips": clips, "frames": CLIPS * FRAMES });
        let key = ArtifactKey::of_job(job, "run-1/prompts.json").unwrap();
        app.artifacts.put_json(&key, &prompts).await.unwrap();

        let [wav, sound] = ["song.wav", SOUND].map(|name| maker.path(name));
        std::fs::write(&wav, testkit::sound::click_track(120.0, 3.0).wav()).unwrap();
        let cancel = CancellationToken::new();
        let encoded = ffmpeg()
            .encode_song(&wav, &sound, Quality::Standard, &cancel)
            .await;
        encoded.unwrap();
        maker.stored(SOUND, &sound).await;
        maker
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    async fn stored(&self, name: &str, file: &Path) -> ArtifactRef {
        let key = ArtifactKey::of_job(self.job, name).unwrap();
        self.app.artifacts.put_file(&key, file).await.unwrap()
    }

    /// Encodes a clip whose first frame has this light.
    async fn encodes(&self, index: u32, light: u32) -> PathBuf {
        let file = self.path(&format!("{index}-{light}.mp4"));
        let cancel = CancellationToken::new();
        let encoder = ffmpeg().encode_clip(FORMAT, Quality::Standard, &file, cancel);
        let mut encoder = encoder.unwrap();
        for frame in 0..FRAMES {
            let mut picture = vec![(light + frame) as u8; 64 * 36];
            picture.resize(64 * 36 * 3 / 2, 128);
            encoder.write(&picture).await.unwrap();
        }
        encoder.finish().await.unwrap();
        file
    }

    /// A clip that lies in the store under this name.
    async fn clip(&self, index: u32, light: u32, name: &str) -> Clip {
        let file = self.encodes(index, light).await;
        Clip {
            index: ClipIndex(index),
            video: self.stored(name, &file).await,
            frames: FRAMES,
            source: ClipSource::Builtin,
            elapsed: Seconds(0.1),
            cpu: None,
        }
    }

    /// Makes a clip and says so, as a worker does.
    async fn makes(&self, index: u32) -> Clip {
        let name = format!("clips/{index}.mp4");
        let clip = self.clip(index, 40 + 60 * index, &name).await;
        let bucket = kv::Bucket::new(self.app.jetstream.clone(), buckets::CLIPS);
        let joined = json!({ "clip": clip, "begun": "2026-01-01T00:00:00Z" });
        let key = format!("{}.1.{index}", self.job);
        bucket.put(&key, joined.to_string().into()).await.unwrap();
        let complete = EventBody::VideoGenerationComplete {
            clip_index: ClipIndex(index),
            duration: Seconds(1.0),
            cost: Usd::ZERO,
            completed_clips: index + 1,
            total_clips: CLIPS,
        };
        self.app.says(self.job, complete).await;
        let progress = EventBody::Progress {
            progress: 50,
            stage: model::StageKind::VideoGenerator,
            estimated_remaining: None,
            total_cost: Usd::ZERO,
        };
        self.app.says(self.job, progress).await;
        self.app.settled().await;
        clip
    }

    /// Joins clips to a film, as the composer does, and says so.
    async fn joins(&self, clips: Vec<Clip>) {
        let stored = async |name: &str, document: &Value| {
            let key = ArtifactKey::of_job(self.job, &format!("run-1/{name}")).unwrap();
            let stored = self.app.artifacts.put_json(&key, document).await.unwrap();
            stored.artifact
        };
        let key = ArtifactKey::of_job(self.job, "run-1/prompts.json").unwrap();
        let prompts = self.app.artifacts.read(&key).await.unwrap();
        let prompts: Value = serde_json::from_slice(&prompts).unwrap();
        let composed = json!({
            "film": {
                "analysis": stored("analysis.json", &json!({})).await,
                "envelopes": stored("envelopes.json", &json!({})).await,
                "prompts": stored("prompts.json", &prompts).await,
                "clips": CLIPS,
            },
            "clips": clips,
        });
        stored("composed.json", &composed).await;
        self.app.completes(self.job, b"a film").await;
        self.app.settled().await;
    }

    /// The mean light of each frame that an ffmpeg decodes of what the playlist tells of.
    async fn lights(&self, playlist: &str, link: &str) -> Vec<u8> {
        assert_eq!(self.frames(playlist, link).await, (CLIPS * FRAMES) as usize);
        let seen = std::fs::read(self.path("miniatures.gray")).unwrap();
        let pixels = (MINIATURE.width * MINIATURE.height) as usize;
        let mean = |frame: &[u8]| {
            let sum: usize = frame.iter().map(|light| usize::from(*light)).sum();
            (sum / pixels) as u8
        };
        seen.chunks(pixels).map(mean).collect()
    }

    /// Downloads what the playlist tells of and counts the frames that an ffmpeg decodes of it.
    async fn frames(&self, playlist: &str, link: &str) -> usize {
        let named = playlist.lines().filter(|line| !line.starts_with('#'));
        let mut stream = Vec::new();
        for name in std::iter::once("init.mp4").chain(named) {
            let answer = self
                .app
                .http
                .get(link.replace("playlist.m3u8", name))
                .send()
                .await;
            let answer = answer.unwrap().error_for_status().unwrap();
            let length: usize = answer.headers()["content-length"]
                .to_str()
                .unwrap()
                .parse()
                .unwrap();
            let bytes = answer.bytes().await.unwrap();
            assert_eq!(bytes.len(), length);
            stream.extend_from_slice(&bytes);
        }
        let file = self.path("stream.mp4");
        std::fs::write(&file, stream).unwrap();
        let board = Storyboard {
            format: FORMAT,
            thumbnails: vec![],
            every: 30,
            sheet: (1, 1),
        };
        let cancel = CancellationToken::new();
        let miniatures = ffmpeg()
            .watch(&file, &board, self.scratch.path(), &cancel)
            .await;
        let bytes = std::fs::metadata(miniatures.unwrap()).unwrap().len() as usize;
        bytes / (MINIATURE.width * MINIATURE.height) as usize
    }
}

fn ffmpeg() -> Ffmpeg {
    Ffmpeg::find().unwrap()
}

async fn text(app: &TestApp, link: &str) -> String {
    let answer = app.http.get(link).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["content-type"],
        "application/vnd.apple.mpegurl"
    );
    assert_eq!(answer.headers()["cache-control"], "no-store");
    answer.text().await.unwrap()
}

async fn link_of(ada: &User<'_>, job: JobId) -> Option<String> {
    ada.job(job).await["playlist_url"]
        .as_str()
        .map(str::to_owned)
}

#[tokio::test]
async fn a_film_can_be_played_as_far_as_its_clips_are_there_without_a_gap() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    assert_eq!(link_of(&ada, job).await, None);
    let maker = Maker::begin(&app, job).await;

    maker.makes(1).await;
    let link = link_of(&ada, job).await.expect("something is there");
    let early = app.http.get(&link).send().await.unwrap();
    assert_problem(early, 404, "not-found").await; // but not the first

    maker.makes(0).await;
    let playlist = text(&app, &link).await;
    assert!(
        playlist.contains("#EXT-X-PLAYLIST-TYPE:EVENT\n"),
        "{playlist}"
    );
    assert_eq!(playlist.matches("#EXTINF:1.000000,").count(), 2);
    assert!(!playlist.contains("#EXT-X-ENDLIST"));
    assert_eq!(maker.frames(&playlist, &link).await, 2 * FRAMES as usize);
    let beyond = app
        .http
        .get(link.replace("playlist.m3u8", "2.m4s"))
        .send()
        .await;
    assert_problem(beyond.unwrap(), 404, "not-found").await;

    maker.makes(2).await;
    let whole = text(&app, &link).await;
    assert!(whole.starts_with(&playlist), "what was there stays");
    assert!(whole.ends_with("2.m4s\n#EXT-X-ENDLIST\n"), "{whole}");
    assert_eq!(maker.frames(&whole, &link).await, 3 * FRAMES as usize);
}

#[tokio::test]
async fn a_clip_that_the_composer_drew_anew_is_the_one_that_is_played_afterwards() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    let maker = Maker::begin(&app, job).await;
    let mut clips = Vec::new();
    for index in 0..CLIPS {
        clips.push(maker.makes(index).await);
    }
    let link = link_of(&ada, job).await.expect("all is there");
    let before = text(&app, &link).await;
    assert!(before.contains("\n1.m4s\n"), "{before}");
    let lights = maker.lights(&before, &link).await;
    assert!(lights[FRAMES as usize].abs_diff(100) <= 2, "{lights:?}");

    clips[1] = maker.clip(1, 200, "run-1/clips/1.mp4").await;
    maker.joins(clips).await;
    let link = link_of(&ada, job).await.expect("the film can be played");
    let after = text(&app, &link).await;
    // What has another picture has another name: players and browsers keep what they have.
    let names: Vec<&str> = after
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert_eq!((names.len(), names[0], names[2]), (3, "0.m4s", "2.m4s"));
    assert!(names[1].starts_with("1-"), "{after}");
    assert!(after.ends_with("#EXT-X-ENDLIST\n"), "{after}");
    let lights = maker.lights(&after, &link).await;
    assert!(lights[0].abs_diff(40) <= 2 && lights[FRAMES as usize].abs_diff(200) <= 2);
    assert!(lights[2 * FRAMES as usize].abs_diff(160) <= 2, "{lights:?}");
}

#[tokio::test]
async fn nobody_plays_a_film_by_a_link_that_was_changed() {
    let app = TestApp::start().await;
    let ada = app.user();
    let (job, other) = (ada.uploads().await, ada.uploads().await);
    let maker = Maker::begin(&app, job).await;
    maker.makes(0).await;
    let link = link_of(&ada, job).await.unwrap();
    for changed in [
        link.replace(&job.to_string(), &other.to_string()),
        link.replace("/1/", "/2/"),
        link.replace("playlist.m3u8", "x").replace('-', "_"),
    ] {
        let answer = app.http.get(&changed).send().await.unwrap();
        assert_eq!(answer.status(), 403, "{changed}");
    }
    for name in [
        "-x.m4s",
        "00.m4s",
        "-1.m4s",
        "x.m4s",
        "playlist.m3u",
        "99999999999999999999.m4s",
    ] {
        let answer = app
            .http
            .get(link.replace("playlist.m3u8", name))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 404, "{name}");
    }
}

#[tokio::test]
async fn what_was_made_of_a_finished_film_is_listed_and_served() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    let store = async |name: &str, bytes: &[u8]| {
        let key = ArtifactKey::of_job(job, &format!("run-1/{name}")).unwrap();
        app.artifacts
            .put_bytes(&key, bytes.to_vec().into())
            .await
            .unwrap()
    };
    let report = FilmReport {
        frames: 90,
        outputs: vec![OutputFile {
            kind: "storyboard".to_owned(),
            clip: None,
            file: store("outputs/storyboard.vtt", b"WEBVTT\n").await,
        }],
        ..FilmReport::default()
    };
    let body = EventBody::Completed {
        video: store("film.mp4", b"film").await,
        poster: store("poster.jpg", b"poster").await,
        report: store("report.json", &serde_json::to_vec(&report).unwrap()).await,
        duration: Seconds(3.0),
        clips: 3,
        total_cost: Usd::ZERO,
        others: vec![],
    };
    app.says(job, body).await;
    app.settled().await;

    let film = ada.job(job).await["film"].take();
    assert_eq!(film["frames"], 90);
    assert_eq!(film["outputs"][0]["kind"], "storyboard");
    let link = film["outputs"][0]["url"].as_str().unwrap();
    let answer = app.http.get(link).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/vtt; charset=utf-8");
    assert_eq!(answer.text().await.unwrap(), "WEBVTT\n");
    let away = link.replace("outputs/storyboard.vtt", "outputs/%2e%2e%2freport.json");
    assert_eq!(app.http.get(away).send().await.unwrap().status(), 404);
}
