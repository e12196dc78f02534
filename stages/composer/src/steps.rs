//! How long each step of the composer takes.

use std::time::Instant;

use model::Seconds;
use model::film::StepTime;
use runtime::StageContext;

/// A clock that is read after each step.
#[derive(Debug)]
pub(crate) struct Steps<'a> {
    cx: &'a StageContext,
    done: Vec<StepTime>,
    since: Instant,
    cpu: Option<Seconds>,
}

impl<'a> Steps<'a> {
    pub(crate) fn begin(cx: &'a StageContext) -> Self {
        Self {
            cx,
            done: Vec::new(),
            since: Instant::now(),
            cpu: cx.cpu_time(),
        }
    }

    /// `step` is done.
    pub(crate) fn done(&mut self, step: &str) {
        let now = self.cx.cpu_time();
        self.done.push(StepTime {
            step: step.to_owned(),
            wall: Seconds(self.since.elapsed().as_secs_f64()),
            cpu: self
                .cpu
                .zip(now)
                .map(|(before, now)| Seconds(now.0 - before.0)),
        });
        self.since = Instant::now();
        self.cpu = now;
    }

    pub(crate) fn into_times(self) -> Vec<StepTime> {
        self.done
    }
}
