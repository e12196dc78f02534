//! A job with a song and its clips in a store of its own, ready to be composed.

use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use media::ffmpeg::Ffmpeg;
use model::analysis::{AudioAnalysis, Beat, Mood, MoodWord, Tempo};
use model::clip::{Clip, ClipInstruction, ClipPrompts, ClipSource, Clips, Joints};
use model::film::SOUND;
use model::format::{Quality, Resolution, VideoFormat};
use model::handoff::{Instructed, Song, ToCompose};
use model::harmony::Harmony;
use model::look::SceneKind;
use model::music::Envelopes;
use model::sound::Loudness;
use model::{
    ArtifactKey, ArtifactRef, ClipIndex, FrameRate, JobBrief, JobId, JobOptions, RunNumber,
    Seconds, Stored, Usd, UserId,
};
use runtime::Artifacts;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::bench::render;
use crate::samples;

/// Clips that differ; the others are the same again.
const DIFFERENT: usize = 5;
/// Frames of a clip: a second.
const FRAMES: u32 = 30;
const SAMPLE_RATE: u32 = 44_100;

/// What was prepared.
#[derive(Debug)]
pub(super) struct Prepared {
    /// Seconds that encoding the frames of all clips from memory takes: what those that differ took, for
    /// as many as there are.
    pub(super) encoding: f64,
    pub(super) clip_bytes: u64,
    pub(super) song_bytes: u64,
    pub(super) frames: u64,
}

/// The address of the store in `folder`.
pub(super) fn store(folder: &Path) -> String {
    format!("file://{}/store", folder.display())
}

/// Writes the clips, the song, and what the composer is told of them, into `folder`.
pub(super) async fn prepare(
    folder: &Path,
    clips: u32,
    size: Resolution,
) -> anyhow::Result<Prepared> {
    let job = Job {
        artifacts: Artifacts::open(&store(folder))?,
        id: JobId::new(Uuid::new_v4()),
        format: VideoFormat {
            size: size.size(),
            rate: FrameRate::FPS_30,
        },
    };
    let ffmpeg = tokio::task::spawn_blocking(Ffmpeg::find).await??;
    let (videos, each) = job.clips(folder, &ffmpeg).await?;
    let song = job.song(folder, &ffmpeg, clips).await?;
    let used = (0..clips as usize).filter_map(|clip| videos.get(clip % DIFFERENT));
    let prepared = Prepared {
        encoding: each * f64::from(clips),
        clip_bytes: used.map(|video| video.length).sum(),
        song_bytes: song.audio.length,
        frames: u64::from(clips * FRAMES),
    };
    let input = job.input(&videos, &song, clips).await?;
    let brief = job.brief(song)?;
    std::fs::write(folder.join("brief.json"), serde_json::to_vec(&brief)?)?;
    std::fs::write(folder.join("input.json"), serde_json::to_vec(&input)?)?;
    Ok(prepared)
}

struct Job {
    artifacts: Artifacts,
    id: JobId,
    format: VideoFormat,
}

impl Job {
    /// Clips of a second, and how long one of them takes to encode.
    async fn clips(
        &self,
        folder: &Path,
        ffmpeg: &Ffmpeg,
    ) -> anyhow::Result<(Vec<ArtifactRef>, f64)> {
        let (mut videos, mut spent) = (Vec::new(), 0.0);
        for (at, kind) in SceneKind::ALL.into_iter().take(DIFFERENT).enumerate() {
            let (parameters, format) = (samples::parameters(kind, 1), self.format);
            let drawing =
                tokio::task::spawn_blocking(move || render::draw(&parameters, format, FRAMES));
            let (pictures, ..) = drawing.await.context("drawing")?;
            let file = folder.join(format!("clip-{at}.mp4"));
            let began = Instant::now();
            render::encode(
                ffmpeg.clone(),
                (format, Quality::default()),
                &pictures,
                file.clone(),
            )
            .await?;
            spent += began.elapsed().as_secs_f64();
            let key = self.key(&format!("clips/{at}.mp4"))?;
            videos.push(self.artifacts.put_file(&key, &file).await?);
        }
        Ok((videos, spent / DIFFERENT as f64))
    }

    fn key(&self, name: &str) -> anyhow::Result<ArtifactKey> {
        Ok(ArtifactKey::of_job(self.id, name)?)
    }

