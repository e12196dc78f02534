//! One open stream of one job, from its first frame to its last.

use std::convert::Infallible;
use std::time::Duration;

use model::{Event, JobId};

use super::history::{self, Past};
use super::wire::{End, Pulse, Wire, end_of, frame};
use crate::app::App;
use crate::hub::Subscription;
use crate::job::{Job, fold};
use crate::view;

/// What a connection begins with.
pub(super) enum Start {
    /// The whole state.
    Fresh(Box<Job>),
    /// The whole state, as not everything that the client missed is there any more.
    Reset(Box<Job>),
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
    wire: Wire,
    /// Sequence of the last event that was sent or is part of the state.
    sent: u64,
    /// The highest progress that was sent.
    progress: u8,
}

impl Connection {
    pub(super) fn new(app: App, job: JobId, place: Subscription, wire: Wire) -> Self {
        Self {
            app,
            job,
            place,
            wire,
            sent: 0,
            progress: 0,
        }
    }

    /// Sends until the job ends, the client goes or falls behind, or [`Wire::carry`] ends it.
    pub(super) async fn run(mut self, start: Start, token_left: Duration) {
        let (app, wire) = (self.app.clone(), self.wire.clone());
        wire.carry(&app, token_left, self.talk(start)).await;
    }

    async fn talk(&mut self, start: Start) -> Result<Infallible, End> {
        self.wire.begin().await?;
        let ended = match start {
            Start::Resumed { seen, progress } => {
                self.sent = seen;
                self.progress = progress;
                None
            }
            Start::Fresh(job) => self.send_state(*job).await?,
            Start::Reset(job) => {
                self.wire.reset().await?;
                self.send_state(*job).await?
            }
        };
        self.catch_up().await?;
        if let Some(event) = ended.as_ref().and_then(end_of) {
            // It is no longer in the stream, but the row knows what it said.
            let end = ended.and_then(|job| job.state.end_sequence);
            self.send_event(end.unwrap_or(self.sent), &event).await?;
            return Err(End::JobEnded);
        }
        self.listen().await
    }

    /// Sends the state. Of a job that has ended, everything but its end: that follows as an event.
    async fn send_state(&mut self, job: Job) -> Result<Option<Job>, End> {
        let end = job.state.end_sequence;
        self.sent = end.map_or(job.state.last_sequence, |end| end.saturating_sub(1));
        self.progress = job.state.progress;
        let state = view::state_event(&self.app, &job).map_err(End::broken)?;
        self.wire
            .send(frame(Some(self.sent), "progress", &state))
            .await?;
        Ok(end.map(|_| job))
    }

    /// Sends what lies in the stream behind the last event sent. The end of a pass that another has followed
    /// is not the end.
    async fn catch_up(&mut self) -> Result<(), End> {
        let mut has_ended = false;
        let stream = history::stream(&self.app).await.map_err(End::broken)?;
        while let Some(Past { sequence, event }) = history::next(&stream, self.job, self.sent)
            .await
            .map_err(End::broken)?
        {
            match event {
                Some(event) => has_ended = self.send_event(sequence, &event).await?,
                None => self.sent = sequence,
            }
        }
        if has_ended {
            return Err(End::JobEnded);
        }
        Ok(())
    }

    async fn listen(&mut self) -> Result<Infallible, End> {
        let mut pulse = Pulse::new(self.app.config.heartbeat);
        loop {
            tokio::select! {
                folded = self.place.events.recv() => {
                    let folded = folded.ok_or(End::TooSlow)?;
                    if folded.sequence > self.sent
                        && self.send_event(folded.sequence, &folded.event).await?
                    {
                        return Err(End::JobEnded);
                    }
                }
                beat = pulse.beat() => self.wire.send(beat).await?,
                () = self.wire.closed() => return Err(End::Gone),
            }
        }
    }

    /// Whether that was the end of a pass.
    async fn send_event(&mut self, sequence: u64, event: &Event) -> Result<bool, End> {
        self.progress = fold(self.progress, &event.body);
        let told = view::event(&self.app, event, self.progress).map_err(End::broken)?;
        self.wire
            .send(frame(Some(sequence), event.body.name(), &told))
            .await?;
        self.sent = sequence;
        Ok(event.body.is_terminal())
    }
}
