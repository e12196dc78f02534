//! Bytes in the object store: never overwritten, checked when read.

mod bucket;
mod halves;
mod reading;
mod staged;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use model::{ArtifactKey, ArtifactRef, JobId, RunNumber, Stored};
use object_store::local::LocalFileSystem;
use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, WriteMultipart};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

pub use self::bucket::LinkedAs;
use self::bucket::Links;
use self::reading::digest_of_file;
use self::staged::Staged;
use crate::Storage;

/// The object store of an installation. Clones are one.
#[derive(Debug, Clone)]
pub struct Artifacts {
    store: Arc<dyn ObjectStore>,
    /// Where it is, if it is a folder.
    folder: Option<Arc<Path>>,
    /// Where the store signs links itself.
    links: Option<Links>,
}

/// Why an artifact cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ArtifactError {
    /// The URL names no store that we know.
    #[error("{url:?} is no object store; write file:///path/of/a/folder or s3://bucket")]
    Url {
        /// The URL.
        url: String,
    },
    /// There is nothing under the key.
    #[error("there is no artifact {key}")]
    NotFound {
        /// The key.
        key: ArtifactKey,
    },
    /// What lies there is not what the reference says.
    #[error("artifact {key} is damaged: expected {expected}, found {found}")]
    Damaged {
        /// The key.
        key: ArtifactKey,
        /// Length or digest of the reference.
        expected: String,
        /// Length or digest of the bytes.
        found: String,
    },
    /// The store failed.
    #[error("the object store fails at {what}")]
    Store {
        /// Which artifact.
        what: String,
        /// Its words.
        source: object_store::Error,
    },
    /// A local file failed.
    #[error("reading or writing {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A document is not what it should be.
    #[error("document {key} cannot be read or written as JSON")]
    Json {
        /// The key.
        key: ArtifactKey,
        /// Why.
        source: serde_json::Error,
    },
}

impl ArtifactError {
    /// True when reading again will fail again.
    pub const fn is_lasting(&self) -> bool {
        matches!(
            self,
            Self::Url { .. } | Self::NotFound { .. } | Self::Damaged { .. } | Self::Json { .. }
        )
    }
}

/// A part of a file at a time.
const CHUNK: usize = 1024 * 1024;

impl Artifacts {
    /// The store at `url`, if that is all it needs: see [`Self::of`].
    pub fn open(url: &str) -> Result<Self, ArtifactError> {
        Self::of(&Storage::at(url))
    }

    /// A store. `file:///folder` is made if it is missing, and every write is synced to the disk before
    /// it counts. A bucket is asked for nothing yet.
    pub fn of(storage: &Storage) -> Result<Self, ArtifactError> {
        let url = storage.url.as_str();
        let no_store = || ArtifactError::Url {
            url: url.to_owned(),
        };
        if let Some(name) = url.strip_prefix("s3://") {
            if name.is_empty() || name.contains('/') {
                return Err(no_store());
            }
            let (store, links) = bucket::open(name, &storage.s3).map_err(store_error(url))?;
            return Ok(Self {
                store,
                folder: None,
                links: Some(links),
            });
        }
        let folder = url.strip_prefix("file://").ok_or_else(no_store)?;
        if !folder.starts_with('/') {
            return Err(no_store());
        }
        std::fs::create_dir_all(folder).map_err(file_error(Path::new(folder)))?;
        let store = LocalFileSystem::new_with_prefix(folder)
            .map_err(store_error(url))?
            .with_fsync(true);
        Ok(Self {
            store: Arc::new(store),
            folder: Some(Path::new(folder).into()),
            links: None,
        })
    }

    /// Stores `bytes`, under `key` if it is free or holds the same.
    ///
    /// Nothing is ever overwritten, so that no reference that was handed out goes bad: if other bytes
    /// lie under `key`, these go beside it, with the begin of their digest in the name. The reference
    /// tells where they are.
    pub async fn put_bytes(
        &self,
        key: &ArtifactKey,
        bytes: Bytes,
    ) -> Result<ArtifactRef, ArtifactError> {
        let sha256 = hex::encode(Sha256::digest(&bytes));
        let length = bytes.len() as u64;
        self.place(key, length, sha256, Input::Bytes(bytes)).await
    }

