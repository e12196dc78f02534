//! Bytes out of the object store: streamed, and compared with the reference that named them.

use std::path::Path;

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use model::{ArtifactKey, ArtifactRef, Stored};
use object_store::{GetOptions, GetRange, ObjectStoreExt};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{ArtifactError, Artifacts, CHUNK, file_error, path_of, store_error};

impl Artifacts {
    /// The bytes of an artifact, checked against the reference.
    pub async fn get_bytes(&self, artifact: &ArtifactRef) -> Result<Bytes, ArtifactError> {
        let mut stream = self.open_read(&artifact.key, None).await?;
        let mut check = Check::of(artifact);
        let mut bytes =
            Vec::with_capacity(usize::try_from(artifact.length).unwrap_or(0).min(CHUNK));
        while let Some(chunk) = stream.try_next().await? {
            check.update(&chunk)?;
            bytes.extend_from_slice(&chunk);
        }
        check.finish()?;
        Ok(bytes.into())
    }

    /// A document, checked against the reference.
    pub async fn get_json<T: DeserializeOwned>(
        &self,
        stored: &Stored<T>,
    ) -> Result<T, ArtifactError> {
        let bytes = self.get_bytes(&stored.artifact).await?;
        serde_json::from_slice(&bytes).map_err(|source| ArtifactError::Json {
            key: stored.artifact.key.clone(),
            source,
        })
    }

    /// Writes an artifact to a file, a part at a time, checked against the reference. On failure the
    /// file is not to be used.
    pub async fn fetch(&self, artifact: &ArtifactRef, file: &Path) -> Result<(), ArtifactError> {
        let mut stream = self.open_read(&artifact.key, None).await?;
        let mut check = Check::of(artifact);
        let mut out = tokio::fs::File::create(file)
            .await
            .map_err(file_error(file))?;
        while let Some(chunk) = stream.try_next().await? {
            check.update(&chunk)?;
            out.write_all(&chunk).await.map_err(file_error(file))?;
        }
        out.flush().await.map_err(file_error(file))?;
        check.finish()
    }

    /// The reference to what lies under `key`, if anything does. Reads it all, to know its digest.
    pub async fn exists(&self, key: &ArtifactKey) -> Result<Option<ArtifactRef>, ArtifactError> {
        match self.digest_of(key).await {
            Ok((length, sha256)) => Ok(Some(ArtifactRef {
                key: key.clone(),
                length,
                sha256,
            })),
            Err(ArtifactError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The length of what lies under `key`, if anything does.
    pub async fn head(&self, key: &ArtifactKey) -> Result<Option<u64>, ArtifactError> {
        match self.store.head(&path_of(key)?).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(store_error(key.as_str())(source)),
        }
    }

    /// Streams the bytes under `key`, or a range of them. They are not checked: whoever serves them to
    /// a player cannot wait for the last one.
    pub async fn open_read(
        &self,
        key: &ArtifactKey,
        range: Option<std::ops::Range<u64>>,
    ) -> Result<BoxStream<'static, Result<Bytes, ArtifactError>>, ArtifactError> {
        let options = GetOptions {
            range: range.map(GetRange::Bounded),
            ..GetOptions::default()
        };
        let (path, key) = (path_of(key)?, key.clone());
        let read = self.store.get_opts(&path, options).await;
        let read = read.map_err(|source| match source {
            object_store::Error::NotFound { .. } => ArtifactError::NotFound { key: key.clone() },
            source => store_error(key.as_str())(source),
        })?;
        let stream = read.into_stream();
        Ok(stream
            .map_err(move |source| store_error(key.as_str())(source))
            .boxed())
    }

    /// What lies under `key`, unchecked: for small documents that no reference names.
    pub async fn read(&self, key: &ArtifactKey) -> Result<Bytes, ArtifactError> {
        let mut stream = self.open_read(key, None).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = stream.try_next().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.into())
    }

    pub(super) async fn digest_of(
        &self,
        key: &ArtifactKey,
    ) -> Result<(u64, String), ArtifactError> {
        let mut stream = self.open_read(key, None).await?;
        let (mut hasher, mut length) = (Sha256::new(), 0);
        while let Some(chunk) = stream.try_next().await? {
            hasher.update(&chunk);
            length += chunk.len() as u64;
        }
        Ok((length, hex::encode(hasher.finalize())))
    }
}

/// Compares a stream of bytes with a reference.
struct Check<'a> {
    artifact: &'a ArtifactRef,
    hasher: Sha256,
    length: u64,
}

impl<'a> Check<'a> {
    fn of(artifact: &'a ArtifactRef) -> Self {
        Self {
            artifact,
            hasher: Sha256::new(),
            length: 0,
        }
    }

    fn update(&mut self, chunk: &[u8]) -> Result<(), ArtifactError> {
        self.hasher.update(chunk);
        self.length += chunk.len() as u64;
        if self.length > self.artifact.length {
            return Err(self.damage("more bytes".to_owned()));
        }
        Ok(())
    }

    fn finish(self) -> Result<(), ArtifactError> {
        if self.length != self.artifact.length {
            return Err(self.damage(format!("{} bytes", self.length)));
        }
        let found = hex::encode(self.hasher.clone().finalize());
        if found == self.artifact.sha256 {
            Ok(())
        } else {
            Err(self.damage(found))
        }
    }

    fn damage(&self, found: String) -> ArtifactError {
        ArtifactError::Damaged {
            key: self.artifact.key.clone(),
            expected: format!("{} bytes of {}", self.artifact.length, self.artifact.sha256),
            found,
        }
    }
}

/// The length and the digest of a file.
pub(super) async fn digest_of_file(file: &Path) -> Result<(u64, String), ArtifactError> {
    let mut input = tokio::fs::File::open(file)
        .await
        .map_err(file_error(file))?;
    let (mut hasher, mut length, mut buffer) = (Sha256::new(), 0, vec![0; CHUNK]);
    loop {
        let read = input.read(&mut buffer).await.map_err(file_error(file))?;
        match buffer.get(..read) {
            Some(part) if !part.is_empty() => {
                hasher.update(part);
                length += part.len() as u64;
            }
            _ => return Ok((length, hex::encode(hasher.finalize()))),
        }
    }
}
