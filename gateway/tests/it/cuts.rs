//! A connection that breaks again and again, in the middle of whatever it carries.

use eventsource_stream::Eventsource;
use futures::StreamExt;
use model::job::StageStatus;
use model::{EventBody, JobId, StageKind, Usd};
use serde_json::{Value, json};
use testkit::FaultProxy;
use tokio::sync::mpsc;

use crate::app::{PATIENCE, TestApp, User};

const CUTS: usize = 200;
/// What the places of the cuts are drawn from.
const SEED: u64 = 0x5eed_0003;

/// Marsaglia's xorshift, 64 bits.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// A worker's many words: of all kinds, so that progress is folded as well.
fn word(number: u8) -> EventBody {
    let stage = StageKind::VideoGenerator;
    match number % 3 {
        0 => EventBody::Message {
            text: format!("clip {number} is on its way"),
            stage,
        },
        1 => EventBody::Progress {
            progress: 40 + number % 45,
            stage,
            estimated_remaining: None,
            total_cost: Usd::ZERO,
        },
        _ => EventBody::StageUpdate {
            stage,
            status: StageStatus::Processing,
            duration: None,
            error: None,
        },
    }
}

/// Says a word each time it is asked to, then ends the job.
async fn speak(app: &TestApp, job: JobId, mut asked: mpsc::UnboundedReceiver<()>) {
    let mut number = 0_u8;
    while asked.recv().await.is_some() {
        app.says(job, word(number)).await;
        number = number.wrapping_add(1);
    }
    let end = EventBody::Error {
        error: "the clip cannot be made".to_owned(),
        code: "MODULE_FAILURE".to_owned(),
        retryable: false,
        stage: Some(StageKind::VideoGenerator),
        total_cost: None,
        pending_cost: None,
    };
    app.says(job, end).await;
}

/// Listens through `proxy` for as long as there is something to hear, and gives all that had an id.
async fn listen(
    user: &User<'_>,
    proxy: &FaultProxy,
    path: &str,
    ask: mpsc::UnboundedSender<()>,
) -> Vec<Value> {
    let mut ask = Some(ask);
    let mut chance = Chance(SEED);
    let mut heard: Vec<Value> = vec![];
    for cut in 0.. {
        if cut == CUTS {
            ask = None;
        }
        let next = |ask: &Option<mpsc::UnboundedSender<()>>| {
            if let Some(ask) = ask {
                ask.send(()).unwrap();
            }
        };
        proxy.breaks_after(ask.is_some().then(|| 1 + chance.below(4_000)));
        next(&ask);
        next(&ask);
        let last = heard
            .last()
            .map_or("0", |frame| frame["id"].as_str().unwrap());
        let request = user
            .http()
            .get(format!("http://{}{path}", proxy.address()))
            .bearer_auth(&user.token)
            .header("last-event-id", last)
            .send();
        let answer = tokio::time::timeout(PATIENCE, request).await.unwrap();
        // A cut within the head of the answer is an error like any other.
        let Ok(answer) = answer else { continue };
        if answer.status() == 204 {
            return heard;
        }
        assert_eq!(answer.status(), 200);
        let mut frames = answer.bytes_stream().eventsource();
        while let Some(Ok(frame)) = tokio::time::timeout(PATIENCE, frames.next()).await.unwrap() {
            assert!(frame.event != "reset", "nothing is gone");
            next(&ask);
            let is_new = heard.last().is_none_or(|last| last["id"] != frame.id);
            if !frame.id.is_empty() && is_new && frame.event != "ready" {
                let data: Value = serde_json::from_str(&frame.data).unwrap();
                heard.push(json!({ "id": frame.id, "event": frame.event, "data": data }));
            }
        }
    }
    unreachable!("the job ends");
}

#[tokio::test]
async fn two_hundred_cuts_cost_a_stream_no_event_and_repeat_none() {
    let app = TestApp::start().await;
    let ada = app.user();
    let job = ada.uploads().await;
    app.settled().await;
    let upstream = app.base_url.strip_prefix("http://").unwrap();
    let proxy = FaultProxy::start(upstream.parse().unwrap()).await;
    let (ask, asked) = mpsc::unbounded_channel();
    let path = format!("/api/v1/jobs/{job}/stream");
    let (heard, ()) = tokio::join!(listen(&ada, &proxy, &path, ask), speak(&app, job, asked));

    let told = history(&ada, job).await;
    assert!(told.len() > 2 * CUTS, "{} events", told.len());
    assert_eq!(heard.len(), told.len());
    assert_eq!(heard, told);
}

/// All pages of a job's history, joined.
pub(crate) async fn history(user: &User<'_>, job: JobId) -> Vec<Value> {
    let mut events = vec![];
    let mut after = "0".to_owned();
    loop {
        let path = format!("/api/v1/jobs/{job}/events?limit=500&after={after}");
        let answer = user.get(&path).await;
        assert_eq!(answer.status(), 200);
        let mut page: Value = answer.json().await.unwrap();
        assert_eq!(page["gap"], false);
        events.append(page["events"].as_array_mut().unwrap());
        match page["next_after"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => return events,
        }
    }
}
