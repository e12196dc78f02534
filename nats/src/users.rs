//! One user a role, each with no more than its work needs. What it needs is proved by a test that runs
//! the whole protocol under these users.

use std::fmt;

use model::StageKind;

use crate::{buckets, consumers, streams, subject};

/// Who connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// A person or a tool that sets up, inspects and repairs: everything.
    Admin,
    /// The gateway.
    Gateway,
    /// The workers of a stage.
    Stage(StageKind),
}

/// Subjects that a role may publish on and subscribe to. Everything else is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    /// May be published on.
    pub publish: Vec<String>,
    /// May be subscribed to.
    pub subscribe: Vec<String>,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 8] = [
        Self::Admin,
        Self::Gateway,
        Self::Stage(StageKind::AudioParser),
        Self::Stage(StageKind::ScenePlanner),
        Self::Stage(StageKind::ReferenceGenerator),
        Self::Stage(StageKind::PromptGenerator),
        Self::Stage(StageKind::VideoGenerator),
        Self::Stage(StageKind::Composer),
    ];

    /// The name of its user.
    pub const fn user(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Gateway => "gateway",
            Self::Stage(stage) => stage.name(),
        }
    }

    /// What it may do.
    pub fn permissions(self) -> Permissions {
        match self {
            Self::Admin => Permissions {
                publish: vec![">".to_owned()],
                subscribe: vec![">".to_owned()],
            },
            Self::Gateway => Permissions {
                publish: gateway(),
                subscribe: vec![format!("{}.>", inbox_prefix(self.user()))],
            },
            Self::Stage(stage) => Permissions {
                publish: worker(stage),
                subscribe: vec![format!("{}.>", inbox_prefix(self.user()))],
            },
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.user())
    }
}

/// What a user's reply subjects begin with, so that no role can listen to another's.
pub fn inbox_prefix(user: &str) -> String {
    format!("_INBOX_{user}")
}

/// Puts jobs in, reads every event, ends cancelled jobs, and says a message again whose successor was
/// lost. It does not do a stage's work.
fn gateway() -> Vec<String> {
    let mut subjects = vec![
        "$JS.API.INFO".to_owned(),
        "$JS.API.STREAM.INFO.>".to_owned(),
        "$JS.API.CONSUMER.INFO.>".to_owned(),
        "$JS.API.DIRECT.GET.>".to_owned(),
        "events.>".to_owned(),
        // One event of a job at a time, and a cursor over all of them for each process.
        format!("$JS.API.STREAM.MSG.GET.{}", streams::EVENTS),
        format!("$JS.API.CONSUMER.MSG.NEXT.{}.>", streams::EVENTS),
    ];
    // The composer hands over to nobody.
    let hands_over = |stage: &StageKind| stage.next().is_some();
    let stages = StageKind::ALL.into_iter().filter(hands_over);
    subjects.extend(stages.map(subject::work_of));
    subjects.extend(own_readers(streams::EVENTS));
    subjects.extend(own_readers(&buckets::stream(buckets::CANCELLATIONS)));
    for bucket in [
        buckets::CANCELLATIONS,
        buckets::RATE_LIMITS,
        buckets::STREAM_TICKETS,
        buckets::LEDGERS,
    ] {
        subjects.push(buckets::subject(bucket, ">"));
    }
    subjects
}

/// Takes its own work, hands over to the next stage, says what happened, parks what it cannot do.
fn worker(stage: StageKind) -> Vec<String> {
    let durable = format!("{}.{}", streams::WORK, consumers::durable(stage));
    let claims = buckets::subject(buckets::CLAIMS, &format!("{stage}.>"));
    let cancellations = buckets::stream(buckets::CANCELLATIONS);
    let dead = format!("dead.{stage}.>");
    let mut subjects = vec![
        format!("$JS.API.CONSUMER.INFO.{durable}"),
        format!("$JS.API.CONSUMER.MSG.NEXT.{durable}"),
        format!("$JS.ACK.{durable}.>"),
        read(&buckets::stream(buckets::CLAIMS), &claims),
        claims,
        read(streams::DEAD, &dead),
        dead,
        "events.>".to_owned(),
        read(streams::EVENTS, "events.*.end.*"),
        buckets::subject(buckets::WORKERS, &format!("{stage}.>")),
        // Which workers were lost of late.
        buckets::subject(buckets::WORKERS, &format!("lost.{stage}.>")),
        format!("$JS.API.STREAM.INFO.{}", buckets::stream(buckets::WORKERS)),
        format!("$JS.API.STREAM.INFO.{cancellations}"),
        read(
            &cancellations,
            &buckets::subject(buckets::CANCELLATIONS, ">"),
        ),
    ];
    subjects.extend(own_readers(&cancellations));
    // What was spent is in the end of the job, which the composer writes; the others may buy.
    let ledgers = buckets::subject(buckets::LEDGERS, ">");
    subjects.push(read(&buckets::stream(buckets::LEDGERS), &ledgers));
    if stage != StageKind::Composer {
        subjects.push(ledgers);
    }
    if let Some(next) = stage.next() {
        let work = format!("work.{next}.>");
        subjects.push(read(streams::WORK, &work));
        subjects.push(work);
    }
    if stage == StageKind::VideoGenerator {
        let clips = buckets::stream(buckets::CLIPS);
        let entries = buckets::subject(buckets::CLIPS, ">");
        subjects.push(format!("$JS.API.STREAM.INFO.{clips}"));
        subjects.push(read(&clips, &entries));
        subjects.push(entries);
    }
    subjects
}

fn read(stream: &str, subject: &str) -> String {
    format!("$JS.API.DIRECT.GET.{stream}.{subject}")
}

/// What watching a stream by a consumer of one's own needs.
fn own_readers(stream: &str) -> [String; 5] {
    [
        // With a name, and without.
        format!("$JS.API.CONSUMER.CREATE.{stream}"),
        format!("$JS.API.CONSUMER.CREATE.{stream}.>"),
        format!("$JS.API.CONSUMER.INFO.{stream}.>"),
        format!("$JS.API.CONSUMER.DELETE.{stream}.>"),
        format!("$JS.FC.{stream}.>"),
    ]
}
