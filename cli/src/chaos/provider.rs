//! A provider of speech on the loopback that charges for what it accepts, and on which nobody can rely: it
//! is late, busy or broken, resets connections before and after it has charged, and falls silent. What it
//! has really charged is what the ledgers are held against.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use model::{JobId, Seconds, Usd};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::songs;

/// What it takes for a minute, in dollars: whole cents for a piece of a song.
const PER_MINUTE: u32 = 6;
/// How long its answers are waited for.
const TIMEOUT_SECONDS: u64 = 4;
/// The key of the service. No log may hold it.
pub(super) const API_KEY: &str = "chaos-canary-5f1d0c7be9";
/// What it hears in every song.
const WORDS: &str = r#"{"language":"english","text":"Lift me up","words":[
    {"word":"Lift","start":1.0,"end":1.3},{"word":"me","start":1.4,"end":1.6},{"word":"up","start":1.7,"end":2.2}]}"#;
/// The longest request that is read: a piece of a song at 16 kHz has a thirtieth of it.
const LONGEST: usize = 16 << 20;

/// A call, once its request was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    /// When.
    pub(super) at: Instant,
    /// Its idempotency key.
    pub(super) key: String,
    /// What was charged for it.
    pub(super) charged: Usd,
}

impl Call {
    /// The job that it was made for, by its key.
    pub(super) fn job(&self) -> Option<JobId> {
        self.key.split('.').nth(1)?.parse().ok()
    }
}

/// How a call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// Charged, and answered after so long.
    Fair(Duration),
    /// 429.
    Busy,
    /// 500.
    Broken,
    /// A reset, and nothing was charged.
    Reset,
    /// Charged, and a reset.
    ResetAfterwards,
    /// Charged, and half an answer.
    Half,
    /// Charged, and not a word.
    Silent,
}

impl Manner {
    fn any(random: &mut fastrand::Rng) -> Self {
        match random.u8(..20) {
            0..=8 => Self::Fair(Duration::from_millis(random.u64(50..3_000))),
            9..=11 => Self::Busy,
            12 | 13 => Self::Broken,
            14 => Self::Reset,
            15 | 16 => Self::ResetAfterwards,
            17 => Self::Half,
            _ => Self::Silent,
        }
    }

    const fn charges(self) -> bool {
        !matches!(self, Self::Busy | Self::Broken | Self::Reset)
    }
}

struct Books {
    random: fastrand::Rng,
    calls: Vec<Call>,
    known: BTreeSet<String>,
}

/// The provider. Gone on drop.
pub(super) struct Provider {
    address: SocketAddr,
    keyed: bool,
    books: Arc<Mutex<Books>>,
    _accepting: AbortOnDropHandle<()>,
}

impl Provider {
    /// Behaves by `seed`. An even one charges a key once, however often it is asked under it; an odd one
    /// charges whatever it accepts.
    pub(super) async fn start(seed: u64) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.context("listening for calls of the provider of speech")?;
        let address = listener.local_addr().context("reading its own address")?;
        let books = Arc::new(Mutex::new(Books {
            random: fastrand::Rng::with_seed(seed),
            calls: Vec::new(),
            known: BTreeSet::new(),
        }));
        let keyed = seed.is_multiple_of(2);
        let accepting = tokio::spawn(accept(listener, keyed, Arc::clone(&books)));
        Ok(Self {
            address,
            keyed,
            books,
            _accepting: AbortOnDropHandle::new(accepting),
        })
    }

    /// What a service needs to know to use it.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let named = [
            ("OPENAI_BASE_URL", format!("http://{}/v1", self.address)),
            ("OPENAI_API_KEY", API_KEY.to_owned()),
            ("SPEECH_PRICE_PER_MINUTE_USD", PER_MINUTE.to_string()),
            ("SPEECH_TIMEOUT_SECONDS", TIMEOUT_SECONDS.to_string()),
            ("SPEECH_IDEMPOTENT", self.keyed.to_string()),
        ];
        named.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// Every call so far.
    pub(super) fn calls(&self) -> Vec<Call> {
        let books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        books.calls.clone()
    }
}

