//! The durable consumers: one a stage on WORK. EVENTS has none: the gateway keeps its own place in that
//! stream, in its database beside the rows, and reads on from there by a cursor that may be lost.

use std::time::Duration;

use async_nats::jetstream::consumer::pull::Config;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, ReplayPolicy};
use async_nats::jetstream::context::RequestError;
use async_nats::jetstream::response::Response;
use async_nats::jetstream::{self, Context};
use model::StageKind;
use serde::Deserialize;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::{streams, subject};

/// How long a message stays with a worker that says nothing. A dead worker's task must run elsewhere
/// within 10 seconds: 8, and two for the redelivery itself on a busy machine.
pub const ACK_WAIT: Duration = Duration::from_secs(8);

/// How often a worker renews: two renewals may be lost before its message moves on.
pub const RENEWAL: Duration = Duration::from_millis(2500);

/// The server never gives up on a message: it would be a ghost that nobody parks, and its job would never
/// end. What ends a crash loop is the claim, in which attempts are counted; deliveries also count deploys,
/// restarts and messages that wait for a newer build.
const MAX_DELIVER: i64 = -1;

/// A message that waits for its next attempt counts as pending too, so this is far above the number
/// of workers.
const MAX_ACK_PENDING: i64 = 5_000;

/// How long the server is asked for its time.
const PATIENCE: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(200);

/// Why the server does not tell its time.
#[derive(Debug, thiserror::Error)]
pub enum TimeError {
    /// It does not answer.
    #[error("the server does not tell its time")]
    NoAnswer(#[from] RequestError),
    /// It refuses.
    #[error("the server refuses to tell its time")]
    Refused(#[from] jetstream::Error),
}

/// The server's time, by which what it stores is dated; a stage learns it from its own consumer. What is
/// compared with it depends on no clock of ours.
pub async fn server_time(
    jetstream: &Context,
    stage: StageKind,
) -> Result<OffsetDateTime, TimeError> {
    #[derive(Deserialize)]
    struct Info {
        #[serde(with = "time::serde::rfc3339")]
        ts: OffsetDateTime,
    }
    let request = format!("CONSUMER.INFO.{}.{}", streams::WORK, durable(stage));
    let nothing = serde_json::json!({});
    let deadline = Instant::now() + PATIENCE;
    loop {
        let error = match jetstream.request(request.clone(), &nothing).await {
            Ok(Response::Ok(Info { ts })) => return Ok(ts),
            Ok(Response::Err { error }) => TimeError::from(error),
            Err(error) => TimeError::from(error),
        };
        if Instant::now() >= deadline {
            return Err(error);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The name of a stage's durable.
pub const fn durable(stage: StageKind) -> &'static str {
    stage.name()
}

/// A consumer and the stream that it reads.
#[derive(Debug, Clone, PartialEq)]
pub struct Consumer {
    /// The stream.
    pub stream: &'static str,
    /// As it should be.
    pub config: Config,
}

/// Every durable.
pub fn all() -> Vec<Consumer> {
    StageKind::ALL.into_iter().map(of_stage).collect()
}

/// A stage's consumer. All workers of the stage share it, so a stage is scaled by starting more.
///
/// No `inactive_threshold`: a stage whose workers are away for a week must find its place again. No
/// `backoff`: it would override `ack_wait` and the delays that workers ask for.
pub fn of_stage(stage: StageKind) -> Consumer {
    Consumer {
        stream: streams::WORK,
        config: Config {
            filter_subject: subject::work_of(stage),
            ack_wait: ACK_WAIT,
            max_deliver: MAX_DELIVER,
            max_ack_pending: MAX_ACK_PENDING,
            // One permit, one message: what is fetched ahead would wait while its clock runs.
            max_batch: 1,
            ..explicit(durable(stage))
        },
    }
}

fn explicit(durable: &str) -> Config {
    Config {
        durable_name: Some(durable.to_owned()),
        name: Some(durable.to_owned()),
        deliver_policy: DeliverPolicy::All,
        ack_policy: AckPolicy::Explicit,
        replay_policy: ReplayPolicy::Instant,
        // The server's default, said here so that comparing finds no difference.
        max_waiting: 512,
        ..Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_renewed_twice_before_it_moves_on_and_moves_on_within_ten_seconds() {
        assert!(RENEWAL * 3 <= ACK_WAIT);
        assert!(ACK_WAIT < Duration::from_secs(10));
    }
}
