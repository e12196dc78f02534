//! Publishing so that "no answer" is never taken for "no".
//!
//! A publish whose acknowledgement does not come may have been stored, or may be stored later. So
//! everything here either looks what is there, or is harmless when done twice.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::header::{NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_MESSAGE_ID};
use async_nats::jetstream::context::{PublishError as ClientError, PublishErrorKind};
use async_nats::jetstream::message::StreamMessage;
use async_nats::jetstream::stream::DirectGetErrorKind;
use async_nats::jetstream::{self, Context, ErrorCode};
use bytes::Bytes;
use tokio::time::Instant;
use tracing::debug;

use crate::subject;

/// How long a publish is tried. Longer than a cluster needs for a new leader (4.8–9.2 s measured).
pub const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(250);

/// The server answers so while another write of the same subject is on its way.
const WRONG_LAST_SEQUENCE_IN_FLIGHT: ErrorCode = ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT;

/// Refusals that may pass: that one, a stream that is full, and a server that is starting up.
const PASSING: [ErrorCode; 4] = [
    WRONG_LAST_SEQUENCE_IN_FLIGHT,
    ErrorCode::STREAM_STORE_FAILED,
    ErrorCode::CLUSTER_NOT_AVAILABLE,
    ErrorCode::INSUFFICIENT_RESOURCES,
];

/// What became of a message that may be written only once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// It is the first of its subject.
    Stored {
        /// Its place in the stream.
        sequence: u64,
    },
    /// There is one already. It stays.
    AlreadyThere {
        /// The place of the one that is there.
        sequence: u64,
        /// Whether that one says the same.
        same_payload: bool,
    },
}

impl Published {
    /// The place of the message that is there now.
    pub const fn sequence(self) -> u64 {
        match self {
            Self::Stored { sequence } | Self::AlreadyThere { sequence, .. } => sequence,
        }
    }
}

/// Why it is not certain that a message is there.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The subject belongs to none of our streams.
    #[error("{subject:?} belongs to no stream of ours")]
    NoStream {
        /// The subject.
        subject: String,
    },
    /// The server says no, and would say so again.
    #[error("the server refuses a message on {subject}")]
    Refused {
        /// The subject.
        subject: String,
        /// Its words.
        source: Box<ClientError>,
    },
    /// Whether it is there is unknown. It may be.
    #[error("no answer to a message on {subject} within {} s", PATIENCE.as_secs())]
    Unknown {
        /// The subject.
        subject: String,
        /// The last failure.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Publishes the first and only message of `subject`.
pub async fn write_once(
    jetstream: &Context,
    subject: String,
    payload: Bytes,
    mut headers: HeaderMap,
) -> Result<Published, PublishError> {
    if subject::stream_of(&subject).is_none() {
        return Err(PublishError::NoStream { subject });
    }
    headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, "0");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let failure = match send(jetstream, &subject, &payload, &headers).await {
            Ok(sequence) => return Ok(Published::Stored { sequence }),
            Err(error) if is_final(&error) => return Err(refused(subject, error)),
            Err(error) => error,
        };
        debug!(%subject, error = %failure, "looking whether the message is there");
        let unsure: Box<dyn std::error::Error + Send + Sync> = match last(jetstream, &subject).await
        {
            Ok(Some(there)) => {
                return Ok(Published::AlreadyThere {
                    sequence: there.sequence,
                    same_payload: there.payload == payload,
                });
            }
            Ok(None) => Box::new(failure),
            Err(error) => Box::new(error),
        };
        if Instant::now() >= deadline {
            return Err(PublishError::Unknown {
                subject,
                source: unsure,
            });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Publishes one more message on `subject`, until the server has it. Every try whose answer is lost may
/// still be stored; the `id` of the message tells them for one, within the stream's duplicate window,
/// which is longer than our patience.
pub async fn append(
    jetstream: &Context,
    subject: String,
    payload: Bytes,
    id: &str,
) -> Result<u64, PublishError> {
    let mut headers = HeaderMap::new();
    headers.insert(NATS_MESSAGE_ID, id);
    let deadline = Instant::now() + PATIENCE;
    loop {
        match send(jetstream, &subject, &payload, &headers).await {
            Ok(sequence) => return Ok(sequence),
            Err(error) if is_final(&error) => return Err(refused(subject, error)),
            Err(error) if Instant::now() >= deadline => {
                return Err(PublishError::Unknown {
                    subject,
                    source: Box::new(error),
                });
            }
            Err(error) => debug!(%subject, %error, "publishing again"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The last message of `subject`, if it has one.
pub async fn last(
    jetstream: &Context,
    subject: &str,
) -> Result<Option<StreamMessage>, PublishError> {
    let unknown = |source: Box<dyn std::error::Error + Send + Sync>| PublishError::Unknown {
        subject: subject.to_owned(),
        source,
    };
    let stream = subject::stream_of(subject).ok_or_else(|| PublishError::NoStream {
        subject: subject.to_owned(),
    })?;
    let stream = jetstream
        .get_stream_no_info(stream)
        .await
        .map_err(|error| unknown(Box::new(error)))?;
    match stream.direct_get_last_for_subject(subject).await {
        Ok(message) => Ok(Some(message)),
        Err(error) if error.kind() == DirectGetErrorKind::NotFound => Ok(None),
        Err(error) => Err(unknown(Box::new(error))),
    }
}

pub(crate) async fn send(
    jetstream: &Context,
    subject: &str,
    payload: &Bytes,
    headers: &HeaderMap,
) -> Result<u64, ClientError> {
    let message = jetstream::message::PublishMessage::build()
        .payload(payload.clone())
        .headers(headers.clone());
    let acknowledgement = jetstream
        .send_publish(subject.to_owned(), message)
        .await?
        .await?;
    Ok(acknowledgement.sequence)
}

/// True when the server compared and found another sequence.
pub(crate) fn is_wrong_sequence(error: &ClientError) -> bool {
    error.kind() == PublishErrorKind::WrongLastSequence
        || server_code(error) == Some(WRONG_LAST_SEQUENCE_IN_FLIGHT)
}

/// True when the same message would be refused again, and nothing was stored.
pub(crate) fn is_final(error: &ClientError) -> bool {
    match error.kind() {
        PublishErrorKind::MaxPayloadExceeded => true,
        PublishErrorKind::Other => server_code(error).is_some_and(|code| !PASSING.contains(&code)),
        _ => false,
    }
}

fn server_code(error: &ClientError) -> Option<ErrorCode> {
    let source = std::error::Error::source(error)?;
    source
        .downcast_ref::<jetstream::Error>()
        .map(jetstream::Error::error_code)
}

fn refused(subject: String, error: ClientError) -> PublishError {
    PublishError::Refused {
        subject,
        source: Box::new(error),
    }
}
