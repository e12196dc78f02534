//! A model provider that charges: over HTTP, by idempotency key, and with answers that get lost.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// How the next call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// Charged and answered.
    Fair,
    /// Charged, and the connection breaks before the answer.
    AnswerLost,
    /// Not charged: 429.
    Refusing,
}

/// One that charges a fixed price for `POST /`, once a key (`Idempotency-Key`), and answers
/// `{"made": "<key>", "micros": <price>}`. Gone on drop.
pub struct Provider {
    address: SocketAddr,
    books: Arc<Mutex<Books>>,
    accepting: JoinHandle<()>,
}

struct Books {
    price: u64,
    manner: Manner,
    calls: u32,
    charges: BTreeMap<String, u64>,
}

impl Provider {
    /// On a free port, at `micros` micro-dollars a piece.
    pub async fn start(micros: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound socket");
        let books = Arc::new(Mutex::new(Books {
            price: micros,
            manner: Manner::Fair,
            calls: 0,
            charges: BTreeMap::new(),
        }));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&books)));
        Self {
            address,
            books,
            accepting,
        }
    }

    /// Its address, `http://…`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How calls end from now on.
    pub fn behaves(&self, manner: Manner) {
        self.with(|books| books.manner = manner);
    }

    /// What it charges from now on, in micro-dollars.
    pub fn charges_from_now_on(&self, micros: u64) {
        self.with(|books| books.price = micros);
    }

    /// How often it was called.
    pub fn calls(&self) -> u32 {
        self.with(|books| books.calls)
    }

    /// What it has charged, in micro-dollars, by key.
    pub fn charges(&self) -> BTreeMap<String, u64> {
        self.with(|books| books.charges.clone())
    }

    fn with<T>(&self, read: impl FnOnce(&mut Books) -> T) -> T {
        read(&mut self.books.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, books: Arc<Mutex<Books>>) {
    // Its connections end with it.
    let mut open = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let books = Arc::clone(&books);
        open.spawn(async move {
            // A client that goes away is its own business.
            let _served = serve(client, &books).await;
        });
        while open.try_join_next().is_some() {}
    }
}

async fn serve(client: TcpStream, books: &Mutex<Books>) -> std::io::Result<()> {
    let mut client = BufReader::new(client);
    let (mut key, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        client.read_line(&mut line).await?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let Some((name, value)) = line.split_once(": ") else {
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "idempotency-key" => value.clone_into(&mut key),
            "content-length" => length = value.parse().unwrap_or(0),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    client.read_exact(&mut body).await?;
    if let Some(answer) = charged(books, &key) {
        client.write_all(answer.as_bytes()).await?;
        client.shutdown().await?;
    }
    Ok(())
}

/// The answer, if there is to be one.
fn charged(books: &Mutex<Books>, key: &str) -> Option<String> {
    let mut books = books.lock().unwrap_or_else(PoisonError::into_inner);
    books.calls += 1;
    if books.manner == Manner::Refusing {
        return Some(response("429 Too Many Requests", "{}"));
    }
    let price = books.price;
    let micros = *books.charges.entry(key.to_owned()).or_insert(price);
    let body = format!(r#"{{"made": "{key}", "micros": {micros}}}"#);
    (books.manner == Manner::Fair).then(|| response("200 OK", &body))
}

fn response(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}
