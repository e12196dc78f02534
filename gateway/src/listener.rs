//! Connections: accepted, bounded in what a client may send before a request, and drained at the end.

mod guarded;
mod refusal;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use runtime::Shutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::address::Peer;
use crate::head;
use guarded::Guarded;
pub(crate) use refusal::Refusals;

/// Headers that a request may have.
const MOST_HEADERS: usize = 64;
/// Bytes of a head after which no more is read: more than any that is accepted, see [`crate::head`].
const LONGEST_HEAD: usize = head::LONGEST + 8 * 1024;
/// How long to wait when no connection can be accepted (no file descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long a client that was refused may go on sending, so that it gets to see why.
const LINGER: Duration = Duration::from_secs(1);

/// What a client may take of us before it has asked for anything.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// Connections that are open at once; more wait until one goes.
    pub most: usize,
    /// How long the head of a request may take, and a connection be idle between two.
    pub head: Duration,
    /// How long a client may take nothing of an answer.
    pub write: Duration,
    /// How often it is asked whether a body comes at a kilobyte a second or faster.
    pub body: Duration,
}

impl ConnectionLimits {
    /// Ten thousand connections, 10 s for a head, 20 s for 20 kB of a body.
    pub const HOUSE: Self = Self {
        most: 10_000,
        head: Duration::from_secs(10),
        write: Duration::from_secs(30),
        body: Duration::from_secs(20),
    };
}

/// Answers requests with a router, within limits.
pub(crate) struct Door {
    pub(crate) router: Router,
    pub(crate) limits: ConnectionLimits,
    pub(crate) refusals: Refusals,
}

impl Door {
    /// Answers until `shutdown`, then lets open requests end, for `drain` at most.
    pub(crate) async fn answer(self, listener: TcpListener, shutdown: &Shutdown, drain: Duration) {
        let graceful = GracefulShutdown::new();
        let mut server = http1::Builder::new();
        server
            .timer(TokioTimer::new())
            .header_read_timeout(self.limits.head)
            .max_headers(MOST_HEADERS)
            .max_buf_size(LONGEST_HEAD);
        let places = Arc::new(Semaphore::new(self.limits.most));
        loop {
            let (stream, place) = tokio::select! {
                () = shutdown.begun() => break,
                accepted = accept(&listener, &places) => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                },
            };
            let connection = self.connect(&server, &graceful, stream);
            tokio::spawn(async move {
                let _place = place;
                connection.await;
            });
        }
        drop(listener);
        tokio::select! {
            () = graceful.shutdown() => {}
            () = tokio::time::sleep(drain) => tracing::warn!("some requests did not end in time"),
            () = shutdown.forced() => {}
        }
    }

    /// A connection's life.
    fn connect(
        &self,
        server: &http1::Builder,
        graceful: &GracefulShutdown,
        stream: TcpStream,
    ) -> impl Future<Output = ()> + Send + 'static {
        // Events are small and must not wait for each other.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection could not be set up");
        }
        let peer = stream.peer_addr().ok().map(Peer);
        let stream = Arc::new(stream);
        let asked = Arc::new(AtomicBool::new(false));
        let guarded = Guarded::new(
            Arc::clone(&stream),
            Arc::clone(&asked),
            self.limits.write,
            self.refusals.clone(),
        );
        let router = TowerToHyperService::new(self.router.clone());
        let service = service_fn({
            let asked = Arc::clone(&asked);
            move |mut request: hyper::Request<hyper::body::Incoming>| {
                asked.store(false, Ordering::Relaxed);
                if let Some(peer) = peer {
                    request.extensions_mut().insert(peer);
                }
                router.call(request)
            }
        });
        let connection = server.serve_connection(TokioIo::new(guarded), service);
        let connection = graceful.watch(connection);
        let refusals = self.refusals.clone();
        async move {
            let Err(error) = connection.await else { return };
            tracing::debug!(%error, "a connection ended early");
            if error.is_timeout() && asked.load(Ordering::Relaxed) {
                refusals.too_late(&stream);
            }
            if error.is_timeout() || error.is_parse() {
                // Whether it was heard or not, the connection ends.
                let _over = tokio::time::timeout(LINGER, read_on(&stream)).await;
            }
        }
    }
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places)
        .acquire_owned()
        .await
        .map_err(std::io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

/// Reads what a refused client still sends and throws it away: a connection that is closed on unread
/// bytes is reset, and the refusal lost with it.
async fn read_on(stream: &TcpStream) -> std::io::Result<()> {
    guarded::end_writing(stream)?;
    let mut thrown = [0; 8 * 1024];
    loop {
        stream.readable().await?;
        match stream.try_read(&mut thrown) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}
