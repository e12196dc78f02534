//! A TCP proxy that breaks connections after so many bytes, in the middle of whatever is under way.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Passes connections on, and breaks them as it is told. Gone on drop.
pub struct FaultProxy {
    address: SocketAddr,
    limit: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl FaultProxy {
    /// A proxy before `upstream` on a free port, which breaks nothing yet.
    pub async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let limit = Arc::new(AtomicU64::new(u64::MAX));
        let accepting = tokio::spawn(accept(listener, upstream, Arc::clone(&limit)));
        Self {
            address,
            limit,
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
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, upstream: SocketAddr, limit: Arc<AtomicU64>) {
    // Its connections end with it.
    let mut open = tokio::task::JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let limit = limit.load(Ordering::SeqCst);
        open.spawn(pass(client, upstream, limit));
        while open.try_join_next().is_some() {}
    }
}

/// Until either side ends, or `limit` bytes have come from upstream.
async fn pass(client: TcpStream, upstream: SocketAddr, limit: u64) {
    let Ok(server) = TcpStream::connect(upstream).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let mut from_server = from_server.take(limit);
    let asking = tokio::io::copy(&mut from_client, &mut to_server);
    let answering = async {
        let copied = tokio::io::copy(&mut from_server, &mut to_client).await;
        if copied.is_ok() {
            // What was passed on arrives; the client sees the break behind it. It may be gone already.
            let _gone = to_client.shutdown().await;
        }
    };
    tokio::pin!(asking);
    tokio::select! {
        // A client that has asked waits for its answer.
        Ok(_) = &mut asking => {}
        () = answering => {}
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
}
