//! The client of `OpenAI`'s transcriptions, which servers of one's own speak as well.
//!
//! One request, one answer; nothing can be looked up afterwards. So a request that was refused or never
//! arrived is sent again, and one whose answer was lost is not, unless it costs nothing or the server
//! charges an idempotency key once.

pub(crate) mod answer;
mod backoff;

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use futures::future::BoxFuture;
use model::lyrics::transcript::Transcript;
use model::{Seconds, Usd};
use reqwest::header::CONTENT_ENCODING;
use reqwest::multipart::{Form, Part};
use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use secrecy::ExposeSecret;
use tokio_util::sync::CancellationToken;

use crate::settings::SpeechSettings;
use crate::speech::{Recording, Speech, SpeechError};
use backoff::{Backoff, Circuit};

/// The longest answer that is read, in bytes: ten minutes of words have a third of it.
const LONGEST_ANSWER: usize = 2 << 20;
/// How much of a refusal is kept.
const LONGEST_MESSAGE: usize = 300;
/// By which a server that knows it charges once.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);

/// One server, and how it is asked.
#[derive(Debug, Clone)]
pub struct OpenAiSpeech {
    settings: SpeechSettings,
    http: Client,
    circuit: Arc<Circuit>,
}

/// What one attempt came to, where it gave no words.
enum Failure {
    /// Nothing was done: it may be asked again, not before the wait that it named (by anyone).
    Again {
        why: String,
        not_before: Option<Duration>,
    },
    /// Nothing can be said of it.
    Lost(String),
    /// It makes no sense to ask again.
    Final(SpeechError),
}

/// Why there is no body.
#[derive(Debug, thiserror::Error)]
enum BodyError {
    /// It was not read to its end.
    #[error("it has more than {LONGEST_ANSWER} bytes")]
    TooLong,
    /// It did not come to its end.
    #[error("{0}")]
    Lost(String),
}

