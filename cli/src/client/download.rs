//! Fetching the finished film.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use futures::StreamExt;
use model::JobId;
use serde::Deserialize;
use tokio::io::AsyncWriteExt;

use super::{Api, Problem};

#[derive(Deserialize)]
struct Link {
    download_url: String,
}

impl Api {
    /// Writes the film of `job` to `path`, whole or not at all.
    pub(crate) async fn download(&self, job: JobId, path: &Path) -> anyhow::Result<()> {
        let request = self.http.get(self.url(&format!("jobs/{job}/download")));
        let answer = self
            .answer(request.timeout(Duration::from_secs(15)))
            .await?;
        let link: Link = answer
            .json()
            .await
            .context("reading the gateway's download link")?;
        // The link carries its own signature; our token is none of its business.
        let film = self
            .http
            .get(&link.download_url)
            .send()
            .await
            .context("fetching the film")?;
        if !film.status().is_success() {
            return Err(Problem::read(film).await.into());
        }
        let partial = path.with_extension("part");
        let saved = save(film, &partial).await;
        if saved.is_err() {
            // What is left of it is of no use, and its absence is no second failure.
            let _gone = tokio::fs::remove_file(&partial).await;
        }
        saved.with_context(|| format!("saving the film as {}", partial.display()))?;
        tokio::fs::rename(&partial, path)
            .await
            .with_context(|| format!("naming the film {}", path.display()))
    }
}

async fn save(film: reqwest::Response, path: &Path) -> anyhow::Result<()> {
    let mut file = tokio::fs::File::create(path).await?;
    let mut bytes = film.bytes_stream();
    while let Some(chunk) = bytes.next().await {
        file.write_all(&chunk?).await?;
    }
    Ok(file.flush().await?)
}
