//! Requests one behind the other on a few connections, as fast as they are answered.

use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::clients::Door;

/// Connections that ask at the same time.
const CONNECTIONS: usize = 16;

/// A connection that is kept for request after request.
pub(super) struct Caller {
    head: String,
    stream: BufReader<TcpStream>,
    line: String,
    body: Vec<u8>,
}

impl Caller {
    /// Asks once, so that what follows is measured warm.
    pub(super) async fn new(door: &Door, path: &str) -> anyhow::Result<Self> {
        let mut caller = Self {
            head: door.head(path),
            stream: BufReader::new(door.ask(path).await?),
            line: String::new(),
            body: vec![],
        };
        caller.read().await?;
        Ok(caller)
    }

    /// One request and its whole answer. Gives how long it took.
    pub(super) async fn call(&mut self) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        self.stream
            .get_mut()
            .write_all(self.head.as_bytes())
            .await
            .context("asking the gateway")?;
        self.read().await?;
        Ok(begun.elapsed())
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        let mut length = None;
        let mut is_first = true;
        loop {
            self.line.clear();
            self.stream
                .read_line(&mut self.line)
                .await
                .context("reading an answer")?;
            if is_first && !self.line.contains(" 200 ") {
                bail!("the gateway answered {:?}", self.line);
            }
            is_first = false;
            let text = self.line.trim_end();
            if text.is_empty() {
                break;
            }
            if let Some((name, value)) = text.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse::<usize>().ok();
            }
        }
        self.body
            .resize(length.context("an answer without a length")?, 0);
        self.stream
            .read_exact(&mut self.body)
            .await
            .context("reading an answer")?;
        Ok(())
    }
}

/// How many requests for `path` are answered a second, over `time`.
pub(super) async fn throughput(door: &Door, path: &str, time: Duration) -> anyhow::Result<f64> {
    let mut ready = vec![];
    for _ in 0..CONNECTIONS {
        ready.push(Caller::new(door, path).await?);
    }
    let mut callers = JoinSet::new();
    let begun = Instant::now();
    for mut caller in ready {
        callers.spawn(async move {
            let mut answered = 0_u64;
            while begun.elapsed() < time {
                caller.call().await?;
                answered += 1;
            }
            anyhow::Ok(answered)
        });
    }
    let mut answered = 0;
    while let Some(count) = callers.join_next().await {
        answered += count.context("asking the gateway")??;
    }
    Ok(answered as f64 / begun.elapsed().as_secs_f64())
}
