//! Making one clip anew, and choosing among the films that come of it.

use anyhow::Context;
use model::JobId;
use model::job::JobStatus;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Api;

/// What the gateway answers about the versions of a film.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Versions {
    /// The first first.
    pub(crate) versions: Vec<Version>,
}

/// One of them.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Version {
    /// The pass that made it.
    pub(crate) run: u32,
    /// Where that stands.
    pub(crate) status: JobStatus,
    /// Whether it is shown.
    pub(crate) selected: bool,
    /// The version that it changes.
    pub(crate) base: Option<u32>,
    /// The clips that were made anew.
    pub(crate) clips: Option<Vec<u32>>,
}

impl Api {
    /// Begins a pass of a job that changes its film.
    pub(crate) async fn fork(&self, job: JobId, request: &Value) -> anyhow::Result<Value> {
        let post = self.http.post(self.url(&format!("jobs/{job}/fork")));
        let answer = self.answer(post.json(request)).await?;
        answer
            .json()
            .await
            .context("reading the gateway's answer about the pass")
    }

    /// The versions of a job's film.
    pub(crate) async fn versions(&self, job: JobId) -> anyhow::Result<Versions> {
        let get = self.http.get(self.url(&format!("jobs/{job}/versions")));
        read(self.answer(get).await?).await
    }

    /// Shows another of them.
    pub(crate) async fn select_version(
        &self,
        job: JobId,
        version: u32,
    ) -> anyhow::Result<Versions> {
        let url = self.url(&format!("jobs/{job}/versions/{version}/select"));
        read(self.answer(self.http.post(url)).await?).await
    }
}

async fn read(answer: reqwest::Response) -> anyhow::Result<Versions> {
    answer
        .json()
        .await
        .context("reading the gateway's answer about the versions")
}
