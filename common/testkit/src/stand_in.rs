//! Stands in for an HTTP service of others: answers what it is told to, and remembers what it was asked.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// What comes back for one request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// An answer: status, further lines of its head (each with its end), body.
    Answer(u16, &'static str, String),
    /// Half of an answer, and the end of the connection.
    Half(String),
    /// The request is read, and the connection ends.
    Cut,
    /// The request is read, and nothing comes.
    Silence,
    /// 200 with a body, after so long.
    Late(Duration, String),
    /// These bytes as they are, and then …
    Raw(Vec<u8>, Then),
}

/// What follows behind [`Reply::Raw`].
#[derive(Debug, Clone, Copy)]
pub enum Then {
    /// Nothing, with the connection open until the client gives up.
    Silence,
    /// A blank, with that pause before it, over and over until the client gives up.
    Drip(Duration),
    /// Blanks without end, until the client gives up.
    Flood,
    /// The connection is reset.
    Reset,
}

impl Reply {
    /// 200 with a body.
    pub fn ok(body: &str) -> Self {
        Self::Answer(200, "", body.to_owned())
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The first line and the headers.
    pub head: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Asked {
    /// Whether `text` stands anywhere in the body.
    pub fn holds(&self, text: &str) -> bool {
        let text = text.as_bytes();
        self.body.windows(text.len()).any(|part| part == text)
    }
}

/// A service on a free port of the loopback. Gone on drop.
pub struct StandIn {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    accepting: JoinHandle<()>,
}

impl StandIn {
    /// Gives these replies in turn, the last one for ever.
    pub async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let asked = Arc::default();
        let accepting = tokio::spawn(accept(listener, replies.into(), Arc::clone(&asked)));
        Self {
            address,
            asked,
            accepting,
        }
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.clone()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    mut replies: VecDeque<Reply>,
    asked: Arc<Mutex<Vec<Asked>>>,
) {
    // Its connections end with it.
    let mut open = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let reply = match replies.len() {
            0 | 1 => replies.front().cloned(),
            _ => replies.pop_front(),
        };
        open.spawn(serve(
            client,
            reply.unwrap_or(Reply::Cut),
            Arc::clone(&asked),
        ));
    }
}

async fn serve(mut client: TcpStream, reply: Reply, asked: Arc<Mutex<Vec<Asked>>>) {
    let Some(request) = read(&mut client).await else {
        return;
    };
    asked
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(request);
    let text = match reply {
        Reply::Cut => return,
        Reply::Silence => {
            // Until the client gives up.
            let _ = client.read(&mut [0]).await;
            return;
        }
        Reply::Late(pause, body) => {
            tokio::time::sleep(pause).await;
            let length = body.len();
            format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
        }
        Reply::Raw(bytes, then) => return raw(client, &bytes, then).await,
        Reply::Half(body) => {
            let length = 2 * body.len();
            format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}")
        }
        Reply::Answer(status, head, body) => {
            let length = body.len();
            format!(
                "HTTP/1.1 {status} As Told\r\n{head}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
            )
        }
    };
    // A client that has gone is part of the test.
    let _ = client.write_all(text.as_bytes()).await;
    let _ = client.shutdown().await;
}

async fn raw(mut client: TcpStream, bytes: &[u8], then: Then) {
    if client.write_all(bytes).await.is_err() {
        return;
    }
    match then {
        Then::Silence => {
            let _ = client.read(&mut [0]).await;
        }
        Then::Drip(pause) => {
            while client.write_all(b" ").await.is_ok() {
                tokio::time::sleep(pause).await;
            }
        }
        Then::Flood => while client.write_all(&[b' '; 4_096]).await.is_ok() {},
        // A connection that does not linger is reset.
        Then::Reset => {
            let _ = client.set_zero_linger();
        }
    }
}

/// A whole request; `None` where the client leaves before.
async fn read(client: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            break at + 4;
        }
        if client.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let body = bytes.split_off(end);
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    });
    let mut asked = Asked { head, body };
    while asked.body.len() < length.unwrap_or(0) {
        if client.read_buf(&mut asked.body).await.ok()? == 0 {
            return None;
        }
    }
    Some(asked)
}
