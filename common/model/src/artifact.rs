//! Bytes in the object store, and how messages name them: key, length, SHA-256.

use std::fmt;
use std::marker::PhantomData;

use serde::{Deserialize, Serialize};

use crate::JobId;

/// Where an artifact lies in the object store: `/`-separated segments of `[A-Za-z0-9._-]`, none of
/// them `.` or `..`, at most 256 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ArtifactKey(String);

/// A text that is no artifact key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an artifact key")]
pub struct ArtifactKeyError(String);

impl ArtifactKey {
    /// The key `jobs/<job>/<name>`: everything of a job lies under one prefix, so that it can be removed.
    ///
    /// # Errors
    /// When `name` does not keep to the rules above.
    pub fn of_job(job: JobId, name: &str) -> Result<Self, ArtifactKeyError> {
        Self::try_from(format!("{}/{name}", Self::job_prefix(job)))
    }

    /// The prefix of all artifacts of a job.
    pub fn job_prefix(job: JobId) -> String {
        format!("jobs/{job}")
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ArtifactKey {
    type Error = ArtifactKeyError;

    fn try_from(text: String) -> Result<Self, ArtifactKeyError> {
        let segment_fits = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && segment
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        };
        if text.len() <= 256 && text.split('/').all(segment_fits) {
            Ok(Self(text))
        } else {
            Err(ArtifactKeyError(text.chars().take(64).collect()))
        }
    }
}

impl From<ArtifactKey> for String {
    fn from(key: ArtifactKey) -> Self {
        key.0
    }
}

impl fmt::Display for ArtifactKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An artifact as a message names it. Whoever fetches it checks length and digest before use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactRef {
    /// Where it lies.
    pub key: ArtifactKey,
    /// Its length in bytes.
    pub length: u64,
    /// SHA-256 of its bytes, 64 lower-case hex digits.
    pub sha256: String,
}

/// A JSON document that lies in the object store as an artifact.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stored<T> {
    /// Its bytes.
    pub artifact: ArtifactRef,
    #[serde(skip)]
    document: PhantomData<fn() -> T>,
}

impl<T> Stored<T> {
    /// Says that the bytes of `artifact` are a `T` as JSON.
    pub const fn new(artifact: ArtifactRef) -> Self {
        Self {
            artifact,
            document: PhantomData,
        }
    }
}

// By hand, since a derive would ask the same of `T`.
impl<T> Clone for Stored<T> {
    fn clone(&self) -> Self {
        Self::new(self.artifact.clone())
    }
}

impl<T> PartialEq for Stored<T> {
    fn eq(&self, other: &Self) -> bool {
        self.artifact == other.artifact
    }
}

impl<T> fmt::Debug for Stored<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.artifact.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_cannot_leave_its_folder() {
        for text in [
            "",
            "/",
            "a//b",
            "../b",
            "a/../b",
            "a/.",
            "a\\b",
            "a b",
            "ä",
            &"a".repeat(257),
        ] {
            assert!(ArtifactKey::try_from(text.to_owned()).is_err(), "{text:?}");
        }
        assert!(ArtifactKey::try_from("jobs/1/run-1/film.mp4".to_owned()).is_ok());
    }
}
