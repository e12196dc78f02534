//! The one reader of EVENTS in a process: each event goes into the rows, then to whoever listens.
//!
//! Its place in the stream lies in the database, in the same transaction as the rows: whatever dies
//! when, the next start goes on behind the last event that is in them. So nothing is acknowledged, and
//! a consumer of the server's is only a cursor that may be lost at any time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::Client;
use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::OrderedConfig;
use async_nats::jetstream::message::Message;
use futures::StreamExt;
use model::Event;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::error::{Source, causes};
use crate::hub::Hub;
use crate::store::{Sequenced, Store, StoreError};

/// How many events go into one transaction at most.
const BATCH: usize = 64;
/// How long to wait after trouble; doubled up to the second.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How often the connection is looked at. A cursor does not outlive its server, and the client would
/// notice that by missing heartbeats only, half a minute later.
const LOOK: Duration = Duration::from_millis(250);

/// Why reading stopped. It begins again after a pause.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("reading EVENTS")]
    Stream(#[source] Source),
    #[error("NATS was away, and the cursor may be gone with it")]
    Reconnected,
    #[error("EVENTS ended without a word")]
    Ended,
    #[error("writing events into the rows")]
    Store(#[from] StoreError),
}

/// Reads EVENTS for as long as the process lives.
pub(crate) struct Reader {
    pub(crate) client: Client,
    pub(crate) jetstream: Context,
    pub(crate) store: Store,
    pub(crate) hub: Hub,
    /// Up to which sequence the events are in the rows.
    pub(crate) position: watch::Sender<u64>,
    /// Told when the stream is a new one: the broker has lost its store.
    pub(crate) lost: Arc<Notify>,
}

impl Reader {
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut pause = FIRST_PAUSE;
        loop {
            let before = *self.position.borrow();
            let read = tokio::select! {
                () = stop.cancelled() => return,
                read = self.read() => read,
            };
            let Err(error) = read;
            tracing::warn!(causes = causes(&error), "the reader of EVENTS starts again");
            let moved = *self.position.borrow() > before;
            pause = if moved || matches!(error, ReadError::Reconnected) {
                FIRST_PAUSE
            } else {
                (pause * 2).min(LONGEST_PAUSE)
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn read(&self) -> Result<std::convert::Infallible, ReadError> {
        let connections = self.connections();
        let stream = self
            .jetstream
            .get_stream(nats::streams::EVENTS)
            .await
            .map_err(|error| ReadError::Stream(error.into()))?;
        let created = stream.cached_info().created.unix_timestamp_nanos();
        let created = created.to_string();
        let is_lost = self.store.is_successor(&created).await?;
        let position = self.store.position(&created).await?;
        if is_lost {
            tracing::warn!("EVENTS is a new stream: what was in the old one is gone");
            self.lost.notify_one();
        }
        self.hub.begins_behind(position);
        self.position.send_replace(position);
        let cursor = OrderedConfig {
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: position + 1,
            },
            ..OrderedConfig::default()
        };
        let messages = stream
            .create_consumer(cursor)
            .await
            .map_err(|error| ReadError::Stream(error.into()))?
            .messages()
            .await
            .map_err(|error| ReadError::Stream(error.into()))?;
        let mut batches = messages.ready_chunks(BATCH);
        let mut look = tokio::time::interval(LOOK);
        loop {
            let batch = tokio::select! {
                batch = batches.next() => batch.ok_or(ReadError::Ended)?,
                _ = look.tick() => {
                    if self.connections() != connections {
                        return Err(ReadError::Reconnected);
                    }
                    continue;
                }
            };
            let mut events = Vec::with_capacity(batch.len());
            for message in batch {
                let message = message.map_err(|error| ReadError::Stream(error.into()))?;
                events.push(sequenced(&message)?);
            }
            self.take_in(&events).await?;
        }
    }

    /// How often the client has connected so far.
    fn connections(&self) -> u64 {
        self.client.statistics().connects.load(Ordering::Relaxed)
    }

    async fn take_in(&self, events: &[Sequenced]) -> Result<(), ReadError> {
        for folded in self.store.project(events).await? {
            self.hub.tell(&folded);
        }
        if let Some(last) = events.last() {
            self.position.send_replace(last.sequence);
        }
        Ok(())
    }
}

fn sequenced(message: &Message) -> Result<Sequenced, ReadError> {
    let info = message.info().map_err(ReadError::Stream)?;
    Ok(Sequenced {
        sequence: info.stream_sequence,
        event: parse(&message.subject, &message.payload),
    })
}

/// The event of a message. One that this build cannot read is passed over: a newer build may say more.
pub(crate) fn parse(subject: &str, payload: &[u8]) -> Option<Arc<Event>> {
    match serde_json::from_slice::<Event>(payload) {
        Ok(event) if nats::subject::job_of_event(subject) == Some(event.job_id) => {
            Some(Arc::new(event))
        }
        Ok(event) => {
            tracing::warn!(subject, job.id = %event.job_id, "an event of another job is passed over");
            None
        }
        Err(error) => {
            tracing::warn!(subject, %error, "an event that cannot be read is passed over");
            None
        }
    }
}
