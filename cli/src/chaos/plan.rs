//! What a run does and when: a pure function of the seed, so that a seed replays its plan.

use std::fmt;
use std::time::Duration;

use model::StageKind;
use runtime::faults::{GATEWAY_POINTS, Order, POINTS};

use crate::supervisor::BROKER;

/// The shortest and the longest time between two faults; one every two seconds on average.
const GAP_SECONDS: (f64, f64) = (0.5, 3.5);
/// How long a process is stopped. Some stops are shorter than a worker's lease, some longer.
const STOP_SECONDS: (f64, f64) = (0.5, 14.0);
/// The broker and the gateway are everybody's: their stops are shorter, so that work goes on in between.
const SHARED_STOP_SECONDS: (f64, f64) = (0.5, 7.0);
/// How long one order waits for somebody to pass its point.
pub(super) const ORDER_LIFE: Duration = Duration::from_secs(10);
/// Between two processes of a rolling restart: the next goes when the last is back.
const ROLLING_GAP: Duration = Duration::from_secs(3);
/// Jobs are submitted within this share of the run.
const SUBMITTING: f64 = 0.9;
/// The share of jobs that are cancelled.
const CANCELLED: f64 = 0.2;
/// No job is cancelled later than this after its acceptance.
const LATEST_CANCEL_SECONDS: f64 = 15.0;

/// Who can be struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// nats-server.
    Broker,
    /// The gateway.
    Gateway,
    /// The workers of a stage.
    Stage(StageKind),
    /// An ffmpeg, whichever runs.
    Ffmpeg,
}

impl Target {
    /// Its name among the supervisor's processes.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Broker => BROKER,
            Self::Gateway => "gateway",
            Self::Stage(stage) => stage.name(),
            Self::Ffmpeg => "ffmpeg",
        }
    }

    fn any(random: &mut fastrand::Rng) -> Self {
        // Clips and films are where the time goes, and so the faults.
        let stages = StageKind::ALL.into_iter().map(Self::Stage);
        let busy = [StageKind::VideoGenerator, StageKind::Composer].map(Self::Stage);
        let shared = [
            Self::Broker,
            Self::Gateway,
            Self::Broker,
            Self::Gateway,
            Self::Ffmpeg,
        ];
        let all: Vec<_> = stages.chain(busy).chain(shared).collect();
        all.get(random.usize(..all.len()))
            .copied()
            .unwrap_or(Self::Gateway)
    }
}

/// One blow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fault {
    /// SIGKILL.
    Kill(Target),
    /// SIGTERM.
    Terminate(Target),
    /// SIGSTOP, and SIGCONT after so long.
    Pause(Target, Duration),
    /// The next to pass this point does it to itself.
    AtPoint {
        /// Whose point.
        who: Target,
        /// Which.
        point: &'static str,
        /// What.
        order: Order,
        /// How long a stop lasts.
        pause: Duration,
    },
    /// Every process killed at once, and the broker's whole store deleted.
    Wipe,
}

/// A blow and its time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Blow {
    /// Since the begin.
    pub(super) at: Duration,
    /// What.
    pub(super) fault: Fault,
}

/// A job to submit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Submission {
    /// Since the begin.
    pub(super) at: Duration,
    /// Which piece of the song it takes.
    pub(super) piece: usize,
    /// When it is cancelled, counted from its acceptance.
    pub(super) cancel_after: Option<Duration>,
    /// Whether its words are bought.
    pub(super) words: bool,
}

/// What a run does.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// Where all of it comes from.
    pub(super) seed: u64,
    /// How long blows fall.
    pub(super) length: Duration,
    /// In their order.
    pub(super) submissions: Vec<Submission>,
    /// In their order.
    pub(super) blows: Vec<Blow>,
}

impl Plan {
    /// The plan of `seed`: faults for `length`, among `jobs` jobs.
    pub(super) fn random(seed: u64, length: Duration, jobs: usize) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut submissions: Vec<_> = (0..jobs)
            .map(|number| Submission {
                at: length.mul_f64(SUBMITTING * random.f64()),
                piece: number,
                words: buys(number),
                cancel_after: (random.f64() < CANCELLED).then(|| {
                    Duration::from_millis((random.f64() * LATEST_CANCEL_SECONDS * 1e3) as u64)
                }),
            })
            .collect();
        submissions.sort_by_key(|submission| submission.at);
        let mut blows = Vec::new();
        let mut at = between(&mut random, GAP_SECONDS);
        while at < length {
            let fault = any_fault(&mut random);
            blows.push(Blow { at, fault });
            at += between(&mut random, GAP_SECONDS);
        }
        Self {
            seed,
            length,
            submissions,
            blows,
        }
    }

    /// The plan of `--wipe`: all jobs at once, and everything gone in their middle. Nobody cancels.
    pub(super) fn wipe(seed: u64, length: Duration, jobs: usize) -> Self {
        let submissions = (0..jobs).map(|piece| Submission {
            at: Duration::ZERO,
            piece,
            words: buys(piece),
            cancel_after: None,
        });
        Self {
            seed,
            length,
            submissions: submissions.collect(),
            blows: vec![Blow {
                at: length,
                fault: Fault::Wipe,
            }],
        }
    }

    /// The plan of `--rolling`: all jobs at once, and one process after the other asked to end, round
    /// after round. Nobody cancels.
    pub(super) fn rolling(seed: u64, length: Duration, jobs: usize) -> Self {
        let shared = [Target::Broker, Target::Gateway];
        let stages = StageKind::ALL.into_iter().map(Target::Stage);
        let all: Vec<_> = shared.into_iter().chain(stages).collect();
        let times = (1..).map(|number| ROLLING_GAP * number);
        let times = times.take_while(|at| *at <= length);
        let blows = times.zip(all.into_iter().cycle()).map(|(at, target)| Blow {
            at,
            fault: Fault::Terminate(target),
        });
        Self {
            blows: blows.collect(),
            ..Self::wipe(seed, length, jobs)
        }
    }

    /// Whether the broker's store is deleted.
    pub(super) fn wipes(&self) -> bool {
        self.blows.iter().any(|blow| blow.fault == Fault::Wipe)
    }

    /// Whether no job may fail: nothing that is asked for costs an attempt, and a machine that is lost
    /// costs one.
    pub(super) fn fails_none(&self) -> bool {
        let costs_none = |blow: &Blow| matches!(blow.fault, Fault::Terminate(_) | Fault::Wipe);
        self.blows.iter().all(costs_none)
    }
}

