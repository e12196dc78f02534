//! A job as its user lives it: submitted until it is accepted, followed through every broken connection,
//! perhaps cancelled.

use std::sync::Arc;
use std::time::Duration;

use model::job::JobStatus;
use model::{JobId, Usd};
use reqwest::StatusCode;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::client::{Client, Frame};
use super::plan::Submission;
use super::songs::Songs;

/// Between two tries of anything.
const PAUSE: Duration = Duration::from_millis(400);

/// What one connection heard, and after which event it was to go on.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    /// `Last-Event-ID`; none on the first.
    pub(super) behind: Option<u64>,
    /// In the order in which they came.
    pub(super) frames: Vec<Frame>,
}

/// The answer to a cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cancelled {
    /// When it came.
    pub(super) at: Instant,
    /// How long after it was asked for.
    pub(super) after: Duration,
    /// What the job may still cost, by it.
    pub(super) pending: Usd,
}

/// What became of a job, as its user saw it.
#[derive(Debug, Clone, Default)]
pub(super) struct Life {
    /// The job, once it was accepted.
    pub(super) job: Option<JobId>,
    /// How many uploads it took.
    pub(super) uploads: u32,
    /// A refusal that nothing would have changed.
    pub(super) refused: Option<StatusCode>,
    /// What its stream said.
    pub(super) stream: Vec<Connection>,
    /// The answer to its cancellation, where that was 200.
    pub(super) cancelled: Option<Cancelled>,
    /// Whether the row shows an end, and which.
    pub(super) end: Option<JobStatus>,
    /// How long it took from its acceptance to the end.
    pub(super) took: Option<Duration>,
}

impl Life {
    /// The end as the stream told it.
    pub(super) fn end_frames(&self) -> impl Iterator<Item = &Frame> {
        let all = self.stream.iter().flat_map(|connection| &connection.frames);
        all.filter(|frame| frame.is_end())
    }
}

/// Lives one job until it has ended, or until `over`.
pub(super) async fn live(
    client: Arc<Client>,
    songs: Arc<Songs>,
    submission: Submission,
    (begun, over): (Instant, CancellationToken),
) -> Life {
    let mut life = Life::default();
    let living = async {
        tokio::time::sleep_until(begun + submission.at).await;
        let Some(job) = accepted(&client, &songs, submission, &mut life).await else {
            return;
        };
        let accepted = Instant::now();
        let cancelling = async {
            match submission.cancel_after {
                Some(after) => {
                    tokio::time::sleep(after).await;
                    cancelled(&client, job).await
                }
                None => None,
            }
        };
        let (stream, answered) = tokio::join!(followed(&client, job), cancelling);
        life.stream = stream;
        life.cancelled = answered;
        life.end = ended(&client, job).await;
        life.took = Some(accepted.elapsed());
    };
    tokio::select! {
        () = living => {}
        () = over.cancelled() => {}
    }
    life
}

/// Uploads until the job is accepted. One key for all tries: they make one job.
async fn accepted(
    client: &Client,
    songs: &Songs,
    submission: Submission,
    life: &mut Life,
) -> Option<JobId> {
    let key = uuid::Uuid::new_v4().to_string();
    loop {
        life.uploads += 1;
        let song = songs.piece(submission.piece);
        let wish = (super::PROMPT, submission.words);
        match client.submit(song, wish, &key).await {
            Some(Ok(job)) => {
                life.job = Some(job);
                return Some(job);
            }
            // The key is in use by a try whose answer was lost: its outcome will be told.
            Some(Err(status)) if status.is_server_error() || status == StatusCode::CONFLICT => {}
            Some(Err(refusal)) => {
                life.refused = Some(refusal);
                return None;
            }
            None => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Follows the stream to the end of the job.
async fn followed(client: &Client, job: JobId) -> Vec<Connection> {
    let mut connections: Vec<Connection> = Vec::new();
    loop {
        let last = |connection: &Connection| connection.frames.iter().rev().find_map(|f| f.id);
        let behind = connections.iter().rev().find_map(last);
        let mut frames = Vec::new();
        let status = client.listen(job, behind, |frame| frames.push(frame)).await;
        let is_told = frames.iter().any(Frame::is_end) || status == Some(StatusCode::NO_CONTENT);
        if !frames.is_empty() {
            connections.push(Connection { behind, frames });
        }
        if is_told {
            return connections;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Asks until it is answered; `None` where the job had ended otherwise.
async fn cancelled(client: &Client, job: JobId) -> Option<Cancelled> {
    let asked = Instant::now();
    loop {
        match client.cancel(job).await {
            Some((StatusCode::OK, pending)) => {
                return Some(Cancelled {
                    at: Instant::now(),
                    after: asked.elapsed(),
                    pending,
                });
            }
            Some((status, _)) if status.is_client_error() => return None,
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
}

async fn ended(client: &Client, job: JobId) -> Option<JobStatus> {
    loop {
        match client.job(job).await {
            Some(view) if view.status.is_terminal() => return Some(view.status),
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
}
