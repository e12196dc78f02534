//! What stands in for the stages: jobs that wait, and workers who say much.

use std::time::Duration;

use anyhow::Context;
use async_nats::jetstream::Context as JetStream;
use indicatif::ProgressBar;
use model::job::StageStatus;
use model::{Event, EventBody, JobId, RunNumber, StageKind};
use reqwest::multipart::{Form, Part};
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::clients::TIMED;
use crate::supervisor::Running;

const PROMPT: &str =
    "A measuring tape across a quiet grey room, slow and even, no surprises at all";

/// Uploads `count` songs.
pub(super) async fn upload(
    running: &Running,
    count: usize,
    bar: &ProgressBar,
) -> anyhow::Result<Vec<JobId>> {
    let http = reqwest::Client::builder()
        .no_proxy()
        .build()
        .context("preparing the HTTP client")?;
    let url = format!("{}/api/v1/upload-audio", running.base_url);
    let mut jobs = vec![];
    for _ in 0..count {
        let form = Form::new()
            .part("audio_file", Part::bytes(song()).file_name("song.wav"))
            .text("user_prompt", PROMPT);
        let answer = http
            .post(&url)
            .bearer_auth(&running.token)
            .multipart(form)
            .send()
            .await
            .context("uploading a song")?;
        let answer: Value = answer.json().await.context("reading an answer")?;
        let id = answer.get("job_id").and_then(Value::as_str);
        let id = id.with_context(|| format!("a song was refused: {answer}"))?;
        jobs.push(id.parse().context("reading a job's id")?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(jobs)
}

/// Lets a worker begin with `job`.
pub(super) async fn begin(jetstream: &JetStream, job: JobId) -> anyhow::Result<()> {
    let body = EventBody::StageUpdate {
        stage: StageKind::AudioParser,
        status: StageStatus::Processing,
        duration: None,
        error: None,
    };
    say(jetstream, job, body).await?.await.context("an event")?;
    Ok(())
}

/// Sends `rate` events a second for `time`, to one job after the other; their text tells how long after
/// `begun` that was. Gives how many each job got.
pub(super) async fn speak(
    jetstream: &JetStream,
    jobs: &[JobId],
    (rate, time): (u32, Duration),
    begun: Instant,
    bar: &ProgressBar,
) -> anyhow::Result<Vec<u64>> {
    let mut ticks = interval(Duration::from_secs(1) / rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut said = vec![0; jobs.len()];
    let mut acknowledgements = vec![];
    for number in 0..u64::from(rate) * time.as_secs() {
        ticks.tick().await;
        let place = number as usize % jobs.len();
        let job = jobs.get(place).copied().context("no job")?;
        let body = EventBody::Message {
            text: format!("{TIMED}{}", begun.elapsed().as_micros()),
            stage: StageKind::AudioParser,
        };
        acknowledgements.push(say(jetstream, job, body).await?);
        if let Some(count) = said.get_mut(place) {
            *count += 1;
        }
        bar.inc(1);
    }
    for acknowledgement in acknowledgements {
        acknowledgement.await.context("sending an event")?;
    }
    bar.finish_and_clear();
    Ok(said)
}

async fn say(
    jetstream: &JetStream,
    job_id: JobId,
    body: EventBody,
) -> anyhow::Result<async_nats::jetstream::context::PublishAckFuture> {
    let event = Event {
        job_id,
        run: RunNumber::FIRST,
        timestamp: time::OffsetDateTime::now_utc(),
        body,
    };
    let payload = serde_json::to_vec(&event).context("writing an event")?;
    jetstream
        .publish(nats::subject::event(&event), payload.into())
        .await
        .context("sending an event")
}

/// A second and a half of silence but for a click: a WAV of 16 bits, 22 050 Hz, one channel.
fn song() -> Vec<u8> {
    const RATE: u32 = 22_050;
    let samples = RATE * 3 / 2;
    let bytes = samples * 2;
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + bytes).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend(RATE.to_le_bytes());
    wav.extend((RATE * 2).to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend(bytes.to_le_bytes());
    for sample in 0..samples {
        let click: i16 = if sample % RATE < 32 { 8_000 } else { 0 };
        wav.extend(click.to_le_bytes());
    }
    wav
}
