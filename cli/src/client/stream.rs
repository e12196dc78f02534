//! Following a job over SSE, through broken connections, without a gap or a repeat.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context, bail};
use eventsource_stream::Eventsource;
use futures::StreamExt;
use model::JobId;
use serde_json::Value;

use super::{Api, JobView, Problem};

/// How often in a row it is tried without hearing anything; the waits between add up to about a minute.
const MOST_TRIES: u32 = 12;

/// One event as it came.
#[derive(Debug, Clone)]
pub(crate) struct StreamEvent {
    /// Its type.
    pub(crate) name: String,
    /// Its JSON.
    pub(crate) data: Value,
}

impl StreamEvent {
    /// The text of a member, if there is one.
    pub(crate) fn text(&self, member: &str) -> Option<&str> {
        self.data.get(member)?.as_str()
    }

    /// The number of a member, if there is one.
    pub(crate) fn number(&self, member: &str) -> Option<f64> {
        self.data.get(member)?.as_f64()
    }

    /// Whether nothing follows. The state of a job that has ended does not count: its end follows.
    fn is_terminal(&self) -> bool {
        matches!(self.name.as_str(), "completed" | "error")
    }
}

/// Why listening ended.
enum Heard {
    /// The job has ended.
    End,
    /// The connection did; whether anything had come by then.
    Break { something: bool },
}

impl Api {
    /// Calls `tell` for every event of the job until it has ended, and gives how it ended.
    pub(crate) async fn follow(
        &self,
        job: JobId,
        mut tell: impl FnMut(&StreamEvent),
    ) -> anyhow::Result<JobView> {
        let mut last_id = None;
        let mut failures = 0;
        let mut has_ended = false;
        loop {
            let heard = patiently(self.listen(job, &mut last_id, &mut tell)).await?;
            let is_told = matches!(heard, Some(Heard::End));
            if !is_told {
                failures = if matches!(heard, Some(Heard::Break { something: true })) {
                    0
                } else {
                    failures + 1
                };
                if failures > MOST_TRIES {
                    bail!(
                        "the gateway is gone; the job goes on without us: `beatreel watch {job}` follows it again"
                    );
                }
                tokio::time::sleep(pause(failures)).await;
            }
            // The stream may have ended for a reason of its own: the job itself is the truth. An end
            // that was lost with the connection is asked for once more.
            match patiently(self.job(job)).await? {
                Some(view) if view.status.is_terminal() && (is_told || has_ended) => {
                    return Ok(view);
                }
                Some(view) => has_ended = view.status.is_terminal(),
                None => {}
            }
        }
    }

    async fn listen(
        &self,
        job: JobId,
        last_id: &mut Option<String>,
        tell: &mut impl FnMut(&StreamEvent),
    ) -> anyhow::Result<Heard> {
        let mut request = self
            .http
            .get(self.url(&format!("jobs/{job}/stream")))
            .header("Accept", "text/event-stream");
        if let Some(id) = last_id {
            request = request.header("Last-Event-ID", id.clone());
        }
        let answer = self.answer(request).await?;
        if answer.status() == 204 {
            return Ok(Heard::End);
        }
        let mut events = answer.bytes_stream().eventsource();
        let mut something = false;
        while let Some(Ok(event)) = events.next().await {
            something = true;
            if !event.id.is_empty() {
                *last_id = Some(event.id);
            }
            if matches!(event.event.as_str(), "heartbeat" | "reset" | "closing") {
                continue;
            }
            let data = serde_json::from_str(&event.data)
                .with_context(|| format!("the event {:?} is no JSON", event.event))?;
            let event = StreamEvent {
                name: event.event,
                data,
            };
            tell(&event);
            if event.is_terminal() {
                return Ok(Heard::End);
            }
        }
        Ok(Heard::Break { something })
    }
}

