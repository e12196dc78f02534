//! `GET /api/v1/events?jobs=…`: one stream for many jobs, as a browser has six connections a host.
//!
//! Ids are the sequences of EVENTS, which all jobs share, so that one id resumes all of them. That asks
//! for one order: what was told before the connection took its places is read from the stream up to that
//! sequence, the jobs merged; what comes afterwards comes in order by itself. States and what is told
//! with them have no id, until `ready` says up to where they are: who is cut off before it begins anew.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::convert::Infallible;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use model::{Event, EventBody, JobId};
use serde_json::json;

use super::history::{self, Past};
use super::wire::{self, End, Pulse, Wire, end_of, frame};
use super::{has_seen_the_end, last_seen, may_have_missed, reached};
use crate::app::App;
use crate::auth::CurrentUser;
use crate::error::{ApiError, OrFault};
use crate::extract::Parameters;
use crate::hub::Subscription;
use crate::job::{Job, fold};
use crate::store::Folded;
use crate::view;

/// Jobs of one stream.
const MOST_JOBS: usize = 20;

/// Opens a stream of the jobs that `?jobs=` names, resumed behind `Last-Event-ID` or `?after=`.
///
/// It ends when all of them have; a client that has seen all ends is told by 204 not to come back.
pub(crate) async fn stream(
    State(app): State<App>,
    user: CurrentUser,
    parameters: Parameters,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let ids = ids(&parameters)?;
    let seen = last_seen(&headers, &parameters)?;
    let jobs = read(&app, user, &ids).await?;
    if have_seen_all_ends(&jobs, seen) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let place = app.hub.subscribe(&ids)?;
    let told = place
        .told
        .ok_or("the reader has not begun")
        .or_unavailable("reading EVENTS")?;
    let reached = match seen {
        Some(seen) => reached(&app, seen).await,
        None => None,
    };
    // Once more, now that nothing more can pass by unheard and the rows are as far as the client.
    let jobs = read(&app, user, &ids).await?;
    if have_seen_all_ends(&jobs, seen) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let start = match (reached, seen) {
        (Some(seen), _) => resume(&app, jobs, seen).await?,
        (None, Some(_)) => Start::Reset(jobs),
        (None, None) => Start::Fresh(jobs),
    };
    let (wire, answer) = wire::open();
    let connection = Connection {
        app: app.clone(),
        place,
        wire: wire.clone(),
        told,
        sent: 0,
        progress: HashMap::new(),
        live: HashSet::new(),
        next: None,
    };
    let token_left = user.time_left();
    app.tasks.spawn(async move {
        let app = connection.app.clone();
        wire.carry(&app, token_left, connection.talk(start)).await;
    });
    Ok(answer)
}

