//! A film as a stream while it is made: the clips that are there, from the first on without a gap.
//!
//! Nothing is stored for it. A segment is the clip of the store and the part of the sound beside it, behind
//! a head that is made on the way (`media::mp4::segment_head`). What was read of a film once is kept, since
//! clips do not change. But the composer may have drawn one anew: once the film is there, what it was joined of
//! counts, and not what was made for it.

use std::collections::VecDeque;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use media::mp4::{self, Packets, Part};
use model::clip::{Clip, ClipPrompts};
use model::film::{COMPOSED, Composed, SOUND};
use model::timeline::Span;
use model::{ArtifactKey, ArtifactRef, JobId, RunNumber};
use nats::{buckets, kv};
use runtime::Artifacts;
use serde::Deserialize;
use tokio::sync::OnceCell;

use crate::error::{ApiError, OrFault};

/// Films of which something is kept: a few kilobytes for each clip that was asked for.
const KEPT: usize = 64;
/// Instructions and sounds of ours are far smaller, in bytes.
const LARGEST: u64 = 64 << 20;
const DOING: &str = "streaming a film";

/// The films that are watched while they are made.
#[derive(Debug)]
pub(crate) struct Streams {
    artifacts: Artifacts,
    clips: kv::Bucket,
    /// Those that were asked for last come last.
    kept: Mutex<VecDeque<Arc<Show>>>,
}

/// One of them.
#[derive(Debug)]
struct Show {
    job: JobId,
    run: RunNumber,
    /// The frames of each clip's file.
    spans: Vec<Span>,
    first: Packets,
    sound_key: ArtifactKey,
    sound: Packets,
    /// The clips that are there, without a gap.
    there: Mutex<Vec<Arc<Segment>>>,
    /// Whether the film is there, and so its clips are those of the film.
    is_final: bool,
}

#[derive(Debug)]
struct Segment {
    clip: ArtifactRef,
    packets: OnceCell<Packets>,
}

/// What lies in the bucket `clips`, as far as it matters here.
#[derive(Deserialize)]
struct Joined {
    clip: Clip,
}

impl Streams {
    pub(crate) fn new(artifacts: Artifacts, jetstream: async_nats::jetstream::Context) -> Self {
        Self {
            artifacts,
            clips: kv::Bucket::new(jetstream, buckets::CLIPS),
            kept: Mutex::default(),
        }
    }

    /// What is there, as a playlist that only grows. Not found before the first clip.
    pub(crate) async fn playlist(&self, job: JobId, run: RunNumber) -> Result<String, ApiError> {
        let show = self.show(job, run).await?;
        let there = self.look_on(&show).await?;
        Ok(show.playlist(there))
    }

    /// What a player needs before any segment.
    pub(crate) async fn initialisation(
        &self,
        job: JobId,
        run: RunNumber,
    ) -> Result<Vec<u8>, ApiError> {
        let show = self.show(job, run).await?;
        Ok(mp4::initialisation(&show.first, &show.sound))
    }

    /// Segment `number` (from 0) and its length.
    pub(crate) async fn segment(
        &self,
        (job, run): (JobId, RunNumber),
        number: usize,
    ) -> Result<(Body, u64), ApiError> {
        let show = self.show(job, run).await?;
        if self.look_on(&show).await? <= number {
            return Err(ApiError::NotFound);
        }
        let segment = lock(&show.there)
            .get(number)
            .cloned()
            .ok_or(ApiError::NotFound)?;
        let read = || self.packets_of(&segment.clip);
        let packets = segment.packets.get_or_try_init(read).await?;
        let span = show.spans.get(number).ok_or(ApiError::NotFound)?;
        let picture = Part {
            range: 0..packets.count(),
            tick: span.first * u64::from(packets.step),
            shown_from: show.first.shown_from,
            packets,
        };
        let sound = show.sound_of(*span, number + 1 == show.spans.len());
        let head = mp4::segment_head(number as u32 + 1, &picture, &sound);
        let pictures = packets.bytes(&picture.range);
        let sounds = show.sound.bytes(&sound.range);
        let length =
            head.len() as u64 + (pictures.end - pictures.start) + (sounds.end - sounds.start);
        let pictures = self
            .artifacts
            .open_read(&segment.clip.key, Some(pictures))
            .await;
        let sounds = self
            .artifacts
            .open_read(&show.sound_key, Some(sounds))
            .await;
        let head = stream::once(async move { Ok(Bytes::from(head)) });
        let whole = head
            .chain(pictures.or_unavailable(DOING)?)
            .chain(sounds.or_unavailable(DOING)?);
        Ok((Body::from_stream(whole), length))
    }