    /// Stores a copy of a file, a part at a time; else like [`Self::put_bytes`].
    pub async fn put_file(
        &self,
        key: &ArtifactKey,
        file: &Path,
    ) -> Result<ArtifactRef, ArtifactError> {
        let (length, sha256) = digest_of_file(file).await?;
        self.place(key, length, sha256, Input::File(file)).await
    }

    /// Stores a document as JSON; else like [`Self::put_bytes`].
    pub async fn put_json<T: Serialize>(
        &self,
        key: &ArtifactKey,
        document: &T,
    ) -> Result<Stored<T>, ArtifactError> {
        let json = serde_json::to_vec(document).map_err(|source| ArtifactError::Json {
            key: key.clone(),
            source,
        })?;
        self.put_bytes(key, json.into()).await.map(Stored::new)
    }

    /// Scheme and host of the links that the store signs itself, where it does.
    pub fn link_origin(&self) -> Option<&str> {
        self.links.as_ref().map(|links| links.origin.as_str())
    }

    /// A link of the store's own by which anyone may read what lies under `key` for `lifetime`. None
    /// where it makes none: a folder has no address.
    pub async fn link(
        &self,
        key: &ArtifactKey,
        linked_as: LinkedAs<'_>,
        lifetime: Duration,
    ) -> Result<Option<String>, ArtifactError> {
        let Some(links) = &self.links else {
            return Ok(None);
        };
        let signed = links.sign(&path_of(key)?, linked_as, lifetime).await;
        signed.map(Some).map_err(store_error(key.as_str()))
    }

    /// Removes every artifact of a job. Returns how many there were.
    pub async fn delete_job(&self, job: JobId) -> Result<usize, ArtifactError> {
        self.delete_under(StorePath::from(ArtifactKey::job_prefix(job)))
            .await
    }

    /// Removes every artifact that belongs to one pass of a job. Clips do not: another pass may be made of
    /// the same. Returns how many there were.
    pub async fn delete_run(&self, job: JobId, run: RunNumber) -> Result<usize, ArtifactError> {
        let prefix = format!("{}/run-{run}", ArtifactKey::job_prefix(job));
        self.delete_under(StorePath::from(prefix)).await
    }

