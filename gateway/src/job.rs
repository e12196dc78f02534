//! A job as the gateway knows it. Pure: no clock, no I/O.

mod folding;

use std::collections::BTreeMap;

use model::film::ShapedFilm;
use model::job::{JobStatus, StageStatus};
use model::{ArtifactRef, JobBrief, RunNumber, Seconds, StageKind, Usd};
use time::OffsetDateTime;

pub(crate) use folding::fold;

/// A job and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Job {
    pub(crate) brief: JobBrief,
    pub(crate) estimated_cost: Usd,
    pub(crate) created_at: OffsetDateTime,
    /// When it is cancelled by itself, if it has not ended.
    pub(crate) cancel_at: Option<OffsetDateTime>,
    /// Whom to tell of its end.
    pub(crate) webhook_url: Option<String>,
    pub(crate) state: JobState,
}

/// What the events have told so far.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JobState {
    pub(crate) status: JobStatus,
    pub(crate) current_stage: Option<StageKind>,
    /// Percent; never falls.
    pub(crate) progress: u8,
    pub(crate) estimated_remaining: Option<Seconds>,
    pub(crate) total_cost: Usd,
    /// Length of the song, then of the film.
    pub(crate) duration: Seconds,
    pub(crate) clips_completed: u32,
    pub(crate) clips_total: Option<u32>,
    pub(crate) film: Option<FilmFiles>,
    pub(crate) error: Option<JobError>,
    pub(crate) stages: BTreeMap<StageKind, StageState>,
    pub(crate) updated_at: OffsetDateTime,
    pub(crate) completed_at: Option<OffsetDateTime>,
    /// Sequence of the last event that is in here.
    pub(crate) last_sequence: u64,
    /// Sequence of the event that ended the job.
    pub(crate) end_sequence: Option<u64>,
}

/// The files of a finished film.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FilmFiles {
    /// The pass that made it.
    pub(crate) run: RunNumber,
    pub(crate) video: ArtifactRef,
    pub(crate) poster: ArtifactRef,
    pub(crate) report: ArtifactRef,
    /// The same film in other shapes.
    pub(crate) others: Vec<ShapedFilm>,
}

/// Why a job ended without a film.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JobError {
    pub(crate) message: String,
    pub(crate) code: String,
    pub(crate) retryable: bool,
}

/// Where one stage stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StageState {
    pub(crate) status: StageStatus,
    pub(crate) started_at: Option<OffsetDateTime>,
    pub(crate) completed_at: Option<OffsetDateTime>,
    pub(crate) duration: Option<Seconds>,
    pub(crate) error: Option<String>,
}

impl StageState {
    const PENDING: Self = Self {
        status: StageStatus::Pending,
        started_at: None,
        completed_at: None,
        duration: None,
        error: None,
    };
}

impl Job {
    /// The job in its next pass, which makes `anew` of its `clips` clips again and the film of them.
    pub(crate) fn next_pass(&self, (anew, clips): (u32, u32), now: OffsetDateTime) -> Self {
        let mut next = self.clone();
        next.brief.run = RunNumber(self.brief.run.0 + 1);
        next.cancel_at = None;
        let there = clips.saturating_sub(anew);
        let share = f64::from(there) / f64::from(clips.max(1));
        let state = &mut next.state;
        state.status = JobStatus::Queued;
        state.current_stage = Some(StageKind::VideoGenerator);
        state.progress = StageKind::VideoGenerator.progress_at(share);
        state.estimated_remaining = None;
        state.clips_completed = there;
        state.clips_total = Some(clips);
        state.error = None;
        for stage in [StageKind::VideoGenerator, StageKind::Composer] {
            state.stages.insert(stage, StageState::PENDING);
        }
        // Rows tell two states apart by this, in whole milliseconds.
        state.updated_at = now.max(state.updated_at + time::Duration::MILLISECOND);
        state.completed_at = None;
        state.end_sequence = None;
        next
    }
}

impl JobState {
    /// A job that was just accepted.
    pub(crate) fn accepted(duration: Seconds, now: OffsetDateTime) -> Self {
        let pending = |stage| (stage, StageState::PENDING);
        Self {
            status: JobStatus::Queued,
            current_stage: Some(StageKind::AudioParser),
            progress: 0,
            estimated_remaining: None,
            total_cost: Usd::ZERO,
            duration,
            clips_completed: 0,
            clips_total: None,
            film: None,
            error: None,
            stages: StageKind::ALL.into_iter().map(pending).collect(),
            updated_at: now,
            completed_at: None,
            last_sequence: 0,
            end_sequence: None,
        }
    }

    /// As the rows keep it: times in whole milliseconds.
    pub(crate) fn truncate_times(&mut self) {
        let truncate = |time: &mut OffsetDateTime| *time = time.truncate_to_millisecond();
        truncate(&mut self.updated_at);
        self.completed_at.iter_mut().for_each(truncate);
        for stage in self.stages.values_mut() {
            stage.started_at.iter_mut().for_each(truncate);
            stage.completed_at.iter_mut().for_each(truncate);
        }
    }

    /// Whether it is `other` but for when its last event came, and which that was.
    pub(crate) fn differs_by_sequence_only(&self, other: &Self) -> bool {
        let seen = Self {
            last_sequence: self.last_sequence,
            updated_at: self.updated_at,
            ..other.clone()
        };
        seen == *self
    }
}
