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
    aspect_ratio: Option<AspectRatio>,
    /// Further shapes in which the film is made from the same plan, with commas between.
    #[schema(max_length = 64, example = "9:16,1:1")]
    outputs: Option<String>,
    fps: Option<FrameRate>,
    quality: Option<Quality>,
    style: Option<Style>,
    lettering: Option<Lettering>,
    /// The same song, sentence and seed give the same film.
    seed: Option<u64>,
    /// What the job may cost at most, in dollars: the limit of this gateway or less.
    #[schema(minimum = 0)]
    max_cost: Option<f64>,
    /// The tempo as you hear it: `half` or `double` of what we do, or beats a minute from 30 to 300.
    #[schema(max_length = 16)]
    tempo: Option<String>,
    /// Seconds by which beats fall later than we hear them, or earlier where negative.
    #[schema(minimum = -2, maximum = 2)]
    beat_offset: Option<f64>,
    /// Beats by which bars open later than we hear them, or earlier where negative.
    #[schema(minimum = -6, maximum = 6)]
    downbeat_shift: Option<i32>,
    /// How many beats a bar has.
    #[schema(minimum = 2, maximum = 7)]
    beats_per_bar: Option<u8>,
    /// The words, as a field or a file: LRC, SRT or plain lines, in UTF-8 or UTF-16, up to 64 KiB. Or
    /// `transcribe`, to have them heard by a provider where one is configured.
    #[schema(max_length = 65_536)]
    lyrics: Option<String>,
    /// Told of the end of the job, signed as Standard Webhooks says.
    #[schema(max_length = 2048, format = "uri")]
    webhook_url: Option<String>,
}

/// Pixels of the shorter side of the film; 1080p unless asked otherwise.
#[derive(ToSchema)]
pub(crate) enum Resolution {
    #[schema(rename = "480p")]
    P480,
    #[schema(rename = "720p")]
    P720,
    #[schema(rename = "1080p")]
    P1080,
    #[schema(rename = "2160p")]
    P2160,
}

/// Width to height; 16:9 unless asked otherwise.
#[derive(ToSchema)]
pub(crate) enum AspectRatio {
    #[schema(rename = "16:9")]
    Wide,
    #[schema(rename = "9:16")]
    Tall,
    #[schema(rename = "1:1")]
    Square,
    #[schema(rename = "4:5")]
    Portrait,
    #[schema(rename = "21:9")]
    Cinema,
}

/// Frames a second; 30 unless asked otherwise. Those with a point are the rates of the NTSC world:
/// 24000/1001, 30000/1001 and 60000/1001.
#[derive(ToSchema)]
pub(crate) enum FrameRate {
    #[schema(rename = "23.976")]
    Ntsc24,
    #[schema(rename = "24")]
    Fps24,
    #[schema(rename = "25")]
    Fps25,
    #[schema(rename = "29.97")]
    Ntsc30,
    #[schema(rename = "30")]
    Fps30,
    #[schema(rename = "50")]
    Fps50,
    #[schema(rename = "59.94")]
    Ntsc60,
    #[schema(rename = "60")]
    Fps60,
}

/// How carefully the film is made: a draft has half as many pixels each way and is there in less than a
/// quarter of the time; `high` is a larger file. `standard` unless asked otherwise.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum Quality {
    Draft,
    Standard,
    High,
}

/// A named look of the whole film. Colours that the sentence names still lead.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum Style {
    Neon,
    Noir,
    Pastel,
    GoldenHour,
    Vintage,
    Frost,
}

/// Which words are written on the picture, as far as the film has them: its title, its lyrics, both (`all`,
/// unless asked otherwise) or none.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum Lettering {
    All,
    Title,
    Lyrics,
    None,
}

/// Where the words come from.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
pub(crate) enum LyricsFrom {
    Given,
    Transcribe,
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
        let model = |choices: Vec<&'static str>| json!(choices);
        let resolutions = model::format::Resolution::ALL.iter().map(|one| one.name());
        assert_eq!(names(Resolution::schema()), model(resolutions.collect()));
        let ratios = model::format::AspectRatio::ALL.iter().map(|one| one.name());
        assert_eq!(names(AspectRatio::schema()), model(ratios.collect()));
        let qualities = model::format::Quality::ALL.iter().map(|one| one.name());
        assert_eq!(names(Quality::schema()), model(qualities.collect()));
        let styles = model::style::Style::ALL.iter().map(|one| one.name());
        assert_eq!(names(Style::schema()), model(styles.collect()));
        let letters = model::lettering::Letters::ALL.iter().map(|one| one.name());
        assert_eq!(names(Lettering::schema()), model(letters.collect()));
        let rates = model::FrameRate::NAMED.iter().map(|(name, _)| *name);
        assert_eq!(names(FrameRate::schema()), model(rates.collect()));
    }
}
