//! The API as the users of a run see it: every answer is noted, and nothing is taken for granted.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use eventsource_stream::Eventsource;
use futures::StreamExt;
use model::job::JobStatus;
use model::{JobId, Usd};
use reqwest::multipart::{Form, Part};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

/// Streams carry a comment every 15 s.
const SILENCE: Duration = Duration::from_secs(25);
/// Longer than the gateway takes for any answer, and than it is stopped.
const ANSWER: Duration = Duration::from_secs(40);

/// One answer of the gateway.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    /// When it came, since the begin.
    pub(super) at: Duration,
    /// What was asked: method and route.
    pub(super) asked: &'static str,
    /// Its status.
    pub(super) status: StatusCode,
    /// Whether it says when to come again.
    pub(super) retry_after: bool,
}

/// A user.
pub(super) struct Client {
    http: reqwest::Client,
    base: String,
    token: String,
    begun: Instant,
    answers: Mutex<Vec<Answer>>,
}

/// One frame of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Frame {
    /// Its id; heartbeats have none.
    pub(super) id: Option<u64>,
    /// Its type.
    pub(super) name: String,
    /// Its JSON, where it is some.
    pub(super) data: Option<Value>,
}

impl Frame {
    /// Whether the job has ended with it.
    pub(super) fn is_end(&self) -> bool {
        matches!(self.name.as_str(), "completed" | "error")
    }
}

/// A job as `GET /jobs/{id}` shows it, and the whole document.
#[derive(Debug, Clone)]
pub(super) struct View {
    /// Where it stands.
    pub(super) status: JobStatus,
    /// All of it.
    pub(super) document: Value,
}

/// A page of history.
#[derive(Deserialize)]
struct Page {
    events: Vec<Told>,
    next_after: Option<String>,
}

/// An event as the history tells it.
#[derive(Deserialize)]
struct Told {
    id: String,
    event: String,
}

