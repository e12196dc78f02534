//! What a run leaves behind, gathered from everywhere it can be seen: the API, the streams and buckets,
//! the object store.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use async_nats::jetstream::stream::RawMessageErrorKind;
use async_nats::jetstream::{self, Context as JetStream};
use model::{ArtifactRef, JobId, TaskId};
use nats::kv::Bucket;
use nats::{ServerAddress, buckets, streams};
use runtime::worker::Claim;
use serde_json::Value;

use super::client::{Client, View};
use super::life::Life;

/// A message of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Message {
    /// Its place.
    pub(super) sequence: u64,
    /// Its subject.
    pub(super) subject: String,
    /// Its JSON.
    pub(super) payload: Value,
}

/// All of it.
#[derive(Default)]
pub(super) struct Evidence {
    /// What users saw.
    pub(super) lives: Vec<Life>,
    /// The jobs as the API shows them.
    pub(super) views: BTreeMap<JobId, View>,
    /// The events of jobs as the API's history has them.
    pub(super) histories: BTreeMap<JobId, Vec<(u64, String)>>,
    /// How many jobs the API counts.
    pub(super) rows: Option<u64>,
    /// EVENTS.
    pub(super) events: Vec<Message>,
    /// WORK.
    pub(super) work: Vec<Message>,
    /// Who had which task last.
    pub(super) claims: BTreeMap<TaskId, Claim>,
    /// The clips of each run, by `<job>.<run>.<clip>`.
    pub(super) clips: BTreeMap<String, Value>,
    /// The ledger of each job.
    pub(super) ledgers: BTreeMap<String, Value>,
    /// Every object, with its length.
    pub(super) objects: BTreeMap<String, u64>,
    /// What lies in the folders for scratch.
    pub(super) scratch: Vec<String>,
}

/// Where to look.
pub(super) struct Places<'a> {
    /// The API.
    pub(super) client: &'a Client,
    /// The broker.
    pub(super) broker: &'a ServerAddress,
    /// The folder of objects.
    pub(super) objects: &'a Path,
    /// The folder for scratch.
    pub(super) scratch: &'a Path,
}

impl Evidence {
    /// Gathers all of it, for the jobs of `lives`.
    pub(super) async fn gather(places: &Places<'_>, lives: Vec<Life>) -> anyhow::Result<Self> {
        let client = nats::connect(places.broker, "beatreel chaos").await;
        let jetstream = jetstream::new(client.context("connecting to the broker")?);
        let (mut views, mut histories) = (BTreeMap::new(), BTreeMap::new());
        for job in lives.iter().filter_map(|life| life.job) {
            if let Some(view) = places.client.job(job).await {
                views.insert(job, view);
            }
            if let Some(history) = places.client.history(job).await {
                histories.insert(job, history);
            }
        }
        let claims = entries(&jetstream, buckets::CLAIMS).await?;
        let claims = claims.into_iter().filter_map(|(task, claim)| {
            Some((TaskId::parse(&task)?, serde_json::from_value(claim).ok()?))
        });
        Ok(Self {
            views,
            histories,
            lives,
            rows: places.client.jobs().await,
            events: messages(&jetstream, streams::EVENTS).await?,
            work: messages(&jetstream, streams::WORK).await?,
            claims: claims.collect(),
            clips: entries(&jetstream, buckets::CLIPS).await?,
            ledgers: entries(&jetstream, buckets::LEDGERS).await?,
            objects: files(places.objects)?,
            scratch: files(places.scratch)?.into_keys().collect(),
        })
    }

    /// The accepted jobs, each with what its user saw.
    pub(super) fn accepted(&self) -> impl Iterator<Item = (JobId, &Life)> {
        self.lives.iter().filter_map(|life| Some((life.job?, life)))
    }
}

/// All messages of a stream, in order.
async fn messages(jetstream: &JetStream, name: &str) -> anyhow::Result<Vec<Message>> {
    let reading = || format!("reading {name}");
    let stream = jetstream.get_stream(name).await.with_context(reading)?;
    let last = stream.cached_info().state.last_sequence;
    let mut messages = Vec::new();
    let mut next = stream.cached_info().state.first_sequence.max(1);
    while next <= last {
        match stream.get_raw_message(next).await {
            Ok(message) => messages.push(Message {
                sequence: message.sequence,
                subject: message.subject.to_string(),
                payload: serde_json::from_slice(&message.payload).unwrap_or_default(),
            }),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => {}
            Err(error) => return Err(error).with_context(reading),
        }
        next += 1;
    }
    Ok(messages)
}

/// All entries of a bucket, as JSON.
async fn entries(
    jetstream: &JetStream,
    name: &'static str,
) -> anyhow::Result<BTreeMap<String, Value>> {
    let reading = || format!("reading bucket {name}");
    let bucket = Bucket::new(jetstream.clone(), name);
    let mut entries = BTreeMap::new();
    for key in bucket.keys(">").await.with_context(reading)? {
        if let Some(entry) = bucket.get(&key).await.with_context(reading)? {
            let value = serde_json::from_slice(&entry.value).unwrap_or_default();
            entries.insert(key, value);
        }
    }
    Ok(entries)
}

/// Every file below `folder` by its path from there, with its length.
pub(super) fn files(folder: &Path) -> anyhow::Result<BTreeMap<String, u64>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = match std::fs::read_dir(&next) {
            // What was there a moment ago may be gone.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            entries => entries.with_context(|| format!("looking into {}", next.display()))?,
        };
        for entry in entries.filter_map(Result::ok) {
            let path = entry.path();
            match entry.metadata() {
                Ok(of) if of.is_dir() => folders.push(path),
                Ok(of) => {
                    let below = path.strip_prefix(folder).unwrap_or(&path);
                    files.insert(below.display().to_string(), of.len());
                }
                Err(_) => {}
            }
        }
    }
    Ok(files)
}

/// Every reference to an artifact within `value`.
pub(super) fn references(value: &Value) -> Vec<ArtifactRef> {
    let mut found = Vec::new();
    let mut values = vec![value];
    while let Some(next) = values.pop() {
        match next {
            Value::Array(items) => values.extend(items),
            Value::Object(fields) => {
                if let Ok(artifact) = serde_json::from_value::<ArtifactRef>(next.clone()) {
                    found.push(artifact);
                }
                values.extend(fields.values());
            }
            _ => {}
        }
    }
    found
}
