//! A gateway of one test's own, users of it, and a worker's voice.

use std::collections::HashMap;
use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::{self, Context};
use gateway::{Config, RateLimit};
use media::audio::SeparateDecoder;
use model::{ArtifactKey, ArtifactRef, Event, EventBody, JobId, RunNumber, Seconds, Usd, UserId};
use nats::ServerAddress;
use nats::kv::Bucket;
use nats::server::{Password, Passwords, ServerSettings, server_conf};
use nats::users::Role;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use runtime::{Artifacts, Shutdown, Vars};
use secrecy::ExposeSecret;
use serde_json::Value;
use sqlx::Row;
use tempfile::TempDir;
use testkit::{NatsServer, eventually};
use time::OffsetDateTime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use uuid::Uuid;

pub(crate) const SECRET: &str = "a secret of the tests, of 32 bytes and more";
pub(crate) const PROMPT: &str =
    "A neon city at night in the rain, slow camera, blue and magenta light";
/// The program that decodes for the gateway of a test.
pub(crate) const DECODER: &str = env!("CARGO_BIN_EXE_gateway-decoder");
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A running gateway.
pub(crate) struct TestApp {
    pub(crate) nats: NatsServer,
    pub(crate) base_url: String,
    pub(crate) jetstream: Context,
    pub(crate) artifacts: Artifacts,
    pub(crate) http: reqwest::Client,
    config: Config,
    shutdown: Shutdown,
    running: Option<JoinHandle<Result<(), gateway::ServeError>>>,
    pub(crate) scratch: TempDir,
    /// Its Postgres, where it has one of its own.
    database: Option<testkit::Database>,
}

/// Another gateway on the same database, streams and objects, until it is dropped.
pub(crate) struct Beside {
    base_url: String,
    shutdown: Shutdown,
}

impl Drop for Beside {
    fn drop(&mut self) {
        self.shutdown.force();
    }
}