impl Client {
    /// At `base`, with a token; times count from `begun`.
    pub(super) fn new(base: &str, token: &str, begun: Instant) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(SILENCE)
            .no_proxy()
            .build()
            .context("preparing the HTTP client")?;
        Ok(Self {
            http,
            base: base.to_owned(),
            token: token.to_owned(),
            begun,
            answers: Mutex::default(),
        })
    }

    /// Every answer so far.
    pub(super) fn answers(&self) -> Vec<Answer> {
        self.answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Sends, and notes what is answered. `None` where nothing is.
    async fn ask(&self, asked: &'static str, request: RequestBuilder) -> Option<Response> {
        let answer = request.bearer_auth(&self.token).send().await.ok()?;
        let noted = Answer {
            at: self.begun.elapsed(),
            asked,
            status: answer.status(),
            retry_after: answer.headers().contains_key("retry-after"),
        };
        self.answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(noted);
        Some(answer)
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.base)
    }

    /// Whether the gateway says that it is ready; `None` where it says nothing. Not noted: health says
    /// "no" by design.
    pub(super) async fn is_ready(&self) -> Option<bool> {
        let probe = self.http.get(format!("{}/readyz", self.base));
        let answer = probe.timeout(Duration::from_secs(4)).send().await.ok()?;
        Some(answer.status().is_success())
    }

    /// Uploads `song` under an idempotency key, with `words` to be heard by the provider. The job, or the status of a refusal, or `None` where no
    /// answer came.
    pub(super) async fn submit(
        &self,
        song: &[u8],
        (prompt, words): (&str, bool),
        key: &str,
    ) -> Option<Result<JobId, StatusCode>> {
        #[derive(Deserialize)]
        struct Accepted {
            job_id: JobId,
        }
        let form = Form::new()
            .part(
                "audio_file",
                Part::bytes(song.to_vec()).file_name("song.wav"),
            )
            .text("user_prompt", prompt.to_owned())
            .text("resolution", "480p");
        let form = if words {
            form.text("lyrics", "transcribe")
        } else {
            form
        };
        let request = self
            .http
            .post(self.url("upload-audio"))
            .header("Idempotency-Key", key)
            .timeout(ANSWER)
            .multipart(form);
        let answer = self.ask("POST /upload-audio", request).await?;
        if !answer.status().is_success() {
            return Some(Err(answer.status()));
        }
        let accepted: Accepted = answer.json().await.ok()?;
        Some(Ok(accepted.job_id))
    }

    /// Asks to cancel; gives the status of the answer, and what the job may still cost by it.
    pub(super) async fn cancel(&self, job: JobId) -> Option<(StatusCode, Usd)> {
        #[derive(Default, Deserialize)]
        struct Told {
            #[serde(default)]
            pending_cost: Usd,
        }
        let url = self.url(&format!("jobs/{job}/cancel"));
        let request = self.http.post(url).timeout(ANSWER);
        let answer = self.ask("POST /jobs/{id}/cancel", request).await?;
        let status = answer.status();
        let told: Told = if status == StatusCode::OK {
            answer.json().await.ok()?
        } else {
            Told::default()
        };
        Some((status, told.pending_cost))
    }

    /// How a job stands.
    pub(super) async fn job(&self, job: JobId) -> Option<View> {
        let url = self.url(&format!("jobs/{job}"));
        let request = self.http.get(url).timeout(ANSWER);
        let answer = self.ask("GET /jobs/{id}", request).await?;
        let document: Value = answer.json().await.ok()?;
        let status = serde_json::from_value(document.get("status")?.clone()).ok()?;
        Some(View { status, document })
    }

    /// How many jobs the user has.
    pub(super) async fn jobs(&self) -> Option<u64> {
        let request = self.http.get(self.url("jobs?limit=1")).timeout(ANSWER);
        let answer = self.ask("GET /jobs", request).await?;
        let page: Value = answer.json().await.ok()?;
        page.get("total")?.as_u64()
    }

    /// The ids and types of all events of a job, as the history has them.
    pub(super) async fn history(&self, job: JobId) -> Option<Vec<(u64, String)>> {
        let mut events = Vec::new();
        let mut after = "0".to_owned();
        loop {
            let url = self.url(&format!("jobs/{job}/events?limit=500&after={after}"));
            let request = self.http.get(url).timeout(ANSWER);
            let answer = self.ask("GET /jobs/{id}/events", request).await?;
            let page: Page = answer.json().await.ok()?;
            for Told { id, event } in page.events {
                events.push((id.parse().ok()?, event));
            }
            match page.next_after {
                Some(next) => after = next,
                None => return Some(events),
            }
        }
    }

    /// Listens to a job behind the event `seen`, frame by frame, until the connection ends. Gives the
    /// status of the answer.
    pub(super) async fn listen(
        &self,
        job: JobId,
        seen: Option<u64>,
        mut hear: impl FnMut(Frame),
    ) -> Option<StatusCode> {
        let url = self.url(&format!("jobs/{job}/stream"));
        let mut request = self.http.get(url).header("Accept", "text/event-stream");
        if let Some(seen) = seen {
            request = request.header("Last-Event-ID", seen.to_string());
        }
        let answer = self.ask("GET /jobs/{id}/stream", request).await?;
        let status = answer.status();
        if status != StatusCode::OK {
            return Some(status);
        }
        let mut events = answer.bytes_stream().eventsource();
        while let Some(Ok(event)) = events.next().await {
            // The last id stays in force, also for frames that have none of their own.
            let is_own = !matches!(event.event.as_str(), "heartbeat" | "reset" | "closing");
            let frame = Frame {
                id: event.id.parse().ok().filter(|_| is_own),
                name: event.event,
                data: serde_json::from_str(&event.data).ok(),
            };
            let is_end = frame.is_end();
            hear(frame);
            if is_end {
                break;
            }
        }
        Some(status)
    }
}
