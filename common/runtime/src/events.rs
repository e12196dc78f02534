//! Saying what happens: acknowledged, in order, and progress no faster than anyone can read it.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use model::{Event, EventBody, JobId, RunNumber, TaskId};
use nats::publish::{self, PublishError, Published};
use nats::subject;
use time::OffsetDateTime;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::warn;

/// At most four times a second and task: progress is the only chatty traffic.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(250);

/// Publishes events until the server has them. Clones are one.
#[derive(Debug, Clone)]
pub struct EventPublisher {
    jetstream: Context,
}

impl EventPublisher {
    /// To that server.
    pub const fn new(jetstream: Context) -> Self {
        Self { jetstream }
    }

    /// Publishes an event, once however often its answer is lost. The two that end a job are written once: the first end wins, and the answer
    /// tells whether this was it.
    pub async fn publish(&self, event: &Event) -> Result<Published, PublishError> {
        let id = uuid::Uuid::new_v4().simple().to_string();
        self.publish_as(event, &id).await
    }

    /// Like [`Self::publish`], but the same `id` again within two minutes is not stored again.
    pub async fn publish_as(&self, event: &Event, id: &str) -> Result<Published, PublishError> {
        // An event is made of texts and numbers: always JSON.
        let payload = serde_json::to_vec(event).unwrap_or_default().into();
        let subject = subject::event(event);
        if event.body.is_terminal() {
            publish::write_once(&self.jetstream, subject, payload, HeaderMap::new()).await
        } else {
            let stored = publish::append(&self.jetstream, subject, payload, id).await;
            stored.map(|sequence| Published::Stored { sequence })
        }
    }

    /// True once a run has ended, whichever way.
    pub async fn has_ended(&self, job: JobId, run: RunNumber) -> Result<bool, PublishError> {
        let end = publish::last(&self.jetstream, &subject::end(job, run)).await?;
        Ok(end.is_some())
    }
}

/// An event of a task, now.
pub(crate) fn event(task: &TaskId, body: EventBody) -> Event {
    Event {
        job_id: task.job,
        run: task.run,
        timestamp: now(),
        body,
    }
}

/// The time, in the microseconds that events carry.
pub(crate) fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(now.nanosecond() / 1000 * 1000)
        .unwrap_or(now)
}

/// The end of a task's events that the work holds: never waits, never fails.
#[derive(Debug, Clone)]
pub(crate) struct Reporter {
    said: mpsc::UnboundedSender<Said>,
    progress: watch::Sender<f64>,
}

enum Said {
    Event(Box<EventBody>),
    Flush(oneshot::Sender<()>),
}

impl Reporter {
    pub(crate) fn say(&self, body: EventBody) {
        // Nobody listens any more once the task was given up; what it says then is of no interest.
        let _ = self.said.send(Said::Event(Box::new(body)));
    }

    pub(crate) fn progress(&self, fraction: f64) {
        self.progress.send_replace(fraction);
    }

    /// Completes when everything said so far is published, or was dropped with a warning.
    pub(crate) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.said.send(Said::Flush(done)).is_ok() {
            // An error means that the other end is gone, and nothing is left to wait for.
            let _ = wait.await;
        }
    }

    /// A reporter whose events are handed to `each` in order. It stops when the handle is dropped.
    pub(crate) fn start<F>(
        progress_of: impl Fn(f64) -> Option<EventBody> + Send + 'static,
        each: impl Fn(EventBody) -> F + Send + 'static,
    ) -> (Self, AbortOnDropHandle<()>)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (said, hear) = mpsc::unbounded_channel();
        let (progress, latest) = watch::channel(0.0);
        let task = tokio::spawn(pump(hear, latest, progress_of, each));
        (Self { said, progress }, AbortOnDropHandle::new(task))
    }

    /// A reporter that publishes.
    pub(crate) fn publishing(
        publisher: EventPublisher,
        task: TaskId,
        progress_of: impl Fn(f64) -> Option<EventBody> + Send + 'static,
    ) -> (Self, AbortOnDropHandle<()>) {
        Self::start(progress_of, move |body| {
            let (publisher, event) = (publisher.clone(), event(&task, body));
            async move {
                if let Err(error) = publisher.publish(&event).await {
                    let error = &error as &dyn std::error::Error;
                    warn!(job.id = %event.job_id, error, "an event is lost");
                }
            }
        })
    }
}

async fn pump<F: Future<Output = ()>>(
    mut hear: mpsc::UnboundedReceiver<Said>,
    mut latest: watch::Receiver<f64>,
    progress_of: impl Fn(f64) -> Option<EventBody>,
    each: impl Fn(EventBody) -> F,
) {
    let mut next_progress = Instant::now();
    let mut last_progress = None;
    loop {
        tokio::select! {
            biased;
            said = hear.recv() => match said {
                Some(Said::Event(body)) => each(*body).await,
                Some(Said::Flush(done)) => { let _ = done.send(()); }
                None => return,
            },
            () = changed_after(&mut latest, next_progress) => {
                let body = progress_of(*latest.borrow_and_update());
                if let Some(body) = body && last_progress.as_ref() != Some(&body) {
                    each(body.clone()).await;
                    last_progress = Some(body);
                    next_progress = Instant::now() + PROGRESS_INTERVAL;
                }
            }
        }
    }
}

async fn changed_after(latest: &mut watch::Receiver<f64>, earliest: Instant) {
    if latest.changed().await.is_err() {
        // The last reporter is gone: `hear` ends the pump.
        std::future::pending::<()>().await;
    }
    // Not yet taken as seen: if the sleep is interrupted, the change must be found again.
    latest.mark_changed();
    tokio::time::sleep_until(earliest).await;
}

#[cfg(test)]
mod tests {
    use model::{Seconds, StageKind, Usd};

    use super::*;

    fn progress(fraction: f64) -> EventBody {
        EventBody::Progress {
            progress: (fraction * 100.0) as u8,
            stage: StageKind::Composer,
            estimated_remaining: None::<Seconds>,
            total_cost: Usd::ZERO,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_reports_of_progress_in_a_second_become_four_or_five_events_the_last_one_among_them()
     {
        let (sender, mut heard) = mpsc::unbounded_channel();
        let (reporter, _pump) = Reporter::start(
            |fraction| Some(progress(fraction)),
            move |body| {
                sender.send(body).unwrap();
                async {}
            },
        );
        for step in 0..=1000 {
            reporter.progress(f64::from(step) / 1000.0);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(PROGRESS_INTERVAL * 2).await;
        drop(reporter);

        let mut events = Vec::new();
        while let Some(event) = heard.recv().await {
            events.push(event);
        }
        assert!((4..=6).contains(&events.len()), "{}", events.len());
        assert_eq!(events.last(), Some(&progress(1.0)));
    }

    #[tokio::test]
    async fn events_keep_their_order_and_flushing_waits_for_them() {
        let (sender, mut heard) = mpsc::unbounded_channel();
        let (reporter, _pump) = Reporter::start(
            |fraction| Some(progress(fraction)),
            move |body| {
                let sender = sender.clone();
                async move {
                    tokio::task::yield_now().await;
                    sender.send(body).unwrap();
                }
            },
        );
        let line = |text: &str| EventBody::Message {
            text: text.to_owned(),
            stage: StageKind::Composer,
        };
        reporter.say(line("one"));
        reporter.say(line("two"));
        reporter.flush().await;
        assert_eq!(heard.try_recv().unwrap(), line("one"));
        assert_eq!(heard.try_recv().unwrap(), line("two"));
    }
}
