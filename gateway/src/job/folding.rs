//! How each event changes a job. Pure: no clock, no I/O.

use model::event::JOB_CANCELLED;
use model::job::{JobStatus, StageStatus};
use model::{Event, EventBody, Seconds, StageKind};
use time::OffsetDateTime;

use super::{FilmFiles, Job, JobError, JobState, StageState};

/// The progress that a reader has seen, after one more event: it never falls within a pass, and each begins
/// anew.
pub(crate) fn fold(seen: u8, body: &EventBody) -> u8 {
    match body {
        EventBody::RunStarted { .. } => progress_of(body),
        _ => seen.max(progress_of(body)),
    }
}

/// The percentage that an event shows its job to have reached; 0 where it says nothing of it.
pub(crate) fn progress_of(body: &EventBody) -> u8 {
    match body {
        EventBody::Progress { progress, .. } => (*progress).min(100),
        EventBody::StageUpdate {
            stage,
            status: StageStatus::Completed,
            ..
        } => stage.progress().1,
        EventBody::Completed { .. } => 100,
        _ => 0,
    }
}

impl Job {
    /// Takes in an event. What is said of a pass that is over tells of money only.
    pub(crate) fn apply(&mut self, sequence: u64, event: &Event) {
        match &event.body {
            EventBody::VersionSelected {
                version,
                video,
                poster,
                report,
                others,
            } => {
                let film = FilmFiles {
                    run: *version,
                    video: video.clone(),
                    poster: poster.clone(),
                    report: report.clone(),
                    others: others.clone(),
                };
                self.state.select(sequence, event.timestamp, film);
            }
            _ if event.run == self.brief.run => self.state.apply(sequence, event),
            _ => self.state.hear_of_money(sequence, event),
        }
    }
}

impl JobState {
    /// Another version of the film is shown; where the job stands does not change.
    fn select(&mut self, sequence: u64, at: OffsetDateTime, film: FilmFiles) {
        if sequence <= self.last_sequence {
            return;
        }
        self.last_sequence = sequence;
        self.updated_at = self.updated_at.max(at);
        self.film = Some(film);
    }

    fn hear_of_money(&mut self, sequence: u64, event: &Event) {
        if sequence <= self.last_sequence {
            return;
        }
        self.last_sequence = sequence;
        if let EventBody::CostUpdate { total, .. } = event.body {
            self.total_cost = self.total_cost.max(total);
        }
    }

    /// Takes in the event with `sequence`. One that is in here already, or comes after the end, changes
    /// nothing; but money that was spent counts at any time.
    pub(crate) fn apply(&mut self, sequence: u64, event: &Event) {
        if sequence <= self.last_sequence {
            return;
        }
        self.last_sequence = sequence;
        if let EventBody::CostUpdate { total, .. } = event.body {
            self.total_cost = self.total_cost.max(total);
        }
        if self.status.is_terminal() {
            return;
        }
        self.updated_at = self.updated_at.max(event.timestamp);
        let before = self.progress;
        self.progress = before.max(progress_of(&event.body));
        match &event.body {
            EventBody::Completed { .. } | EventBody::Error { .. } => {
                self.end_sequence = Some(sequence);
                self.completed_at = Some(event.timestamp);
                self.estimated_remaining = None;
                self.end(event);
            }
            _ => self.advance(event, before),
        }
    }

    fn advance(&mut self, event: &Event, progress_before: u8) {
        match &event.body {
            EventBody::Progress {
                progress,
                stage,
                estimated_remaining,
                total_cost,
            } => {
                self.begin(*stage);
                self.total_cost = self.total_cost.max(*total_cost);
                if *progress >= progress_before {
                    self.estimated_remaining = *estimated_remaining;
                }
            }
            EventBody::StageUpdate {
                stage,
                status,
                duration,
                error,
            } => {
                if *status != StageStatus::Pending {
                    self.begin(*stage);
                }
                let stage = self.stages.entry(*stage).or_insert(StageState::PENDING);
                stage.update(*status, *duration, error.as_deref(), event.timestamp);
            }
            EventBody::AudioParserResults {
                clip_boundaries_count: total,
                ..
            }
            | EventBody::PromptGeneratorResults { total_clips: total }
            | EventBody::VideoGenerationStart {
                total_clips: total, ..
            } => self.clips_total = Some(*total),
            EventBody::VideoGenerationComplete {
                completed_clips,
                total_clips,
                ..
            } => {
                self.clips_completed = self.clips_completed.max(*completed_clips);
                self.clips_total = Some(*total_clips);
            }
            _ => {}
        }
    }

