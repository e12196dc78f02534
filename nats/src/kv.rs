//! Entries of our buckets: read, compared and set, with the outcome of a lost answer looked up.
//!
//! Small and our own, since the client's store asks for the stream's info first (which a stage has no
//! business to see) and forgets the life of an entry that it creates over an expired one.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::header::{NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_MESSAGE_TTL};
use async_nats::jetstream::Context;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::stream::DirectGetErrorKind;
use bytes::Bytes;
use serde::Deserialize;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::{buckets, publish};

/// How long one call is tried.
const PATIENCE: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(200);

/// A handle to one bucket.
#[derive(Debug, Clone)]
pub struct Bucket {
    jetstream: Context,
    name: &'static str,
}

/// What lies under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The value.
    pub value: Bytes,
    /// Changes with every write; what a compare-and-set compares.
    pub revision: u64,
    /// When it was written, by the server's clock.
    pub written: OffsetDateTime,
}

/// What became of a compare-and-set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Swap {
    /// It is set; this is its revision.
    Set(u64),
    /// Someone else has written meanwhile.
    Conflict,
}

/// Why a bucket did not answer.
#[derive(Debug, thiserror::Error)]
#[error("no answer about {key:?} of bucket {bucket}")]
pub struct KvError {
    bucket: &'static str,
    key: String,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl Bucket {
    /// The bucket of that name, one of [`buckets::ALL`].
    pub const fn new(jetstream: Context, name: &'static str) -> Self {
        Self { jetstream, name }
    }

    /// What lies under `key`. `None` if nothing does, also after a delete.
    pub async fn get(&self, key: &str) -> Result<Option<Entry>, KvError> {
        Ok(self
            .read(key)
            .await?
            .filter(|read| !read.deleted)
            .map(|read| read.entry))
    }

    /// Sets `key` if its revision is still `expected`; 0 means that nothing was ever there.
    pub async fn swap(&self, key: &str, value: Bytes, expected: u64) -> Result<Swap, KvError> {
        self.swap_with(key, value, Some(expected), None).await
    }

    /// Sets `key`, whatever was there.
    pub async fn put(&self, key: &str, value: Bytes) -> Result<u64, KvError> {
        self.put_with(key, value, None).await
    }

    /// Sets `key` for `life` (whole seconds, at least 1) only; the bucket must let entries expire.
    pub async fn put_for(&self, key: &str, value: Bytes, life: Duration) -> Result<u64, KvError> {
        self.put_with(key, value, Some(life)).await
    }

    /// Removes `key`.
    pub async fn delete(&self, key: &str) -> Result<(), KvError> {
        let mut headers = HeaderMap::new();
        headers.insert("KV-Operation", "DEL");
        let subject = buckets::subject(self.name, key);
        publish::send(&self.jetstream, &subject, &Bytes::new(), &headers)
            .await
            .map_err(|error| self.error(key, error))?;
        Ok(())
    }

    /// The keys under `pattern` (subject wildcards), without values, in no order.
    pub async fn keys(&self, pattern: &str) -> Result<Vec<String>, KvError> {
        #[derive(Deserialize)]
        struct Info {
            state: State,
        }
        #[derive(Deserialize)]
        struct State {
            #[serde(default)]
            subjects: Option<BTreeMap<String, u64>>,
        }
        let request = format!("STREAM.INFO.{}", buckets::stream(self.name));
        let filter = serde_json::json!({"subjects_filter": buckets::subject(self.name, pattern)});
        let answer = self.jetstream.request(request, &filter).await;
        let info: Info = match answer.map_err(|error| self.error(pattern, error))? {
            Response::Ok(info) => info,
            Response::Err { error } => return Err(self.error(pattern, error)),
        };
        let prefix = buckets::subject(self.name, "");
        let subjects = info.state.subjects.unwrap_or_default().into_keys();
        Ok(subjects
            .filter_map(|subject| subject.strip_prefix(&prefix).map(str::to_owned))
            .collect())
    }

    async fn put_with(
        &self,
        key: &str,
        value: Bytes,
        life: Option<Duration>,
    ) -> Result<u64, KvError> {
        match self.swap_with(key, value, None, life).await? {
            Swap::Set(revision) => Ok(revision),
            Swap::Conflict => Err(self.error(key, "compared although nothing was asked to be")),
        }
    }

    async fn swap_with(
        &self,
        key: &str,
        value: Bytes,
        expected: Option<u64>,
        life: Option<Duration>,
    ) -> Result<Swap, KvError> {
        let mut headers = HeaderMap::new();
        if let Some(expected) = expected {
            headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, expected.to_string());
        }
        if let Some(life) = life {
            headers.insert(NATS_MESSAGE_TTL, life.as_secs().max(1).to_string());
        }
        let subject = buckets::subject(self.name, key);
        let deadline = Instant::now() + PATIENCE;
        let mut answer_lost = false;
        loop {
            match publish::send(&self.jetstream, &subject, &value, &headers).await {
                Ok(revision) => return Ok(Swap::Set(revision)),
                // Perhaps it was ourselves: a write whose answer was lost is still a write.
                Err(error) if publish::is_wrong_sequence(&error) && answer_lost => {
                    let there = self.get(key).await?.filter(|entry| entry.value == value);
                    return Ok(there.map_or(Swap::Conflict, |entry| Swap::Set(entry.revision)));
                }
                Err(error) if publish::is_wrong_sequence(&error) => return Ok(Swap::Conflict),
                Err(error) if publish::is_final(&error) => return Err(self.error(key, error)),
                Err(error) if Instant::now() >= deadline => return Err(self.error(key, error)),
                Err(_) => answer_lost = true,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn read(&self, key: &str) -> Result<Option<Read>, KvError> {
        let deadline = Instant::now() + PATIENCE;
        let stream = self
            .jetstream
            .get_stream_no_info(buckets::stream(self.name))
            .await
            .map_err(|error| self.error(key, error))?;
        let subject = buckets::subject(self.name, key);
        loop {
            match stream.direct_get_last_for_subject(subject.as_str()).await {
                Ok(message) => {
                    let operation = message.headers.get("KV-Operation");
                    return Ok(Some(Read {
                        deleted: operation.is_some_and(|operation| operation.as_str() != "PUT"),
                        entry: Entry {
                            value: message.payload,
                            revision: message.sequence,
                            written: message.time,
                        },
                    }));
                }
                Err(error) if error.kind() == DirectGetErrorKind::NotFound => return Ok(None),
                Err(error) if Instant::now() >= deadline => return Err(self.error(key, error)),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    fn error(
        &self,
        key: &str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> KvError {
        KvError {
            bucket: self.name,
            key: key.to_owned(),
            source: source.into(),
        }
    }
}

struct Read {
    entry: Entry,
    deleted: bool,
}
