//! The gateway's API, as the command line uses it.

mod download;
mod problem;
mod stream;
mod versions;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use model::job::JobStatus;
use model::{JobId, Seconds, Usd, UserPrompt};
use reqwest::multipart::{Form, Part};
use reqwest::{RequestBuilder, Response};
use serde::Deserialize;

pub(crate) use problem::Problem;
pub(crate) use stream::StreamEvent;
pub(crate) use versions::Version;

/// A stream is sent a comment every 15 s, an upload is answered once it is decoded: longer silence is a
/// dead connection.
const SILENCE: Duration = Duration::from_mins(1);

/// A gateway, and who we are to it.
#[derive(Clone)]
pub(crate) struct Api {
    http: reqwest::Client,
    base: String,
    token: String,
}

/// What `POST /upload-audio` takes.
pub(crate) struct Submission {
    /// The song.
    pub(crate) file: PathBuf,
    /// What the film is to be like.
    pub(crate) prompt: UserPrompt,
    /// What to call it.
    pub(crate) title: Option<String>,
    /// What else was asked for, by field of the form.
    pub(crate) options: Vec<(&'static str, String)>,
    /// Its words.
    pub(crate) lyrics: Option<Vec<u8>>,
}

/// What `POST /upload-audio` answers.
#[derive(Debug, Deserialize, serde::Serialize)]
pub(crate) struct Accepted {
    /// The job.
    pub(crate) job_id: JobId,
    /// `queued`.
    pub(crate) status: JobStatus,
    /// What it will cost.
    pub(crate) estimated_cost: Usd,
}

/// What `GET /jobs/{id}` answers, as far as the command line looks at it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct JobView {
    /// Where the job stands.
    pub(crate) status: JobStatus,
    /// Spent so far.
    #[serde(default)]
    pub(crate) total_cost: Usd,
    /// Why there is no film, for people.
    #[serde(default)]
    pub(crate) error_message: Option<String>,
    /// Why there is no film, for programs.
    #[serde(default)]
    pub(crate) error_code: Option<String>,
    /// Length of the song.
    pub(crate) duration: Seconds,
    /// Its clips.
    pub(crate) clips: ClipCount,
}

/// How many clips a job has.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(crate) struct ClipCount {
    /// There by now.
    pub(crate) completed: u32,
}

impl Api {
    /// For the gateway at `base` (`http://host:port`).
    pub(crate) fn new(base: &str, token: &str) -> anyhow::Result<Self> {
        let url = reqwest::Url::parse(base)
            .with_context(|| format!("{base:?} is not an address like http://127.0.0.1:8000"))?;
        let mut builder = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(SILENCE);
        // A proxy of the environment cannot reach this machine's loopback.
        if matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]")) {
            builder = builder.no_proxy();
        }
        Ok(Self {
            http: builder.build().context("preparing the HTTP client")?,
            base: base.trim_end_matches('/').to_owned(),
            token: token.to_owned(),
        })
    }

    /// Whether the gateway can do its work.
    pub(crate) async fn is_ready(&self) -> bool {
        let probe = self.http.get(format!("{}/readyz", self.base));
        let answer = probe.timeout(Duration::from_secs(2)).send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    }

    /// Uploads a song.
    pub(crate) async fn submit(&self, submission: &Submission) -> anyhow::Result<Accepted> {
        let file = &submission.file;
        let bytes = tokio::fs::read(file)
            .await
            .with_context(|| format!("reading {}", file.display()))?;
        let name = file
            .file_name()
            .map_or("song".into(), |name| name.to_string_lossy());
        let mut form = Form::new()
            .part(
                "audio_file",
                Part::bytes(bytes).file_name(name.into_owned()),
            )
            .text("user_prompt", submission.prompt.as_str().to_owned());
        if let Some(title) = &submission.title {
            form = form.text("title", title.clone());
        }
        for (name, value) in &submission.options {
            form = form.text(*name, value.clone());
        }
        if let Some(lyrics) = &submission.lyrics {
            let part = Part::bytes(lyrics.clone()).file_name("lyrics.txt");
            form = form.part("lyrics", part);
        }
        let request = self.http.post(self.url("upload-audio")).multipart(form);
        let answer = self.answer(request.timeout(Duration::from_mins(2))).await?;
        answer
            .json()
            .await
            .context("reading the gateway's answer to the upload")
    }

    /// How a job stands.
    pub(crate) async fn job(&self, job: JobId) -> anyhow::Result<JobView> {
        let request = self.http.get(self.url(&format!("jobs/{job}")));
        let answer = self
            .answer(request.timeout(Duration::from_secs(15)))
            .await?;
        answer
            .json()
            .await
            .context("reading the gateway's answer about the job")
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.base)
    }

    /// Sends as ourselves; a refusal is a [`Problem`].
    async fn answer(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let answer = request.bearer_auth(&self.token).send().await;
        let answer = answer.with_context(|| {
            format!("no gateway answers at {}; start one with `beatreel up`, or name another with --base", self.base)
        })?;
        if answer.status().is_success() {
            Ok(answer)
        } else {
            Err(Problem::read(answer).await.into())
        }
    }
}