    /// Some worker is at `stage`.
    fn begin(&mut self, stage: StageKind) {
        self.status = self.status.then(JobStatus::Processing);
        self.current_stage = self.current_stage.max(Some(stage));
    }

    fn end(&mut self, event: &Event) {
        match &event.body {
            EventBody::Completed {
                video,
                poster,
                report,
                duration,
                clips,
                total_cost,
                others,
            } => {
                self.status = JobStatus::Completed;
                self.current_stage = None;
                self.total_cost = self.total_cost.max(*total_cost);
                self.duration = *duration;
                let shapes = others.len() as u32 + 1;
                self.clips_completed = clips.saturating_mul(shapes);
                self.clips_total = Some(self.clips_completed);
                self.film = Some(FilmFiles {
                    run: event.run,
                    video: video.clone(),
                    poster: poster.clone(),
                    report: report.clone(),
                    others: others.clone(),
                });
                self.close_stages(StageStatus::Completed, None, event.timestamp);
            }
            EventBody::Error {
                error,
                code,
                retryable,
                stage,
                total_cost,
                ..
            } => {
                self.total_cost = self.total_cost.max(total_cost.unwrap_or_default());
                self.status = if code == JOB_CANCELLED {
                    JobStatus::Cancelled
                } else {
                    JobStatus::Failed
                };
                self.current_stage = stage.or(self.current_stage);
                self.error = Some(JobError {
                    message: error.clone(),
                    code: code.clone(),
                    retryable: *retryable,
                });
                self.close_stages(StageStatus::Failed, Some(error), event.timestamp);
            }
            _ => {}
        }
    }

    /// No stage of an ended job is left open: the begun ones end as `status`, the others are skipped.
    fn close_stages(&mut self, status: StageStatus, error: Option<&str>, at: OffsetDateTime) {
        let failed = self.current_stage.filter(|_| status == StageStatus::Failed);
        for (kind, stage) in &mut self.stages {
            if stage.is_over() {
                continue;
            }
            let begun = stage.status == StageStatus::Processing || Some(*kind) == failed;
            if begun || status == StageStatus::Completed {
                stage.status = status;
                stage.error = error.map(str::to_owned);
                stage.completed_at = Some(at);
            } else {
                stage.status = StageStatus::Skipped;
            }
        }
    }
}

impl StageState {
    /// A stage that was handed over stays so, and nothing goes back to pending.
    fn update(
        &mut self,
        status: StageStatus,
        duration: Option<Seconds>,
        error: Option<&str>,
        at: OffsetDateTime,
    ) {
        if self.status == StageStatus::Completed || status == StageStatus::Pending {
            return;
        }
        self.status = status;
        self.error = error.map(str::to_owned);
        let started_at = *self.started_at.get_or_insert(at);
        if self.is_over() {
            self.completed_at = Some(at);
            let since = Seconds((at - started_at).as_seconds_f64().max(0.0));
            self.duration = duration.or(Some(since));
        }
    }

    fn is_over(&self) -> bool {
        matches!(
            self.status,
            StageStatus::Completed | StageStatus::Failed | StageStatus::Skipped
        )
    }
}

#[cfg(test)]
mod tests {
    use model::{ClipIndex, RunNumber, Usd};

    use super::*;