fn ids(parameters: &Parameters) -> Result<Vec<JobId>, ApiError> {
    let wrong = || ApiError::InvalidField {
        field: "jobs",
        detail: format!("jobs must name 1 to {MOST_JOBS} jobs by their ids, with commas between"),
    };
    let text = parameters.get("jobs").ok_or_else(wrong)?;
    let mut ids = vec![];
    for id in text.split(',') {
        let id: JobId = id.trim().parse().map_err(|_| wrong())?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    if ids.len() > MOST_JOBS {
        return Err(wrong());
    }
    Ok(ids)
}

async fn read(app: &App, user: CurrentUser, ids: &[JobId]) -> Result<Vec<Job>, ApiError> {
    let mut jobs = Vec::with_capacity(ids.len());
    for id in ids {
        jobs.push(app.job_of(user, *id).await?);
    }
    Ok(jobs)
}

fn have_seen_all_ends(jobs: &[Job], seen: Option<u64>) -> bool {
    jobs.iter().all(|job| has_seen_the_end(job, seen))
}

enum Start {
    Fresh(Vec<Job>),
    Reset(Vec<Job>),
    Resumed {
        seen: u64,
        /// The jobs whose end the client has not seen, and the progress it has.
        jobs: Vec<(JobId, u8)>,
    },
}

async fn resume(app: &App, jobs: Vec<Job>, seen: u64) -> Result<Start, ApiError> {
    let mut going_on = vec![];
    for job in &jobs {
        if may_have_missed(app, job, seen).await? {
            return Ok(Start::Reset(jobs));
        }
        if !has_seen_the_end(job, Some(seen)) {
            let progress = app.store.progress_at(job.brief.id, seen).await;
            let progress = progress.or_unavailable("reading a job's progress")?;
            going_on.push((job.brief.id, progress));
        }
    }
    Ok(Start::Resumed {
        seen,
        jobs: going_on,
    })
}

struct Connection {
    app: App,
    place: Subscription,
    wire: Wire,
    /// Up to where everything was told before `place` was taken.
    told: u64,
    /// The sequence of the last event that was sent, or that the client need not be sent.
    sent: u64,
    /// The highest progress that was sent, by job.
    progress: HashMap<JobId, u8>,
    /// Jobs whose end is still to come.
    live: HashSet<JobId>,
    /// Heard already, but not sent yet.
    next: Option<Folded>,
}

impl Connection {
    async fn talk(mut self, start: Start) -> Result<Infallible, End> {
        self.wire.begin().await?;
        match start {
            Start::Fresh(jobs) => self.send_states(jobs).await?,
            Start::Reset(jobs) => {
                self.wire.reset().await?;
                self.send_states(jobs).await?;
            }
            Start::Resumed { seen, jobs } => {
                self.sent = seen;
                self.live = jobs.iter().map(|(id, _)| *id).collect();
                self.progress = jobs.into_iter().collect();
                self.catch_up().await?;
            }
        }
        let ready = json!({ "timestamp": wire::now() });
        self.wire
            .send(frame(Some(self.sent), "ready", &ready))
            .await?;
        self.listen().await
    }

    async fn send_states(&mut self, jobs: Vec<Job>) -> Result<(), End> {
        let mut up_to = self.told;
        let mut in_state = HashMap::new();
        for job in &jobs {
            let id = job.brief.id;
            let state = view::state_event(&self.app, job).map_err(End::broken)?;
            self.wire.send(frame(None, "progress", &state)).await?;
            self.progress.insert(id, job.state.progress);
            self.live.insert(id);
            if let Some(end) = end_of(job).filter(|_| job.state.end_sequence.is_some()) {
                self.send_event(None, &end).await?;
                in_state.insert(id, u64::MAX);
            } else {
                in_state.insert(id, job.state.last_sequence);
            }
            up_to = up_to.max(job.state.last_sequence);
        }
        // Once the rows are that far, all up to there has been told; what a state has need not come again.
        reached(&self.app, up_to)
            .await
            .ok_or("the rows do not catch up")
            .map_err(End::broken)?;
        self.sent = up_to;
        while let Ok(folded) = self.place.events.try_recv() {
            if folded.sequence > up_to {
                self.next = Some(folded);
                break;
            }
            let known = in_state.get(&folded.event.job_id).copied().unwrap_or(0);
            if folded.sequence > known {
                self.send_event(None, &folded.event).await?;
            }
        }
        Ok(())
    }

    /// Sends what lies between the last event sent and what is told to us, the jobs merged.
    async fn catch_up(&mut self) -> Result<(), End> {
        let stream = history::stream(&self.app).await.map_err(End::broken)?;
        let mut heads = BTreeMap::new();
        let jobs: Vec<JobId> = self.progress.keys().copied().collect();
        for job in jobs {
            let next = history::next(&stream, job, self.sent).await;
            if let Some(past) = next.map_err(End::broken)? {
                heads.insert(past.sequence, (job, past));
            }
        }
        while let Some((sequence, (job, Past { event, .. }))) = heads.pop_first() {
            if sequence > self.told {
                break;
            }
            if let Some(event) = event {
                self.send_event(Some(sequence), &event).await?;
            }
            let next = history::next(&stream, job, sequence).await;
            if let Some(past) = next.map_err(End::broken)? {
                heads.insert(past.sequence, (job, past));
            }
        }
        self.sent = self.sent.max(self.told);
        Ok(())
    }

    async fn listen(&mut self) -> Result<Infallible, End> {
        if let Some(Folded { sequence, event }) = self.next.take() {
            self.send_event(Some(sequence), &event).await?;
            self.sent = sequence;
        }
        let mut pulse = Pulse::new(self.app.config.heartbeat);
        loop {
            if self.live.is_empty() {
                return Err(End::JobEnded);
            }
            tokio::select! {
                folded = self.place.events.recv() => {
                    let folded = folded.ok_or(End::TooSlow)?;
                    if folded.sequence > self.sent {
                        self.send_event(Some(folded.sequence), &folded.event).await?;
                        self.sent = folded.sequence;
                    }
                }
                beat = pulse.beat() => self.wire.send(beat).await?,
                () = self.wire.closed() => return Err(End::Gone),
            }
        }
    }

    async fn send_event(&mut self, id: Option<u64>, event: &Event) -> Result<(), End> {
        if let EventBody::RunStarted { .. } = event.body {
            self.live.insert(event.job_id);
        }
        let reached = self.progress.entry(event.job_id).or_default();
        *reached = fold(*reached, &event.body);
        let told = view::event(&self.app, event, *reached).map_err(End::broken)?;
        self.wire.send(frame(id, event.body.name(), &told)).await?;
        if event.body.is_terminal() {
            self.live.remove(&event.job_id);
        }
        Ok(())
    }
}
