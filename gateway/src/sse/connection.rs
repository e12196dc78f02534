//! One open stream, from its first frame to its last.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::stream::RawMessageErrorKind;
use axum::response::sse::Event as Frame;
use model::{Event, EventBody, JobId};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, timeout};

use crate::app::App;
use crate::error::{Source, causes};
use crate::hub::Subscription;
use crate::job::{Job, progress_of};
use crate::{reader, view};

/// How long a client should wait before it comes back.
const RETRY: Duration = Duration::from_secs(2);
/// How long a client may take no frame at all.
const SEND_PATIENCE: Duration = Duration::from_secs(30);

/// Why a connection ends; none of them is a fault of ours but the last.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the job has ended")]
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

/// What a connection begins with.
pub(super) enum Start {
    /// The whole state.
    Fresh(Box<Job>),
    /// What follows an event that the client has.
    Resumed {
        /// Its sequence.
        seen: u64,
        /// The highest progress up to there.
        progress: u8,
    },
}

/// An open stream.
pub(super) struct Connection {
    app: App,
    job: JobId,
    place: Subscription,
    frames: mpsc::Sender<Frame>,
    /// Sequence of the last event that was sent or is part of the state.
    sent: u64,
    /// The highest progress that was sent.
    progress: u8,
}

impl Connection {
    pub(super) fn new(
        app: App,
        job: JobId,
        place: Subscription,
        frames: mpsc::Sender<Frame>,
    ) -> Self {
        Self {
            app,
            job,
            place,
            frames,
            sent: 0,
            progress: 0,
        }
    }

    /// Sends until the job ends, the client goes or falls behind, its token ends after `token_left` (it
    /// may come back with another), or the gateway stops.
    pub(super) async fn run(mut self, start: Start, token_left: Duration) {
        let stop = self.app.stop.clone();
        let end = tokio::select! {
            end = self.talk(start) => end,
            () = sleep(token_left) => Err(End::TokenEnded),
            () = stop.cancelled() => Err(End::Stopping),
        };
        match end {
            Err(End::Broken(error)) => {
                tracing::warn!(job.id = %self.job, causes = causes(error.as_ref()), "a stream broke");
            }
            Err(end) => tracing::debug!(job.id = %self.job, %end, "a stream ended"),
            Ok(never) => match never {},
        }
    }

    async fn talk(&mut self, start: Start) -> Result<std::convert::Infallible, End> {
        self.send(Frame::default().retry(RETRY).comment("beatreel"))
            .await?;
        let end = match start {
            Start::Resumed { seen, progress } => {
                self.sent = seen;
                self.progress = progress;
                None
            }
            Start::Fresh(job) => self.send_state(*job).await?,
        };
        self.catch_up().await?;
        if let Some(ended) = end {
            // Its last event is no longer in the stream, but the row knows what it said.
            self.send_end(&ended).await?;
        }
        self.listen().await
    }

    /// Sends the state. Of a job that has ended, everything but its end: that follows as an event.
    async fn send_state(&mut self, job: Job) -> Result<Option<Job>, End> {
        let end = job.state.end_sequence;
        self.sent = end.map_or(job.state.last_sequence, |end| end.saturating_sub(1));
        self.progress = job.state.progress;
        let state = view::state_event(&self.app, &job).map_err(broken)?;
        self.send(frame(Some(self.sent), "progress", &state))
            .await?;
        Ok(end.map(|_| job))
    }

    /// Sends what lies in the stream behind the last event sent.
    async fn catch_up(&mut self) -> Result<(), End> {
        let subject = nats::subject::events_of(self.job);
        let stream = self
            .app
            .jetstream
            .get_stream_no_info(nats::streams::EVENTS)
            .await
            .map_err(broken)?;
        loop {
            // From the leader: a copy that lags behind would end the catching up too early.
            let next = stream
                .get_first_raw_message_by_subject(&subject, self.sent + 1)
                .await;
            let message = match next {
                Ok(message) => message,
                Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => return Ok(()),
                Err(error) => return Err(broken(error)),
            };
            match reader::parse(&message.subject, &message.payload) {
                Some(event) => self.send_event(message.sequence, &event).await?,
                None => self.sent = message.sequence,
            }
        }
    }

    async fn listen(&mut self) -> Result<std::convert::Infallible, End> {
        let mut heartbeat = ticks(self.app.config.heartbeat);
        let mut comment = ticks(self.app.config.heartbeat / 2);
        loop {
            tokio::select! {
                folded = self.place.events.recv() => {
                    let folded = folded.ok_or(End::TooSlow)?;
                    if folded.sequence > self.sent {
                        self.send_event(folded.sequence, &folded.event).await?;
                    }
                }
                _ = heartbeat.tick() => {
                    let now = json!({ "timestamp": view::timestamp(OffsetDateTime::now_utc()) });
                    self.send(frame(None, "heartbeat", &now)).await?;
                }
                _ = comment.tick() => self.send(Frame::default().comment("")).await?,
                () = self.frames.closed() => return Err(End::Gone),
            }
        }
    }

    async fn send_event(&mut self, sequence: u64, event: &Arc<Event>) -> Result<(), End> {
        self.progress = self.progress.max(progress_of(&event.body));
        let wire = view::event(&self.app, event, self.progress).map_err(broken)?;
        self.send(frame(Some(sequence), event.body.name(), &wire))
            .await?;
        self.sent = sequence;
        if event.body.is_terminal() {
            return Err(End::JobEnded);
        }
        Ok(())
    }

    async fn send_end(&mut self, job: &Job) -> Result<(), End> {
        let Some(body) = end_of(job) else {
            return Ok(());
        };
        let event = Arc::new(Event {
            job_id: job.brief.id,
            run: job.brief.run,
            timestamp: job.state.completed_at.unwrap_or(job.state.updated_at),
            body,
        });
        self.send_event(job.state.end_sequence.unwrap_or(self.sent), &event)
            .await
    }

    async fn send(&self, frame: Frame) -> Result<(), End> {
        match timeout(SEND_PATIENCE, self.frames.send(frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::TooSlow),
        }
    }
}

/// The event that ended a job, from its row.
fn end_of(job: &Job) -> Option<EventBody> {
    let state = &job.state;
    if let Some(error) = &state.error {
        return Some(EventBody::Error {
            error: error.message.clone(),
            code: error.code.clone(),
            retryable: error.retryable,
            stage: state.current_stage,
        });
    }
    let film = state.film.clone()?;
    Some(EventBody::Completed {
        video: film.video,
        poster: film.poster,
        report: film.report,
        duration: state.duration,
        clips: state.clips_completed,
        total_cost: state.total_cost,
    })
}

fn frame(id: Option<u64>, name: &str, data: &Value) -> Frame {
    let frame = Frame::default().event(name).data(data.to_string());
    match id {
        Some(id) => frame.id(id.to_string()),
        None => frame,
    }
}

fn ticks(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn broken(error: impl Into<Source>) -> End {
    End::Broken(error.into())
}