    fn now() -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(1_763_900_000).unwrap()
    }

    fn event(body: EventBody) -> Event {
        Event {
            job_id: "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f".parse().unwrap(),
            run: RunNumber::FIRST,
            timestamp: now() + time::Duration::seconds(3),
            body,
        }
    }

    fn progress(percent: u8) -> Event {
        event(EventBody::Progress {
            progress: percent,
            stage: StageKind::VideoGenerator,
            estimated_remaining: None,
            total_cost: Usd::ZERO,
        })
    }

    fn error(code: &str) -> Event {
        event(EventBody::Error {
            error: "no".to_owned(),
            code: code.to_owned(),
            retryable: false,
            stage: None,
            total_cost: None,
            pending_cost: None,
        })
    }

    fn stage_update(stage: StageKind, status: StageStatus) -> Event {
        event(EventBody::StageUpdate {
            stage,
            status,
            duration: None,
            error: None,
        })
    }

    fn queued() -> JobState {
        JobState::accepted(Seconds(60.0), now())
    }

    #[test]
    fn progress_never_falls() {
        let mut state = queued();
        for (sequence, percent, shown) in [(1, 40, 40), (2, 35, 40), (3, 41, 41)] {
            state.apply(sequence, &progress(percent));
            assert_eq!(state.progress, shown);
        }
        assert_eq!(state.status, JobStatus::Processing);
    }

    #[test]
    fn an_event_that_comes_twice_counts_once() {
        let mut state = queued();
        state.apply(5, &progress(40));
        let before = state.clone();
        state.apply(5, &error("MODULE_FAILURE"));
        state.apply(4, &progress(90));
        assert_eq!(state, before);
    }

    #[test]
    fn nothing_but_money_counts_after_the_end() {
        let mut state = queued();
        state.apply(1, &error(JOB_CANCELLED));
        assert_eq!(state.status, JobStatus::Cancelled);
        assert_eq!(state.end_sequence, Some(1));
        state.apply(2, &progress(90));
        state.apply(3, &error("MODULE_FAILURE"));
        state.apply(
            4,
            &event(EventBody::CostUpdate {
                stage: StageKind::VideoGenerator,
                cost: Usd::from_dollars(1),
                total: Usd::from_dollars(3),
            }),
        );
        assert_eq!(state.status, JobStatus::Cancelled);
        assert_eq!(state.progress, 0);
        assert_eq!(state.end_sequence, Some(1));
        assert_eq!(state.total_cost, Usd::from_dollars(3));
    }

    #[test]
    fn a_failed_job_shows_the_stage_that_failed_and_skips_the_rest() {
        let mut state = queued();
        state.apply(
            1,
            &stage_update(StageKind::AudioParser, StageStatus::Pending),
        );
        assert_eq!(state.status, JobStatus::Queued);
        state.apply(
            2,
            &stage_update(StageKind::AudioParser, StageStatus::Processing),
        );
        state.apply(
            3,
            &stage_update(StageKind::AudioParser, StageStatus::Completed),
        );
        assert_eq!(state.progress, 10);
        state.apply(
            4,
            &stage_update(StageKind::ScenePlanner, StageStatus::Processing),
        );
        state.apply(5, &error("MODULE_FAILURE"));
        let status = |stage| state.stages[&stage].status;
        assert_eq!(status(StageKind::AudioParser), StageStatus::Completed);
        assert_eq!(status(StageKind::ScenePlanner), StageStatus::Failed);
        assert_eq!(status(StageKind::Composer), StageStatus::Skipped);
    }

    #[test]
    fn clips_are_counted_upwards() {
        let mut state = queued();
        for (sequence, completed) in [(1, 2), (2, 1)] {
            state.apply(
                sequence,
                &event(EventBody::VideoGenerationComplete {
                    clip_index: ClipIndex(0),
                    duration: Seconds(2.0),
                    cost: Usd::ZERO,
                    completed_clips: completed,
                    total_clips: 9,
                }),
            );
        }
        assert_eq!((state.clips_completed, state.clips_total), (2, Some(9)));
    }

    #[test]
    fn a_later_pass_begins_where_its_clips_do_and_hears_nothing_of_the_one_before() {
        let brief = crate::store::job_of(crate::store::user()).brief;
        let mut job = Job {
            brief,
            estimated_cost: Usd::ZERO,
            created_at: now(),
            cancel_at: None,
            webhook_url: None,
            state: queued(),
        };
        job.apply(9, &error("MODULE_FAILURE"));
        let mut job = job.next_pass((1, 40), now());
        assert_eq!(
            (job.brief.run, job.state.status),
            (RunNumber(2), JobStatus::Queued)
        );
        assert_eq!(
            (job.state.clips_completed, job.state.clips_total),
            (39, Some(40))
        );
        assert_eq!(
            job.state.progress,
            StageKind::VideoGenerator.progress_at(39.0 / 40.0)
        );
        assert_eq!(
            (job.state.error.as_ref(), job.state.end_sequence),
            (None, None)
        );
        let before = job.clone();
        job.apply(10, &progress(99));
        assert!(job.state.differs_by_sequence_only(&before.state));
        let mut of_this_pass = progress(99);
        of_this_pass.run = RunNumber(2);
        job.apply(11, &of_this_pass);
        assert_eq!(
            (job.state.progress, job.state.status),
            (99, JobStatus::Processing)
        );
    }
}
