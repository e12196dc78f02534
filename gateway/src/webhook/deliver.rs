//! Telling webhooks: what is due is sent, and what fails is sent again, later and later.

use std::time::Duration;

use axum::http::{HeaderMap, StatusCode, header};
use futures::future::join_all;
use model::{JobId, UserId};
use reqwest::Client;
use reqwest::redirect::Policy;
use serde_json::json;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::resolver::PublicOnly;
use super::{address, new_secret, signatures};
use crate::app::App;
use crate::error::{Source, causes};
use crate::store::{Attempt, Due, Verdict};
use crate::view::{self, JobView};

/// How often it looks for what is due.
const PERIOD: Duration = Duration::from_secs(1);
/// How long a receiver may take to be reached, and to answer.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(15);
/// The longest wait that a receiver may ask for.
const LONGEST_WISH: Duration = Duration::from_hours(24);

/// How long after each failed attempt the next one follows: the schedule that the standard proposes. A
/// tenth more or less is added, so that a receiver that comes back is not met by everything at once.
pub(crate) const RETRIES: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];

/// Sends what is due.
pub(crate) struct Deliverer {
    app: App,
    client: Client,
}

impl Deliverer {
    pub(crate) fn new(app: App) -> Result<Self, reqwest::Error> {
        let mut client = Client::builder()
            .user_agent(concat!("Beatreel-Webhooks/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .redirect(Policy::none())
            .no_proxy();
        if !app.config.webhooks_may_be_private {
            client = client.https_only(true).dns_resolver(PublicOnly);
        }
        let client = client.build()?;
        Ok(Self { app, client })
    }

    /// Sends until stopped.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut period = tokio::time::interval(PERIOD);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = period.tick() => {}
            }
            if let Err(error) = self.deliver().await {
                tracing::warn!(causes = causes(error.as_ref()), "webhooks wait");
            }
        }
    }

    async fn deliver(&self) -> Result<(), Source> {
        let due = self.app.store.take_due(OffsetDateTime::now_utc()).await?;
        for told in join_all(due.iter().map(|due| self.tell(due))).await {
            told?;
        }
        Ok(())
    }

    /// One attempt, written down.
    async fn tell(&self, due: &Due) -> Result<(), Source> {
        let at = OffsetDateTime::now_utc();
        let begun = Instant::now();
        let sent = self.send(due, at).await;
        let milliseconds = begun.elapsed().as_millis() as i64;
        let (http_status, error, asked) = match &sent {
            Ok((status, headers)) => {
                let words = (!status.is_success()).then(|| format!("answered {status}"));
                (Some(*status), words, wish(headers))
            }
            Err(error) => (None, Some(causes(error.as_ref())), None),
        };
        let verdict = self.verdict(due, http_status, asked);
        tracing::info!(
            job.id = due.job_id,
            delivery = due.id,
            ?verdict,
            "told a webhook"
        );
        let attempt = Attempt {
            number: 0, // counted by the log
            at: (at.unix_timestamp_nanos() / 1_000_000) as i64,
            milliseconds,
            http_status: http_status.map(|status| i64::from(status.as_u16())),
            error,
        };
        self.app.store.attempted(&due.id, &attempt, verdict).await?;
        Ok(())
    }

    async fn send(&self, due: &Due, at: OffsetDateTime) -> Result<(StatusCode, HeaderMap), Source> {
        // Once more: the settings may have changed since the upload.
        let url = address(&due.url, self.app.config.webhooks_may_be_private)?;
        let user: UserId = due.user_id.parse()?;
        let job: JobId = due.job_id.parse()?;
        let store = &self.app.store;
        let job = store.job_of(user, job).await?.ok_or("the job is gone")?;
        // The job may be at its next pass already; what is told is the end of this one.
        let noted = i128::from(due.created_at) * 1_000_000;
        let ended = match job.state.completed_at {
            Some(ended) if i64::from(job.brief.run.0) == due.run => ended,
            _ => OffsetDateTime::from_unix_timestamp_nanos(noted)?,
        };
        let body = json!({
            "type": due.kind,
            "run": due.run,
            "timestamp": view::timestamp(ended),
            "data": JobView::of(&self.app, &job),
        })
        .to_string();
        let secrets = store.webhook_secrets(user, &new_secret(), at).await?;
        let timestamp = at.unix_timestamp();
        let answer = self
            .client
            .post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", &due.id)
            .header("webhook-timestamp", timestamp)
            .header(
                "webhook-signature",
                signatures(&secrets, &due.id, timestamp, &body),
            )
            .body(body)
            .send()
            .await
            // The address may hold a secret of the receiver's.
            .map_err(reqwest::Error::without_url)?;
        // What else it says is not read.
        Ok((answer.status(), answer.headers().clone()))
    }

    fn verdict(&self, due: &Due, status: Option<StatusCode>, asked: Option<Duration>) -> Verdict {
        match status {
            Some(status) if status.is_success() => return Verdict::Delivered,
            // The receiver wants no more.
            Some(StatusCode::GONE) => return Verdict::GivenUp,
            _ => {}
        }
        let retries = &self.app.config.webhook_retries;
        let Some(pause) = usize::try_from(due.attempts)
            .ok()
            .and_then(|n| retries.get(n))
        else {
            return Verdict::GivenUp;
        };
        let pause = spread(*pause, &due.id, due.attempts).max(asked.unwrap_or_default());
        Verdict::Again(OffsetDateTime::now_utc() + pause)
    }
}

/// `Retry-After` in seconds, up to a day.
fn wish(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    let seconds = text.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WISH))
}

/// A tenth more or less, by the delivery and the attempt.
fn spread(pause: Duration, delivery: &str, attempt: i64) -> Duration {
    let digest = Sha256::digest(format!("{delivery}.{attempt}"));
    let word = digest.first().copied().unwrap_or(0);
    pause.mul_f64(0.9 + 0.2 * f64::from(word) / 255.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_spread_by_a_tenth_and_the_same_for_the_same_attempt() {
        let pause = Duration::from_secs(100);
        let spread_of = |name: &str, attempt| spread(pause, name, attempt);
        assert_eq!(spread_of("a", 1), spread_of("a", 1));
        for attempt in 0..20 {
            let seconds = spread_of("a", attempt).as_secs_f64();
            assert!((90.0..=110.0).contains(&seconds), "{seconds}");
        }
        assert_ne!(spread_of("a", 1), spread_of("b", 1));
    }
}
