//! How long each step of the composer takes.

use std::time::Instant;

use model::Seconds;
use model::film::StepTime;
use runtime::cpu;

/// A clock that is read after each step.
#[derive(Debug)]
pub(crate) struct Steps {
    done: Vec<StepTime>,
    since: Instant,
    cpu: Option<Seconds>,
}

impl Steps {
    pub(crate) fn begin() -> Self {
        Self {
            done: Vec::new(),
            since: Instant::now(),
            cpu: cpu::time(),
        }
    }

    /// `step` is done.
    pub(crate) fn done(&mut self, step: &str) {
        let now = cpu::time();
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
