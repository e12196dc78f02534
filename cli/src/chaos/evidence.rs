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

/// Something that should have been readable, and was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreadable {
    /// The stream or bucket.
    pub(super) from: &'static str,
    /// Which of it, and what is wrong.
    pub(super) what: String,
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
    /// What of streams and buckets is not what its readers take: nobody writes that.
    pub(super) unreadable: Vec<Unreadable>,
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
        let mut broker = Broker {
            jetstream,
            unreadable: Vec::new(),
        };
        let claims = broker.entries(buckets::CLAIMS).await?;
        let claims = claims
            .into_iter()
            .filter_map(|(key, claim)| broker.read(buckets::CLAIMS, &key, claim_of(&key, claim)))
            .collect();
        Ok(Self {
            views,
            histories,
            lives,
            rows: places.client.jobs().await,
            events: broker.messages(streams::EVENTS).await?,
            work: broker.messages(streams::WORK).await?,
            claims,
            clips: broker.entries(buckets::CLIPS).await?,
            ledgers: broker.entries(buckets::LEDGERS).await?,
            objects: files(places.objects)?,
            scratch: files(places.scratch)?.into_keys().collect(),
            // Last, when all has been read.
            unreadable: broker.unreadable,
        })
    }

    /// The accepted jobs, each with what its user saw.
    pub(super) fn accepted(&self) -> impl Iterator<Item = (JobId, &Life)> {
        self.lives.iter().filter_map(|life| Some((life.job?, life)))
    }
}

fn claim_of(key: &str, claim: Value) -> Result<(TaskId, Claim), String> {
    let task = TaskId::parse(key).ok_or("no task")?;
    let claim = serde_json::from_value(claim).map_err(|error| error.to_string())?;
    Ok((task, claim))
}

/// The broker's streams and buckets, and what of them could not be read.
struct Broker {
    jetstream: JetStream,
    unreadable: Vec<Unreadable>,
}

impl Broker {
    /// `found`, or a note that `what` of `from` could not be read.
    fn read<T>(&mut self, from: &'static str, what: &str, found: Result<T, String>) -> Option<T> {
        found
            .map_err(|why| {
                let what = format!("{from}: {what} cannot be read: {why}");
                self.unreadable.push(Unreadable { from, what });
            })
            .ok()
    }

    /// All messages of a stream, in order.
    async fn messages(&mut self, name: &'static str) -> anyhow::Result<Vec<Message>> {
        let reading = || format!("reading {name}");
        let mut stream = self
            .jetstream
            .get_stream(name)
            .await
            .with_context(reading)?;
        let state = stream.info().await.with_context(reading)?.state.clone();
        let mut messages = Vec::new();
        for next in state.first_sequence.max(1)..=state.last_sequence {
            match stream.get_raw_message(next).await {
                Ok(message) => {
                    let what = format!("{next} ({})", message.subject);
                    let payload = self.read(name, &what, json(&message.payload));
                    messages.push(Message {
                        sequence: message.sequence,
                        subject: message.subject.to_string(),
                        payload: payload.unwrap_or_default(),
                    });
                }
                Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => {}
                Err(error) => return Err(error).with_context(reading),
            }
        }
        Ok(messages)
    }

    /// All entries of a bucket, as JSON.
    async fn entries(&mut self, name: &'static str) -> anyhow::Result<BTreeMap<String, Value>> {
        let reading = || format!("reading bucket {name}");
        let bucket = Bucket::new(self.jetstream.clone(), name);
        let mut entries = BTreeMap::new();
        for key in bucket.keys(">").await.with_context(reading)? {
            if let Some(entry) = bucket.get(&key).await.with_context(reading)? {
                let value = self.read(name, &key, json(&entry.value));
                entries.insert(key, value.unwrap_or_default());
            }
        }
        Ok(entries)
    }
}

fn json(bytes: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
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

#[cfg(test)]
mod tests {
    use testkit::NatsServer;

    use super::*;

    #[tokio::test]
    async fn what_is_no_json_in_a_stream_or_a_bucket_is_named_and_not_taken_for_null() {
        let server = NatsServer::start().await;
        let client = async_nats::connect(server.url()).await.unwrap();
        let jetstream = jetstream::new(client);
        let stream = jetstream::stream::Config {
            name: streams::EVENTS.to_owned(),
            subjects: vec!["events.>".to_owned()],
            ..Default::default()
        };
        jetstream.create_stream(stream).await.unwrap();
        for (subject, payload) in [("events.a", "{}"), ("events.b", "{"), ("events.c", "null")] {
            let sent = jetstream.publish(subject, payload.into()).await.unwrap();
            sent.await.unwrap();
        }
        let bucket = jetstream::kv::Config {
            bucket: buckets::CLAIMS.to_owned(),
            ..Default::default()
        };
        let bucket = jetstream.create_key_value(bucket).await.unwrap();
        bucket.put("task", "\u{1}".into()).await.unwrap();
        let mut broker = Broker {
            jetstream,
            unreadable: Vec::new(),
        };
        assert_eq!(broker.messages(streams::EVENTS).await.unwrap().len(), 3);
        assert_eq!(broker.entries(buckets::CLAIMS).await.unwrap().len(), 1);
        let named: Vec<&str> = broker.unreadable.iter().map(|one| one.from).collect();
        assert_eq!(named, [streams::EVENTS, buckets::CLAIMS]);
        assert!(broker.unreadable[0].what.contains("2 (events.b)"));
        assert!(claim_of("task", Value::Null).is_err());
    }
}
