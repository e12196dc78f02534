//! A TCP proxy that breaks connections after so many bytes, in the middle of whatever is under way, slows
//! answers down, or swallows all without breaking anything.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Passes connections on, and breaks them as it is told. Gone on drop.
pub struct FaultProxy {
    address: SocketAddr,
    limit: Arc<AtomicU64>,
    fault: watch::Sender<Fault>,
    accepting: JoinHandle<()>,
}

/// What befalls what is passed on.
#[derive(Debug, Clone, Copy, Default)]
struct Fault {
    is_hole: bool,
    /// Connections of an earlier time are holes, whatever else is.
    time: u64,
    /// Connections of before this time are broken.
    broken: u64,
    /// How long each piece of an answer is on its way.
    delay: Duration,
}

/// Whom connections are passed on to.
#[derive(Debug, Clone)]
enum Upstream {
    Tcp(SocketAddr),
    Socket(PathBuf),
}

impl FaultProxy {
    /// A proxy before `upstream` on a free port, which breaks nothing yet.
    pub async fn start(upstream: SocketAddr) -> Self {
        Self::before(Upstream::Tcp(upstream)).await
    }

    /// The same before a server that listens on a socket in the file system.
    pub async fn before_socket(upstream: PathBuf) -> Self {
        Self::before(Upstream::Socket(upstream)).await
    }

    async fn before(upstream: Upstream) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let limit = Arc::new(AtomicU64::new(u64::MAX));
        let fault = watch::Sender::new(Fault::default());
        let behaviour = (Arc::clone(&limit), fault.subscribe());
        let accepting = tokio::spawn(accept(listener, upstream, behaviour));
        Self {
            address,
            limit,
            fault,
            accepting,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks connections from now on after `bytes` of answer, each; `None` breaks none. Those that are
    /// open keep what they began with.
    pub fn breaks_after(&self, bytes: Option<u64>) {
        self.limit
            .store(bytes.unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Passes nothing on while it is a black hole, in either direction, and breaks nothing: nobody is told.
    /// What comes meanwhile is passed on afterwards, as by a network that was away.
    pub fn is_black_hole(&self, is_hole: bool) {
        self.fault.send_modify(|fault| fault.is_hole = is_hole);
    }

    /// Breaks the connections that are open now.
    pub fn breaks_what_is_open(&self) {
        self.fault
            .send_modify(|fault| fault.broken = fault.time + 1);
        self.fault.send_modify(|fault| fault.time += 1);
    }

    /// Swallows, for good, what the connections that are open now still say. New ones are passed on.
    pub fn swallows_what_is_open(&self) {
        self.fault.send_modify(|fault| fault.time += 1);
    }

    /// Holds every piece of an answer back for so long.
    pub fn delays(&self, delay: Duration) {
        self.fault.send_modify(|fault| fault.delay = delay);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

type Behaviour = (Arc<AtomicU64>, watch::Receiver<Fault>);

async fn accept(listener: TcpListener, upstream: Upstream, (limit, fault): Behaviour) {
    // Its connections end with it.
    let mut open = tokio::task::JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let limit = limit.load(Ordering::SeqCst);
        let fault = fault.clone();
        match &upstream {
            Upstream::Tcp(address) => {
                let server = TcpStream::connect(*address);
                open.spawn(async move {
                    if let Ok(server) = server.await {
                        pass(client, server.into_split(), (limit, fault)).await;
                    }
                });
            }
            Upstream::Socket(path) => {
                let server = UnixStream::connect(path.clone());
                open.spawn(async move {
                    if let Ok(server) = server.await {
                        pass(client, server.into_split(), (limit, fault)).await;
                    }
                });
            }
        }
        while open.try_join_next().is_some() {}
    }
}

/// Until either side ends, or `limit` bytes have come from upstream.
async fn pass(
    client: TcpStream,
    (from_server, mut to_server): (impl AsyncRead + Unpin, impl AsyncWrite + Unpin),
    (limit, fault): (u64, watch::Receiver<Fault>),
) {
    let time = fault.borrow().time;
    let mut broken = fault.clone();
    let (from_client, mut to_client) = client.into_split();
    let from_server = from_server.take(limit);
    let asking = copy(from_client, &mut to_server, (time, fault.clone(), false));
    let answering = async {
        let copied = copy(from_server, &mut to_client, (time, fault, true)).await;
        if copied.is_ok() {
            // What was passed on arrives; the client sees the break behind it. It may be gone already.
            let _gone = to_client.shutdown().await;
        }
    };
    tokio::pin!(asking);
    tokio::select! {
        Ok(_) = broken.wait_for(|fault| fault.broken > time) => {}
        // A client that has asked waits for its answer.
        Ok(()) = &mut asking => {}
        () = answering => {}
    }
}

/// Passes on what comes, but for as long as there is a hole; what comes late, late.
async fn copy(
    mut from: impl AsyncRead + Unpin,
    to: &mut (impl AsyncWrite + Unpin),
    (time, mut fault, is_answer): (u64, watch::Receiver<Fault>, bool),
) -> std::io::Result<()> {
    let mut part = vec![0; 65_536];
    loop {
        let read = from.read(&mut part).await?;
        if read == 0 {
            return Ok(());
        }
        // Its other end going away ends the hole, too.
        let may_pass = fault.wait_for(|fault| !fault.is_hole && fault.time == time);
        drop(may_pass.await);
        let delay = fault.borrow().delay;
        if is_answer && !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        to.write_all(part.get(..read).unwrap_or_default()).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_cut_at_the_byte_that_was_said() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let upstream = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                stream.write_all(b"0123456789").await.expect("written");
            }
        });
        let proxy = FaultProxy::start(upstream).await;
        for (limit, expected) in [(Some(4), "0123"), (Some(0), ""), (None, "0123456789")] {
            proxy.breaks_after(limit);
            let mut stream = TcpStream::connect(proxy.address())
                .await
                .expect("connected");
            let mut heard = String::new();
            stream.read_to_string(&mut heard).await.expect("read");
            assert_eq!(heard, expected);
        }
    }

    #[tokio::test]
    async fn what_a_black_hole_has_swallowed_comes_when_it_is_none_any_more() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let proxy = FaultProxy::start(listener.local_addr().expect("an address")).await;
        proxy.is_black_hole(true);
        let mut stream = TcpStream::connect(proxy.address())
            .await
            .expect("connected");
        stream.write_all(b"lost?").await.expect("written");
        let (mut server, _) = listener.accept().await.expect("accepted");
        assert!(server.try_read(&mut [0]).is_err(), "nothing comes through");
        proxy.is_black_hole(false);
        let mut heard = [0; 5];
        server.read_exact(&mut heard).await.expect("read");
        assert_eq!(&heard, b"lost?");
    }

    #[tokio::test]
    async fn what_was_open_is_swallowed_and_what_is_opened_then_is_passed_on() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let proxy = FaultProxy::start(listener.local_addr().expect("an address")).await;
        let connect = async || {
            let mut client = TcpStream::connect(proxy.address())
                .await
                .expect("connected");
            client.write_all(b"1").await.expect("written");
            let (mut server, _) = listener.accept().await.expect("accepted");
            server.read_exact(&mut [0]).await.expect("read");
            (client, server)
        };
        let (mut old, old_server) = connect().await;
        proxy.swallows_what_is_open();
        old.write_all(b"2").await.expect("written");
        let (mut new, mut server) = connect().await;
        new.write_all(b"3").await.expect("written");
        server.read_exact(&mut [0]).await.expect("read");
        assert!(old_server.try_read(&mut [0]).is_err(), "nothing comes");
    }
}
