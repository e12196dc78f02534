//! Streams as a thousand browsers would have them, by plain sockets: a client library would be measured
//! as well.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use indicatif::ProgressBar;
use model::JobId;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// What the text of an event that is timed begins with; behind it stand microseconds.
pub(super) const TIMED: &str = "bench ";
/// How long all streams may take to be open.
const OPEN_WITHIN: Duration = Duration::from_mins(1);
/// How long the last events may take to arrive.
const LAST_EVENTS: Duration = Duration::from_secs(5);
/// How often it is looked whether everyone is there.
const LOOK: Duration = Duration::from_millis(20);

/// Where the gateway is, and who asks.
#[derive(Clone)]
pub(super) struct Door {
    /// `127.0.0.1:8000`.
    pub(super) address: String,
    pub(super) token: String,
}

impl Door {
    /// The head of a request for `path`.
    pub(super) fn head(&self, path: &str) -> String {
        format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\r\n",
            self.address, self.token
        )
    }

    /// A connection on which `path` was asked for.
    pub(super) async fn ask(&self, path: &str) -> anyhow::Result<TcpStream> {
        let mut stream = TcpStream::connect(&self.address)
            .await
            .context("connecting to the gateway")?;
        stream
            .set_nodelay(true)
            .context("setting up a connection")?;
        stream
            .write_all(self.head(path).as_bytes())
            .await
            .context("asking the gateway")?;
        Ok(stream)
    }
}

/// Open streams.
pub(super) struct Streams {
    /// How many clients read, by job.
    pub(super) listeners: Vec<u64>,
    listening: Arc<AtomicUsize>,
    heard: Arc<Mutex<Vec<f64>>>,
    reading: JoinSet<anyhow::Result<()>>,
    /// Open, and never read.
    stuck: Vec<TcpStream>,
}

impl Streams {
    /// Opens `clients` streams, shared out among the jobs, of which `stuck` never read; returns when all
    /// others have their job's state. Lags are counted from `begun`.
    pub(super) async fn open(
        door: &Door,
        jobs: &[JobId],
        (clients, stuck): (usize, usize),
        begun: Instant,
        bar: &ProgressBar,
    ) -> anyhow::Result<Self> {
        let mut streams = Self {
            listeners: vec![0; jobs.len()],
            listening: Arc::default(),
            heard: Arc::default(),
            reading: JoinSet::new(),
            stuck: vec![],
        };
        // Those that are stuck are spread over the jobs, beside others that are not.
        let every = clients.checked_div(stuck);
        for number in 0..clients {
            let place = number % jobs.len();
            let job = jobs.get(place).context("no job")?;
            let stream = door.ask(&format!("/api/v1/jobs/{job}/stream")).await?;
            let is_stuck = every.is_some_and(|every| number % every == 0);
            if is_stuck && streams.stuck.len() < stuck {
                streams.stuck.push(stream);
                continue;
            }
            if let Some(count) = streams.listeners.get_mut(place) {
                *count += 1;
            }
            let ears = Ears {
                begun,
                listening: Arc::clone(&streams.listening),
                heard: Arc::clone(&streams.heard),
            };
            streams.reading.spawn(ears.listen(stream));
            bar.set_position(number as u64);
        }
        streams.all_listen(clients - stuck).await?;
        bar.finish_and_clear();
        Ok(streams)
    }

    async fn all_listen(&mut self, wanted: usize) -> anyhow::Result<()> {
        let deadline = Instant::now() + OPEN_WITHIN;
        while self.listening.load(Ordering::SeqCst) < wanted {
            self.are_well()?;
            if Instant::now() > deadline {
                bail!("not all streams were open within {OPEN_WITHIN:?}");
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// Fails when a client that reads has lost its stream.
    fn are_well(&mut self) -> anyhow::Result<()> {
        match self.reading.try_join_next() {
            Some(ended) => ended.context("a client")?,
            None => Ok(()),
        }
    }

    /// How long each event was under way, in milliseconds, sorted; once `expected` were heard, or no more
    /// come.
    pub(super) async fn lags(&mut self, expected: u64) -> anyhow::Result<Vec<f64>> {
        let deadline = Instant::now() + LAST_EVENTS;
        loop {
            self.are_well()?;
            let mut lags = self.heard().clone();
            if lags.len() as u64 >= expected || Instant::now() > deadline {
                lags.sort_by(f64::total_cmp);
                return Ok(lags);
            }
            sleep(LOOK).await;
        }
    }

    fn heard(&self) -> std::sync::MutexGuard<'_, Vec<f64>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client that reads.
struct Ears {
    begun: Instant,
    /// Clients that have their job's state.
    listening: Arc<AtomicUsize>,
    /// How long each timed event was under way, in milliseconds.
    heard: Arc<Mutex<Vec<f64>>>,
}

impl Ears {
    /// Reads a stream until it is dropped.
    async fn listen(self, stream: TcpStream) -> anyhow::Result<()> {
        let mut lines = BufReader::with_capacity(2048, stream).lines();
        let status = lines.next_line().await.context("reading an answer")?;
        if !status.as_deref().unwrap_or_default().contains(" 200 ") {
            bail!("a stream was refused: {}", status.unwrap_or_default());
        }
        let mut has_state = false;
        while let Some(line) = lines.next_line().await.context("reading a stream")? {
            let Some(data) = line.strip_prefix("data:") else {
                continue;
            };
            if !has_state {
                has_state = true;
                self.listening.fetch_add(1, Ordering::SeqCst);
            }
            if let Some(sent) = sent_at(data) {
                let now = self.begun.elapsed().as_micros() as u64;
                let lag = now.saturating_sub(sent) as f64 / 1000.0;
                self.heard
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(lag);
            }
        }
        bail!("the gateway closed a stream")
    }
}

/// When a timed event was sent, in microseconds.
fn sent_at(data: &str) -> Option<u64> {
    let (_, rest) = data.split_once(TIMED)?;
    let (number, _) = rest.split_once('"')?;
    number.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timed_event_tells_when_it_was_sent() {
        let data = r#"{"text":"bench 1234567","type":"message"}"#;
        assert_eq!(sent_at(data), Some(1_234_567));
        assert_eq!(sent_at(r#"{"text":"hello","type":"message"}"#), None);
    }
}