    async fn show(&self, job: JobId, run: RunNumber) -> Result<Arc<Show>, ApiError> {
        let kept = self.kept(job, run);
        if let Some(show) = kept.as_ref().filter(|show| show.is_final) {
            return Ok(Arc::clone(show));
        }
        // While clips are missing there is no film.
        if kept.as_ref().is_none_or(|show| show.is_whole())
            && let Some(composed) = self.composed(job, run).await?
        {
            return self.finished((job, run), composed).await;
        }
        if let Some(show) = kept {
            return Ok(show);
        }
        self.begun(job, run).await
    }

    fn kept(&self, job: JobId, run: RunNumber) -> Option<Arc<Show>> {
        let mut kept = lock(&self.kept);
        let place = kept
            .iter()
            .position(|show| (show.job, show.run) == (job, run));
        let show = place.and_then(|place| kept.remove(place));
        kept.extend(show.clone());
        show
    }

    fn keep(&self, show: &Arc<Show>) {
        let mut kept = lock(&self.kept);
        kept.retain(|other| (other.job, other.run) != (show.job, show.run));
        kept.push_back(Arc::clone(show));
        if kept.len() > KEPT {
            kept.pop_front();
        }
    }

    /// What a film was joined of, once it is there.
    async fn composed(&self, job: JobId, run: RunNumber) -> Result<Option<Composed>, ApiError> {
        let key = ArtifactKey::of_job(job, &format!("run-{run}/{COMPOSED}"));
        match self.artifacts.read(&key.or_internal(DOING)?).await {
            Ok(bytes) => serde_json::from_slice(&bytes).or_internal(DOING),
            Err(runtime::ArtifactError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error).or_unavailable(DOING),
        }
    }

    /// A film that is there.
    async fn finished(
        &self,
        (job, run): (JobId, RunNumber),
        composed: Composed,
    ) -> Result<Arc<Show>, ApiError> {
        let prompts = self.artifacts.get_json(&composed.film.prompts).await;
        // Of the job's own shape, which comes first.
        let clips = composed
            .clips
            .into_iter()
            .take(composed.film.clips as usize);
        let clips = clips.map(|clip| clip.video);
        let there: Vec<_> = clips.map(Segment::of).collect();
        let first = there.first().ok_or(ApiError::NotFound)?;
        let (sound_key, sound) = self.sound(job).await?;
        let show = Arc::new(Show {
            job,
            run,
            spans: spans(&prompts.map_err(gone)?),
            first: self.packets_of(&first.clip).await?,
            sound,
            sound_key,
            there: Mutex::new(there),
            is_final: true,
        });
        self.keep(&show);
        Ok(show)
    }

    async fn sound(&self, job: JobId) -> Result<(ArtifactKey, Packets), ApiError> {
        let key = ArtifactKey::of_job(job, SOUND).or_internal(DOING)?;
        let sound = self.whole(&key).await?;
        Ok((key, Packets::of(&sound).or_internal(DOING)?))
    }

    /// A film in the making.
    async fn begun(&self, job: JobId, run: RunNumber) -> Result<Arc<Show>, ApiError> {
        let first = self.clip(job, run, 0).await?.ok_or(ApiError::NotFound)?;
        let key = |name: &str| ArtifactKey::of_job(job, name).or_internal(DOING);
        let prompts = self
            .whole(&key(&format!("run-{run}/prompts.json"))?)
            .await?;
        let prompts: ClipPrompts = serde_json::from_slice(&prompts).or_internal(DOING)?;
        let (sound_key, sound) = self.sound(job).await?;
        let show = Arc::new(Show {
            job,
            run,
            spans: spans(&prompts),
            first: self.packets_of(&first).await?,
            sound,
            sound_key,
            there: Mutex::default(),
            is_final: false,
        });
        self.keep(&show);
        Ok(show)
    }

    /// Looks for clips behind those that are known, and says how many there are then.
    async fn look_on(&self, show: &Show) -> Result<usize, ApiError> {
        loop {
            let known = lock(&show.there).len();
            if known >= show.spans.len() {
                return Ok(known);
            }
            let Some(clip) = self.clip(show.job, show.run, known).await? else {
                return Ok(known);
            };
            let mut there = lock(&show.there);
            // Another request may have been faster.
            if there.len() == known {
                there.push(Segment::of(clip));
            }
        }
    }