/// `None` for a failure that may pass: no connection, or a gateway that says so itself.
async fn patiently<T>(
    attempt: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<Option<T>> {
    match attempt.await {
        Ok(value) => Ok(Some(value)),
        Err(error) => {
            let passes = match error.downcast_ref::<Problem>() {
                Some(problem) => problem.may_pass(),
                None => error
                    .chain()
                    .any(<dyn std::error::Error>::is::<reqwest::Error>),
            };
            if passes { Ok(None) } else { Err(error) }
        }
    }
}

/// Doubling from a quarter of a second to eight seconds, each up to a quarter longer by chance.
fn pause(failures: u32) -> Duration {
    let base = Duration::from_millis(250) * (1 << failures.min(5));
    base.mul_f64(1.0 + fastrand::f64() / 4.0)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::sync::mpsc;

    use serde_json::json;

    use super::*;

    const JOB: &str = "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f";

    /// A gateway that answers connection after connection with these texts, and tells what was asked.
    fn gateway(answers: Vec<String>) -> (String, mpsc::Receiver<String>) {
        use std::io::{BufRead, BufReader};

        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (asked, questions) = mpsc::channel();
        std::thread::spawn(move || {
            for answer in answers {
                let (mut connection, _) = listener.accept().unwrap();
                let lines = BufReader::new(&connection).lines().map_while(Result::ok);
                let head: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
                asked.send(head.join("\n").to_lowercase()).unwrap();
                connection.write_all(answer.as_bytes()).unwrap();
            }
        });
        (base, questions)
    }

    fn events(text: &str) -> String {
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n{text}"
        )
    }

    fn job(status: &str) -> String {
        let body = json!({
            "status": status, "progress": 50, "duration": 60.0, "total_cost": 0.0,
            "clips": { "completed": 1, "total": 2 },
        });
        let body = body.to_string();
        format!(
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    #[tokio::test]
    async fn a_broken_stream_is_resumed_after_the_last_event_heard() {
        let (base, questions) = gateway(vec![
            events(
                "id: 7\nevent: progress\ndata: {\"progress\": 10}\n\nevent: heartbeat\ndata: {}\n\n",
            ),
            job("processing"),
            events("id: 9\nevent: completed\ndata: {\"clips\": 2}\n\n"),
            job("completed"),
        ]);
        let mut heard = Vec::new();
        let api = Api::new(&base, "secret").unwrap();
        let end = api
            .follow(JOB.parse().unwrap(), |event| heard.push(event.name.clone()))
            .await
            .unwrap();

        assert_eq!(heard, ["progress", "completed"]);
        assert_eq!(end.status, model::job::JobStatus::Completed);
        let first = questions.recv().unwrap();
        assert!(
            first.contains("authorization: bearer secret") && !first.contains("last-event-id"),
            "{first}"
        );
        assert!(questions.recv().unwrap().starts_with("get /api/v1/jobs/"));
        assert!(questions.recv().unwrap().contains("last-event-id: 7"));
    }

    #[tokio::test]
    async fn of_a_job_that_has_ended_the_end_is_told_too() {
        let state = "id: 8\nevent: progress\ndata: {\"status\": \"failed\"}\n\n";
        let end = "id: 9\nevent: error\ndata: {\"code\": \"CANCELLED\"}\n\n";
        let at_once = vec![events(&format!("{state}{end}")), job("failed")];
        let after_a_break = vec![events(state), job("failed"), events(end), job("failed")];
        for answers in [at_once, after_a_break] {
            let (base, _questions) = gateway(answers);
            let mut heard = Vec::new();
            let api = Api::new(&base, "secret").unwrap();
            let view = api
                .follow(JOB.parse().unwrap(), |event| heard.push(event.name.clone()))
                .await
                .unwrap();
            assert_eq!(heard, ["progress", "error"]);
            assert_eq!(view.status, model::job::JobStatus::Failed);
        }
    }

    #[tokio::test]
    async fn a_job_whose_end_the_stream_does_not_know_is_asked_itself() {
        let state = "id: 8\nevent: progress\ndata: {\"status\": \"completed\"}\n\n";
        let (base, _questions) = gateway(vec![
            events(state),
            job("completed"),
            events(": nothing more\n\n"),
            job("completed"),
        ]);
        let api = Api::new(&base, "secret").unwrap();
        let view = api.follow(JOB.parse().unwrap(), |_| {}).await.unwrap();
        assert_eq!(view.status, model::job::JobStatus::Completed);
    }

    #[tokio::test]
    async fn a_refusal_ends_it_at_once() {
        let (base, _questions) = gateway(vec![
            "HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}".to_owned(),
        ]);
        let api = Api::new(&base, "secret").unwrap();
        let error = api.follow(JOB.parse().unwrap(), |_| {}).await.unwrap_err();
        assert!(error.to_string().contains("404"), "{error}");
    }
}