    async fn delete_under(&self, prefix: StorePath) -> Result<usize, ArtifactError> {
        let found: Vec<_> = self
            .store
            .list(Some(&prefix))
            .try_collect()
            .await
            .map_err(store_error(prefix.as_ref()))?;
        for meta in &found {
            match self.store.delete(&meta.location).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(source) => return Err(store_error(meta.location.as_ref())(source)),
            }
        }
        Ok(found.len())
    }

    /// Every job that has artifacts.
    pub async fn jobs(&self) -> Result<Vec<JobId>, ArtifactError> {
        let prefix = StorePath::from("jobs");
        let listed = self.store.list_with_delimiter(Some(&prefix)).await;
        let listed = listed.map_err(store_error(prefix.as_ref()))?;
        let folders = listed.common_prefixes.iter();
        Ok(folders
            .filter_map(|folder| folder.filename()?.parse().ok())
            .collect())
    }

    /// Every key of a job.
    pub async fn keys_of_job(&self, job: JobId) -> Result<Vec<ArtifactKey>, ArtifactError> {
        let prefix = StorePath::from(ArtifactKey::job_prefix(job));
        let found: Vec<_> = self
            .store
            .list(Some(&prefix))
            .try_collect()
            .await
            .map_err(store_error(prefix.as_ref()))?;
        Ok(found
            .into_iter()
            .filter_map(|meta| ArtifactKey::try_from(meta.location.to_string()).ok())
            .collect())
    }

    /// Removes what writers that were killed have left: objects that are not whole, and to which nothing
    /// was written for `silence`. Returns how many there were. Blocks.
    pub fn sweep_halves(&self, silence: Duration) -> io::Result<usize> {
        // A bucket keeps the parts of an upload apart, and its own rules remove them.
        match &self.folder {
            Some(folder) => halves::sweep(folder, silence),
            None => Ok(0),
        }
    }

    async fn place(
        &self,
        key: &ArtifactKey,
        length: u64,
        sha256: String,
        input: Input<'_>,
    ) -> Result<ArtifactRef, ArtifactError> {
        let mut target = key.clone();
        let mut beside = beside(key, &sha256);
        loop {
            let ours = match &input {
                Input::Bytes(bytes) => self.create(&target, bytes.clone()).await?,
                Input::File(file) => self.create_from(&target, file).await?,
            };
            let ours = ours || self.digest_of(&target).await?.1 == sha256;
            if ours {
                return Ok(ArtifactRef {
                    key: target,
                    length,
                    sha256,
                });
            }
            let Some(other) = beside.take() else {
                return Err(ArtifactError::Damaged {
                    key: target,
                    expected: sha256,
                    found: "other bytes".to_owned(),
                });
            };
            target = other;
        }
    }

    /// Stores `bytes` under `key`. False when something is there already.
    pub(crate) async fn create(
        &self,
        key: &ArtifactKey,
        bytes: Bytes,
    ) -> Result<bool, ArtifactError> {
        let options = PutOptions::from(PutMode::Create);
        match self
            .store
            .put_opts(&path_of(key)?, bytes.into(), options)
            .await
        {
            Ok(_) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(source) => Err(store_error(key.as_str())(source)),
        }
    }

    /// Removes an object. One that is not there is removed already.
    pub(crate) async fn delete(&self, key: &ArtifactKey) -> Result<(), ArtifactError> {
        match self.store.delete(&path_of(key)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(store_error(key.as_str())(source)),
        }
    }

    /// False when something is there already.
    async fn create_from(&self, key: &ArtifactKey, file: &Path) -> Result<bool, ArtifactError> {
        if self.head(key).await?.is_some() {
            return Ok(false);
        }
        let path = path_of(key)?;
        let staged = Staged::beside(Arc::clone(&self.store), &path);
        self.upload(staged.path(), file).await?;
        match self.store.rename_if_not_exists(staged.path(), &path).await {
            Ok(()) => {
                staged.renamed();
                Ok(true)
            }
            Err(object_store::Error::AlreadyExists { .. }) => {
                let deleted = self.store.delete(staged.path()).await;
                deleted.map_err(store_error(staged.path().as_ref()))?;
                Ok(false)
            }
            Err(source) => Err(store_error(key.as_str())(source)),
        }
    }

    async fn upload(&self, staged: &StorePath, file: &Path) -> Result<(), ArtifactError> {
        let mut input = tokio::fs::File::open(file)
            .await
            .map_err(file_error(file))?;
        let upload = self.store.put_multipart(staged).await;
        let mut upload = WriteMultipart::new(upload.map_err(store_error(staged.as_ref()))?);
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = input.read(&mut buffer).await.map_err(file_error(file))?;
            let Some(part) = buffer.get(..read).filter(|part| !part.is_empty()) else {
                break;
            };
            upload.write(part);
            let capacity = upload.wait_for_capacity(2).await;
            capacity.map_err(store_error(staged.as_ref()))?;
        }
        let finished = upload.finish().await;
        finished.map_err(store_error(staged.as_ref())).map(|_| ())
    }
}

/// What is to be stored.
enum Input<'a> {
    Bytes(Bytes),
    File(&'a Path),
}

/// `folder/name.ext` with the begin of a digest: `folder/name-0123456789abcdef.ext`.
fn beside(key: &ArtifactKey, sha256: &str) -> Option<ArtifactKey> {
    let (folder, name) = key.as_str().rsplit_once('/').unwrap_or(("", key.as_str()));
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    let digest = sha256.get(..16)?;
    let name = match extension {
        "" => format!("{stem}-{digest}"),
        extension => format!("{stem}-{digest}.{extension}"),
    };
    let text = match folder {
        "" => name,
        folder => format!("{folder}/{name}"),
    };
    ArtifactKey::try_from(text).ok()
}

fn path_of(key: &ArtifactKey) -> Result<StorePath, ArtifactError> {
    StorePath::parse(key.as_str()).map_err(|error| store_error(key.as_str())(error.into()))
}

fn store_error(what: &str) -> impl FnOnce(object_store::Error) -> ArtifactError {
    let what = what.to_owned();
    move |source| ArtifactError::Store { what, source }
}

fn file_error(path: &Path) -> impl FnOnce(std::io::Error) -> ArtifactError {
    let path = path.to_owned();
    move |source| ArtifactError::File { path, source }
}
