//! A guarded server with the topology, a store, workers of toy stages, and eyes on all of it.

use std::path::Path;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::{self, Context, consumer};
use model::dead_letter::DeadLetter;
use model::format::{Resolution, VideoFormat};
use model::handoff::{Heard, Song};
use model::{
    ArtifactKey, ArtifactRef, Envelope, Event, EventBody, FrameRate, JobBrief, JobId, JobOptions,
    RunNumber, Seconds, StageKind, Stored, TaskId, Usd, UserId, UserPrompt,
};
use nats::kv::Bucket;
use nats::server::{Password, Passwords, ServerSettings, server_conf};
use nats::users::Role;
use nats::{ServerAddress, buckets, publish, streams, subject};
use runtime::worker::Claim;
use runtime::{Artifacts, Cancellations, ServeError, Shutdown, Stage, Storage, WorkerSettings};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;
use testkit::{NatsServer, eventually};
use tokio_util::task::AbortOnDropHandle;

/// Enough for a dead worker's task to run elsewhere on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(25);

/// Enough for what is done at once, on a busy machine, and less than the server waits before it takes a
/// task away.
pub(crate) const BUSY: Duration = Duration::from_secs(6);

pub(crate) struct Bench {
    pub(crate) server: NatsServer,
    pub(crate) jetstream: Context,
    pub(crate) job: JobId,
    storage: TempDir,
    scratch: TempDir,
}

/// A worker in this process. Dropped, it is gone without a word, as after a SIGKILL.
pub(crate) struct Worker {
    pub(crate) shutdown: Shutdown,
    pub(crate) serving: AbortOnDropHandle<Result<(), ServeError>>,
}

