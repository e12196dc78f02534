//! The connections to the database, and what becomes of them when it falls silent.
//!
//! A connection that hangs without breaking, as behind a dead router, a stalled proxy or a stopped server,
//! keeps its place in sqlx's pool for as long as its socket lives: the pool waits for its answer before it
//! gives the place to another (transact-rs/sqlx#4349). Ten of those, and nothing is read any more until
//! somebody restarts the process. So the database is asked all the time; where nobody hears anything, all
//! connections are given up, with whatever waits for them, and new ones are made.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures::future::BoxFuture;
use sqlx::{AnyConnection, AnyPool, Connection};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::{CONNECTIONS, Kind, READERS, StoreError};

/// How often the watchdog asks.
const LOOK: Duration = Duration::from_secs(1);
/// How long nobody may hear anything before a new connection is tried beside the old ones: a query that
/// the server is at for longer is ended by its `statement_timeout`.
const QUIET: Duration = Duration::from_secs(4);
/// How long the database may be silent, also to new connections, before what waits for it is told so.
const SILENT: Duration = Duration::from_secs(8);
/// How long one piece of work may take, of however many queries: far more than any needs on a slow network.
const LONGEST: Duration = Duration::from_mins(1);
/// How long closing may take at the end.
const CLOSING: Duration = Duration::from_secs(2);

/// See the head of this file.
pub(super) struct Connections {
    kind: Kind,
    url: String,
    current: RwLock<Pools>,
    /// Rises with everything that the database says.
    heard: AtomicU64,
}

/// What is asked until it is given up.
#[derive(Clone)]
struct Pools {
    /// SQLite has one writer; to queue for it here is fair, and never "database is locked".
    writer: AnyPool,
    reader: AnyPool,
    given_up: CancellationToken,
}

impl Pools {
    async fn open(kind: Kind, url: &str) -> Result<Self, StoreError> {
        let (writer, reader) = match kind {
            Kind::Sqlite => (
                kind.pool(1).connect(url).await?,
                kind.pool(READERS).connect(url).await?,
            ),
            Kind::Postgres => {
                let both = kind.pool(CONNECTIONS).connect(url).await?;
                (both.clone(), both)
            }
        };
        Ok(Self {
            writer,
            reader,
            given_up: CancellationToken::new(),
        })
    }
}

impl Connections {
    /// Connects. What is given beside them watches over them until it is dropped; a file needs nobody.
    pub(super) async fn open(
        kind: Kind,
        url: &str,
    ) -> Result<(Arc<Self>, Option<AbortOnDropHandle<()>>), StoreError> {
        let connections = Arc::new(Self {
            kind,
            url: url.to_owned(),
            current: RwLock::new(Pools::open(kind, url).await?),
            heard: AtomicU64::new(0),
        });
        let watchdog = (kind == Kind::Postgres).then(|| {
            let watched = Arc::clone(&connections);
            AbortOnDropHandle::new(tokio::spawn(async move { watched.watch().await }))
        });
        Ok((connections, watchdog))
    }

    /// For what is read.
    pub(super) fn reader(&self) -> AnyPool {
        self.pools().reader
    }

    /// For what is written.
    pub(super) fn writer(&self) -> AnyPool {
        self.pools().writer
    }

    fn pools(&self) -> Pools {
        let current = self.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What comes of `work`, unless the database is silent meanwhile. In a box, as it holds a whole
    /// transaction and stands within the futures of requests.
    pub(super) fn answered<'a, T: 'a>(
        &'a self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        let given_up = self.pools().given_up;
        Box::pin(async move {
            let outcome = tokio::select! {
                biased;
                outcome = work => outcome,
                () = given_up.cancelled() => Err(StoreError::Silent),
                () = tokio::time::sleep(LONGEST) => Err(StoreError::Silent),
            };
            let is_heard = match &outcome {
                Err(StoreError::Sql(error)) => matches!(error, sqlx::Error::Database(_)),
                Err(StoreError::Silent) => false,
                _ => true,
            };
            if is_heard {
                self.heard.fetch_add(1, Ordering::Relaxed);
            }
            outcome
        })
    }

    /// Closes all once what is running has ended, or when that takes too long.
    pub(super) async fn close(&self) {
        let Pools { writer, reader, .. } = self.pools();
        let closing = async {
            reader.close().await;
            writer.close().await;
        };
        if timeout(CLOSING, closing).await.is_err() {
            tracing::warn!("the database does not answer; its connections are left to it");
        }
    }

    /// Asks for ever, and gives up what is silent.
    async fn watch(&self) {
        let mut last_heard = Instant::now();
        loop {
            let before = self.heard.load(Ordering::Relaxed);
            let asked = self.answered(ask_pool(self.reader()));
            // Whatever comes of it: what counts is whether anybody was answered.
            let _outcome = timeout(QUIET, asked).await;
            if self.heard.load(Ordering::Relaxed) != before {
                last_heard = Instant::now();
            } else if self.answers_anew().await {
                tracing::warn!("connections to the database are silent; making new ones");
                self.renew();
                last_heard = Instant::now();
            } else if last_heard.elapsed() > SILENT {
                tracing::error!("the database does not answer; giving up what waits for it");
                self.renew();
                last_heard = Instant::now();
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Whether a connection that is made now is answered.
    async fn answers_anew(&self) -> bool {
        let asked = timeout(QUIET, async {
            let mut connection = AnyConnection::connect(&self.url).await?;
            connection.ping().await?;
            connection.close().await
        });
        asked.await.is_ok_and(|answer| answer.is_ok())
    }

    /// The silent connections go with the last who holds one.
    fn renew(&self) {
        let both = match self.kind.pool(CONNECTIONS).connect_lazy(&self.url) {
            Ok(both) => both,
            Err(error) => return tracing::error!(%error, "no new connections can be made"),
        };
        let new = Pools {
            writer: both.clone(),
            reader: both,
            given_up: CancellationToken::new(),
        };
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *current, new);
        drop(current);
        old.given_up.cancel();
    }
}

/// Asks for no more than an answer.
pub(super) async fn ask_pool(pool: AnyPool) -> Result<(), StoreError> {
    sqlx::query("SELECT 1").execute(&pool).await?;
    Ok(())
}
