//! What is counted, for Prometheus. No label holds an id: their number stays small.

use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::app::App;

/// Upper edges in seconds: from an answer out of memory to an upload on a slow line.
const LATENCY: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    method: String,
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStage {
    stage: String,
}

/// The figures of a gateway process.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Answered, Counter>,
    durations: Family<Route, Histogram>,
    figures: Figures,
}

/// What is measured when it is asked for.
#[derive(Default)]
struct Figures {
    streams: Gauge,
    live_jobs: Gauge,
    outbox: Gauge,
    pending: Family<OfStage, Gauge>,
    in_hand: Family<OfStage, Gauge>,
    workers: Family<OfStage, Gauge>,
    behind: Gauge,
    database_up: Gauge,
    nats_up: Gauge,
    uptime: Gauge<f64, AtomicU64>,
}

/// The state of the pipeline at one moment; absent where it could not be asked for.
#[derive(Default)]
pub(crate) struct Moment {
    pub(crate) streams: usize,
    /// Live jobs and waiting outbox entries.
    pub(crate) database: Option<(u64, u64)>,
    /// By stage: tasks waiting, tasks in hand, workers.
    pub(crate) stages: Option<Vec<(String, [u64; 3])>>,
    /// Events that are not in the rows yet.
    pub(crate) behind: Option<u64>,
    pub(crate) uptime: Duration,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let requests = Family::default();
        let durations =
            Family::<Route, Histogram>::new_with_constructor(|| Histogram::new(LATENCY));
        let figures = Figures::default();
        let mut registry = Registry::with_prefix("beatreel");
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time from the head of a request to that of its answer",
            Unit::Seconds,
            durations.clone(),
        );
        figures.register(&mut registry);
        Self {
            registry,
            requests,
            durations,
            figures,
        }
    }

    /// The text of `/metrics`.
    pub(crate) fn text(&self, moment: &Moment) -> Result<String, std::fmt::Error> {
        self.figures.set(moment);
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Figures {
    fn register(&self, registry: &mut Registry) {
        registry.register("sse_connections", "Open streams", self.streams.clone());
        registry.register(
            "live_jobs",
            "Jobs that have not ended",
            self.live_jobs.clone(),
        );
        registry.register(
            "outbox_entries",
            "Messages of accepted jobs that NATS does not have yet",
            self.outbox.clone(),
        );
        registry.register(
            "queue_pending",
            "Tasks that no worker has yet",
            self.pending.clone(),
        );
        registry.register(
            "queue_in_hand",
            "Tasks that a worker has, or that wait for their next attempt",
            self.in_hand.clone(),
        );
        registry.register("workers", "Workers that are alive", self.workers.clone());
        registry.register(
            "events_behind",
            "Events that are not in the rows yet",
            self.behind.clone(),
        );
        registry.register(
            "database_up",
            "1 while the database answers",
            self.database_up.clone(),
        );
        registry.register("nats_up", "1 while NATS answers", self.nats_up.clone());
        registry.register_with_unit(
            "uptime",
            "Since this process began to serve",
            Unit::Seconds,
            self.uptime.clone(),
        );
    }

    fn set(&self, moment: &Moment) {
        self.streams.set(moment.streams as i64);
        self.uptime.set(moment.uptime.as_secs_f64());
        self.database_up.set(i64::from(moment.database.is_some()));
        self.nats_up.set(i64::from(moment.stages.is_some()));
        if let Some((live, outbox)) = moment.database {
            self.live_jobs.set(live.cast_signed());
            self.outbox.set(outbox.cast_signed());
        }
        if let Some(behind) = moment.behind {
            self.behind.set(behind.cast_signed());
        }
        for (stage, figures) in moment.stages.iter().flatten() {
            let label = OfStage {
                stage: stage.clone(),
            };
            let families = [&self.pending, &self.in_hand, &self.workers];
            for (family, figure) in families.into_iter().zip(figures) {
                family.get_or_create(&label).set(figure.cast_signed());
            }
        }
    }
}

/// Middleware: counts the answer by the route's pattern.
pub(crate) async fn count(State(app): State<App>, request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched.map_or("(none)", MatchedPath::as_str).to_owned();
    let method = match request.method().as_str() {
        known @ ("GET" | "HEAD" | "POST" | "OPTIONS") => known,
        _ => "other",
    }
    .to_owned();
    let begun = Instant::now();
    let response = next.run(request).await;
    let answered = Answered {
        method: method.clone(),
        route: route.clone(),
        status: response.status().as_u16(),
    };
    app.metrics.requests.get_or_create(&answered).inc();
    let durations = &app.metrics.durations;
    let durations = durations.get_or_create(&Route { method, route });
    durations.observe(begun.elapsed().as_secs_f64());
    response
}
