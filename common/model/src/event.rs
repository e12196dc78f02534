//! What a user may see of a job, as it happens.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::analysis::{Mood, Section};
use crate::film::ShapedFilm;
use crate::job::StageStatus;
use crate::look::Palette;
use crate::{ArtifactRef, ClipIndex, JobId, RunNumber, Seconds, StageKind, Usd};

/// One event of a job. Its id on the wire is the sequence of the EVENTS stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// The job.
    pub job_id: JobId,
    /// The pass.
    pub run: RunNumber,
    /// When it happened, at the one who says it.
    #[serde(with = "time::serde::rfc3339")]
    pub timestamp: OffsetDateTime,
    /// What happened.
    #[serde(flatten)]
    pub body: EventBody,
}

/// What happened. `type` is the name of the SSE event and the tail of the subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventBody {
    /// How far the job is.
    Progress {
        /// Percent; never less than before once the gateway has folded it.
        progress: u8,
        /// The stage that says so.
        stage: StageKind,
        /// Seconds still to go, where that can be told.
        #[serde(default)]
        estimated_remaining: Option<Seconds>,
        /// Spent so far.
        #[serde(default)]
        total_cost: Usd,
    },
    /// A stage began or ended.
    StageUpdate {
        /// The stage.
        stage: StageKind,
        /// Where it stands now.
        status: StageStatus,
        /// How long it took, once it has ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        duration: Option<Seconds>,
        /// Why it failed, or is tried again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// A line for people.
    Message {
        /// The line.
        text: String,
        /// The stage that says so.
        stage: StageKind,
    },
    /// Money was spent.
    CostUpdate {
        /// The stage that spent it.
        stage: StageKind,
        /// How much just now.
        cost: Usd,
        /// How much so far.
        total: Usd,
    },
    /// The song was heard.
    AudioParserResults {
        /// Beats a minute.
        bpm: f64,
        /// Length of the song.
        duration: Seconds,
        /// How many beats there are.
        beat_count: u32,
        /// Beats a bar.
        beats_per_bar: u8,
        /// The parts of the song.
        song_structure: Vec<Section>,
        /// How it feels.
        mood: Mood,
        /// How many clips the film will have.
        clip_boundaries_count: u32,
    },
    /// The film was planned.
    ScenePlannerResults {
        /// The film in a sentence or two.
        video_summary: String,
        /// Its colours.
        palette: Palette,
        /// Its places, each in a sentence.
        places: Vec<String>,
    },
    /// A still was drawn.
    ReferenceGenerationComplete {
        /// The place that it shows.
        image_id: String,
        /// Stills drawn so far.
        completed_images: u32,
        /// Stills in all.
        total_images: u32,
    },
    /// Instructions were written.
    PromptGeneratorResults {
        /// One a clip.
        total_clips: u32,
    },
    /// A worker began a clip.
    VideoGenerationStart {
        /// The clip.
        clip_index: ClipIndex,
        /// Clips in all.
        total_clips: u32,
    },
    /// A clip is tried again.
    VideoGenerationRetry {
        /// The clip.
        clip_index: ClipIndex,
        /// The attempt that failed, from 1.
        attempt: u32,
        /// Seconds until the next.
        delay_seconds: f64,
        /// Why.
        error: String,
    },
    /// A clip is there.
    VideoGenerationComplete {
        /// The clip.
        clip_index: ClipIndex,
        /// Its length.
        duration: Seconds,
        /// What it cost.
        cost: Usd,
        /// Clips there now.
        completed_clips: u32,
        /// Clips in all.
        total_clips: u32,
    },
    /// A job that had ended goes on: its next pass takes over all but what is made anew.
    RunStarted {
        /// The stage that it begins with.
        from: StageKind,
        /// The pass whose film is changed.
        base: RunNumber,
        /// The clips that are made anew.
        clips: Vec<ClipIndex>,
    },
    /// Another version of the film was chosen.
    VersionSelected {
        /// The pass that made it.
        version: RunNumber,
        /// The film.
        video: ArtifactRef,
        /// Its poster.
        poster: ArtifactRef,
        /// Its measurements.
        report: ArtifactRef,
        /// The film in other shapes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        others: Vec<ShapedFilm>,
    },
    /// The end: the film is there.
    Completed {
        /// The film.
        video: ArtifactRef,
        /// Its poster.
        poster: ArtifactRef,
        /// Its measurements.
        report: ArtifactRef,
        /// Its length.
        duration: Seconds,
        /// Its clips.
        clips: u32,
        /// What it cost in all.
        total_cost: Usd,
        /// The film in other shapes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        others: Vec<ShapedFilm>,
    },
    /// The end: there will be no film.
    Error {
        /// Why, for people.
        error: String,
        /// Why, for programs: `JOB_CANCELLED`, `MODULE_FAILURE`, …
        code: String,
        /// Whether the same upload may work later.
        retryable: bool,
        /// The stage that gave up, or was stopped, where one did.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stage: Option<StageKind>,
        /// What the job has cost, where whoever ended it knew.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        total_cost: Option<Usd>,
        /// What calls may cost beyond that which were under way when the job was cancelled.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pending_cost: Option<Usd>,
    },
}

/// The code of the event that ends a cancelled job.
pub const JOB_CANCELLED: &str = "JOB_CANCELLED";

impl EventBody {
    /// The value of `type`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Progress { .. } => "progress",
            Self::StageUpdate { .. } => "stage_update",
            Self::Message { .. } => "message",
            Self::CostUpdate { .. } => "cost_update",
            Self::AudioParserResults { .. } => "audio_parser_results",
            Self::ScenePlannerResults { .. } => "scene_planner_results",
            Self::ReferenceGenerationComplete { .. } => "reference_generation_complete",
            Self::PromptGeneratorResults { .. } => "prompt_generator_results",
            Self::VideoGenerationStart { .. } => "video_generation_start",
            Self::VideoGenerationRetry { .. } => "video_generation_retry",
            Self::VideoGenerationComplete { .. } => "video_generation_complete",
            Self::RunStarted { .. } => "run_started",
            Self::VersionSelected { .. } => "version_selected",
            Self::Completed { .. } => "completed",
            Self::Error { .. } => "error",
        }
    }

    /// True for the two that end a job.
    pub const fn is_terminal(&self) -> bool {
        matches!(self, Self::Completed { .. } | Self::Error { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_event_is_its_type_on_the_wire() {
        let event = Event {
            job_id: "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f".parse().unwrap(),
            run: RunNumber::FIRST,
            timestamp: OffsetDateTime::from_unix_timestamp_nanos(1_763_900_000_123_456_000)
                .unwrap(),
            body: EventBody::Progress {
                progress: 42,
                stage: StageKind::VideoGenerator,
                estimated_remaining: Some(Seconds(12.5)),
                total_cost: Usd::ZERO,
            },
        };
        insta::assert_json_snapshot!(event, @r#"
        {
          "job_id": "0190c2a4-7b1e-7c3d-9e4f-5a6b7c8d9e0f",
          "run": 1,
          "timestamp": "2025-11-23T12:13:20.123456Z",
          "type": "progress",
          "progress": 42,
          "stage": "video_generator",
          "estimated_remaining": 12.5,
          "total_cost": 0.0
        }
        "#);
    }
}
