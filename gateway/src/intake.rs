//! From an uploaded file to an accepted job: decoded, priced, stored, counted, written. All or nothing.

pub(crate) mod form;
pub(crate) mod options;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Duration;

use media::audio::{self, AudioError, Canonical};
use model::handoff::Song;
use model::{ArtifactKey, ArtifactRef, JobBrief, JobId, RunNumber, Seconds, Usd, UserId};
use runtime::faults;
use time::OffsetDateTime;
use tokio::sync::SemaphorePermit;
use uuid::Uuid;

use crate::app::App;
use crate::auth::CurrentUser;
use crate::error::{ApiError, OrFault};
use crate::job::{Job, JobState};
use crate::rate_limit::Quota;
use crate::routes::upload::Accepted;
use crate::store::{KeyClaim, StoreError};
use crate::{prices, relay};
use form::UploadForm;
use options::AskedLyrics;

/// The name of a job's canonical audio.
pub(crate) const SONG: &str = "song.wav";
/// The name of a job's lyrics, where the user gave some.
const LYRICS: &str = "lyrics.txt";
/// How long an upload waits for its turn to be decoded.
const DECODE_PATIENCE: Duration = Duration::from_secs(30);

/// A song that may become a job: decoded, and within the budget.
struct Candidate {
    user: UserId,
    id: JobId,
    form: UploadForm,
    /// Where the canonical audio lies.
    canonical: PathBuf,
    shape: Canonical,
    estimated_cost: Usd,
    budget: Usd,
}

/// An accepted job, and where its user now stands within the limit.
pub(crate) struct Acceptance {
    pub(crate) job: Job,
    pub(crate) quota: Quota,
}

/// Accepts what was uploaded as a new job of `user`, and with it answers for the idempotency key, if
/// there is one. A refusal leaves no row, no object and no slot.
pub(crate) async fn accept(
    app: App,
    user: CurrentUser,
    form: UploadForm,
    claim: Option<&KeyClaim>,
) -> Result<Acceptance, ApiError> {
    let canonical = form.scratch.path().join(SONG);
    // Before the wait for a decoder: what is no song need not take a turn.
    look(form.song()).await?;
    let shape = {
        let _turn = turn(&app).await?;
        // The wait may have been long: others of the same user may have taken the last slot meanwhile.
        app.limiter.peek(user).await?;
        decode(&app, form.song(), &canonical).await?
    };
    let budget = form.options.budget(app.prices.limit)?;
    let seconds = Seconds(shape.seconds());
    let estimated_cost = app.prices.estimate(seconds, &form.options);
    prices::check(estimated_cost, budget)?;

    let id = JobId::new(Uuid::now_v7());
    let quota = match app.limiter.take(user, id).await {
        Ok(quota) => quota,
        Err(refused @ ApiError::RateLimited(_)) => return Err(refused),
        Err(unsure) => {
            // No answer is no refusal: the slot may be taken.
            take_back(&app, user.id, id).await;
            return Err(unsure);
        }
    };
    let candidate = Candidate {
        user: user.id,
        id,
        form,
        canonical,
        shape,
        estimated_cost,
        budget,
    };
    match keep(&app, candidate, claim).await {
        Ok(job) => {
            app.wake_relay.notify_one();
            tracing::info!(job.id = %id, seconds = shape.seconds(), "accepted a job");
            Ok(Acceptance { job, quota })
        }
        // The row may be there, and its job running: what belongs to it stays. Where there is none, that
        // goes with the leftovers of broken-off uploads.
        Err(NotKept::Unknown(error)) => Err(error),
        Err(NotKept::Not(error)) => {
            take_back(&app, user.id, id).await;
            Err(error)
        }
    }
}

/// Why a job is not kept.
enum NotKept {
    /// It is not.
    Not(ApiError),
    /// It may be.
    Unknown(ApiError),
}

impl From<ApiError> for NotKept {
    fn from(error: ApiError) -> Self {
        Self::Not(error)
    }
}

/// A place among the songs that are decoded at once.
async fn turn(app: &App) -> Result<SemaphorePermit<'_>, ApiError> {
    tokio::time::timeout(DECODE_PATIENCE, app.decodes.acquire())
        .await
        .or_unavailable("waiting for a decoder")?
        .or_internal("waiting for a decoder")
}

/// Refuses what does not begin like a song, on a thread that may block.
async fn look(source: &Path) -> Result<(), ApiError> {
    let source = source.to_owned();
    let kind = move || audio::kind_of(&mut BufReader::new(File::open(source)?));
    tokio::task::spawn_blocking(kind)
        .await
        .or_internal("looking at a song")?
        .map(|_| ())
        .map_err(|error| refusal("looking at a song", error))
}

