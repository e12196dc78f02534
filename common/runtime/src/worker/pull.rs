//! Asking for one message: our own small puller.
//!
//! The client's streams fetch ahead, stall now and then, and are blind for a while after a server's
//! restart. This one has at most one message on its way, and asks again as soon as the server is silent
//! for longer than its heartbeat allows.

use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::{self, AckKind, Context};
use async_nats::{Client, StatusCode, Subscriber};
use futures::StreamExt;
use model::StageKind;
use nats::{consumers, streams};
use tracing::{debug, warn};

use crate::Shutdown;

/// How long the server keeps one request.
const EXPIRES: Duration = Duration::from_secs(10);
/// How often it says that it still does.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Silence for longer than this means that it does not.
const SILENCE: Duration = Duration::from_millis(2500);
/// Between requests that the server cannot serve now.
const PAUSE: Duration = Duration::from_millis(500);
/// How often it is looked whether the connection is back.
const CONNECTION_CHECK: Duration = Duration::from_millis(50);

pub(super) struct Puller {
    jetstream: Context,
    client: Client,
    subject: String,
    request: bytes::Bytes,
}

/// What came of waiting.
enum Came {
    Message(async_nats::Message),
    /// The request is over; ask again.
    Over,
    /// The server cannot serve it now.
    Trouble(String),
    /// Stopping was asked for.
    Stop,
}

impl Puller {
    pub(super) fn new(jetstream: Context, stage: StageKind) -> Self {
        let request = serde_json::json!({
            "batch": 1,
            "expires": EXPIRES.as_nanos() as u64,
            "idle_heartbeat": HEARTBEAT.as_nanos() as u64,
        });
        Self {
            client: jetstream.client(),
            jetstream,
            subject: format!(
                "$JS.API.CONSUMER.MSG.NEXT.{}.{}",
                streams::WORK,
                consumers::durable(stage)
            ),
            request: request.to_string().into(),
        }
    }

    /// The next message, or `None` once stopping was asked for.
    pub(super) async fn next(&self, shutdown: &Shutdown) -> Option<jetstream::Message> {
        while !shutdown.has_begun() {
            match self.ask_until_served(shutdown).await {
                Ok(message) => return message,
                Err(error) => {
                    debug!(error, "asking for work failed; asking again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        None
    }

    async fn ask_until_served(
        &self,
        shutdown: &Shutdown,
    ) -> Result<Option<jetstream::Message>, Box<dyn std::error::Error + Send + Sync>> {
        let inbox = self.client.new_inbox();
        let mut replies = self.client.subscribe(inbox.clone()).await?;
        let mut asked = 0;
        let mut told = false;
        let message = loop {
            if !self.connected(shutdown).await {
                break None;
            }
            asked += 1;
            self.client
                .publish_with_reply(self.subject.clone(), inbox.clone(), self.request.clone())
                .await?;
            match wait(&mut replies, shutdown).await {
                Came::Message(message) => break Some(message),
                Came::Over => {}
                Came::Stop => break None,
                Came::Trouble(text) => {
                    if !std::mem::replace(&mut told, true) {
                        warn!(text, "no work can be asked for; asking again until it can");
                    }
                    tokio::select! {
                        () = tokio::time::sleep(PAUSE) => {}
                        () = shutdown.begun() => break None,
                    }
                }
            }
        };
        // With a second request on its way, or one that nobody waits for any more, a message may come
        // that is not wanted. It is given back instead of waiting until its time is over.
        if asked > 1 || message.is_none() {
            self.give_back_the_rest(replies).await;
        }
        Ok(message.map(|message| self.of_stream(message)))
    }

    /// Waits for the connection: a request that was asked for without one would be asked many times at
    /// once as soon as it is back. False once stopping was asked for.
    async fn connected(&self, shutdown: &Shutdown) -> bool {
        while !shutdown.has_begun() {
            if self.client.connection_state() == State::Connected {
                return true;
            }
            tokio::time::sleep(CONNECTION_CHECK).await;
        }
        false
    }

    async fn give_back_the_rest(&self, mut replies: Subscriber) {
        let giving = async {
            if replies.drain().await.is_err() {
                return;
            }
            while let Some(message) = replies.next().await {
                if is_work(&message) {
                    let given = self.of_stream(message).ack_with(AckKind::Nak(None)).await;
                    if let Err(error) = given {
                        debug!(%error, "a message that was not wanted could not be given back");
                    }
                }
            }
        };
        if tokio::time::timeout(PAUSE, giving).await.is_err() {
            debug!("the server does not say whether more messages are on their way");
        }
    }

    fn of_stream(&self, message: async_nats::Message) -> jetstream::Message {
        jetstream::Message {
            message,
            context: self.jetstream.clone(),
        }
    }
}

fn is_work(message: &async_nats::Message) -> bool {
    message.status.is_none() && message.reply.is_some()
}

async fn wait(replies: &mut Subscriber, shutdown: &Shutdown) -> Came {
    loop {
        let next = tokio::select! {
            next = tokio::time::timeout(SILENCE, replies.next()) => next,
            () = shutdown.begun() => return Came::Stop,
        };
        let message = match next {
            Ok(Some(message)) => message,
            Ok(None) => return Came::Trouble("the subscription ended".to_owned()),
            Err(_) => return Came::Over,
        };
        if is_work(&message) {
            return Came::Message(message);
        }
        match message.status {
            Some(StatusCode::IDLE_HEARTBEAT) => {}
            Some(StatusCode::TIMEOUT | StatusCode::NOT_FOUND) => return Came::Over,
            Some(status) => {
                let text = message.description.as_deref().unwrap_or("no reason given");
                return Came::Trouble(format!("{status}: {text}"));
            }
            None => return Came::Trouble("an answer that is neither work nor status".to_owned()),
        }
    }
}