impl OpenAiSpeech {
    /// A client for the server of `settings`.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(settings: SpeechSettings) -> Result<Self, reqwest::Error> {
        let mut builder = Client::builder()
            .connect_timeout(CONNECT)
            .timeout(settings.timeout)
            // A key must not follow to wherever a server points.
            .redirect(Policy::none());
        let host = settings.base_url.host_str();
        // A proxy of the environment cannot reach this machine's loopback.
        if matches!(host, Some("127.0.0.1" | "localhost" | "[::1]")) {
            builder = builder.no_proxy();
        }
        Ok(Self {
            http: builder.build()?,
            settings,
            circuit: Arc::default(),
        })
    }

    /// Asks, as often as is safe. What may have been charged is told as such, whatever came after it.
    async fn ask_until_it_answers(
        &self,
        recording: &Recording,
        key: &str,
        cancel: &CancellationToken,
    ) -> Result<Transcript, SpeechError> {
        let song = self.read(recording).await?;
        let again = self.settings.per_minute == Usd::ZERO || self.settings.idempotent;
        let mut backoff = Backoff::new(self.settings.backoff);
        let mut attempts = 0;
        let mut lost = None;
        loop {
            pause(self.circuit.left(Instant::now()), cancel).await;
            if cancel.is_cancelled() {
                return Err(lost.map_or(SpeechError::Cancelled, unknown));
            }
            attempts += 1;
            let (last, wait) = match self.ask(song.clone(), recording.duration, key).await {
                Ok(transcript) => return Ok(transcript),
                Err(Failure::Final(error)) if error.may_cost() => return Err(error),
                Err(Failure::Final(error)) => return Err(lost.map_or(error, unknown)),
                Err(Failure::Lost(why)) => {
                    lost = Some(why.clone());
                    if !again {
                        return Err(unknown(why));
                    }
                    (why, None)
                }
                Err(Failure::Again { why, not_before }) => (why, not_before),
            };
            if let Some(wait) = wait {
                self.circuit.open_for(wait, Instant::now());
            }
            if attempts >= self.settings.attempts {
                return Err(lost.map_or(SpeechError::Busy { attempts, last }, unknown));
            }
            tracing::info!(attempts, why = last, "asking for the words again");
            pause(backoff.next(wait), cancel).await;
        }
    }

    async fn read(&self, recording: &Recording) -> Result<Bytes, SpeechError> {
        let limit = self.settings.max_bytes;
        let read = async {
            let bytes = tokio::fs::metadata(&recording.file).await?.len();
            if bytes > limit {
                return Ok(Err(SpeechError::TooLarge { bytes, limit }));
            }
            tokio::fs::read(&recording.file)
                .await
                .map(|song| Ok(Bytes::from(song)))
        };
        read.await.map_err(SpeechError::Recording)?
    }

    async fn ask(&self, song: Bytes, duration: Seconds, key: &str) -> Result<Transcript, Failure> {
        let length = song.len() as u64;
        let part = Part::stream_with_length(song, length)
            .file_name("song.wav")
            .mime_str("audio/wav")
            .map_err(|error| Failure::Lost(causes(&error)))?;
        let form = Form::new()
            .part("file", part)
            .text("model", self.settings.model.clone())
            .text("response_format", "verbose_json")
            .text("temperature", "0")
            .text("timestamp_granularities[]", "word")
            .text("timestamp_granularities[]", "segment");
        let url = format!("{}/audio/transcriptions", self.settings.base_url);
        let request = self.http.post(url).multipart(form);
        let mut request = request.header(IDEMPOTENCY_KEY, key);
        if let Some(key) = &self.settings.key {
            request = request.bearer_auth(key.expose_secret());
        }
        let answer = request.send().await.map_err(|error| {
            let why = causes(&error);
            if error.is_connect() {
                Failure::Again {
                    why,
                    not_before: None,
                }
            } else {
                Failure::Lost(why)
            }
        })?;
        let status = answer.status().as_u16();
        if status != 200 {
            return Err(self.refusal(status, length, answer).await);
        }
        let unreadable = |why| Failure::Final(SpeechError::Answer { why });
        if let Some(coding) = answer.headers().get(CONTENT_ENCODING) {
            // Nobody asked for it; and what is small packed may be endless unpacked.
            return Err(unreadable(format!("it is packed as {coding:?}")));
        }
        let body = self.body(answer).await.map_err(|error| match error {
            BodyError::TooLong => unreadable(error.to_string()),
            BodyError::Lost(why) => Failure::Lost(why),
        })?;
        let lines = answer::read(&body, duration).map_err(unreadable)?;
        Ok(Transcript {
            model: self.settings.model.clone(),
            language: lines.language,
            lines: lines.lines,
            cost: self.settings.price(duration),
        })
    }

    async fn refusal(&self, status: u16, bytes: u64, answer: Response) -> Failure {
        let not_before = backoff::asked_for(answer.headers(), SystemTime::now());
        let message = match self.body(answer).await {
            Ok(body) => answer::message(&body, LONGEST_MESSAGE),
            Err(error) => error.to_string(),
        };
        match status {
            413 => Failure::Final(SpeechError::TooLarge {
                bytes,
                limit: self.settings.max_bytes.min(bytes.saturating_sub(1)),
            }),
            408 | 409 | 425 | 429 | 500..=599 => Failure::Again {
                why: format!("status {status}: {message}"),
                not_before,
            },
            _ => Failure::Final(SpeechError::Refused { status, message }),
        }
    }

    /// The whole body, if it is not longer than [`LONGEST_ANSWER`] and never pauses for too long.
    async fn body(&self, mut answer: Response) -> Result<Bytes, BodyError> {
        let told = answer.content_length().unwrap_or_default();
        if told > LONGEST_ANSWER as u64 {
            return Err(BodyError::TooLong);
        }
        let mut body = BytesMut::new();
        loop {
            let chunk = tokio::time::timeout(self.settings.idle, answer.chunk()).await;
            let chunk = chunk.map_err(|_| BodyError::Lost("its answer stalled".to_owned()))?;
            let chunk = chunk.map_err(|error| BodyError::Lost(causes(&error)))?;
            let Some(chunk) = chunk else {
                return Ok(body.freeze());
            };
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err(BodyError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
    }
}

impl Speech for OpenAiSpeech {
    fn price(&self, duration: Seconds) -> Usd {
        self.settings.price(duration)
    }

    fn repeats(&self) -> bool {
        self.settings.idempotent
    }

    fn transcribe<'a>(
        &'a self,
        recording: &'a Recording,
        key: &'a str,
        cancel: &'a CancellationToken,
    ) -> BoxFuture<'a, Result<Transcript, SpeechError>> {
        let asking = self.ask_until_it_answers(recording, key, cancel);
        if self.settings.per_minute > Usd::ZERO {
            return asking.boxed();
        }
        async move {
            tokio::select! {
                biased;
                () = cancel.cancelled() => Err(SpeechError::Cancelled),
                heard = asking => heard,
            }
        }
        .boxed()
    }
}

/// It may have been charged.
const fn unknown(why: String) -> SpeechError {
    SpeechError::Unknown { why }
}

/// Waits, unless it is cancelled.
async fn pause(wait: Duration, cancel: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(wait) => {}
        () = cancel.cancelled() => {}
    }
}

/// An error and what is behind it, without the address, which may hold a secret.
fn causes(error: &(dyn Error + 'static)) -> String {
    let told = match error.downcast_ref::<reqwest::Error>() {
        Some(error) if error.is_timeout() => "it took too long".to_owned(),
        Some(error) if error.is_connect() => "no connection".to_owned(),
        Some(_) => "the connection broke".to_owned(),
        None => error.to_string(),
    };
    let mut text = told;
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
