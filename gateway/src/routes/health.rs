//! `GET /api/v1/health`, `/livez` and `/readyz`: measured, not assumed.

use std::collections::BTreeMap;
use std::time::Duration;

use async_nats::jetstream::consumer::pull;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::future::{join_all, join3};
use model::StageKind;
use nats::{buckets, consumers, kv, streams};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use crate::app::App;
use crate::error::{ApiError, OrFault, Source};

/// How long each part may take to answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Serialize, ToSchema)]
struct Health {
    #[schema(value_type = String)]
    status: &'static str,
    #[serde(with = "time::serde::rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    timestamp: OffsetDateTime,
    queue: Queue,
    #[schema(value_type = BTreeMap<String, StageQueue>)]
    stages: BTreeMap<StageKind, StageQueue>,
    #[schema(value_type = String)]
    database: &'static str,
    #[schema(value_type = String)]
    nats: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    issues: Vec<&'static str>,
}

/// The pipeline as a whole. Null where it could not be counted.
#[derive(Default, Serialize, ToSchema)]
struct Queue {
    /// Tasks that no worker has yet.
    size: Option<u64>,
    /// Jobs that have not ended.
    active_jobs: Option<u64>,
    /// Workers that are alive.
    workers: Option<usize>,
    /// Accepted jobs' messages that NATS does not have yet.
    outbox: Option<u64>,
}

#[derive(Clone, Copy, Default, Serialize, ToSchema)]
pub(crate) struct StageQueue {
    /// Tasks that no worker has yet.
    pub(crate) waiting: u64,
    /// Tasks in the hands of workers, or waiting for their next attempt.
    pub(crate) in_hand: usize,
    /// Workers that are alive.
    pub(crate) workers: usize,
}

/// What is up and how much there is to do. 503 if anything that is needed is down.
#[utoipa::path(
    get,
    path = "/api/v1/health",
    operation_id = "getHealth",
    tag = "service",
    responses(
        (status = 200, description = "All that is needed is up.", body = Health),
        (status = 503, description = "Something that is needed is down.", body = Health)
    )
)]
pub(crate) async fn health(State(app): State<App>) -> Response {
    let asked = join3(database(&app), stages(&app), app.storing.works());
    let (database, stages, stores) = asked.await;
    let mut health = Health {
        status: "healthy",
        timestamp: OffsetDateTime::now_utc().truncate_to_millisecond(),
        queue: Queue::default(),
        stages: BTreeMap::new(),
        database: "connected",
        nats: "connected",
        issues: vec![],
    };
    if let Ok((active_jobs, outbox)) = database {
        health.queue.active_jobs = Some(active_jobs);
        health.queue.outbox = Some(outbox);
    } else {
        health.database = "disconnected";
        health.issues.push("the database does not answer");
    }
    if let Ok(stages) = stages {
        health.queue.size = Some(stages.values().map(|stage| stage.waiting).sum());
        health.queue.workers = Some(stages.values().map(|stage| stage.workers).sum());
        health.stages = stages;
        if !stores {
            health
                .issues
                .push("NATS takes no messages: is its disk full?");
        }
    } else {
        health.nats = "disconnected";
        health.issues.push("NATS does not answer");
    }
    if health.issues.is_empty() {
        return uncached(StatusCode::OK, health);
    }
    health.status = "unhealthy";
    uncached(StatusCode::SERVICE_UNAVAILABLE, health)
}

/// A health report keeps its own shape, also with 503: that is what it is asked for.
fn uncached(status: StatusCode, health: Health) -> Response {
    let mut response = (status, Json(health)).into_response();
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.extensions_mut().insert(crate::problem::KeepBody);
    response
}

pub(crate) async fn database(app: &App) -> Result<(u64, u64), Source> {
    let counted = async {
        let live = app.store.live_count().await?;
        let outbox = app.store.outbox_count().await?;
        Ok::<_, Source>((live, outbox))
    };
    tokio::time::timeout(PATIENCE, counted).await?
}

pub(crate) async fn stages(app: &App) -> Result<BTreeMap<StageKind, StageQueue>, Source> {
    let counted = async {
        let workers = workers(app).await?;
        let queues = join_all(StageKind::ALL.map(|stage| queue_of(app, stage))).await;
        let mut stages = BTreeMap::new();
        for (stage, queue) in StageKind::ALL.into_iter().zip(queues) {
            let workers = workers.get(&stage).copied().unwrap_or(0);
            stages.insert(stage, StageQueue { workers, ..queue? });
        }
        Ok::<_, Source>(stages)
    };
    tokio::time::timeout(PATIENCE, counted).await?
}

async fn queue_of(app: &App, stage: StageKind) -> Result<StageQueue, Source> {
    let consumer = app
        .jetstream
        .get_consumer_from_stream::<pull::Config, _, _>(consumers::durable(stage), streams::WORK)
        .await?;
    let info = consumer.cached_info();
    Ok(StageQueue {
        waiting: info.num_pending,
        in_hand: info.num_ack_pending,
        workers: 0,
    })
}

/// Live workers by stage: each keeps an entry `<stage>.<worker>` alive.
async fn workers(app: &App) -> Result<BTreeMap<StageKind, usize>, Source> {
    let present = kv::Bucket::new(app.jetstream.clone(), buckets::WORKERS)
        .keys(">")
        .await?;
    let mut workers = BTreeMap::new();
    for key in present {
        let stage = key
            .split_once('.')
            .and_then(|(stage, _)| stage.parse().ok());
        if let Some(stage) = stage {
            *workers.entry(stage).or_insert(0) += 1;
        }
    }
    Ok(workers)
}

/// The process lives.
#[utoipa::path(
    get,
    path = "/livez",
    operation_id = "livez",
    tag = "service",
    responses((status = 200, description = "The process lives.", body = String, content_type = "text/plain"))
)]
pub(crate) async fn livez() -> &'static str {
    "ok"
}

/// The process can take requests: it does not stop, and what it needs answers.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "readyz",
    tag = "service",
    responses((status = 200, description = "It takes requests.", body = String, content_type = "text/plain"))
)]
pub(crate) async fn readyz(State(app): State<App>) -> Result<&'static str, ApiError> {
    if app.stop.is_cancelled() {
        return Err("stopping").or_unavailable("being ready");
    }
    // A broker that hangs keeps its connections: only an answer tells.
    let asked = join3(
        tokio::time::timeout(PATIENCE, app.jetstream.query_account()),
        tokio::time::timeout(PATIENCE, app.store.ping()),
        app.storing.works(),
    );
    let (broker, database, stores) = asked.await;
    broker
        .or_unavailable("asking NATS")?
        .or_unavailable("asking NATS")?;
    database
        .or_unavailable("asking the database")?
        .or_unavailable("asking the database")?;
    if !stores {
        return Err("NATS takes no messages").or_unavailable("being ready");
    }
    Ok("ok")
}