    async fn clip(
        &self,
        job: JobId,
        run: RunNumber,
        index: usize,
    ) -> Result<Option<ArtifactRef>, ApiError> {
        let entry = self.clips.get(&format!("{job}.{run}.{index}")).await;
        let Some(entry) = entry.or_unavailable(DOING)? else {
            return Ok(None);
        };
        let joined: Joined = serde_json::from_slice(&entry.value).or_internal(DOING)?;
        Ok(Some(joined.clip.video))
    }

    async fn packets_of(&self, clip: &ArtifactRef) -> Result<Packets, ApiError> {
        let bytes = self.artifacts.get_bytes(clip).await.map_err(gone)?;
        Packets::of(&bytes).or_internal(DOING)
    }

    /// All bytes under a key.
    async fn whole(&self, key: &ArtifactKey) -> Result<Vec<u8>, ApiError> {
        let length = self.artifacts.head(key).await.or_unavailable(DOING)?;
        if length.ok_or(ApiError::NotFound)? > LARGEST {
            return Err(ApiError::NotFound);
        }
        let mut stream = self.artifacts.open_read(key, None).await.map_err(gone)?;
        let mut bytes = Vec::new();
        while let Some(chunk) = stream.try_next().await.or_unavailable(DOING)? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

impl Segment {
    fn of(clip: ArtifactRef) -> Arc<Self> {
        Arc::new(Self {
            clip,
            packets: OnceCell::new(),
        })
    }

    /// What a playlist calls it. A clip that was drawn anew by the composer has another name than the one
    /// that it replaces: players and browsers keep what they have.
    fn name(&self, number: usize) -> String {
        let digest = &self.clip.sha256;
        let tag = digest.get(..8).unwrap_or(digest);
        if self.clip.key.as_str().contains("/run-") {
            format!("{number}-{tag}.m4s")
        } else {
            format!("{number}.m4s")
        }
    }
}

/// The number of the segment that a playlist calls so.
pub(crate) fn number_of(name: &str) -> Option<usize> {
    let name = name.strip_suffix(".m4s")?;
    let digits = name.split_once('-').map_or(name, |(digits, _)| digits);
    // Digits, in their one spelling.
    digits
        .parse()
        .ok()
        .filter(|number: &usize| number.to_string() == digits)
}

fn spans(prompts: &ClipPrompts) -> Vec<Span> {
    let clips = prompts.clips.iter();
    clips.map(model::clip::ClipInstruction::file).collect()
}

/// What was removed is not there; everything else may pass.
fn gone(error: runtime::ArtifactError) -> ApiError {
    match error {
        runtime::ArtifactError::NotFound { .. } => ApiError::NotFound,
        error => ApiError::Unavailable {
            doing: DOING,
            source: error.into(),
        },
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A panic elsewhere leaves what is kept here as it was.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Show {
    fn is_whole(&self) -> bool {
        lock(&self.there).len() >= self.spans.len()
    }

    /// Seconds of so many frames.
    fn seconds(&self, frames: u64) -> f64 {
        frames as f64 * f64::from(self.first.step) / f64::from(self.first.timescale)
    }

    /// The sound beside a clip; with the last one goes what is left.
    fn sound_of(&self, span: Span, is_last: bool) -> Part<'_> {
        let until = if is_last {
            f64::INFINITY
        } else {
            self.seconds(span.end())
        };
        let range = self.sound.within(self.seconds(span.first), until);
        Part {
            tick: range.start as u64 * u64::from(self.sound.step),
            range,
            shown_from: self.sound.shown_from,
            packets: &self.sound,
        }
    }

    /// RFC 8216: a playlist to which segments are only added, played from its begin.
    fn playlist(&self, there: usize) -> String {
        let longest = self.spans.iter().map(|span| span.count).max().unwrap_or(0);
        let target = self.seconds(longest.into()).ceil().max(1.0) as u64;
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{target}\n#EXT-X-PLAYLIST-TYPE:EVENT\n\
             #EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-INDEPENDENT-SEGMENTS\n\
             #EXT-X-START:TIME-OFFSET=0,PRECISE=YES\n#EXT-X-MAP:URI=\"init.mp4\"\n"
        );
        let segments = lock(&self.there);
        let named = self.spans.iter().zip(segments.iter()).take(there);
        for (number, (span, segment)) in named.enumerate() {
            let (seconds, name) = (self.seconds(span.count.into()), segment.name(number));
            // Writing to a string cannot fail.
            let _written = write!(text, "#EXTINF:{seconds:.6},\n{name}\n");
        }
        drop(segments);
        if there >= self.spans.len() {
            text.push_str("#EXT-X-ENDLIST\n");
        }
        text
    }
}