impl Bench {
    pub(crate) async fn start() -> Self {
        let settings = ServerSettings {
            listen: "127.0.0.1:0".to_owned(),
            monitor: None,
            passwords: Passwords::of(|role| Password::Literal(format!("secret-{role}"))),
            ..ServerSettings::container()
        };
        // The test's server has a folder of its own.
        let conf = server_conf(&settings).replace("store_dir: \"/data\"\n", "");
        let server = NatsServer::start_with(&conf).await;
        let client = nats::connect(&address(&server, Role::Admin), "bench").await;
        let jetstream = jetstream::new(client.unwrap());
        nats::apply(&jetstream).await.unwrap();
        Self {
            server,
            jetstream,
            job: JobId::new(uuid::Uuid::now_v7()),
            storage: tempfile::tempdir().unwrap(),
            scratch: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn serve<S: Stage>(&self, name: &str, stage: S) -> Worker {
        self.serve_with(name, stage, |_| {})
    }

    pub(crate) fn serve_with<S: Stage>(
        &self,
        name: &str,
        stage: S,
        change: impl FnOnce(&mut WorkerSettings),
    ) -> Worker {
        let shutdown = Shutdown::new();
        let mut settings = WorkerSettings {
            server: address(&self.server, Role::Stage(S::KIND)),
            storage: Storage::at(self.storage_url()),
            worker: name.to_owned(),
            concurrency: 1,
            drain: Duration::from_millis(100),
            scratch: self.scratch.path().to_owned(),
            deadline: None,
        };
        change(&mut settings);
        let serving = tokio::spawn(runtime::serve(stage, settings, shutdown.clone()));
        Worker {
            shutdown,
            serving: AbortOnDropHandle::new(serving),
        }
    }

    pub(crate) fn storage_url(&self) -> String {
        format!("file://{}", self.storage.path().display())
    }

    pub(crate) fn artifacts(&self) -> Artifacts {
        Artifacts::open(&self.storage_url()).unwrap()
    }

    pub(crate) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    pub(crate) fn brief(&self) -> JobBrief {
        JobBrief {
            id: self.job,
            user: UserId::new(uuid::Uuid::from_u128(7)),
            run: RunNumber::FIRST,
            prompt: UserPrompt::try_from("a lighthouse in a storm ".repeat(3)).unwrap(),
            title: None,
            song: Song {
                audio: reference("song.wav"),
                sample_rate: 44_100,
                channels: 1,
                samples: 44_100,
            },
            format: VideoFormat {
                size: Resolution::P480.size(),
                rate: FrameRate::FPS_30,
            },
            options: JobOptions::default(),
            seed: 1,
            budget: Usd::from_dollars(1),
        }
    }

    pub(crate) fn task(&self, stage: StageKind) -> TaskId {
        TaskId::of_stage(stage, self.job, RunNumber::FIRST)
    }

    /// Hands a song that was heard to the planner.
    pub(crate) async fn submit_heard(&self) -> TaskId {
        let task = self.task(StageKind::ScenePlanner);
        self.submit(&task, heard()).await;
        task
    }

    pub(crate) async fn submit<I: Serialize>(&self, task: &TaskId, input: I) {
        let payload = serde_json::to_vec(&Envelope::new(self.brief(), input)).unwrap();
        self.submit_raw(task, payload).await;
    }

    pub(crate) async fn submit_raw(&self, task: &TaskId, payload: Vec<u8>) {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", TRACE);
        let subject = subject::work(task);
        publish::write_once(&self.jetstream, subject, payload.into(), headers)
            .await
            .unwrap();
    }

    /// The message of a task, once it is there.
    pub(crate) async fn message_of<I: DeserializeOwned>(
        &self,
        task: &TaskId,
    ) -> (Envelope<I>, HeaderMap) {
        let subject = subject::work(task);
        let message = eventually(&subject, SOON, async || {
            publish::last(&self.jetstream, &subject).await.ok()?
        })
        .await;
        (
            serde_json::from_slice(&message.payload).unwrap(),
            message.headers,
        )
    }

    pub(crate) async fn has_message(&self, task: &TaskId) -> bool {
        let last = publish::last(&self.jetstream, &subject::work(task)).await;
        last.unwrap().is_some()
    }

    pub(crate) async fn claim(&self, task: &TaskId) -> Option<Claim> {
        let entry = self.claims().get(&task.to_string()).await.ok()??;
        serde_json::from_slice(&entry.value).ok()
    }

    pub(crate) fn claims(&self) -> Bucket {
        Bucket::new(self.jetstream.clone(), buckets::CLAIMS)
    }

    pub(crate) fn cancellations(&self) -> Cancellations {
        Cancellations::new(self.jetstream.clone())
    }

    /// The dead letter of a task, once it is there.
    pub(crate) async fn parked(&self, task: &TaskId) -> DeadLetter {
        let subject = subject::dead(task);
        let letter = eventually(&subject, SOON, async || {
            publish::last(&self.jetstream, &subject).await.ok()?
        })
        .await;
        serde_json::from_slice(&letter.payload).unwrap()
    }

    /// The end of the job, once it is there.
    pub(crate) async fn end(&self) -> EventBody {
        let subject = subject::end(self.job, RunNumber::FIRST);
        let end = eventually("the end of the job", SOON, async || {
            publish::last(&self.jetstream, &subject).await.ok()?
        })
        .await;
        serde_json::from_slice::<Event>(&end.payload).unwrap().body
    }

    /// Every event so far, in order.
    pub(crate) async fn events(&self) -> Vec<EventBody> {
        let mut stream = self.jetstream.get_stream(streams::EVENTS).await.unwrap();
        let last = stream.info().await.unwrap().state.last_sequence;
        let mut events = Vec::new();
        for sequence in 1..=last {
            let message = stream.get_raw_message(sequence).await.unwrap();
            assert_eq!(subject::job_of_event(&message.subject), Some(self.job));
            events.push(
                serde_json::from_slice::<Event>(&message.payload)
                    .unwrap()
                    .body,
            );
        }
        events
    }

    /// Waits until no message of a stage waits, is worked on, or is to come again.
    pub(crate) async fn settled(&self, stage: StageKind) {
        eventually("everything is settled", SOON, async || {
            let info = self.consumer(stage).await?;
            (info.num_pending == 0 && info.num_ack_pending == 0).then_some(())
        })
        .await;
    }

    pub(crate) async fn consumer(&self, stage: StageKind) -> Option<consumer::Info> {
        let consumer: consumer::PullConsumer = self
            .jetstream
            .get_consumer_from_stream(stage.name(), streams::WORK)
            .await
            .ok()?;
        Some(consumer.cached_info().clone())
    }
}

pub(crate) const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

pub(crate) fn heard() -> Heard {
    Heard {
        analysis: Stored::new(reference("analysis.json")),
    }
}

/// A reference to something that no toy looks at.
pub(crate) fn reference(name: &str) -> ArtifactRef {
    ArtifactRef {
        key: ArtifactKey::try_from(name.to_owned()).unwrap(),
        length: 0,
        sha256: String::new(),
    }
}

pub(crate) fn seconds(seconds: f64) -> Seconds {
    Seconds(seconds)
}

fn address(server: &NatsServer, role: Role) -> ServerAddress {
    ServerAddress {
        url: server.url(),
        user: Some(role.user().to_owned()),
        password: Some(format!("secret-{role}")),
    }
}
