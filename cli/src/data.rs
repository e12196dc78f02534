//! The data directory: everything that `up` keeps between runs, and who may use it now.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The directory that is used where none is named.
pub(crate) const DEFAULT: &str = "data";

/// A log of more bytes is put aside at the next start.
const LONG_LOG: u64 = 8 * 1024 * 1024;

/// A directory of ours. Only its owner may look into it: it holds secrets and songs.
#[derive(Debug, Clone)]
pub(crate) struct DataDir {
    root: PathBuf,
}

/// The right to run on a data directory, until dropped or until the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl DataDir {
    /// The directory at `path`, made if it is not there.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        let make = || -> std::io::Result<PathBuf> {
            private_directory(path)?;
            path.canonicalize()
        };
        let root =
            make().with_context(|| format!("making the data directory {}", path.display()))?;
        let data = Self { root };
        for directory in [
            data.objects(),
            data.logs(),
            data.films(),
            data.nats_store(),
            data.scratch(),
        ] {
            private_directory(&directory)
                .with_context(|| format!("making {}", directory.display()))?;
        }
        // Nobody means to commit songs and secrets.
        fs::write(data.root.join(".gitignore"), "*\n").context("writing .gitignore")?;
        Ok(data)
    }

    /// The directory at `path`, if it is one of ours.
    pub(crate) fn existing(path: &Path) -> Option<Self> {
        let root = path.canonicalize().ok()?;
        root.join("secrets.json").is_file().then_some(Self { root })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The nats-server's streams.
    pub(crate) fn nats_store(&self) -> PathBuf {
        self.root.join("nats")
    }

    /// The gateway's rows.
    pub(crate) fn database(&self) -> PathBuf {
        self.root.join("beatreel.db")
    }

    /// Artifacts.
    pub(crate) fn objects(&self) -> PathBuf {
        self.root.join("objects")
    }

    /// What each process has to say.
    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// Films that `demo` has fetched.
    pub(crate) fn films(&self) -> PathBuf {
        self.root.join("films")
    }

    /// Where stages put what they need for a moment.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.root.join("scratch")
    }

    /// A small file of ours.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Takes the right to run on this directory.
    pub(crate) fn lock(&self) -> anyhow::Result<Lock> {
        let path = self.root.join("lock");
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("opening {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // The number is only there to help; without it the message is as true.
                let _unreadable = file.read_to_string(&mut holder);
                bail!(
                    "Beatreel already runs on {} (process {}); stop it first, or choose another directory with --data",
                    self.root.display(),
                    holder.trim()
                );
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("locking {}", path.display()));
            }
        }
        let note = |file: &mut File| -> std::io::Result<()> {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        note(&mut file).with_context(|| format!("writing {}", path.display()))?;
        Ok(Lock { _file: file })
    }

    /// Whether something runs on this directory now.
    pub(crate) fn is_in_use(&self) -> bool {
        let lock = File::open(self.root.join("lock"));
        lock.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Reads a small JSON file of ours; `None` where there is none.
    pub(crate) fn read_json<T: DeserializeOwned>(&self, name: &str) -> anyhow::Result<Option<T>> {
        let path = self.file(name);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
        };
        serde_json::from_slice(&text).map(Some).with_context(|| {
            format!(
                "{} is damaged; remove it if you do not need it",
                path.display()
            )
        })
    }

    /// Writes a small JSON file that only its owner may read, whole or not at all.
    pub(crate) fn write_json(&self, name: &str, value: &impl Serialize) -> anyhow::Result<()> {
        let path = self.file(name);
        let partial = self.file(&format!("{name}.part"));
        let write = || -> std::io::Result<()> {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&partial)?;
            file.write_all(&serde_json::to_vec_pretty(value)?)?;
            file.sync_all()?;
            fs::rename(&partial, &path)
        };
        write().with_context(|| format!("writing {}", path.display()))
    }

    /// Removes jobs, artifacts and logs; films and secrets stay.
    pub(crate) fn forget_jobs(&self) -> anyhow::Result<()> {
        for directory in [
            self.objects(),
            self.logs(),
            self.nats_store(),
            self.scratch(),
        ] {
            remove_directory(&directory)?;
        }
        for suffix in ["", "-wal", "-shm"] {
            remove_file(&self.file(&format!("beatreel.db{suffix}")))?;
        }
        Ok(())
    }

    /// Puts long logs aside, in place of those that were put aside before.
    pub(crate) fn turn_logs(&self) -> anyhow::Result<()> {
        let turn = || -> std::io::Result<()> {
            for log in fs::read_dir(self.logs())? {
                let log = log?;
                let path = log.path();
                if path.extension().is_some_and(|kind| kind == "log")
                    && log.metadata()?.len() > LONG_LOG
                {
                    fs::rename(&path, path.with_extension("log.old"))?;
                }
            }
            Ok(())
        };
        turn().with_context(|| format!("tidying {}", self.logs().display()))
    }

    /// Removes what processes that were killed have left behind.
    pub(crate) fn clear_scratch(&self) -> anyhow::Result<()> {
        remove_directory(&self.scratch())?;
        private_directory(&self.scratch()).context("making the scratch directory")
    }
}

fn private_directory(path: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

fn remove_directory(path: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Removes a file, which need not be there.
pub(crate) fn remove_file(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn one_at_a_time_may_run_on_a_directory() {
        let scratch = tempfile::tempdir().unwrap();
        let data = DataDir::create(&scratch.path().join("d")).unwrap();
        assert!(!data.is_in_use());
        let lock = data.lock().unwrap();
        assert!(data.is_in_use());
        let refusal = data.lock().unwrap_err().to_string();
        assert!(
            refusal.contains(&std::process::id().to_string()),
            "{refusal}"
        );
        drop(lock);
        data.lock().unwrap();
    }

    #[test]
    fn only_the_owner_may_read_what_is_written() {
        let scratch = tempfile::tempdir().unwrap();
        let data = DataDir::create(&scratch.path().join("d")).unwrap();
        data.write_json("x.json", &[1, 2]).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&data.file("x.json")), 0o600);
        assert_eq!(mode(data.root()), 0o700);
        assert_eq!(
            data.read_json::<Vec<u8>>("x.json").unwrap(),
            Some(vec![1, 2])
        );
        assert_eq!(data.read_json::<Vec<u8>>("y.json").unwrap(), None);
    }

    #[test]
    fn only_long_logs_are_put_aside() {
        let scratch = tempfile::tempdir().unwrap();
        let data = DataDir::create(scratch.path()).unwrap();
        let log = |name: &str| data.logs().join(name);
        fs::write(log("short.log"), "a line").unwrap();
        File::create(log("long.log"))
            .unwrap()
            .set_len(LONG_LOG + 1)
            .unwrap();
        data.turn_logs().unwrap();
        assert!(log("short.log").exists() && log("long.log.old").exists());
        assert!(!log("long.log").exists());
    }

    #[test]
    fn forgetting_jobs_keeps_films_and_secrets() {
        let scratch = tempfile::tempdir().unwrap();
        let data = DataDir::create(&scratch.path().join("d")).unwrap();
        data.write_json("secrets.json", &1).unwrap();
        fs::write(data.films().join("film.mp4"), "film").unwrap();
        fs::write(data.objects().join("clip"), "clip").unwrap();
        fs::write(data.database(), "rows").unwrap();
        data.forget_jobs().unwrap();
        assert!(data.films().join("film.mp4").is_file() && data.file("secrets.json").is_file());
        assert!(!data.objects().exists() && !data.database().exists());
        data.forget_jobs().unwrap();
    }
}