/// Someone who is signed in.
pub(crate) struct User<'a> {
    app: &'a TestApp,
    /// The gateway that is asked.
    pub(crate) base_url: String,
    pub(crate) id: UserId,
    pub(crate) token: String,
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let nats = NatsServer::start_with(&guarded()).await;
        let client = nats::connect(&address(&nats, Role::Admin), "test")
            .await
            .unwrap();
        let jetstream = jetstream::new(client);
        nats::apply(&jetstream).await.unwrap();
        let scratch = tempfile::tempdir().unwrap();
        let mut config = config(&nats, &scratch);
        change(&mut config);
        let artifacts = Artifacts::of(&config.storage).unwrap();
        let mut app = Self {
            nats,
            base_url: String::new(),
            jetstream,
            artifacts,
            http: reqwest::Client::new(),
            config,
            shutdown: Shutdown::new(),
            running: None,
            scratch,
            database: None,
        };
        app.launch().await;
        app
    }

    /// Its database goes with it, not before.
    pub(crate) fn keeps(&mut self, database: testkit::Database) {
        self.database = Some(database);
    }

    async fn launch(&mut self) {
        self.shutdown = Shutdown::new();
        let (ready, address) = oneshot::channel();
        let serving = gateway::serve(self.config.clone(), self.shutdown.clone(), ready);
        let running = tokio::spawn(serving);
        let Ok(address) = address.await else {
            panic!("the gateway did not start: {:?}", running.await);
        };
        self.base_url = format!("http://{address}");
        self.running = Some(running);
    }

    /// One more gateway.
    pub(crate) async fn beside(&self) -> Beside {
        let shutdown = Shutdown::new();
        let (ready, address) = oneshot::channel();
        tokio::spawn(gateway::serve(self.config.clone(), shutdown.clone(), ready));
        let address = address.await.expect("a second gateway starts");
        Beside {
            base_url: format!("http://{address}"),
            shutdown,
        }
    }

    /// Stops the gateway as SIGTERM would, and waits for its end.
    pub(crate) async fn stop(&mut self) {
        self.shutdown.begin();
        if let Some(running) = self.running.take() {
            running.await.unwrap().unwrap();
        }
    }

    /// A new process, on the same database, streams and objects.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.launch().await;
    }

    pub(crate) fn user(&self) -> User<'_> {
        self.user_of(UserId::new(Uuid::new_v4()))
    }

    /// A user who was here before.
    pub(crate) fn user_of(&self, id: UserId) -> User<'_> {
        let token = gateway::mint_token(&SECRET.into(), id, Duration::from_mins(10)).unwrap();
        User {
            app: self,
            base_url: self.base_url.clone(),
            id,
            token: token.expose_secret().to_owned(),
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}{path}", self.base_url))
    }

    /// Says what a worker would say. Gives the sequence.
    pub(crate) async fn says(&self, job: JobId, body: EventBody) -> u64 {
        self.says_in((job, RunNumber::FIRST), body).await
    }

    /// The same of a pass of a job.
    pub(crate) async fn says_in(&self, (job, run): (JobId, RunNumber), body: EventBody) -> u64 {
        let event = Event {
            job_id: job,
            run,
            // With nanoseconds, as a worker's clock may have them.
            timestamp: OffsetDateTime::now_utc().truncate_to_microsecond()
                + time::Duration::nanoseconds(1),
            body,
        };
        let payload = serde_json::to_vec(&event).unwrap();
        let subject = nats::subject::event(&event);
        if event.body.is_terminal() {
            let once = nats::publish::write_once(
                &self.jetstream,
                subject,
                payload.into(),
                HeaderMap::new(),
            );
            return once.await.unwrap().sequence();
        }
        let published = self
            .jetstream
            .publish(subject, payload.into())
            .await
            .unwrap();
        published.await.unwrap().sequence
    }

    /// How a job has ended.
    pub(crate) async fn end_of(&self, job: JobId) -> Event {
        let subject = nats::subject::end(job, RunNumber::FIRST);
        let end = nats::publish::last(&self.jetstream, &subject).await;
        serde_json::from_slice(&end.unwrap().unwrap().payload).unwrap()
    }

    /// Ends a job as the composer would, with `film` as its film.
    pub(crate) async fn completes(&self, job: JobId, film: &[u8]) -> ArtifactRef {
        let video = self.stores(job, "film.mp4", film).await;
        let poster = self.stores(job, "poster.jpg", b"a picture").await;
        let report = self.stores(job, "report.json", b"{}").await;
        let body = EventBody::Completed {
            video: video.clone(),
            poster,
            report,
            duration: Seconds(3.0),
            clips: 3,
            total_cost: Usd::ZERO,
            others: vec![],
        };
        self.says(job, body).await;
        video
    }

    /// Lets EVENTS lose a job's events, those before `before` if it is given.
    pub(crate) async fn forgets(&self, job: JobId, before: Option<u64>) {
        let events = self.jetstream.get_stream(nats::streams::EVENTS);
        let events = events.await.unwrap();
        let purge = events.purge().filter(nats::subject::events_of(job));
        match before {
            Some(sequence) => purge.sequence(sequence).await.unwrap(),
            None => purge.await.unwrap(),
        };
    }

    pub(crate) async fn stores(&self, job: JobId, name: &str, bytes: &[u8]) -> ArtifactRef {
        let key = ArtifactKey::of_job(job, name).unwrap();
        self.artifacts
            .put_bytes(&key, bytes.to_vec().into())
            .await
            .unwrap()
    }

    /// What the database says.
    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        let pool = sqlx::AnyPool::connect(&self.config.database_url)
            .await
            .unwrap();
        let count = sqlx::query(sql).fetch_one(&pool).await.unwrap().get(0);
        pool.close().await;
        count
    }

    pub(crate) async fn sql(&self, sql: &'static str) {
        let pool = sqlx::AnyPool::connect(&self.config.database_url)
            .await
            .unwrap();
        sqlx::query(sql).execute(&pool).await.unwrap();
        pool.close().await;
    }

    /// Keeps everybody else from writing rows for as long as the transaction is held.
    pub(crate) async fn holds_the_rows(&self) -> sqlx::Transaction<'static, sqlx::Sqlite> {
        let pool = sqlx::SqlitePool::connect(&self.config.database_url)
            .await
            .unwrap();
        pool.begin_with("BEGIN IMMEDIATE").await.unwrap()
    }

    /// Every file of the object store.
    pub(crate) fn objects(&self) -> Vec<String> {
        let mut found = vec![];
        let mut folders = vec![self.scratch.path().join("objects")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(path.display().to_string());
                }
            }
        }
        found
    }

    /// Nothing was kept for `user`: no row, no object, no slot, no message.
    pub(crate) async fn kept_nothing_for(&self, user: &User<'_>) {
        assert_eq!(self.count("SELECT COUNT(*) FROM jobs").await, 0);
        assert_eq!(self.count("SELECT COUNT(*) FROM outbox").await, 0);
        assert_eq!(self.objects(), Vec::<String>::new());
        assert_eq!(self.slots_of(user).await, 0);
        let stream = self
            .jetstream
            .get_stream(nats::streams::WORK)
            .await
            .unwrap();
        assert_eq!(stream.cached_info().state.messages, 0);
    }

    /// How many rate slots a user has taken.
    pub(crate) async fn slots_of(&self, user: &User<'_>) -> usize {
        let bucket = Bucket::new(self.jetstream.clone(), nats::buckets::RATE_LIMITS);
        let Some(entry) = bucket.get(&user.id.to_string()).await.unwrap() else {
            return 0;
        };
        let window: Value = serde_json::from_slice(&entry.value).unwrap();
        window["slots"].as_array().unwrap().len()
    }

    /// The sequence of the last event that was said.
    pub(crate) async fn last_event(&self) -> u64 {
        let stream = self
            .jetstream
            .get_stream(nats::streams::EVENTS)
            .await
            .unwrap();
        stream.cached_info().state.last_sequence
    }

    /// Waits until what was accepted is published, and all events that were said are in the rows.
    pub(crate) async fn settled(&self) {
        eventually("the outbox is empty", PATIENCE, async || {
            (self.count("SELECT COUNT(*) FROM outbox").await == 0).then_some(())
        })
        .await;
        let last = self.last_event().await as i64;
        eventually("the rows are up to date", PATIENCE, async || {
            let sql = "SELECT COALESCE(MAX(sequence), 0) FROM projection";
            (self.count(sql).await >= last).then_some(())
        })
        .await;
    }
}

