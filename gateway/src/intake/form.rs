//! The upload form, read as it comes in: the file to disk, the rest checked at once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use model::UserPrompt;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;

use super::options::{Options, refused};
use crate::config::Config;
use crate::error::{ApiError, OrFault};
use crate::{idempotency, webhook};

/// What the folders of uploads begin with.
pub(crate) const SCRATCH: &str = "beatreel-upload-";
/// Bytes that a form may have beside its file.
pub(crate) const FORM_OVERHEAD: u64 = 64 * 1024 + LONGEST_LYRICS as u64;
/// Parts that a form may have.
const MOST_PARTS: usize = 24;
/// Bytes that a text field may have.
const LONGEST_TEXT: usize = 4 * 1024;
/// Bytes that lyrics may have: as UTF-16 they take two for one of UTF-8.
const LONGEST_LYRICS: usize = 2 * model::lyrics::LONGEST + 2;
/// How long a client may send nothing.
const SILENCE: Duration = Duration::from_secs(20);
/// How long the whole form may take.
const LONGEST_UPLOAD: Duration = Duration::from_mins(3);

/// What was uploaded.
pub(crate) struct UploadForm {
    /// Where the file lies, and what is made of it until it is stored; removed on drop.
    pub(crate) scratch: TempDir,
    pub(crate) prompt: UserPrompt,
    pub(crate) options: Options,
    /// From a header: how long the job may take.
    pub(crate) cancel_after: Option<Duration>,
    song: PathBuf,
}

impl UploadForm {
    /// The file as it was sent.
    pub(crate) fn song(&self) -> &Path {
        &self.song
    }

    /// What is asked for, as a digest: the same for the same form.
    pub(crate) async fn fingerprint(&self) -> Result<String, ApiError> {
        let options = format!("{:?} {:?}", self.options, self.cancel_after);
        idempotency::fingerprint(&[self.prompt.as_str(), &options], &self.song).await
    }

    /// Refuses by its head alone what will not be read: before a place is waited for, and before the
    /// client sends a body.
    pub(crate) fn check(headers: &HeaderMap, limit: u64) -> Result<(), ApiError> {
        check_headers(headers, limit)
    }

    /// Reads the form of `request`, whose head has passed [`Self::check`].
    pub(crate) async fn receive(request: Request, config: &Config) -> Result<Self, ApiError> {
        let form = Self::read(request, config.max_upload_bytes).await?;
        form.options.check(&config.prices)?;
        if let Some(text) = &form.options.webhook_url {
            webhook::address(text, config.webhooks_may_be_private)
                .map_err(|error| refused("webhook_url", &error))?;
        }
        Ok(form)
    }

    /// Reads a form whose file has at most `limit` bytes, whatever this gateway makes of its options.
    pub(crate) async fn read(request: Request, limit: u64) -> Result<Self, ApiError> {
        let parts = Multipart::from_request(request, &())
            .await
            .map_err(|rejection| ApiError::InvalidRequest(rejection.body_text()))?;
        let scratch = tempfile::Builder::new()
            .prefix(SCRATCH)
            .tempdir()
            .or_internal("making room for an upload")?;
        let read = tokio::time::timeout(LONGEST_UPLOAD, read(parts, scratch, limit));
        read.await.map_err(|_| ApiError::RequestTimeout)?
    }
}

fn check_headers(headers: &HeaderMap, limit: u64) -> Result<(), ApiError> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(ApiError::UnsupportedMediaType(
            "a compressed body is not accepted",
        ));
    }
    let length = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > limit.saturating_add(FORM_OVERHEAD)) {
        return Err(ApiError::TooLarge { limit });
    }
    let media_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let form = b"multipart/form-data";
    let is_form = media_type
        .and_then(|text| text.get(..form.len()))
        .is_some_and(|start| start.eq_ignore_ascii_case(form));
    if is_form {
        Ok(())
    } else {
        Err(ApiError::UnsupportedMediaType(
            "the body must be multipart/form-data",
        ))
    }
}

/// The fields as they come, in any order.
#[derive(Default)]
struct Fields {
    song: Option<PathBuf>,
    prompt: Option<UserPrompt>,
    options: Options,
    /// Names of the options that were given.
    given: Vec<&'static str>,
}