/// What a piece of a song costs.
pub(super) fn price() -> Usd {
    Usd::from_dollars(PER_MINUTE).for_minutes_of(Seconds(songs::SECONDS as f64))
}

async fn accept(listener: TcpListener, keyed: bool, books: Arc<Mutex<Books>>) {
    // Its connections end with it.
    let mut open = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let books = Arc::clone(&books);
        open.spawn(async move {
            // A client that goes away is its own business.
            let _served = serve(client, keyed, &books).await;
        });
        while open.try_join_next().is_some() {}
    }
}

async fn serve(mut client: TcpStream, keyed: bool, books: &Mutex<Books>) -> std::io::Result<()> {
    let Some(key) = read(&mut client).await? else {
        return Ok(());
    };
    match entered(books, key, keyed) {
        Manner::Fair(late) => {
            tokio::time::sleep(late).await;
            answer(&mut client, "200 OK", WORDS).await
        }
        Manner::Busy => answer(&mut client, "429 Too Many Requests\r\nretry-after: 1", "{}").await,
        Manner::Broken => answer(&mut client, "500 Internal Server Error", "{}").await,
        // A connection that does not linger is reset.
        Manner::Reset | Manner::ResetAfterwards => client.set_zero_linger(),
        Manner::Half => {
            let begun = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"words\":";
            client.write_all(begun.as_bytes()).await
        }
        Manner::Silent => client.read(&mut [0]).await.map(|_| ()),
    }
}

/// Enters a call into the books; gives how it ends.
fn entered(books: &Mutex<Books>, key: String, keyed: bool) -> Manner {
    let mut books = books.lock().unwrap_or_else(PoisonError::into_inner);
    let manner = Manner::any(&mut books.random);
    let is_new = manner.charges() && books.known.insert(key.clone());
    let is_charged = manner.charges() && (is_new || !keyed);
    books.calls.push(Call {
        at: Instant::now(),
        key,
        charged: if is_charged { price() } else { Usd::ZERO },
    });
    manner
}

/// Reads a whole request; gives its idempotency key. `None` where the client leaves before its end.
async fn read(client: &mut TcpStream) -> std::io::Result<Option<String>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            break at + 4;
        }
        if client.read_buf(&mut bytes).await? == 0 || bytes.len() > LONGEST {
            return Ok(None);
        }
    };
    let mut left = bytes.split_off(end).len();
    let head = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
    let field = |name: &str| {
        let value = head.lines().find_map(|line| line.strip_prefix(name));
        value.map(|value| value.trim().to_owned())
    };
    let length = field("content-length:").and_then(|length| length.parse().ok());
    let length = length.unwrap_or(0).min(LONGEST);
    let mut part = vec![0; 65_536];
    while left < length {
        match client.read(&mut part).await? {
            0 => return Ok(None),
            read => left += read,
        }
    }
    Ok(Some(field("idempotency-key:").unwrap_or_default()))
}

async fn answer(client: &mut TcpStream, status: &str, body: &str) -> std::io::Result<()> {
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    client.write_all(answer.as_bytes()).await?;
    client.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_charged_once_or_whenever_a_call_is_accepted() {
        for (seed, keyed) in [(1, false), (2, true)] {
            let books = Mutex::new(Books {
                random: fastrand::Rng::with_seed(seed),
                calls: Vec::new(),
                known: BTreeSet::new(),
            });
            let accepted = (0..40)
                .filter(|_| entered(&books, "beatreel.x.words".to_owned(), keyed).charges())
                .count();
            let calls = books.into_inner().unwrap().calls;
            let charged = calls.iter().filter(|call| call.charged > Usd::ZERO);
            assert_eq!(
                (calls.len(), charged.count()),
                (40, if keyed { 1 } else { accepted })
            );
        }
    }

    #[test]
    fn a_call_tells_its_job() {
        let id = "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f";
        let call = |key: String| Call {
            at: Instant::now(),
            key,
            charged: price(),
        };
        let made = call(format!("beatreel.{id}.audio_parser.1.words"));
        assert_eq!(made.job(), id.parse().ok());
        assert_eq!(call(String::new()).job(), None);
        assert_eq!(price(), Usd::from_micros(900_000));
    }
}
