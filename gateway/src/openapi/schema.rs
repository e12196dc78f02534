//! What the description says of types that are not the gateway's own, and of forms.

#![expect(dead_code, reason = "these are read by the description, never made")]

use utoipa::ToSchema;

/// Where a job stands.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum JobStatus {
    Queued,
    Processing,
    Completed,
    Failed,
    Cancelled,
}

/// Where one stage of a job stands.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum StageStatus {
    Pending,
    Processing,
    Completed,
    Failed,
    Skipped,
}

/// One of the six steps of the pipeline.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum Stage {
    AudioParser,
    ScenePlanner,
    ReferenceGenerator,
    PromptGenerator,
    VideoGenerator,
    Composer,
}

/// The upload form.
#[derive(ToSchema)]
pub(crate) struct Upload {
    /// MP3, WAV or FLAC, up to 10 MB and 10 minutes.
    #[schema(value_type = String, format = Binary)]
    audio_file: Vec<u8>,
    /// What the film should look like.
    #[schema(min_length = 50, max_length = 500)]
    user_prompt: String,
    #[schema(max_length = 200)]
    title: Option<String>,
    resolution: Option<Resolution>,
    /// The same song, sentence and seed give the same film.
    seed: Option<u64>,
    /// Told of the end of the job, signed as Standard Webhooks says.
    #[schema(max_length = 2048, format = "uri")]
    webhook_url: Option<String>,
}

/// The height of the film.
#[derive(ToSchema)]
pub(crate) enum Resolution {
    #[schema(rename = "480p")]
    P480,
    #[schema(rename = "720p")]
    P720,
    #[schema(rename = "1080p")]
    P1080,
}

/// A refusal (RFC 9457). The members of a kind of problem come besides.
#[derive(ToSchema)]
pub(crate) struct Problem {
    /// Its page.
    #[schema(format = "uri")]
    r#type: String,
    title: String,
    status: u16,
    /// What is wrong with this request.
    detail: String,
    /// The same, for clients of the predecessor.
    error: String,
    /// The kind, for programs.
    code: String,
    /// Whether the same request may work later.
    retryable: bool,
    request_id: String,
    /// Of values that are not accepted: which.
    errors: Option<Vec<FieldError>>,
    /// Seconds, of a rate limit.
    retry_after: Option<u64>,
}

/// A value that is not accepted.
#[derive(ToSchema)]
pub(crate) struct FieldError {
    /// `#/` and the field or parameter.
    pointer: String,
    detail: String,
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use utoipa::PartialSchema;

    use super::*;

    #[test]
    fn the_names_are_those_of_the_model() {
        let names = |schema: utoipa::openapi::RefOr<utoipa::openapi::Schema>| {
            serde_json::to_value(schema).unwrap()["enum"].clone()
        };
        let statuses = model::job::JobStatus::ALL.map(model::job::JobStatus::name);
        assert_eq!(names(JobStatus::schema()), json!(statuses));
        assert_eq!(names(Stage::schema()), json!(model::StageKind::ALL));
        for name in names(StageStatus::schema()).as_array().unwrap() {
            assert!(serde_json::from_value::<model::job::StageStatus>(name.clone()).is_ok());
        }
        for name in names(Resolution::schema()).as_array().unwrap() {
            let name = name.as_str().unwrap();
            assert!(name.parse::<model::format::Resolution>().is_ok(), "{name}");
        }
    }
}