async fn read(mut parts: Multipart, scratch: TempDir, limit: u64) -> Result<UploadForm, ApiError> {
    let mut fields = Fields::default();
    let mut count = 0;
    while let Some(part) = in_time(parts.next_field(), limit).await? {
        count += 1;
        if count > MOST_PARTS {
            return Err(ApiError::InvalidRequest(format!(
                "the form has more than {MOST_PARTS} parts"
            )));
        }
        fields.take(part, scratch.path(), limit).await?;
    }
    let missing = |field: &'static str| refused(field, &format_args!("{field} is missing"));
    Ok(UploadForm {
        prompt: fields.prompt.ok_or_else(|| missing("user_prompt"))?,
        song: fields.song.ok_or_else(|| missing("audio_file"))?,
        scratch,
        options: fields.options,
        cancel_after: None,
    })
}

impl Fields {
    async fn take(&mut self, part: Field<'_>, scratch: &Path, limit: u64) -> Result<(), ApiError> {
        let name = part.name().unwrap_or_default().to_owned();
        match name.as_str() {
            "audio_file" => {
                once("audio_file", self.song.is_some())?;
                self.song = Some(save(part, scratch, limit).await?);
            }
            "user_prompt" => {
                once("user_prompt", self.prompt.is_some())?;
                let text = text("user_prompt", part, limit).await?;
                let prompt = UserPrompt::try_from(text);
                self.prompt = Some(prompt.map_err(|error| refused("user_prompt", &error))?);
            }
            "lyrics" => {
                once("lyrics", self.options.lyrics.is_some())?;
                let bytes = bytes("lyrics", (part, LONGEST_LYRICS), limit).await?;
                self.options.take_lyrics(&bytes)?;
            }
            other => {
                let name = Options::name(other).ok_or_else(|| {
                    let shown: String = other.chars().take(64).collect();
                    ApiError::InvalidRequest(format!("there is no field {shown:?}"))
                })?;
                once(name, self.given.contains(&name))?;
                self.given.push(name);
                self.options.take(name, &text(name, part, limit).await?)?;
            }
        }
        Ok(())
    }
}

fn once(field: &'static str, given: bool) -> Result<(), ApiError> {
    if given {
        return Err(refused(field, &format_args!("{field} is given twice")));
    }
    Ok(())
}

async fn text(field: &'static str, part: Field<'_>, limit: u64) -> Result<String, ApiError> {
    let bytes = bytes(field, (part, LONGEST_TEXT), limit).await?;
    String::from_utf8(bytes).map_err(|_| refused(field, &format_args!("{field} is not UTF-8")))
}

/// All of a part that may not be longer than this.
async fn bytes(
    field: &'static str,
    (mut part, longest): (Field<'_>, usize),
    limit: u64,
) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = in_time(part.chunk(), limit).await? {
        if bytes.len() + chunk.len() > longest {
            let rule = format_args!("{field} is longer than {longest} bytes");
            return Err(refused(field, &rule));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

async fn save(mut part: Field<'_>, scratch: &Path, limit: u64) -> Result<PathBuf, ApiError> {
    const DOING: &str = "writing an upload";
    let path = scratch.join("upload");
    let mut file = tokio::fs::File::create(&path).await.or_internal(DOING)?;
    let mut length = 0;
    while let Some(chunk) = in_time(part.chunk(), limit).await? {
        length += chunk.len() as u64;
        if length > limit {
            return Err(ApiError::TooLarge { limit });
        }
        file.write_all(&chunk).await.or_internal(DOING)?;
    }
    file.flush().await.or_internal(DOING)?;
    Ok(path)
}

async fn in_time<T>(
    next: impl Future<Output = Result<T, MultipartError>>,
    limit: u64,
) -> Result<T, ApiError> {
    match tokio::time::timeout(SILENCE, next).await {
        Err(_) => Err(ApiError::RequestTimeout),
        Ok(Err(error)) if error.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            Err(ApiError::TooLarge { limit })
        }
        Ok(Err(error)) => Err(ApiError::InvalidRequest(error.body_text())),
        Ok(Ok(read)) => Ok(read),
    }
}
