//! What a stage may ask of the runtime while it works.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use model::film::StageTime;
use model::format::VideoFormat;
use model::{
    ArtifactKey, ArtifactRef, EventBody, JobBrief, Seconds, StageKind, Stored, TaskId, Usd,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::artifacts::{ArtifactError, Artifacts};
use crate::cpu::Share;
use crate::events::Reporter;
use crate::ledger::Ledger;
use crate::purchase::{Till, Underway};
use crate::scratch::Scratch;
use crate::stage::{StageError, StageResultExt};

/// The task in hand and what belongs to it.
#[derive(Debug)]
pub struct StageContext {
    pub(crate) job: JobBrief,
    pub(crate) task: TaskId,
    pub(crate) artifacts: Artifacts,
    pub(crate) reporter: Reporter,
    pub(crate) stop: CancellationToken,
    pub(crate) scratch: Arc<Scratch>,
    pub(crate) till: Arc<Till>,
    pub(crate) underway: Underway,
    /// The shape that its artifacts are of, as a folder; none for the job's own.
    pub(crate) shape: Option<String>,
    /// Which part of the stage's progress this one's is: from where, and how much.
    pub(crate) part: (f64, f64),
    pub(crate) cpu: Arc<Share>,
    /// Where it works: in [`Self::scratch`].
    pub(crate) folder: PathBuf,
    pub(crate) events: Option<Arc<AbortOnDropHandle<()>>>,
}

impl StageContext {
    /// A context without a server: the events go to the receiver, and [`Self::cancelled`] is raised by
    /// whoever holds a clone of it. For running a stage by hand.
    ///
    /// Must be called within a tokio runtime.
    pub fn detached(
        job: JobBrief,
        task: TaskId,
        artifacts: Artifacts,
    ) -> io::Result<(Self, mpsc::UnboundedReceiver<EventBody>)> {
        let (sender, events) = mpsc::unbounded_channel();
        let progress = move |fraction: f64| progress_event(&task, fraction);
        let (reporter, pump) = Reporter::start(progress, move |body| {
            // Nobody has to listen.
            let _ = sender.send(body);
            async {}
        });
        let own_ledger = Ledger::new(job.budget);
        let scratch = Scratch::detached()?;
        let context = Self {
            till: Arc::new(Till::Own(own_ledger.into(), reporter.clone())),
            underway: Underway::default(),
            shape: None,
            part: (0.0, 1.0),
            cpu: Arc::new(Share::begin()),
            job,
            task,
            artifacts,
            reporter,
            stop: CancellationToken::new(),
            folder: scratch.path().to_owned(),
            scratch: Arc::new(scratch),
            events: Some(Arc::new(pump)),
        };
        Ok((context, events))
    }

    /// CPU time of the task so far, its programs' as well: an equal share where others are at work in the same
    /// process. `None` where the machine does not tell.
    #[must_use]
    pub fn cpu_time(&self) -> Option<Seconds> {
        self.cpu.so_far()
    }

    /// The same task at work on the job's film in one of its shapes: artifacts of another shape than the
    /// job's own go to a folder named by its size, and progress counts for one of so many parts. With
    /// several parts each has a scratch folder of its own within that of the task.
    ///
    /// # Errors
    /// When that cannot be made.
    pub fn shaped(&self, format: VideoFormat, (part, parts): (u32, u32)) -> io::Result<Self> {
        let size = format.size;
        let named = format!("{}x{}", size.width, size.height);
        let is_own = size == self.job.format.size;
        let mut folder = self.folder.clone();
        if parts > 1 {
            folder.push(&named);
            std::fs::create_dir_all(&folder)?;
        }
        let share = 1.0 / f64::from(parts.max(1));
        Ok(Self {
            job: JobBrief {
                format,
                ..self.job.clone()
            },
            task: self.task,
            artifacts: self.artifacts.clone(),
            reporter: self.reporter.clone(),
            stop: self.stop.clone(),
            scratch: Arc::clone(&self.scratch),
            till: Arc::clone(&self.till),
            underway: self.underway.clone(),
            shape: (!is_own).then_some(named),
            part: (f64::from(part) * share, share),
            cpu: Arc::clone(&self.cpu),
            folder,
            events: self.events.clone(),
        })
    }

    /// The job that the task belongs to.
    pub const fn job(&self) -> &JobBrief {
        &self.job
    }

    /// The task.
    pub const fn task(&self) -> TaskId {
        self.task
    }

    /// Says how much of this stage is done, 0–1. As often as you like: it is thinned out. The fractions
    /// of single clips are not shown; the job's progress counts whole clips.
    pub fn progress(&self, fraction: f64) {
        let (from, share) = self.part;
        self.reporter.progress(from + fraction * share);
    }

    /// Says that something happened.
    pub fn emit(&self, body: EventBody) {
        self.reporter.say(body);
    }

    /// Says a line for people.
    pub fn message(&self, text: impl Into<String>) {
        self.emit(EventBody::Message {
            text: text.into(),
            stage: self.task.stage,
        });
    }

    /// Between units of work: stops here once the work is not wanted any more.
    pub fn checkpoint(&self) -> Result<(), StageError> {
        if self.stop.is_cancelled() {
            Err(StageError::Cancelled)
        } else {
            Ok(())
        }
    }

    /// Raised once the work is not wanted any more; for work that cannot reach [`Self::checkpoint`].
    pub fn cancelled(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// The object store.
    pub const fn artifacts(&self) -> &Artifacts {
        &self.artifacts
    }

    /// What was spent for the job so far.
    pub async fn spent(&self) -> Result<Usd, StageError> {
        self.till
            .spent(self.job.id)
            .await
            .or_retry("reading what was spent")
    }

    /// How long `stage` took in this pass; `None` where it had nothing to do in it, or nobody knows any
    /// more.
    pub async fn time_of(&self, stage: StageKind) -> Option<StageTime> {
        #[derive(serde::Deserialize)]
        struct Took {
            seconds: f64,
            #[serde(default)]
            cpu: Option<f64>,
        }
        let task = TaskId::of_stage(stage, self.job.id, self.job.run);
        let key = crate::worker::kept_key(&task).ok()?;
        let bytes = self.artifacts.read(&key).await.ok()?;
        let took: Took = serde_json::from_slice(&bytes).ok()?;
        Some(StageTime {
            wall: Seconds(took.seconds),
            cpu: took.cpu.map(Seconds),
        })
    }

    /// A folder for this task only; removed with all that is in it when the task ends.
    pub fn scratch(&self) -> &Path {
        &self.folder
    }

    /// The key `jobs/<job>/run-<run>/<name>`.
    ///
    /// # Errors
    /// When `name` cannot be a part of a key.
    pub fn key(&self, name: &str) -> Result<ArtifactKey, StageError> {
        let folder = self.shape.as_ref().map(|shape| format!("{shape}/"));
        let folder = folder.unwrap_or_default();
        ArtifactKey::of_job(self.job.id, &format!("run-{}/{folder}{name}", self.job.run))
            .or_fatal("naming an artifact")
    }

    /// Reads a document.
    pub async fn load<T: DeserializeOwned>(&self, stored: &Stored<T>) -> Result<T, StageError> {
        self.artifacts
            .get_json(stored)
            .await
            .map_err(|error| unreadable("reading a document", error))
    }

    /// Stores a document of this run as JSON. `name` is like `plan.json`.
    pub async fn store<T: Serialize>(
        &self,
        name: &str,
        document: &T,
    ) -> Result<Stored<T>, StageError> {
        let key = self.key(name)?;
        self.artifacts
            .put_json(&key, document)
            .await
            .or_retry("storing a document")
    }

    /// Stores a file of this run. `name` is like `film.mp4`.
    pub async fn store_file(&self, name: &str, file: &Path) -> Result<ArtifactRef, StageError> {
        let key = self.key(name)?;
        self.artifacts
            .put_file(&key, file)
            .await
            .or_retry("storing a file")
    }
}

/// What is gone or damaged will be so at the next attempt too; anything else may pass.
fn unreadable(doing: &'static str, error: ArtifactError) -> StageError {
    if error.is_lasting() {
        StageError::fatal(doing, error)
    } else {
        StageError::retry(doing, error)
    }
}

/// What a fraction of a task means for the job.
pub(crate) fn progress_event(task: &TaskId, fraction: f64) -> Option<EventBody> {
    if task.clip.is_some() {
        return None;
    }
    Some(EventBody::Progress {
        progress: task.stage.progress_at(fraction),
        stage: task.stage,
        estimated_remaining: None,
        total_cost: model::Usd::ZERO,
    })
}