/// A server with the users of an installation: the gateway gets no more than it has there.
fn guarded() -> String {
    let settings = ServerSettings {
        listen: "127.0.0.1:0".to_owned(),
        monitor: None,
        passwords: Passwords::of(|role| Password::Literal(password(role))),
        ..ServerSettings::container()
    };
    // The test's server has a folder of its own.
    server_conf(&settings).replace("store_dir: \"/data\"\n", "")
}

fn address(nats: &NatsServer, role: Role) -> ServerAddress {
    ServerAddress {
        url: nats.url(),
        user: Some(role.user().to_owned()),
        password: Some(password(role)),
    }
}

fn password(role: Role) -> String {
    format!("password of {role}")
}

fn config(nats: &NatsServer, scratch: &TempDir) -> Config {
    let folder = scratch.path().display();
    let vars = HashMap::from([
        ("PORT".to_owned(), "0".to_owned()),
        (
            "DATABASE_URL".to_owned(),
            format!("sqlite://{folder}/jobs.db?mode=rwc"),
        ),
        ("STORAGE_URL".to_owned(), format!("file://{folder}/objects")),
        ("SUPABASE_JWT_SECRET".to_owned(), SECRET.to_owned()),
        ("URL_SIGNING_KEY".to_owned(), SECRET.to_owned()),
    ]);
    Config {
        nats: address(nats, Role::Gateway),
        rate_limit: RateLimit::HOUSE,
        anonymous_limit: RateLimit::ANONYMOUS,
        sweep_grace: Duration::from_millis(50),
        // Many tests show bad tokens, all from one address.
        refusals_per_minute: u32::MAX,
        decoder: SeparateDecoder::new(DECODER.into(), Vec::new()),
        ..Config::from_vars(&Vars::from_map(vars)).unwrap()
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.shutdown.force();
    }
}

impl User<'_> {
    /// For addresses that are not the gateway's own.
    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.app.http
    }

    /// The same user, who asks another gateway.
    pub(crate) fn at(&self, gateway: &Beside) -> Self {
        Self {
            app: self.app,
            base_url: gateway.base_url.clone(),
            id: self.id,
            token: self.token.clone(),
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.base_url);
        self.app.http.request(method, url).bearer_auth(&self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str) -> Response {
        self.request(Method::POST, path).send().await.unwrap()
    }

    /// Sends a form.
    pub(crate) async fn submit(&self, form: Form) -> Response {
        self.request(Method::POST, "/api/v1/upload-audio")
            .multipart(form)
            .send()
            .await
            .unwrap()
    }

    /// Uploads two seconds of sound, which must be accepted.
    pub(crate) async fn uploads(&self) -> JobId {
        let answer = self
            .submit(form(testkit::sound::tone(440.0, 2.0).wav(), PROMPT))
            .await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        job_id(&answer.json().await.unwrap())
    }

    /// The job as its owner sees it.
    pub(crate) async fn job(&self, job: JobId) -> Value {
        let answer = self.get(&format!("/api/v1/jobs/{job}")).await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.unwrap()
    }
}

/// Whether a time has at most six digits behind its point.
pub(crate) fn has_at_most_microseconds(time: &Value) -> bool {
    let time = time.as_str().unwrap().strip_suffix('Z').unwrap();
    time.split_once('.')
        .is_none_or(|(_, fraction)| fraction.len() <= 6)
}

pub(crate) fn job_id(body: &Value) -> JobId {
    body["job_id"].as_str().unwrap().parse().unwrap()
}

pub(crate) fn form(song: Vec<u8>, prompt: &str) -> Form {
    Form::new()
        .part("audio_file", Part::bytes(song).file_name("song.wav"))
        .text("user_prompt", prompt.to_owned())
}

/// The problem of an answer, which must be one in every respect.
pub(crate) async fn problem(answer: Response) -> (StatusCode, String, Value) {
    let status = answer.status();
    let content_type = answer.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    let request_id = answer.headers()["x-request-id"]
        .to_str()
        .unwrap()
        .to_owned();
    assert_eq!(content_type, "application/problem+json");
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["status"], status.as_u16());
    assert_eq!(body["request_id"], request_id);
    for member in ["title", "detail", "error", "code"] {
        assert!(body[member].is_string(), "{member} of {body}");
    }
    assert!(body["retryable"].is_boolean());
    let slug = body["type"]
        .as_str()
        .unwrap()
        .rsplit_once("/problems/")
        .unwrap()
        .1
        .to_owned();
    (status, slug, body)
}

/// The answer is this problem.
pub(crate) async fn assert_problem(answer: Response, status: u16, slug: &str) -> Value {
    let (found_status, found_slug, body) = problem(answer).await;
    assert_eq!(
        (found_status.as_u16(), found_slug.as_str()),
        (status, slug),
        "{body}"
    );
    body
}
