//! What all streams share: their frames, their pulse, and why they end.

use std::convert::Infallible;
use std::time::Duration;

use axum::http::{HeaderValue, header};
use axum::response::sse::{Event as Frame, Sse};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use model::EventBody;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;
use uuid::Uuid;

use crate::app::App;
use crate::error::{Source, causes};
use crate::job::Job;
use crate::view;

/// How many frames wait for the network.
const FRAMES_IN_FLIGHT: usize = 16;
/// How long a client should wait before it comes back.
const RETRY: Duration = Duration::from_secs(2);
/// Up to how much longer after a stop: a gateway's clients must not all come back at once.
const SPREAD: u64 = 4_000;
/// How long a client may take no frame at all.
const SEND_PATIENCE: Duration = Duration::from_secs(30);

/// Why a connection ends; none of them is a fault of ours but the last.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    #[error("all has been told")]
    JobEnded,
    #[error("the client is gone")]
    Gone,
    #[error("the client is too slow")]
    TooSlow,
    #[error("the token has ended")]
    TokenEnded,
    #[error("the gateway stops")]
    Stopping,
    #[error("the stream cannot be continued")]
    Broken(#[source] Source),
}

impl End {
    pub(super) fn broken(error: impl Into<Source>) -> Self {
        Self::Broken(error.into())
    }
}

/// The sending end of a connection.
#[derive(Clone)]
pub(super) struct Wire {
    frames: mpsc::Sender<Frame>,
}

/// A connection's two ends: one to send into, and the answer that carries it.
pub(super) fn open() -> (Wire, Response) {
    let (frames, body) = mpsc::channel(FRAMES_IN_FLIGHT);
    let body = ReceiverStream::new(body).map(Ok::<_, Infallible>);
    let mut response = Sse::new(body).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache, no-store, no-transform"),
    );
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    (Wire { frames }, response)
}

impl Wire {
    /// Sends what `talk` says until it ends by itself, the token ends after `token_left` (the client may
    /// come back with another), or the gateway stops. Of the last two the client is told.
    pub(super) async fn carry(
        self,
        app: &App,
        token_left: Duration,
        talk: impl Future<Output = Result<Infallible, End>>,
    ) {
        let end = tokio::select! {
            end = talk => end,
            () = sleep(token_left) => Err(End::TokenEnded),
            () = app.stop.cancelled() => Err(End::Stopping),
        };
        match end {
            Err(End::Broken(error)) => {
                tracing::warn!(causes = causes(error.as_ref()), "a stream broke");
            }
            Err(end) => {
                match &end {
                    End::TokenEnded => self.say_why("token-expired", RETRY),
                    End::Stopping => {
                        let spread = Uuid::new_v4().as_u64_pair().0 % SPREAD;
                        self.say_why("stopping", RETRY + Duration::from_millis(spread));
                    }
                    _ => {}
                }
                tracing::debug!(%end, "a stream ended");
            }
            Ok(never) => match never {},
        }
    }

    /// Without waiting: whoever has no room for it now does without.
    fn say_why(&self, reason: &str, retry: Duration) {
        let why = json!({ "reason": reason, "timestamp": now() });
        let frame = frame(None, "closing", &why).retry(retry);
        if self.frames.try_send(frame).is_err() {
            tracing::debug!(reason, "a client does not hear why its stream ends");
        }
    }

    /// The first frame.
    pub(super) async fn begin(&self) -> Result<(), End> {
        self.send(Frame::default().retry(RETRY).comment("beatreel"))
            .await
    }

    /// What the client has is not all there was, and the rest is gone: the whole state follows.
    pub(super) async fn reset(&self) -> Result<(), End> {
        let why = json!({ "reason": "history-gone", "timestamp": now() });
        self.send(frame(None, "reset", &why)).await
    }

    pub(super) async fn send(&self, frame: Frame) -> Result<(), End> {
        match timeout(SEND_PATIENCE, self.frames.send(frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::TooSlow),
        }
    }

    /// Returns when the client is gone.
    pub(super) async fn closed(&self) {
        self.frames.closed().await;
    }
}

/// The signs of life between events: heartbeats for clients, comments for what lies between.
pub(super) struct Pulse {
    heartbeat: Interval,
    comment: Interval,
}

impl Pulse {
    pub(super) fn new(period: Duration) -> Self {
        Self {
            heartbeat: ticks(period),
            comment: ticks(period / 2),
        }
    }

    /// The next frame that is due.
    pub(super) async fn beat(&mut self) -> Frame {
        tokio::select! {
            _ = self.heartbeat.tick() => frame(None, "heartbeat", &json!({ "timestamp": now() })),
            _ = self.comment.tick() => Frame::default().comment(""),
        }
    }
}

fn ticks(period: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

pub(super) fn now() -> Value {
    view::timestamp(OffsetDateTime::now_utc())
}

pub(super) fn frame(id: Option<u64>, name: &str, data: &Value) -> Frame {
    let frame = Frame::default().event(name).data(data.to_string());
    match id {
        Some(id) => frame.id(id.to_string()),
        None => frame,
    }
}

/// The event that ended a job, from its row.
pub(super) fn end_of(job: &Job) -> Option<model::Event> {
    let state = &job.state;
    let body = if let Some(error) = &state.error {
        EventBody::Error {
            error: error.message.clone(),
            code: error.code.clone(),
            retryable: error.retryable,
            stage: state.current_stage,
            total_cost: Some(state.total_cost),
            pending_cost: None,
        }
    } else {
        let film = state.film.clone()?;
        EventBody::Completed {
            video: film.video,
            poster: film.poster,
            report: film.report,
            duration: state.duration,
            clips: state.clips_completed / (film.others.len() as u32 + 1),
            total_cost: state.total_cost,
            others: film.others,
        }
    };
    Some(model::Event {
        job_id: job.brief.id,
        run: job.brief.run,
        timestamp: state.completed_at.unwrap_or(state.updated_at),
        body,
    })
}