/// Decodes in a process of its own, which ends with the request.
async fn decode(app: &App, source: &Path, destination: &Path) -> Result<Canonical, ApiError> {
    let limits = app.config.song_limits;
    let decoded = app
        .config
        .decoder
        .canonicalise(source, destination, &limits);
    decoded
        .await
        .map_err(|error| refusal("decoding a song", error))
}

/// The client's fault or ours.
fn refusal(doing: &'static str, error: AudioError) -> ApiError {
    if error.is_about_the_file() {
        return ApiError::Audio(error);
    }
    match error {
        AudioError::Late { .. } => ApiError::Unavailable {
            doing,
            source: error.into(),
        },
        _ => ApiError::Internal {
            doing,
            source: error.into(),
        },
    }
}

/// Stores the song, then writes the job and its first messages in one transaction.
async fn keep(app: &App, candidate: Candidate, claim: Option<&KeyClaim>) -> Result<Job, NotKept> {
    let key = ArtifactKey::of_job(candidate.id, SONG).or_internal("naming a song")?;
    let audio = app
        .artifacts
        .put_file(&key, &candidate.canonical)
        .await
        .or_unavailable("storing a song")?;
    let lyrics = keep_lyrics(app, &candidate).await?;
    faults::pass("gateway", "stored");
    let job = new_job(candidate, audio, lyrics);
    let messages = relay::first_messages(&job).or_internal("writing a job's first messages")?;
    let answer = serde_json::to_string(&Accepted::of(&job)).or_internal("writing an answer")?;
    let keyed = claim.map(|claim| (claim, answer.as_str()));
    match app.store.accept(&job, &messages, keyed).await {
        Ok(()) => {
            faults::pass("gateway", "accepted");
            Ok(job)
        }
        Err(error @ StoreError::DailyLimit { .. }) => {
            tracing::error!(%error, "a job is refused: the money of the day is spent");
            Err(ApiError::DailyLimit.into())
        }
        Err(error @ (StoreError::Unknown(_) | StoreError::Silent)) => {
            unknown(app, job, error).await
        }
        Err(error) => Ok(Err(error).or_unavailable("writing a job")?),
    }
}

/// The job after all, if its row can be seen.
async fn unknown(app: &App, job: Job, error: StoreError) -> Result<Job, NotKept> {
    match app.store.has_job(job.brief.id).await {
        Ok(true) => Ok(job),
        Ok(false) | Err(_) => Err(NotKept::Unknown(ApiError::Unavailable {
            doing: "writing a job",
            source: error.into(),
        })),
    }
}

/// Stores the words that were given. Behind the song, so that whoever tidies up finds both.
async fn keep_lyrics(app: &App, candidate: &Candidate) -> Result<Option<ArtifactRef>, ApiError> {
    let Some(AskedLyrics::Given(text)) = &candidate.form.options.lyrics else {
        return Ok(None);
    };
    let key = ArtifactKey::of_job(candidate.id, LYRICS).or_internal("naming lyrics")?;
    let stored = app.artifacts.put_bytes(&key, text.clone().into()).await;
    stored.map(Some).or_unavailable("storing lyrics")
}

fn new_job(candidate: Candidate, audio: ArtifactRef, lyrics: Option<ArtifactRef>) -> Job {
    let Candidate {
        id,
        form,
        shape,
        budget,
        ..
    } = candidate;
    let (format, options) = (form.options.format(), form.options.job_options(lyrics));
    let song = Song {
        audio,
        sample_rate: shape.sample_rate,
        channels: shape.channels,
        samples: shape.samples,
    };
    // As the row keeps it, so that the job is as old in every answer.
    let now = OffsetDateTime::now_utc().truncate_to_millisecond();
    let state = JobState::accepted(song.duration(), now);
    let brief = JobBrief {
        id,
        user: candidate.user,
        run: RunNumber::FIRST,
        prompt: form.prompt,
        title: form.options.title,
        song,
        format,
        options,
        // The id is random in its lower half.
        seed: form.options.seed.unwrap_or(id.uuid().as_u64_pair().1),
        budget,
    };
    Job {
        brief,
        estimated_cost: candidate.estimated_cost,
        created_at: now,
        cancel_at: form.cancel_after.map(|limit| now + limit),
        webhook_url: form.options.webhook_url,
        state,
    }
}

/// After a failed acceptance: the object and the slot go. What cannot be taken back now is logged; the
/// user already has their answer.
async fn take_back(app: &App, user: UserId, id: JobId) {
    if let Err(error) = app.artifacts.delete_job(id).await {
        tracing::error!(job.id = %id, causes = crate::error::causes(&error), "a refused song stays in the store");
    }
    if let Err(error) = app.limiter.give_back(user, id).await {
        tracing::warn!(job.id = %id, causes = crate::error::causes(&error), "a rate slot stays taken");
    }
}
