//! A TCP proxy that breaks connections after so many bytes, in the middle of whatever is under way, or
//! swallows all without breaking anything.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Passes connections on, and breaks them as it is told. Gone on drop.
pub struct FaultProxy {
    address: SocketAddr,
    limit: Arc<AtomicU64>,
    is_hole: watch::Sender<bool>,
    accepting: JoinHandle<()>,
}

impl FaultProxy {
    /// A proxy before `upstream` on a free port, which breaks nothing yet.
    pub async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let limit = Arc::new(AtomicU64::new(u64::MAX));
        let is_hole = watch::Sender::new(false);
        let behaviour = (Arc::clone(&limit), is_hole.subscribe());
        let accepting = tokio::spawn(accept(listener, upstream, behaviour));
        Self {
            address,
            limit,
            is_hole,
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
        self.is_hole.send_replace(is_hole);
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

type Behaviour = (Arc<AtomicU64>, watch::Receiver<bool>);

async fn accept(listener: TcpListener, upstream: SocketAddr, (limit, is_hole): Behaviour) {
    // Its connections end with it.
    let mut open = tokio::task::JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let limit = limit.load(Ordering::SeqCst);
        open.spawn(pass(client, upstream, (limit, is_hole.clone())));
        while open.try_join_next().is_some() {}
    }
}

/// Until either side ends, or `limit` bytes have come from upstream.
async fn pass(
    client: TcpStream,
    upstream: SocketAddr,
    (limit, is_hole): (u64, watch::Receiver<bool>),
) {
    let Ok(server) = TcpStream::connect(upstream).await else {
        return;
    };
    let (from_client, mut to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let from_server = from_server.take(limit);
    let asking = copy(from_client, &mut to_server, is_hole.clone());
    let answering = async {
        let copied = copy(from_server, &mut to_client, is_hole).await;
        if copied.is_ok() {
            // What was passed on arrives; the client sees the break behind it. It may be gone already.
            let _gone = to_client.shutdown().await;
        }
    };
    tokio::pin!(asking);
    tokio::select! {
        // A client that has asked waits for its answer.
        Ok(()) = &mut asking => {}
        () = answering => {}
    }
}

/// Passes on what comes, but for as long as there is a hole.
async fn copy(
    mut from: impl AsyncRead + Unpin,
    to: &mut (impl AsyncWrite + Unpin),
    mut is_hole: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let mut part = vec![0; 65_536];
    loop {
        let read = from.read(&mut part).await?;
        if read == 0 {
            return Ok(());
        }
        // Its other end going away ends the hole, too.
        drop(is_hole.wait_for(|is_hole| !is_hole).await);
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
}
