//! A gateway's life: connect, open, listen, answer, drain.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use async_nats::jetstream;
use nats::{ConnectError, buckets, kv};
use runtime::{ArtifactError, Artifacts, Cancellations, Ledgers, Shutdown};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, oneshot, watch};
use tokio_util::task::TaskTracker;

use crate::app::{App, DECODES, Parts, UPLOADS, router};
use crate::auth::{KeySetError, Tickets, Verifier};
use crate::config::Config;
use crate::hub::Hub;
use crate::listener::{Door, Refusals};
use crate::metrics::Metrics;
use crate::rate_limit::RateLimiter;
use crate::reader::Reader;
use crate::reconciler::Reconciler;
use crate::relay::Relay;
use crate::rendered::Rendered;
use crate::routes::upload;
use crate::signed_url::UrlSigner;
use crate::store::{Store, StoreError};
use crate::storing::Storing;
use crate::streaming::Streams;
use crate::sweeper::Sweeper;
use crate::tally::Tally;
use crate::webhook::Deliverer;
use crate::{address, deadlines, orphans};

/// Why a gateway cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// No NATS, or one that is too old.
    #[error("connecting to NATS")]
    Nats(#[from] ConnectError),
    /// No database.
    #[error("opening the database")]
    Store(#[from] StoreError),
    /// No object store.
    #[error("opening the object store")]
    Artifacts(#[from] ArtifactError),
    /// No client for webhooks.
    #[error("making the client for webhooks")]
    Webhooks(#[from] reqwest::Error),
    /// Published keys cannot be asked for.
    #[error("checking tokens")]
    Keys(#[from] KeySetError),
    /// The address is taken or not ours.
    #[error("listening on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// Runs a gateway until `shutdown`. Says on `ready` where it listens, once it answers.
pub async fn serve(
    config: Config,
    shutdown: Shutdown,
    ready: oneshot::Sender<SocketAddr>,
) -> Result<(), ServeError> {
    let listener =
        TcpListener::bind(config.address)
            .await
            .map_err(|source| ServeError::Listen {
                address: config.address,
                source,
            })?;
    let address = listener.local_addr().map_err(|source| ServeError::Listen {
        address: config.address,
        source,
    })?;
    let (app, position) = assemble(config, address, &shutdown).await?;
    start_tasks(&app, position)?;
    tracing::info!(%address, base_url = app.base_url, "the gateway answers");
    // Nobody needs to listen for this.
    let _ = ready.send(address);

    let door = Door {
        router: router(&app),
        limits: app.config.connections,
        refusals: Refusals::new(&app.base_url),
    };
    door.answer(listener, &shutdown, app.config.drain).await;
    app.tasks.close();
    tokio::select! {
        () = app.tasks.wait() => {}
        () = tokio::time::sleep(app.config.drain) => tracing::warn!("some tasks did not end in time"),
        () = shutdown.forced() => {}
    }
    app.store.close().await;
    tracing::info!("the gateway has stopped");
    Ok(())
}

async fn assemble(
    config: Config,
    address: SocketAddr,
    shutdown: &Shutdown,
) -> Result<(App, watch::Sender<u64>), ServeError> {
    let client = nats::connect(&config.nats, "gateway").await?;
    let jetstream = jetstream::new(client.clone());
    let store = Store::open(&config.database_url).await?;
    let store = store.with_daily_limit(config.daily_limit);
    let artifacts = Artifacts::of(&config.storage)?;
    let rate_limits = kv::Bucket::new(jetstream.clone(), buckets::RATE_LIMITS);
    let (position, read_position) = watch::channel(0);
    let base_url = config
        .public_base_url
        .clone()
        .unwrap_or_else(|| format!("http://{address}"));
    let app = App::new(Parts {
        base_url,
        verifier: Verifier::new(&config.auth)?,
        tickets: Tickets::new(
            config.url_signing_key.clone(),
            kv::Bucket::new(jetstream.clone(), buckets::STREAM_TICKETS),
        ),
        signer: UrlSigner::new(config.url_signing_key.clone()),
        prices: config.prices,
        store,
        storing: Storing::new(jetstream.clone()),
        streams: Streams::new(artifacts.clone(), jetstream.clone()),
        artifacts,
        client,
        limiter: RateLimiter::new(rate_limits, config.rate_limit, config.anonymous_limit),
        cancellations: Cancellations::new(jetstream.clone()),
        jetstream,
        hub: Hub::default(),
        position: read_position,
        wake_relay: Arc::new(Notify::new()),
        uploads: Arc::new(Semaphore::new(UPLOADS)),
        decodes: Semaphore::new(DECODES),
        refusals: Tally::new(config.refusals_per_minute, address::WINDOW),
        failed_uploads: Tally::new(config.failed_uploads_per_hour, upload::FAILURES_WINDOW),
        rendered: Rendered::default(),
        metrics: Metrics::new(),
        started: Instant::now(),
        tasks: TaskTracker::new(),
        stop: shutdown.token(),
        config,
    });
    Ok((app, position))
}

/// What runs beside the requests.
fn start_tasks(app: &App, position: watch::Sender<u64>) -> Result<(), ServeError> {
    app.verifier.start(&app.tasks, &app.stop);
    let lost = Arc::new(Notify::new());
    let reader = Reader {
        lost: Arc::clone(&lost),
        client: app.client.clone(),
        jetstream: app.jetstream.clone(),
        store: app.store.clone(),
        hub: app.hub.clone(),
        position,
    };
    app.tasks.spawn(reader.run(app.stop.clone()));
    let relay = Relay {
        jetstream: app.jetstream.clone(),
        store: app.store.clone(),
        wake: Arc::clone(&app.wake_relay),
    };
    app.tasks.spawn(relay.run(app.stop.clone()));
    let reconciler = Reconciler {
        jetstream: app.jetstream.clone(),
        store: app.store.clone(),
        cancellations: app.cancellations.clone(),
        ledgers: Ledgers::new(app.jetstream.clone(), app.artifacts.clone()),
        lost,
    };
    app.tasks.spawn(reconciler.run(app.stop.clone()));
    app.tasks
        .spawn(deadlines::keep(app.clone(), app.stop.clone()));
    app.tasks
        .spawn(Deliverer::new(app.clone())?.run(app.stop.clone()));
    app.tasks
        .spawn(orphans::sweep(app.clone(), app.stop.clone()));
    app.tasks
        .spawn(orphans::sweep_halves(app.clone(), app.stop.clone()));
    let sweeper = Sweeper {
        store: app.store.clone(),
        artifacts: app.artifacts.clone(),
        cancellations: app.cancellations.clone(),
        grace: app.config.sweep_grace,
        flagged: HashMap::new(),
    };
    app.tasks.spawn(sweeper.run(app.stop.clone()));
    Ok(())
}