/// Every other job buys its words.
const fn buys(number: usize) -> bool {
    number % 2 == 1
}

fn between(random: &mut fastrand::Rng, (least, most): (f64, f64)) -> Duration {
    Duration::from_millis(((least + random.f64() * (most - least)) * 1e3) as u64)
}

fn any_fault(random: &mut fastrand::Rng) -> Fault {
    let target = Target::any(random);
    let shared = matches!(target, Target::Broker | Target::Gateway);
    let range = if shared {
        SHARED_STOP_SECONDS
    } else {
        STOP_SECONDS
    };
    let pause = between(random, range);
    let points: &[&'static str] = match target {
        Target::Stage(_) => &POINTS,
        Target::Gateway => &GATEWAY_POINTS,
        Target::Broker | Target::Ffmpeg => &[],
    };
    let point = points.get(random.usize(..points.len().max(1)));
    match (random.u8(..10), point) {
        (0..=3, Some(point)) => Fault::AtPoint {
            who: target,
            point,
            order: match random.u8(..12) {
                0..=3 => Order::Stop,
                // Only work is bounded in time; a gateway has no such point.
                4 if *point == "working" => Order::Block,
                _ => Order::Kill,
            },
            pause,
        },
        (0..=6, _) => Fault::Kill(target),
        (7, _) => Fault::Terminate(target),
        _ => Fault::Pause(target, pause),
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(target) => write!(f, "kill {}", target.name()),
            Self::Terminate(target) => write!(f, "terminate {}", target.name()),
            Self::Pause(target, pause) => {
                write!(f, "stop {} for {:.1} s", target.name(), pause.as_secs_f64())
            }
            Self::AtPoint {
                who,
                point,
                order: Order::Stop,
                pause,
            } => write!(
                f,
                "stop {} where it has {point}, for {:.1} s",
                who.name(),
                pause.as_secs_f64()
            ),
            Self::AtPoint {
                who, point, order, ..
            } => write!(f, "{} {} where it has {point}", order.word(), who.name()),
            Self::Wipe => {
                f.write_str("kill every process at once, and delete the broker's whole store")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn a_seed_gives_its_plan_again_and_another_seed_another() {
        let plan = Plan::random(7, MINUTE, 10);
        assert_eq!(plan, Plan::random(7, MINUTE, 10));
        assert_ne!(plan.blows, Plan::random(8, MINUTE, 10).blows);
        assert_eq!(plan.submissions.len(), 10);
        assert!(
            (17..=60).contains(&plan.blows.len()),
            "{}",
            plan.blows.len()
        );
    }

    #[test]
    fn all_of_a_plan_lies_within_its_length_and_every_process_is_struck_in_the_end() {
        let plan = Plan::random(1, 20 * MINUTE, 50);
        assert!(
            plan.submissions
                .is_sorted_by_key(|submission| submission.at)
        );
        assert!(plan.blows.is_sorted_by_key(|blow| blow.at));
        assert!(plan.blows.iter().all(|blow| blow.at < plan.length));
        let told: Vec<_> = plan.blows.iter().map(|b| b.fault.to_string()).collect();
        for name in ["nats-server", "gateway", "ffmpeg"]
            .into_iter()
            .chain(StageKind::ALL.map(StageKind::name))
        {
            assert!(told.iter().any(|fault| fault.contains(name)), "{name}");
        }
        for verb in ["kill", "stop", "terminate"] {
            assert!(told.iter().any(|fault| fault.starts_with(verb)), "{verb}");
        }
        assert!(told.iter().any(|fault| fault.contains("handed_over")));
        assert!(!plan.wipes() && Plan::wipe(1, MINUTE, 3).wipes());
        assert!(!plan.fails_none() && Plan::wipe(1, MINUTE, 3).fails_none());
    }

    #[test]
    fn a_rolling_restart_asks_every_process_in_turn() {
        let plan = Plan::rolling(1, MINUTE, 3);
        let told: Vec<_> = plan.blows.iter().map(|b| b.fault.to_string()).collect();
        assert_eq!(told.len(), 20);
        assert_eq!(told.first(), told.get(8));
        let others = told
            .iter()
            .take(8)
            .collect::<std::collections::BTreeSet<_>>();
        assert!(others.len() == 8 && told.iter().all(|fault| fault.starts_with("terminate")));
        assert!(plan.fails_none() && !plan.wipes());
    }
}