    /// As many seconds of noise with a beat in it.
    async fn song(&self, folder: &Path, ffmpeg: &Ffmpeg, seconds: u32) -> anyhow::Result<Song> {
        let samples = u64::from(seconds * SAMPLE_RATE);
        let wav = folder.join("song.wav");
        std::fs::write(&wav, noise(samples as u32))?;
        let audio = self
            .artifacts
            .put_file(&self.key("song.wav")?, &wav)
            .await?;
        let sound = folder.join(SOUND);
        let cancel = CancellationToken::new();
        ffmpeg
            .encode_song(&wav, &sound, Quality::default(), &cancel)
            .await?;
        self.artifacts.put_file(&self.key(SOUND)?, &sound).await?;
        Ok(Song {
            audio,
            sample_rate: SAMPLE_RATE,
            channels: 1,
            samples,
        })
    }

    async fn input(
        &self,
        videos: &[ArtifactRef],
        song: &Song,
        clips: u32,
    ) -> anyhow::Result<ToCompose> {
        let made = (0..clips).map(|clip| {
            let video = videos.get(clip as usize % DIFFERENT).cloned();
            Ok(Clip {
                index: ClipIndex(clip),
                video: video.context("there are no clips")?,
                frames: FRAMES,
                source: ClipSource::Builtin,
                elapsed: Seconds(0.0),
                cpu: None,
            })
        });
        let made = made.collect::<anyhow::Result<Vec<_>>>()?;
        let prompts = ClipPrompts {
            clips: (0..clips).map(instruction).collect(),
            frames: u64::from(clips * FRAMES),
        };
        let film = Instructed {
            analysis: self.document("analysis", &analysis(song)).await?,
            envelopes: Stored::new(song.audio.clone()),
            prompts: self.document("prompts", &prompts).await?,
            clips,
            base: None,
        };
        let clips = self.document("clips", &Clips { clips: made }).await?;
        Ok(ToCompose { film, clips })
    }

    async fn document<T: serde::Serialize>(
        &self,
        name: &str,
        document: &T,
    ) -> anyhow::Result<Stored<T>> {
        let key = self.key(&format!("run-1/{name}.json"))?;
        Ok(self.artifacts.put_json(&key, document).await?)
    }

    fn brief(&self, song: Song) -> anyhow::Result<JobBrief> {
        let prompt = "many short clips, one after the other, on a beat that never stops";
        Ok(JobBrief {
            id: self.id,
            user: UserId::new(Uuid::new_v4()),
            run: RunNumber::FIRST,
            prompt: prompt.to_owned().try_into()?,
            title: None,
            song,
            format: self.format,
            options: JobOptions::default(),
            seed: 1,
            budget: Usd::ZERO,
        })
    }
}

fn instruction(clip: u32) -> ClipInstruction {
    ClipInstruction {
        index: ClipIndex(clip),
        start: Seconds(f64::from(clip)),
        end: Seconds(f64::from(clip + 1)),
        first_frame: u64::from(clip * FRAMES),
        frames: FRAMES,
        joints: Joints::default(),
        prompt: String::new(),
        negative_prompt: String::new(),
        beats: Vec::new(),
        scene: samples::parameters(SceneKind::Nebula, 1),
        reference: None,
        lettering: None,
    }
}

/// Two beats a second, and nothing else.
fn analysis(song: &Song) -> AudioAnalysis {
    let duration = song.duration();
    let beats = (0..(2.0 * duration.0) as u32).map(|beat| Beat {
        time: Seconds(f64::from(beat) / 2.0),
        downbeat: beat.is_multiple_of(4),
    });
    AudioAnalysis {
        analyser: "bench".to_owned(),
        duration,
        tempo: Tempo {
            bpm: 120.0,
            confidence: 1.0,
            alternates: Vec::new(),
        },
        beats_per_bar: 4,
        beats: beats.collect(),
        sections: Vec::new(),
        novelty: Vec::new(),
        harmony: Harmony::default(),
        loudness: Loudness::default(),
        silences: Vec::new(),
        mood: Mood {
            primary: MoodWord::Calm,
            secondary: None,
            valence: 0.0,
            arousal: 0.0,
            confidence: 0.0,
        },
        clip_grid: Vec::new(),
        lyrics: None,
        peaks: Vec::new(),
        // No clip is drawn anew here, so nobody reads them.
        envelopes: Stored::<Envelopes>::new(song.audio.clone()),
    }
}

/// A WAV of one channel: noise that is loud on each beat, so that every place is like no other.
fn noise(samples: u32) -> Vec<u8> {
    let bytes = 2 * samples;
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + bytes).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend(SAMPLE_RATE.to_le_bytes());
    wav.extend((2 * SAMPLE_RATE).to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend(bytes.to_le_bytes());
    let mut random = fastrand::Rng::with_seed(1);
    for sample in 0..samples {
        let since_beat = sample % (SAMPLE_RATE / 2);
        let loudness = if since_beat < SAMPLE_RATE / 20 {
            8_000
        } else {
            800
        };
        wav.extend(random.i16(-loudness..loudness).to_le_bytes());
    }
    wav
}
